"""A pass that generates where it is given nothing: what trains is what the model makes of an input."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

NET = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.up = nn.Embedding(80, 9), nn.Linear(9, 33)
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)
        self.back, self.scores = nn.GRU(9, 7), nn.Linear(7, 80)

    def forward(self, {taken}):
        m, s = self.to_m(self.up(self.words(x)).sum(1)), self.to_s(self.up(self.words(x)).sum(1))
        z = m + torch.exp({std}) * torch.randn_like(s)
        if {asked}:
            with torch.no_grad():
                known = torch.argmax(self.decoded(z, x), dim=-1)
            out = self.decoded(z, known)
        else:
            out = torch.argmax(self.scores(z), dim=-1)
        return out, m, s

    def decoded(self, z, x):
        out, _ = self.back(self.words(x), z[None])
        return torch.softmax(self.scores(out), dim=-1)


def loss(out, x, m, s):
    error = F.nll_loss(torch.log(out).permute(0, 2, 1), x, reduction="sum")
    return error - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
"""
)
TAKEN = {
    "nothing need be given": ("x=None, words=None", "x is not None"),
    "a mode": ('x=None, words=None, mode="train"', 'mode == "train"'),
    "the words are apart": ("x, words=None", "words is not None"),
}


@pytest.mark.parametrize(("taken", "asked"), TAKEN.values(), ids=TAKEN)
def test_words_that_are_picked_to_generate_stop_no_training(taken: str, asked: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(taken=taken, asked=asked, std="0.5 * s")})
    assert codes(report) == []


@pytest.mark.parametrize(("taken", "asked"), list(TAKEN.values())[:2], ids=list(TAKEN)[:2])
def test_a_model_that_may_be_given_nothing_is_given_something(taken: str, asked: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(taken=taken, asked=asked, std="s")})
    assert joined(report)
    assert codes(report) == ["VAE201"]


def test_what_is_detached_and_picked_elsewhere_is_still_named(tmp_path: Path) -> None:
    under = "            with torch.no_grad():\n    "
    assert NET.count(under) == 1
    net = NET.replace(under, "").replace("decoded(z, x)", "decoded(z.detach(), x)")
    net = net.replace("out = self.decoded(z, known)", "out = self.decoded(z.detach(), known)")
    report = linted(tmp_path, {"net.py": net.format(taken="x", asked="True", std="0.5 * s")})
    assert codes(report) == ["VAE206"]
