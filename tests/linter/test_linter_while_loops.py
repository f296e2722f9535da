"""Networks that a `while` loop builds or runs: its last turn decides how they end."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

from vae_checked.reports import all_examined

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, turns=4, size=None, parts=()):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)
        inner, last = nn.Sequential(nn.Linear(7, 7), nn.ReLU()), nn.Linear(7, 84)
        layers = []
{loop}
        self.back = nn.ModuleList(layers)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        y = m + torch.randn_like(m) * torch.exp(0.5 * s)
{run}
        y = torch.sigmoid(y)
        return F.binary_cross_entropy(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
"""
)
RUN = "for layer in self.back:\n    y = layer(y)"
BRANCHES = (
    "while {test}:\n    {count}\n    if {asked}:\n        layers.append({one})\n    else:\n        layers.append({two})"
)
COUNTS = {
    "down by one": ("n = 4", "n > 0", "n -= 1", "n == 0"),
    "down by halves": ("n = 64", "n > 1", "n = n // 2", "n <= 1"),
    "from an argument": ("n = turns", "n > 0", "n = n - 1", "not n"),
    "up": ("n = 0", "n < 5", "n += 1", "n == 5"),
    "two numbers": ("n, width = 0, 3", "n < 5", "width, n = width * 2, n + 1", "n == 5"),
}
OPEN = {
    "too often": ("n = 500", "n > 0", "n -= 1", "n == 0"),
    "as often as nobody knows": ("n = 8", "n > size", "n -= 1", "n == 0"),
    "from what nobody knows": ("n = size", "n > 0", "n = n - 1", "n == 0"),
    "halves of it": ("n = int(np.log2(size))", "n > 0", "n -= 1", "n == 0"),
}


def judged(folder: Path, loop: str, run: str = RUN) -> tuple[list[str], set[str]]:
    """The mistakes that are found, and what is clean."""
    texts = ("\n".join(f"        {line}" for line in text.splitlines()) for text in (loop, run))
    report = linted(folder, {"net.py": NET.format(**dict(zip(("loop", "run"), texts, strict=True)))})
    clean = {code for one in all_examined(report) for code in one.clean}
    return sorted({each.code for each in report.findings}), clean


def built(parts: tuple[str, str, str, str], one: str, two: str) -> str:
    start, test, count, asked = parts
    return f"{start}\n{BRANCHES.format(test=test, count=count, asked=asked, one=one, two=two)}"


@pytest.mark.parametrize("count", COUNTS)
def test_the_turns_of_a_loop_that_counts_are_known(count: str, tmp_path: Path) -> None:
    found, clean = judged(tmp_path, built(COUNTS[count], "last", "inner"))
    assert found == []
    assert "VAE406" in clean
    assert judged(tmp_path, built(COUNTS[count], "inner", "last"))[0] == ["VAE406"]


@pytest.mark.parametrize(("one", "two"), [("last", "inner"), ("inner", "last")])
@pytest.mark.parametrize("count", OPEN)
def test_which_turn_is_the_last_one_may_not_be_known(count: str, one: str, two: str, tmp_path: Path) -> None:
    found, clean = judged(tmp_path, built(OPEN[count], one, two))
    assert found == []
    assert "VAE406" not in clean


RUNNING = "i = len(self.back) - 1\nwhile i >= 0:\n    y = self.back[i](y)\n    i -= 1"


@pytest.mark.parametrize(("layers", "named"), [("[last, inner]", []), ("[inner, last]", ["VAE406"])])
def test_layers_are_run_from_the_end(layers: str, named: list[str], tmp_path: Path) -> None:
    assert judged(tmp_path, f"layers = {layers}", RUNNING)[0] == named


def test_a_loop_that_is_left_early_is_not_counted(tmp_path: Path) -> None:
    loop = "n = 3\nwhile n > 0:\n    n -= 1\n    layers.append(last if n == 0 else inner)\n    if parts:\n        break"
    found, clean = judged(tmp_path, loop)
    assert found == []
    assert "VAE406" not in clean
