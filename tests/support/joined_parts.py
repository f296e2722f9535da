"""A small VAE in its own file, and what chooses, wraps and trains it elsewhere."""

from __future__ import annotations

from pathlib import Path

from vae_checked.facts import Facts
from vae_checked.linter import LintReport, lint

IMPORTS = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
NETS = f"""\
{IMPORTS}

class Net(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.trunk = nn.Linear(784, 33)
        self.to_m = nn.Linear(33, width)
        self.to_s = nn.Linear(33, width)
        self.back = nn.Sequential(nn.Linear(width, 33), nn.ReLU(), nn.Linear(33, 784), nn.Sigmoid())

    def forward(self, x):
        h = F.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back(z), m, s


class Plain(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.there = nn.Linear(784, width)
        self.back = nn.Sequential(nn.Linear(width, 784), nn.Sigmoid())

    def forward(self, x):
        return self.back(self.there(x)), None, None
"""
TERMS = """
def kl_of(m, s):
    return -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())


def error(out, x):
    return F.binary_cross_entropy(out, x, reduction="sum")

"""
TRAIN = f"""{TERMS}
def train(net, loader, optimizer):
    for x, _ in loader:
        out, m, s = net(x)
        loss = error(out, x) + kl_of(m, s)
        loss.backward()
        optimizer.step()


def main(args):
    net = MADE
    optimizer = torch.optim.Adam(net.parameters())
    train(net, args.loader, optimizer)
"""


def read(folder: Path, files: dict[str, str]) -> LintReport:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return lint([folder])


def joined(report: LintReport) -> list[Facts]:
    return [facts for facts in report.facts if facts.sampler.std and facts.kl.form and facts.recon.kind]


def script(made: str, head: str) -> str:
    return head + IMPORTS + TRAIN.replace("MADE", made)
