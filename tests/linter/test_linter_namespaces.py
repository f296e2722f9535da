"""Namespaces: dicts whose entries are attributes as well, of other libraries and of the project's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, LAYERS, MODEL, codes, joined, linted

FORMS = {
    "library.py": "from attrdict import AttrDict as Bag",
    "renamed.py": "from easydict import EasyDict as Bag",
    "read.py": "class Bag(dict):\n    __getattr__ = dict.get\n    __setattr__ = dict.__setitem__\n",
    "own.py": "class Bag(dict):\n    def __init__(self, *args, **kwargs):\n"
    "        super().__init__(*args, **kwargs)\n        self.__dict__ = self\n",
}
USE = """

def measured(net, x):
    y, m, s = net(x)
    found = Bag(y=y)
    found.stats = Bag({"m": m, "s": s})
    return found


def loss(found, x):
    m, s = found["stats"].m, found.stats.get("s")
    terms = Bag(error=F.mse_loss(found.y, x, reduction="sum"), kl=-0.5 * torch.sum(1 + 2 * s - m.pow(2) - s.exp()))
    return sum(terms.values())


def fit(loader):
    parts = Bag(net=Net())
    optimizer = torch.optim.Adam(parts.net.parameters())
    for x in loader:
        optimizer.zero_grad()
        loss(measured(parts.net, x), x).backward()
        optimizer.step()
"""
KEPT = """
class Bag(dict):
    def __init__(self):
        self.net = Net()


def told(x):
    y, m, s = Bag().net(x)
    return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + 2 * s - m.pow(2) - s.exp())
"""


def test_entries_of_a_namespace_are_attributes(tmp_path: Path) -> None:
    files = {name: HEAD + form + MODEL + FORWARD + USE for name, form in FORMS.items()}
    report = linted(tmp_path, {**files, "kept.py": HEAD + MODEL + FORWARD + KEPT})
    found = {(Path(finding.place.path).name, finding.code) for finding in report.findings}
    assert found == {(name, "VAE301") for name in (*FORMS, "kept.py")}


TYPED = {
    "a class": "from typing import TypedDict\n\n\nclass Bag(TypedDict):\n    m: torch.Tensor\n    s: torch.Tensor\n",
    "a wider class": "import typing_extensions as t\n\n\nclass Small(t.TypedDict):\n    m: torch.Tensor\n\n\n"
    "class Bag(Small, total=False):\n    s: torch.Tensor\n",
    "a call": 'from typing import TypedDict\n\nBag = TypedDict("Bag", {"m": torch.Tensor, "s": torch.Tensor})\n',
}
ENTRIES = """
    def forward(self, x):
        heads = Bag(m=self.to_m(x), s=self.to_s(x))
        m, s = heads.values()
        return self.back(m + torch.randn_like(m) * torch.exp({std})), heads


def loss(net, x):
    y, heads = net(x)
    m, s = heads["m"], heads["s"]
    return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
"""


@pytest.mark.parametrize("form", TYPED)
def test_what_a_typed_dict_makes_is_a_dict(form: str, tmp_path: Path) -> None:
    good, bad = (HEAD + TYPED[form] + LAYERS + ENTRIES.replace("{std}", std) for std in ("0.5 * s", "s"))
    report = linted(tmp_path, {"good.py": good, "bad.py": bad})
    assert codes(report) == ["VAE201"]
    assert len({facts.sampler.std.origin.place for facts in joined(report) if facts.sampler.std}) == 2
