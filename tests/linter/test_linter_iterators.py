"""`parameters()` hands out what it has once: an optimizer that is given it after another use holds nothing of it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, NAMED, NAMED_FORWARD, codes, linted

from vae_checked.linter import LintReport
from vae_checked.linter.files.iterators import Block, Left

TRAINED = (
    "import itertools\nfrom itertools import chain\n"
    + HEAD
    + NAMED.replace("nn.Linear(84, 7), nn.Linear(84, 7)", "nn.Linear(33, 7), nn.Linear(33, 7)").replace(
        "        self.mu", "        self.trunk = nn.Sequential(nn.Linear(84, 33), nn.ReLU())\n        self.mu"
    )
    + NAMED_FORWARD.replace("self.mu(x), self.logvar(x)", "self.mu(self.trunk(x)), self.logvar(self.trunk(x))")
    + """

def fit(loader):
    net = Net()
BUILT
    for x in loader:
        y, mu, logvar = net(x)
        error = F.mse_loss(y, x, reduction="sum") / len(x)
        loss = error - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / len(x)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
"""
)
OTHERS = "chain(net.mu.parameters(), net.logvar.parameters(), net.back.parameters())"
COUNTED = "print(sum(each.numel() for each in some))"
WHOLE = f"optimizer = torch.optim.Adam(chain(some, {OTHERS}))"
SOME = "some = net.trunk.parameters()"


def read(folder: Path, *lines: str) -> LintReport:
    built = "\n".join(f"    {each}" for line in lines for each in line.splitlines())
    return linted(folder, {"net.py": TRAINED.replace("BUILT", built)})


SPENT = {
    "counted": (SOME, COUNTED, WHOLE),
    "in a loop": (SOME, "for each in some:\n    nn.init.normal_(each)", WHOLE),
    "in a list": (SOME, "number = len(list(some))", WHOLE),
    "in a comprehension": (SOME, "sizes = [each.numel() for each in some]", WHOLE),
    "in the arguments of a call": (SOME, "print(*some)", WHOLE),
    "by what clips": (SOME, "nn.utils.clip_grad_norm_(some, 1.0)", WHOLE),
    "of a filter": ("some = filter(lambda each: each.requires_grad, net.trunk.parameters())", COUNTED, WHOLE),
    "of a map": ("some = map(lambda each: each, net.trunk.parameters())", COUNTED, WHOLE),
    "of a generator": ("some = (each for each in net.trunk.parameters() if each.requires_grad)", COUNTED, WHOLE),
    "of an iterator of another": (
        SOME,
        f"every = chain(some, {OTHERS})",
        COUNTED,
        "optimizer = torch.optim.Adam(every)",
    ),
    "by an iterator of it": (SOME, "every = iter(some)", "number = len(list(every))", WHOLE),
    "by another name": (SOME, "other = some", COUNTED, WHOLE.replace("some", "other")),
    "in groups": (SOME, COUNTED, f'optimizer = torch.optim.Adam([{{"params": some}}, {{"params": {OTHERS}}}])'),
    "in a sum of lists": (SOME, COUNTED, f"optimizer = torch.optim.Adam(list(some) + list({OTHERS}))"),
    "under a block": (SOME, f"with torch.no_grad():\n    {COUNTED}", f"if loader:\n    {WHOLE}"),
}
HELD = {
    "a list": ("some = list(net.trunk.parameters())", COUNTED, WHOLE),
    "used afterwards": (SOME, WHOLE, COUNTED),
    "asked for again": (SOME, COUNTED, SOME, WHOLE),
    "asked for twice": ("print(sum(each.numel() for each in net.trunk.parameters()))", SOME, WHOLE),
    "kept in a list": (SOME, "kept = list(some)", WHOLE.replace("some", "kept")),
    "held by another optimizer": (SOME, "first = torch.optim.SGD(some, 0.1)", WHOLE + "\nfirst.step()"),
    "asked for its name": (SOME, "kind = some.__class__", WHOLE),
    "an iterator that nothing asks": (SOME, "every = enumerate(some)", WHOLE),
}
OPEN = {
    "a branch": (SOME, f"if loader:\n    {COUNTED}", WHOLE),
    "a part of it": (SOME, "first = next(some)", WHOLE),
    "a loop that is left": (SOME, "for each in some:\n    break", WHOLE),
    "an inner loop of a list": (SOME, "sizes = [each.numel() for x in loader for each in some]", WHOLE),
    "a call that is not read": (SOME, "prepared(some)", WHOLE),
    "a group": (
        SOME,
        COUNTED,
        f'optimizer = torch.optim.Adam({OTHERS})\noptimizer.add_param_group({{"params": some}})',
    ),
    "made on one way": (f"{SOME}\nif loader:\n    {SOME}", COUNTED, WHOLE),
}


@pytest.mark.parametrize("lines", SPENT.values(), ids=SPENT)
def test_what_was_gone_through_before_is_in_no_optimizer(lines: tuple[str, ...], tmp_path: Path) -> None:
    report = read(tmp_path, *lines)
    assert [
        (each.code, "holds trunk, whose parameters were gone through" in each.message) for each in report.findings
    ] == [("VAE602", True)]
    assert "list(...)" in report.findings[0].fix


@pytest.mark.parametrize("lines", HELD.values(), ids=HELD)
def test_what_nothing_went_through_before_is_held(lines: tuple[str, ...], tmp_path: Path) -> None:
    report = read(tmp_path, *lines)
    assert codes(report) == []
    assert any("VAE602" in each.clean for each in report.vaes)


@pytest.mark.parametrize("lines", OPEN.values(), ids=OPEN)
def test_what_something_may_have_gone_through_is_left_open(lines: tuple[str, ...], tmp_path: Path) -> None:
    report = read(tmp_path, *lines)
    assert codes(report) == []
    assert report.vaes
    assert not any("VAE602" in each.clean for each in report.vaes)


@pytest.mark.parametrize(
    "gone_through",
    ["def count():\n    return len(list(some))", "for each in some:\n    if each is None:\n        return"],
    ids=["in a function within", "in a loop that the function may end in"],
)
def test_a_part_that_may_be_gone_through_is_open(gone_through: str) -> None:
    tree = ast.parse(f"some = net.parameters()\n{gone_through}\noptimizer = Adam(some)\n")
    (call,) = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Adam")
    assert Block(tree.body, frozenset({"Adam"})).left(call) == {(1, 7): Left.UNKNOWN}
