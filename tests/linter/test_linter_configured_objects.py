"""Objects that settings describe by the path of their class: hydra's `_target_`, a project's own `target`."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, width, second):
        super().__init__()
        self.there, self.back = nn.Linear(84, 2 * width), nn.Linear(width, 84)

    def forward(self, x):
        m, s = self.there(x).chunk(2, dim=1)
        return self.back(m + torch.exp({half}s) * torch.randn_like(s)), m, s


class Table(nn.Module):
    def forward(self, x):
        return x, x, x
"""
)
LOSS = (
    HEAD
    + """

class Bound(nn.Module):
    def __init__(self, weight=1.0):
        super().__init__()
        self.weight = weight

    def forward(self, x, y, m, s):
        return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
"""
)
TASK = (
    HEAD
    + """

class Task(nn.Module):
    def __init__(self, net, bound, rate=0.1):
        super().__init__()
        self.net, self.bound = net, bound

    def training_step(self, batch, number):
        y, m, s = self.net(batch)
        loss = self.bound(batch, y, m, s)
        return loss
"""
)
OWN = (
    HEAD
    + """
import importlib


def find(path):
    place, name = path.rsplit(".", 1)
    return getattr(importlib.import_module(place, package=None), name)


def build(config):
    if "target" not in config:
        raise KeyError("target")
    return find(config["target"])(**config.get("params", {}))


class Task(nn.Module):
    def __init__(self, net_config, bound_config):
        super().__init__()
        self.net, self.bound = build(net_config), build(bound_config)

    def training_step(self, batch, number):
        y, m, s = self.net(batch)
        return self.bound(batch, y, m, s)
"""
)
HYDRA = {
    "of another library": """
import hydra


@hydra.main(config_path="configs", config_name="train")
def main(cfg):
    task = hydra.utils.instantiate(cfg.task)
    trainer = hydra.utils.instantiate(cfg.trainer)
    trainer.fit(model=task)


main()
""",
    "by its name": """
from hydra.utils import instantiate
from omegaconf import OmegaConf

cfg = OmegaConf.load("configs/train.yaml")
task = instantiate(cfg["task"])
batch = torch.load("rows.pt")
task.training_step(batch, 0).backward()
""",
}
WHOLE = """\
task:
  _target_: parts.task.Task
  rate: 0.1
  net:
    _target_: parts.net.Net  # the model
    width: 7
    second: null
  bound:
    _target_: 'parts.bound.Bound'
trainer:
  _target_: lightning.Trainer
"""
GROUP = {
    "configs/train.yaml": "defaults:\n  - task: vae\n",
    "configs/task/vae.yaml": """\
_target_: parts.task.Task
net:
  _target_: parts.net.Net
bound:
  _target_: parts.bound.Bound
""",
}
OWN_SETTINGS = """\
model:
  target: parts.task.Task
  params:
    net_config:
      target: parts.net.Net
      params:
        width: 7
    bound_config:
      target: parts.bound.Bound
"""


def parts(half: str, task: str = TASK) -> dict[str, str]:
    return {"parts/net.py": NET.format(half=half), "parts/bound.py": LOSS, "parts/task.py": task}


@pytest.mark.parametrize("settings", [{"configs/train.yaml": WHOLE}, GROUP], ids=["whole", "a group of files"])
@pytest.mark.parametrize("train", HYDRA.values(), ids=HYDRA)
def test_objects_of_settings_are_put_together(train: str, settings: dict[str, str], tmp_path: Path) -> None:
    right = linted(tmp_path / "right", {**parts("0.5 * "), **settings, "train.py": HEAD + train})
    assert joined(right)
    assert codes(right) == []
    assert codes(linted(tmp_path / "wrong", {**parts(""), **settings, "train.py": HEAD + train})) == ["VAE201"]


@pytest.mark.parametrize(
    "asked",
    [
        "getattr(importlib.import_module(place, package=None), name)",
        "importlib.import_module(place, package=None).__getattribute__(name)",
    ],
)
def test_objects_of_settings_of_a_project_are_put_together(asked: str, tmp_path: Path) -> None:
    settings = {"configs/vae.yaml": OWN_SETTINGS}
    own = OWN.replace("getattr(importlib.import_module(place, package=None), name)", asked)
    right = linted(tmp_path / "right", {**parts("0.5 * ", own), **settings})
    assert joined(right)
    assert codes(right) == []
    assert codes(linted(tmp_path / "wrong", {**parts("", own), **settings})) == ["VAE201"]


def test_a_class_that_settings_do_not_name_is_not_put_in(tmp_path: Path) -> None:
    other = WHOLE.replace("parts.net.Net", "parts.net.Table")
    report = linted(tmp_path, {**parts(""), "configs/train.yaml": other, "train.py": HEAD + HYDRA["by its name"]})
    assert not any(facts.subject.startswith("train.py") for facts in joined(report))


BY_COMMAND_LINE = {
    "lightning's": "model:\n  class_path: parts.task.Task\n  init_args:\n    net:\n      class_path: parts.net.Net\n"
    "    bound:\n      class_path: parts.bound.Bound\n",
    "hydra's": WHOLE,
}


@pytest.mark.parametrize("settings", BY_COMMAND_LINE.values(), ids=BY_COMMAND_LINE)
def test_parts_that_a_command_line_makes_are_put_together(settings: str, tmp_path: Path) -> None:
    right = linted(tmp_path / "right", {**parts("0.5 * "), "configs/train.yaml": settings})
    assert joined(right)
    assert codes(right) == []
    assert codes(linted(tmp_path / "wrong", {**parts(""), "configs/train.yaml": settings})) == ["VAE201"]
    other = settings.replace("parts.net.Net", "parts.net.Table")
    assert not joined(linted(tmp_path / "other", {**parts(""), "configs/train.yaml": other}))
