"""What is handed over at once with `*`, and is not known: tensors fill parameters, and no flags that have a default."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.linter import LintReport

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, wide=33{option}):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(wide + 5, 7), nn.Linear(wide + 5, 7)
        self.back = nn.Linear(7, wide)
        {kept}

    def forward(self, x, c=None{flag}):
        h = torch.cat([x, c], 1)
        m, s = self.to_m(h), self.to_s(h)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        if {asked}:
            return torch.sigmoid(y), m, s
        return y, m, s


def fit(loader, settings):
    net = Net({made})
    optimizer = torch.optim.Adam(net.parameters())
    for batch in loader:
        y, m, s = net({given})
        error = F.binary_cross_entropy_with_logits(y, batch[0], reduction="sum")
        loss = error - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)


def scene(folder: Path, default: str, given: str) -> LintReport:
    text = NET.format(option="", kept="", flag=f", squashed={default}", asked="squashed", made="", given=given)
    return linted(folder, {"net.py": text})


def built(folder: Path, made: str) -> LintReport:
    words = {"option": ", squashed=False", "kept": "self.squashed = squashed", "asked": "self.squashed"}
    return linted(folder, {"net.py": NET.format(flag="", made=made, given="*batch", **words)})


def is_clean(report: LintReport, code: str) -> bool:
    return any(code in each.clean for each in report.judgements)


@pytest.mark.parametrize(
    ("default", "given", "expected"),
    [
        ("False", "*batch", []),
        ("False", "batch[0], *batch[1:]", []),
        ("True", "*batch", ["VAE401"]),
        ("False", "*batch, True", ["VAE401"]),
        ("False", "*batch, squashed=True", ["VAE401"]),
    ],
)
def test_a_flag_with_a_default_is_no_item(default: str, given: str, expected: list[str], tmp_path: Path) -> None:
    report = scene(tmp_path, default, given)
    assert codes(report) == expected
    assert is_clean(report, "VAE401") is not bool(expected)


def test_a_flag_may_be_among_settings_that_are_handed_over_at_once(tmp_path: Path) -> None:
    report = built(tmp_path / "open", "*settings")
    assert codes(report) == []
    assert not is_clean(report, "VAE401")
    assert is_clean(built(tmp_path / "bare", ""), "VAE401")


WEIGHTS = (
    HEAD
    + """

class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.near, self.far, self.weigh = nn.Linear(24, 9), nn.Linear(24, 9), nn.Linear(24, 2)

    def forward(self, x, with_weights=False):
        a = self.weigh(x).softmax(1)
        both = [self.near(x), self.far(x)]
        both.append(both[0] * a[:, :1] + both[1] * a[:, 1:])
        if with_weights:
            return both, a
        return both


def error(outputs, label):
    loss = 0
    for y in outputs:
        loss += F.cross_entropy({scores}, label)
    return loss


def fit(net, loader, optimizer):
    net = Words()
    for row in loader:
        x, label = row
        loss = error(net(*x), label)
        loss.backward()
        optimizer.step()
"""
)


@pytest.mark.parametrize(("scores", "expected"), [("y", []), ("y.softmax(1)", ["VAE405"])])
def test_weights_that_only_a_flag_returns_are_no_scores(scores: str, expected: list[str], tmp_path: Path) -> None:
    assert sorted(set(codes(linted(tmp_path, {"words.py": WEIGHTS.format(scores=scores)})))) == expected
