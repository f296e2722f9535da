"""Namespaces: dicts whose entries are attributes as well, of other libraries and of the project's own."""

from __future__ import annotations

from pathlib import Path

from small_vaes.fragments import FORWARD, HEAD, MODEL, linted

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
