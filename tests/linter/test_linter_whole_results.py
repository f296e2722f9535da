"""A loss method that takes what the model returned as one record, and reads its fields."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, codes, joined, linted

from vae_checked.linter import LintReport

RECORDS = (
    HEAD
    + """
from dataclasses import dataclass


class Record(dict):
    __setattr__ = dict.__setitem__

    def __getattr__(self, name):
        return self[name]


@dataclass
class Result:
    picture: torch.Tensor
    code: object


class Gaussian:
    def __init__(self, m, s):
        self.m, self.s = m, s

    def draw(self):
        return self.m + torch.exp({std}) * torch.randn_like(self.s)

    def apart(self):
        return -0.5 * (1 + self.s - self.m.pow(2) - self.s.exp())
"""
    + MODEL
    + """
    def forward(self, x):
        code = Gaussian(*self.encode(x))
        picture = self.back(code.draw())
        {made}

    def {name}(self, result, batch):
        {read}
        error = F.binary_cross_entropy(picture, batch.pictures, reduction="none").sum(1)
        return (error + code.apart().sum(1)).mean()
"""
)
BY_NAME = "picture, code = result.picture, result.code"
MADE = {
    "a record of the project": (
        "out = Record()\n        out.picture = picture\n        out.code = code\n        return out",
        BY_NAME,
    ),
    "a dataclass": ("return Result(picture, code)", BY_NAME),
    "a dict": ("return {'picture': picture, 'code': code}", "picture, code = result['picture'], result.get('code')"),
}


def read(tmp_path: Path, made: str, taken: str, std: str = "self.s", name: str = "loss") -> LintReport:
    text = RECORDS.replace("{made}", made).replace("{read}", taken).replace("{std}", std).replace("{name}", name)
    return linted(tmp_path, {"records.py": text})


@pytest.mark.parametrize(("made", "taken"), MADE.values(), ids=MADE)
def test_a_loss_reads_the_record_that_the_model_returned(made: str, taken: str, tmp_path: Path) -> None:
    assert codes(read(tmp_path, made, taken)) == ["VAE201"]


@pytest.mark.parametrize(("made", "taken"), MADE.values(), ids=MADE)
def test_a_loss_that_is_right_is_joined(made: str, taken: str, tmp_path: Path) -> None:
    report = read(tmp_path, made, taken, "0.5 * self.s", "compute_loss")
    assert joined(report)
    assert codes(report) == []


OTHERS = {
    "a field that the record lacks": (BY_NAME + "\n        scale = result.scale", "loss"),
    "one field alone": ("picture, code = result.picture, batch.code", "loss"),
    "no loss by its name": (BY_NAME, "shown"),
}


@pytest.mark.parametrize(("taken", "name"), OTHERS.values(), ids=OTHERS)
def test_what_reads_another_record_is_not_handed_this_one(taken: str, name: str, tmp_path: Path) -> None:
    made, _ = MADE["a record of the project"]
    assert not joined(read(tmp_path, made, taken, name=name))
