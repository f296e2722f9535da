"""Models and losses that code puts into a registry, a project's own or another library's, and makes by a name."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

OWN_DICT = """
KEPT = {}


def register(name):
    def keep(made):
        KEPT[name] = made
        return made

    return keep
"""
OWN_CLASS = """
class Registry:
    def __init__(self):
        self.kept = {}

    def register(self, name):
        def keep(made):
            self.kept[name] = made
            return made

        return keep

    def build(self, settings):
        return self.kept[settings["type"]]()


KEPT = Registry()
"""
# The file of the registry, how something is put into it, and how it is made.
KINDS = {
    "a dict of its own": (OWN_DICT, '@registry.register("{name}")', 'registry.KEPT[config["{key}"]["type"]]()'),
    "a class of its own": (OWN_CLASS, '@registry.KEPT.register("{name}")', 'registry.KEPT.build(config["{key}"])'),
    "one of mmengine": (
        "from mmengine import Registry\n\nKEPT = Registry('parts')\n",
        "@registry.KEPT.register_module()",
        'registry.KEPT.build(config["{key}"])',
    ),
    "one of mmcv by a name": (
        "from mmcv.utils import Registry\n\nKEPT = Registry('parts')\n",
        '@registry.KEPT.register_module("{name}")',
        'registry.KEPT.build(config["{key}"])',
    ),
    "one of fvcore": (
        "from fvcore.common.registry import Registry\n\nKEPT = Registry('parts')\n",
        "@registry.KEPT.register()",
        'registry.KEPT.get(config["{key}"]["type"])()',
    ),
}
NET = (
    HEAD
    + """
import registry


{net}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.there, self.back = nn.Linear(84, 14), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.there(x).chunk(2, dim=1)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


{table}
class Table(nn.Module):
    def forward(self, x):
        return x, x, x
"""
)
LOSS = (
    HEAD
    + """
import registry


{bound}
class Bound(nn.Module):
    def forward(self, y, m, s, x):
        return F.mse_loss(y, x, reduction="sum") {sign} 0.5 * torch.sum(m.pow(2) + s.exp() - 1 - s)


{plain}
class Plain(nn.Module):
    def forward(self, y, m, s, x):
        return F.mse_loss(y, x, reduction="sum")
"""
)
TRAIN = (
    HEAD
    + """
import losses
import nets
import registry


def train(config, rows):
    net = {net}
    loss = {loss}
    for x in DataLoader(rows, batch_size=12):
        loss(*net(x), x).backward()
"""
)


def files(kind: str, sign: str = "+", net: str = "Net", loss: str = "Bound") -> dict[str, str]:
    registry, put, made = KINDS[kind]
    return {
        "registry.py": registry,
        "nets.py": NET.format(net=put.format(name="Net"), table=put.format(name="Table")),
        "losses.py": LOSS.format(bound=put.format(name="Bound"), plain=put.format(name="Plain"), sign=sign),
        "train.py": TRAIN.format(net=made.format(key="model"), loss=made.format(key="loss")),
        "config.yaml": f"model:\n  type: {net}\nloss:\n  type: {loss}\n",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_registry_makes_is_put_together(kind: str, tmp_path: Path) -> None:
    right = linted(tmp_path / "right", files(kind))
    assert codes(right) == []
    assert joined(right)
    assert codes(linted(tmp_path / "wrong", files(kind, "-"))) == ["VAE302"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_that_settings_do_not_name_is_not_put_to_the_model(kind: str, tmp_path: Path) -> None:
    report = linted(tmp_path, files(kind, loss="Plain"))
    assert not [facts.subject for facts in joined(report) if "train.py" in facts.subject]
