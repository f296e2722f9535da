"""Files that concern a VAE without naming torch or a head: by a star import, or by training a model of the project."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

STARRED = MODEL + FORWARD.replace("randn_like", "rand_like")


@pytest.mark.parametrize(
    "star", ["from shared import *", "from .shared import *", "if True:\n    from shared import *"]
)
def test_torch_may_come_by_a_star_import_of_the_projects_own(star: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"shared.py": HEAD, "net.py": f"{star}\n{STARRED}"})
    assert codes(report) == ["VAE202"]
    assert report.files_concerned == 1


def test_what_a_star_import_does_not_bring_is_not_judged(tmp_path: Path) -> None:
    report = linted(tmp_path, {"shared.py": "import math\n", "net.py": f"from shared import *\n{STARRED}"})
    assert codes(report) == []


SHORT = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x):
        m, l = self.a(x), self.b(x)
        return self.back(m + torch.exp(0.5 * l) * torch.randn_like(m)), m, l
"""
RUN = """\
from nets import Net
from torch.optim import Adam


def run(loader):
    net = Net()
    adam = Adam(net.parameters())
    for x in loader:
        y, m, l = net(x)
        d = {sign}0.5 * (1 + l - m * m - l.exp()).sum(1)
        total = (((y - x) ** 2).sum(1) + d).mean()
        adam.zero_grad()
        total.backward()
        adam.step()
"""


@pytest.mark.parametrize(("sign", "expected"), [("-", []), ("", ["VAE302"])])
def test_whoever_trains_a_model_of_the_project_is_read(sign: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"nets.py": SHORT, "run.py": RUN.format(sign=sign)})
    assert codes(report) == expected
    assert report.files_concerned == 2


def test_of_many_trainers_those_of_other_models_are_not_read(tmp_path: Path) -> None:
    other = RUN.format(sign="").replace("Net", "Tree").replace("nets", "trees")
    trainers = {f"run_{number}.py": other for number in range(9)}
    near = {"near.py": other.replace("trees", "nets")}
    assert linted(tmp_path, {"nets.py": SHORT, **trainers, **near}).files_concerned == 2


HANDED = """\
import torch


def run(net, loader, adam):
    for x in loader:
        y, d = net(x), {kept}
        total = ((y - x) ** 2).sum(1).mean() + d.mean()
        adam.zero_grad()
        total.backward()
        adam.step()
"""
KEPT = """\
import torch
from torch import nn


class There(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(84, 7), nn.Linear(84, 7)

    def forward(self, x):
        m, l = self.a(x), self.b(x)
        self.gap = {sign}0.5 * (1 + l - m * m - l.exp()).sum(1)
        return m + torch.exp(0.5 * l) * torch.randn_like(m)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.there, self.back = There(), nn.Linear(7, 84)

    def forward(self, x):
        return self.back(self.there(x))
"""
MAIN = "from nets import Net\nfrom steps import run\n\nnet = Net()\n"


@pytest.mark.parametrize(("sign", "expected"), [("-", []), ("", ["VAE302"])])
@pytest.mark.parametrize("main", [{}, {"main.py": MAIN}], ids=["alone", "with a script"])
def test_a_trainer_that_is_handed_its_model_is_read(
    main: dict[str, str], sign: str, expected: list[str], tmp_path: Path
) -> None:
    files = {"nets.py": KEPT.format(sign=sign), "steps.py": HANDED.format(kept="net.there.gap"), **main}
    report = linted(tmp_path, files)
    assert codes(report) == expected
    assert any(facts.sampler.std and facts.kl.form and facts.recon.kind for facts in report.facts)


PARTS = """\
import torch
from torch import nn


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(84, 7), nn.Linear(84, 7)

    def forward(self, x):
        m, l = self.a(x), self.b(x)
        return m + torch.exp({half}l) * torch.randn_like(m), m, l
"""
BUILT = """\
import torch
from torch import nn
from parts import Heads


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads, self.decoder = Heads(), nn.Linear(7, 84)

    def forward(self, x):
        z, m, l = self.heads(x)
        d = 0.5 * (l.exp() + m * m - 1 - l).sum(1)
        return {"loss": (((self.decoder(z) - x) ** 2).sum(1) + d).mean()}
"""


@pytest.mark.parametrize(("half", "expected"), [("0.5 * ", []), ("", ["VAE201"])])
def test_a_model_built_of_what_draws_is_read(half: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"parts.py": PARTS.format(half=half), "whole.py": BUILT})
    assert codes(report) == expected
    assert report.files_concerned == 2


def test_of_many_models_those_without_a_loss_are_not_read(tmp_path: Path) -> None:
    bare = BUILT.replace('        return {"loss": ', "        return (").replace("d).mean()}", "d)")
    files = {f"whole_{number}.py": bare for number in range(9)}
    assert linted(tmp_path, {"parts.py": PARTS.format(half=""), **files, "one.py": BUILT}).files_concerned == 2
