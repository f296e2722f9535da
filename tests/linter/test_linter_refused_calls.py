"""A class that is made with more arguments than it takes: Python refuses, so another class is meant than this one."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.reports import all_examined

SCENE = (
    HEAD
    + """

class Base(nn.Module):
    def __init__(self, wide, narrow{more}):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(wide, narrow), nn.Linear(wide, narrow), nn.Linear(narrow, wide)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s


class Net(Base):
    def __init__(self, wide, narrow, blocks, sizes):
        {made}

    def loss(self, x):
        y, m, s = self(x)
        error = F.binary_cross_entropy(y, x, reduction="sum")
        return error - 0.5 * torch.sum(1 + s - m.pow(2) - {grown})
"""
)
PLAIN, OF_BASE = "super().__init__({})", "Base.__init__(self, {})"


@pytest.mark.parametrize("made", [PLAIN, OF_BASE])
def test_a_base_that_refuses_its_arguments_says_nothing(made: str, tmp_path: Path) -> None:
    text = SCENE.format(more="", made=made.format("wide, narrow, blocks"), grown="s.exp()")
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert not any("VAE402" in vae.clean for vae in all_examined(report))


@pytest.mark.parametrize("made", [PLAIN, OF_BASE])
def test_what_a_class_computes_itself_is_still_judged(made: str, tmp_path: Path) -> None:
    text = SCENE.format(more="", made=made.format("wide, narrow, blocks"), grown="2 * s.exp()")
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE301"]


@pytest.mark.parametrize(
    ("more", "given"),
    [("", "wide, narrow"), (", blocks", "wide, narrow, blocks"), (", *rest", "wide, narrow, blocks"), ("", "*sizes")],
)
@pytest.mark.parametrize("made", [PLAIN, OF_BASE])
def test_a_base_that_takes_its_arguments_is_judged(made: str, more: str, given: str, tmp_path: Path) -> None:
    text = SCENE.format(more=more, made=made.format(given), grown="s.exp()")
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE402"]
