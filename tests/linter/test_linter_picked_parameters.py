"""An optimizer that is given some of the parameters that are asked for does not hold the whole model."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, FORWARD, HEAD, MODEL, codes, linted

from vae_checked.linter import LintReport

TRAINED = "import itertools\nimport random\n" + HEAD + MODEL + FORWARD + FIT
WHOLE = "    optimizer = torch.optim.Adam(net.parameters())\n"


def clean(report: LintReport) -> set[str]:
    return {code for vae in report.vaes for code in vae.clean}


def program(*lines: str) -> str:
    assert WHOLE in TRAINED
    return TRAINED.replace(WHOLE, "".join(f"    {line}\n" for line in lines))


PICKED = {
    "by a condition": ("optimizer = torch.optim.Adam([p for p in net.parameters() if p.dim() > 1])",),
    "those that are frozen": ("optimizer = torch.optim.Adam(p for p in net.parameters() if not p.requires_grad)",),
    "by two tests": ("optimizer = torch.optim.Adam(p for p in net.parameters() if p.requires_grad and p.dim() > 1)",),
    "by a filter": ("optimizer = torch.optim.Adam(filter(lambda p: p.dim() > 1, net.parameters()))",),
    "by a filter, the frozen": (
        "optimizer = torch.optim.Adam(filter(lambda p: not p.requires_grad, net.parameters()))",
    ),
    "by a function": ("optimizer = torch.optim.Adam(filter(torch.is_floating_point, net.parameters()))",),
    "the first": ("optimizer = torch.optim.Adam(itertools.islice(net.parameters(), 4))",),
    "one": ("optimizer = torch.optim.Adam([next(net.parameters())])",),
    "by place": ("optimizer = torch.optim.Adam(list(net.parameters())[2:])",),
    "by chance": ("optimizer = torch.optim.Adam(random.sample(list(net.parameters()), 3))",),
    "its own": ("optimizer = torch.optim.Adam(net.parameters(recurse=False))",),
    "copies": ("optimizer = torch.optim.Adam([p.data for p in net.parameters()])",),
    "without a rate": ("optimizer = torch.optim.Adam(net.parameters(), lr=0.0)",),
    "in a loop": (
        "given = []",
        "for p in net.parameters():",
        "    if p.dim() > 1:",
        "        given.append(p)",
        "optimizer = torch.optim.Adam(given)",
    ),
    "in a loop, by leaving some": (
        "given = []",
        "for p in net.parameters():",
        "    if p.dim() < 2:",
        "        continue",
        "    given += [p]",
        "optimizer = torch.optim.Adam(given)",
    ),
    "in a loop, past others": (
        "given = []",
        "for p in net.parameters():",
        "    if not p.is_leaf:",
        "        continue",
        "    given.append(p)",
        "optimizer = torch.optim.Adam(given)",
    ),
    "one left out": ("given = list(net.parameters())", "given.pop()", "optimizer = torch.optim.Adam(given)"),
    "one deleted": ("given = list(net.parameters())", "del given[0]", "optimizer = torch.optim.Adam(given)"),
}
HELD = {
    "all": ("optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)",),
    "what is trained": ("optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad])",),
    "what is trained, by a test": (
        "optimizer = torch.optim.Adam(p for p in net.parameters() if p is not None and p.requires_grad is True)",
    ),
    "by a filter": ("optimizer = torch.optim.Adam(filter(lambda w: w.requires_grad, net.parameters()))",),
    "by a filter of none": ("optimizer = torch.optim.Adam(filter(None, net.parameters()))",),
    "of all places": ("optimizer = torch.optim.Adam(list(net.parameters())[:])",),
    "in a loop": (
        "given = []",
        "for p in net.parameters():",
        "    if p.requires_grad:",
        "        given.append(p)",
        "optimizer = torch.optim.Adam(given)",
    ),
    "in a loop, past the frozen": (
        "given = []",
        "for p in net.parameters():",
        "    if not p.requires_grad:",
        "        continue",
        "    given.append(p)",
        "optimizer = torch.optim.Adam(given)",
    ),
    "in two groups": (
        "thick, thin = [], []",
        "for p in net.parameters():",
        "    if p.dim() > 1:",
        "        thick.append(p)",
        "    else:",
        "        thin.append(p)",
        'optimizer = torch.optim.Adam([{"params": thick}, {"params": thin, "weight_decay": 0.0}])',
    ),
    "beside a list that loses some": ("seen = [1, 2]", "seen.pop()", "optimizer = torch.optim.Adam(net.parameters())"),
}


@pytest.mark.parametrize("lines", PICKED.values(), ids=PICKED)
def test_some_of_the_parameters_are_not_all_of_them(lines: tuple[str, ...], tmp_path: Path) -> None:
    assert "VAE602" not in clean(linted(tmp_path, {"net.py": program(*lines)}))


@pytest.mark.parametrize("lines", HELD.values(), ids=HELD)
def test_all_that_is_trained_is_the_whole_model(lines: tuple[str, ...], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": program(*lines)})
    assert codes(report) == []
    assert "VAE602" in clean(report)


UNREAD = (
    HEAD
    + MODEL
    + FORWARD
    + """

def fit(loader, measure):
    net = Net()
    optimizer = torch.optim.Adam({given})
    for x in loader:
        y, m, s = net(x)
        loss = {error} + (-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
ENCODER = "[*net.trunk.parameters(), *net.to_m.parameters(), *net.to_s.parameters()]"


@pytest.mark.parametrize("error", ["measure(y, x)", "measure(batch=x)"])
@pytest.mark.parametrize(("given", "held"), [(ENCODER, False), ("net.parameters()", True)])
def test_what_an_unread_error_trains_has_to_be_held_too(given: str, held: bool, error: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": UNREAD.format(given=given, error=error)})
    assert ("VAE602" in clean(report)) is held
