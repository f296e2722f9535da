"""The losses of torch and the models that settings name for the parts of a training, one file for each of several."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

NETS = (
    HEAD
    + """

class Base(nn.Module):
    def forward(self, x):
        raise NotImplementedError


class Apart(nn.Module):
    def forward(self, x):
        raise NotImplementedError


class Net(Base):
    def __init__(self, width=7):
        super().__init__()
        self.there, self.back = nn.Linear(84, 2 * width), nn.Linear(width, 84)

    def forward(self, x):
        m, s = self.there(x).chunk(2, dim=1)
        kl = 0.5 * (m.square() + s.exp() - 1 - s).sum(dim=1)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return {last}, {{"kl": kl.sum()}}


class Plain(Base):
    def __init__(self, width=7):
        super().__init__()
        self.there, self.back = nn.Linear(84, width), nn.Linear(width, 84)

    def forward(self, x):
        return self.back(self.there(x)), {{}}


class Other(Base):
    def forward(self, x):
        return x + torch.randn_like(x), {{}}
"""
)
TASK = (
    HEAD
    + """
from parts.nets import Base


class Task(nn.Module):
    def __init__(self, net{declared}, criterion: nn.Module, rate=0.1):
        super().__init__()
        self.net, self.criterion = net, criterion

    def training_step(self, batch, number):
        y, losses = self.net(batch)
        losses["error"] = self.criterion(y, batch)
        return sum(losses.values())


class Second(nn.Module):
    def __init__(self, net, rate=0.1):
        super().__init__()
        self.net = net

    def training_step(self, batch, number):
        return F.mse_loss(self.net(batch)[0], torch.zeros_like(batch))
"""
)
TRAIN = (
    HEAD
    + """
import hydra


@hydra.main(config_path="configs", config_name="train")
def main(cfg):
    task = hydra.utils.instantiate(cfg.task)
    hydra.utils.instantiate(cfg.trainer).fit(model=task)


main()
"""
)
SUMMED = "criterion:\n  _target_: torch.nn.{kind}\n  reduction: sum\n"
NAMED = "_target_: parts.task.Task\nnet:\n  _target_: parts.nets.{net}\n"


def files(last: str = "y", declared: str = ": Base", **settings: str) -> dict[str, str]:
    made = {"parts/nets.py": NETS.format(last=last), "parts/task.py": TASK.format(declared=declared), "train.py": TRAIN}
    return {**made, "configs/train.yaml": "defaults:\n  - task: vae\n", **by_file(settings)}


def by_file(settings: dict[str, str]) -> dict[str, str]:
    return {f"configs/task/{name}.yaml": text for name, text in settings.items()}


def kinds(report_of: dict[str, str], folder: Path) -> set[str]:
    return {facts.recon.kind.value.name for facts in joined(linted(folder, report_of)) if facts.recon.kind}


def test_a_loss_of_torch_is_the_one_that_settings_name(tmp_path: Path) -> None:
    settings = NAMED.format(net="Net") + SUMMED
    for kind, said in {"MSELoss": "MSE", "BCEWithLogitsLoss": "BCE_WITH_LOGITS"}.items():
        right = files(vae=settings.format(kind=kind))
        assert kinds(right, tmp_path / kind) == {said}
        assert codes(linted(tmp_path / kind, right)) == []
    wrong = files("torch.sigmoid(y)", vae=settings.format(kind="BCEWithLogitsLoss"))
    assert codes(linted(tmp_path / "wrong", wrong)) == ["VAE401"]


def test_what_settings_say_of_its_reduction_is_read(tmp_path: Path) -> None:
    settings = NAMED.format(net="Net") + SUMMED.format(kind="MSELoss")
    assert codes(linted(tmp_path / "sum", files(vae=settings))) == []
    mean = files(vae=settings.replace("sum", "mean"))
    assert codes(linted(tmp_path / "mean", mean)) == ["VAE502", "VAE504"]


LEFT_OPEN = {
    "two files that name different losses": {
        "vae": NAMED.format(net="Net"),
        "one": "task:\n  " + SUMMED.format(kind="MSELoss").replace("\n", "\n  "),
        "other": "task:\n  " + SUMMED.format(kind="BCELoss").replace("\n", "\n  "),
    },
    "a loss of another library": {"vae": NAMED.format(net="Net") + "criterion:\n  _target_: nets.losses.MSELoss\n"},
    "no loss": {"vae": NAMED.format(net="Net") + "criterion:\n  _target_: torch.nn.Linear\n"},
}


@pytest.mark.parametrize("settings", LEFT_OPEN.values(), ids=LEFT_OPEN)
def test_a_loss_that_settings_leave_open_is_not_taken(settings: dict[str, str], tmp_path: Path) -> None:
    made = files("torch.sigmoid(y)", **settings)
    assert kinds(made, tmp_path) <= {"UNREAD"}
    assert codes(linted(tmp_path, made)) == []


def test_of_several_files_the_one_with_a_vae_goes_first(tmp_path: Path) -> None:
    plain = [f"Plain{number}" for number in range(6)]
    settings = {name.lower(): NAMED.format(net=name) + SUMMED.format(kind="MSELoss") for name in (*plain, "Net")}
    settings["vae"] = settings.pop("net")
    made = files(**settings)
    made["parts/nets.py"] += "".join(f"\n\nclass {name}(Plain):\n    pass\n" for name in plain)
    del made["train.py"]
    report = linted(tmp_path, made)
    assert codes(report) == []
    assert [facts.recon.kind.value.name for facts in joined(report) if facts.recon.kind] == ["MSE"]


def test_a_part_of_another_class_is_none_of_this_one(tmp_path: Path) -> None:
    named = NAMED.format(net="Net")
    for task, said in {"Task": {"MSE"}, "Second": set()}.items():
        settings = named.replace("parts.task.Task", f"parts.task.{task}") + SUMMED.format(kind="MSELoss")
        made = files(declared="", vae=settings)
        del made["train.py"]
        assert kinds(made, tmp_path / task) == said


def test_a_part_is_of_the_class_that_is_declared(tmp_path: Path) -> None:
    for declared, said in {"Base": {"MSE"}, "Apart": set()}.items():
        settings = NAMED.format(net="Net") + SUMMED.format(kind="MSELoss")
        made = files(declared=f": {declared}", vae=settings)
        made["parts/task.py"] = made["parts/task.py"].replace("import Base", "import Apart, Base")
        del made["train.py"]
        assert kinds(made, tmp_path / declared) == said
