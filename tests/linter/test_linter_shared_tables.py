"""Tables that a class or a file is defined with: what one trainer computes and keeps there, another one never finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

NETS = f"""{HEAD}

class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s


class Round(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 9), nn.Linear(84, 9), nn.Linear(9, 84)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back((m + torch.randn_like(m) * torch.exp(0.5 * s)){{drawn}}), m, s


def error(y, x, m, s):
    return torch.sum((y - x) ** 2) - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
"""
BASE = """
class Meter:
    def __init__(self):
        self.total = 0

    def add(self, value):
        self.total += value


METERS, SEEN = {}, []


class Trainer:
    nets, meters, whole, seen = {}, {}, Meter(), []

    def metered(self, names):
        for name in names:
            self.meters[name] = METERS[name] = Meter()
"""
FIRST = """import torch
from base import METERS, SEEN, Trainer
from nets import Flat, error


class First(Trainer):
    def __init__(self):
        self.nets["flat"] = Flat()
        self.optimizer = torch.optim.Adam(self.nets["flat"].parameters())
        self.metered(["all"])

    def train(self, x):
        self.optimizer.zero_grad()
        y, m, s = self.nets["flat"](x)
        loss = error(y, x, m, s)
        loss.backward()
        self.optimizer.step()
        {kept}
"""
SECOND = """import torch
from base import METERS, SEEN, Trainer
from nets import Round, error


class Second(Trainer):
    def __init__(self):
        self.nets["round"] = Round()
        self.optimizer = torch.optim.Adam(self.nets["round"].parameters())

    def train(self, x):
        y, m, s = self.nets["round"](x)
        loss = error(y, x, m, s)
        loss.backward()
        return loss + {kept}
"""
KEPT = {
    "in a class": ('self.meters["all"].add(loss.data)', 'self.meters["all"].total'),
    "by a class": ("self.whole.add(loss.data)", "self.whole.total"),
    "listed by a class": ("self.seen.append(loss.data)", "sum(self.seen)"),
    "in a file": ('METERS["all"].add(loss.data)', 'METERS["all"].total'),
    "listed in a file": ("SEEN.append(loss.data)", "sum(SEEN)"),
}


@pytest.mark.parametrize("place", KEPT)
def test_what_another_trainer_kept_is_no_loss_of_this_one(place: str, tmp_path: Path) -> None:
    put, read = KEPT[place]
    files = {"base.py": BASE, "first.py": FIRST.replace("{kept}", put), "second.py": SECOND.replace("{kept}", read)}
    good, bad = (NETS.replace("{drawn}", drawn) for drawn in ("", ".detach()"))
    report = linted(tmp_path, {**files, "nets.py": good})
    assert (codes(report), len(joined(report))) == ([], 2)
    assert codes(linted(tmp_path / "other", {**files, "nets.py": bad})) == ["VAE206"]


REGISTERED = f"""{HEAD}

class Parts:
    known, settings = {{}}, {{}}

    @classmethod
    def keep(cls, name):
        def kept(part):
            cls.known[name] = part
            return part
        return kept


@Parts.keep("net")
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.randn_like(m) * torch.exp({{std}})), m, s
"""
USED = """import torch
from parts import Parts

Parts.settings["name"] = "net"


def fit(loader):
    net = Parts.known[Parts.settings["name"]]()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        optimizer.zero_grad()
        (torch.sum((y - x) ** 2) - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())).backward()
        optimizer.step()
"""


def test_what_is_registered_there_stays(tmp_path: Path) -> None:
    for folder, std, expected in (("good", "0.5 * s", []), ("bad", "s", ["VAE201"])):
        report = linted(tmp_path / folder, {"parts.py": REGISTERED.replace("{std}", std), "fit.py": USED})
        assert codes(report) == expected
        assert joined(report)
