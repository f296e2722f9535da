"""A trainer that is derived from one of a package, in a file that imports no torch, trains the model that it makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, joined, linted

BASE = (
    HEAD
    + """

class Base:
    def __init__(self, loader):
        self.loader = loader

    def build(self):
        raise NotImplementedError

    def fit(self):
        optimizer = torch.optim.Adam(self.net.parameters())
        for x, _ in self.loader:
            error, kl = self.step(x)
            optimizer.zero_grad()
            (error + kl).backward()
            optimizer.step()
"""
)
TERMS = (
    HEAD
    + f"""

class Terms(nn.Module):
    def forward(self, y, x, m, s):
        return F.binary_cross_entropy(y, x, reduction="sum"), ({KL}).sum()
"""
)
OWN = """from {net} import Net
import tools
import terms


class Own(tools.Base):
    def build(self):
        self.net = Net()
        self.terms = terms.Terms()

    def step(self, x):
        y, m, s = self.net(x)
        return self.terms(y, x, m, s)
"""


@pytest.mark.parametrize(("last", "expected"), [("nn.Sigmoid()", []), ("nn.Tanh()", ["VAE402"])])
@pytest.mark.parametrize("handed_on", ["from .base import Base\n", "from .base import *\n"])
def test_a_trainer_of_a_package_trains_what_a_derived_one_makes(
    handed_on: str, last: str, expected: list[str], tmp_path: Path
) -> None:
    files = {
        "tools/__init__.py": handed_on,
        "tools/base.py": BASE,
        "terms/__init__.py": "from .terms import Terms\n",
        "terms/terms.py": TERMS,
        "vae/net.py": HEAD + (MODEL + FORWARD).replace("nn.Sigmoid()", last),
        "vae/own.py": OWN.format(net="net"),
        "vae/run.py": "from own import Own\n\nown = Own(None)\nown.build()\nown.fit()\n",
    }
    report = linted(tmp_path, files)
    assert codes(report) == expected
    assert {facts.subject.rpartition("/")[2] for facts in joined(report)} == {"own.py:Own"}
