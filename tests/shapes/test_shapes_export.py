"""The cross-check with torch.export: it agrees, it disagrees and is told so, or it fails and nothing else does."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from newer_torch import OPEN_AXES
from torch import Tensor, nn

from vae_checked.cli import main
from vae_checked.shapes import crosscheck, infer


class Halving(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.nn.functional.max_pool2d(x, 2, ceil_mode=True)
        return h, h.flatten(1)


class OddOrEven(nn.Module):
    """One size whatever the parity, in two branches, of which an export takes one."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, ::2] if x.shape[2] % 2 else x[:, :, 1::2]


UNTRACEABLE = """
import torch
from torch import nn

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(7, 4), nn.Linear(2, 7)

    def encode(self, x):
        return self.down(x).chunk(2, 1)

    def forward(self, x):
        mu, logvar = self.encode(x)
        if mu.sum() > 1e30:
            mu = mu * 2
        return self.up(mu + torch.randn_like(mu) * (0.5 * logvar).exp()), mu, logvar
"""


@OPEN_AXES
def test_an_export_agrees_where_the_laws_are_right() -> None:
    assert crosscheck(Halving(), infer(Halving(), "B 3 H W")) == ("torch.export agrees on all 6 axes of the outputs",)


@OPEN_AXES
def test_a_law_that_is_wrong_at_odd_sizes_alone_is_found() -> None:
    shapes = infer(Halving(), "B 3 H W")
    first, second = shapes.outputs
    assert first.axes == ("B", "3", "(H+1)//2", "(W+1)//2")
    wrong = replace(shapes, outputs=(replace(first, axes=("B", "3", "H//2", "(W+1)//2")), second))
    (note,) = crosscheck(Halving(), wrong)
    before, _, after = note.partition(", the formula H//2 says ")
    said, _, passed = after.partition(", a pass gives ")
    (height,) = [int(word[2:]) for word in before.split() if word.startswith("H=")]
    assert before.startswith(f"torch.export disagrees: output[0] axis 2 is {-(-height // 2)} at B=")
    assert (int(said), int(passed)) == (height // 2, -(-height // 2))


@OPEN_AXES
def test_an_export_of_one_branch_disagrees_and_a_pass_says_who_is_right() -> None:
    shapes = infer(OddOrEven(), "B 3 H W")
    (note,) = crosscheck(OddOrEven(), shapes)
    said = note.partition("the formula (H+1)//2 says ")[2].split(", a pass gives ")
    assert note.startswith("torch.export disagrees: output axis 2 is ")
    assert said[0] == said[1]


@OPEN_AXES
def test_a_failure_is_told_and_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "untraceable.py").write_text(UNTRACEABLE, encoding="utf-8")
    table = '[tool.vae-checked.models.vae]\nmodel = "untraceable:VAE"\nshapes = "B 7"\n'
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main(["shapes", "lock"]) == 0
    assert main(["shapes", "check"]) == 0
    capfd.readouterr()
    assert main(["shapes", "check", "--with-export"]) == 0
    said = capfd.readouterr()
    note, summary = said.out.splitlines()
    assert note.startswith("note: vae: torch.export failed: GuardOnDataDependentSymNode: ")
    assert (summary, said.err) == ("1 model as locked", "")
    assert main(["shapes", "check", "--with-export", "--format", "github"]) == 0
    assert capfd.readouterr().out.startswith("::notice file=vae-shapes.lock,title=shapes::vae: torch.export failed: ")
    assert main(["shapes", "check", "--with-export", "--format", "json"]) == 0
    assert json.loads(capfd.readouterr().out)["notes"] == [note.removeprefix("note: ")]
    sys.modules.pop("untraceable")


@OPEN_AXES
def test_an_export_that_cannot_leave_an_axis_open_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = infer(Halving(), "B 3 H W")
    monkeypatch.delattr(torch.export.Dim, "AUTO")
    (note,) = crosscheck(Halving(), shapes)
    assert (
        note == f"torch.export is not compared: that of torch {torch.__version__} cannot leave an axis open (Dim.AUTO)"
    )
