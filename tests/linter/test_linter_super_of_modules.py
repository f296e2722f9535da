"""A model whose class has a `to`, `train` or `parameters` of its own hands on what nn.Module gives it: itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, FORWARD, HEAD, MODEL, codes, joined, linted

ASKED = {
    "to": "def to(self, device):\n        self.settings = device\n        return super().to(device)",
    "to, by its class": "def to(self, *args):\n        moved = super(Net, self).to(*args)\n        return moved",
    "cuda": "def cuda(self, device=None):\n        return super().cuda(device)",
    "train": "def train(self, mode=True):\n        print(mode)\n        return super().train(mode)",
    "float": "def float(self):\n        return super().float()",
}
MADE = {"to": "Net().to('cuda')", "cuda": "Net().cuda()", "train": "Net().train()", "float": "Net().float()"}


def text(how: str, noise: str = "randn_like") -> str:
    made = MADE[how.partition(",")[0]]
    own = f"{MODEL}\n    {ASKED[how]}\n{FORWARD.replace('randn_like', noise)}"
    return HEAD + own + FIT.replace("net = Net()", f"net = {made}")


@pytest.mark.parametrize("how", ASKED)
def test_a_model_is_what_its_own_method_gives_back(how: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": text(how)})
    assert codes(report) == []
    assert joined(report)


@pytest.mark.parametrize("how", ASKED)
def test_a_mistake_of_a_model_that_moves_itself_is_named(how: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": text(how, "rand_like")})) == ["VAE202"]


def test_parameters_that_a_model_gives_itself_are_trained(tmp_path: Path) -> None:
    own = "def parameters(self, recurse=True):\n        return super().parameters(recurse)"
    whole = HEAD + MODEL + f"\n    {own}\n" + FORWARD + FIT
    report = linted(tmp_path, {"net.py": whole})
    assert codes(report) == []
    assert any("VAE602" in judgement.clean for judgement in report.judgements)


def test_the_base_of_what_is_no_module_stays_unknown(tmp_path: Path) -> None:
    holder = """

import things


class Held(things.Box):
    def to(self, device):
        return super().to(device)
"""
    other = HEAD + holder + MODEL + FORWARD + FIT.replace("net = Net()", "net = Held(Net()).to('cuda')")
    assert joined(linted(tmp_path, {"net.py": other})) == []
