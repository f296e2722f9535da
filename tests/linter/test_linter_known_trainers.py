"""Models that fastai's Learner or skorch's NeuralNet trains by a loss that it is handed, or that code writes for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, codes, joined, linted

MODEL = """

class Net(nn.Module):
    def __init__(self, width=33):
        super().__init__()
        self.trunk = nn.Linear(84, width)
        self.to_m, self.to_s, self.back = nn.Linear(width, 7), nn.Linear(width, 7), nn.Linear(7, 84)

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.randn_like(m) * torch.exp({half}s)), m, s
"""
ERROR = 'F.mse_loss(y, x, reduction="none").{how}.mean()'
FUNCTION = f"""

def objective(made, x):
    y, m, s = made
    return {ERROR} + ({KL}).mean()


"""
MODULE = f"""

class Objective(nn.Module):
    def forward(self, made, x):
        y, m, s = made
        return {ERROR} + ({KL}).mean()


"""
METHOD = f"""

class Own(NeuralNet):
    def get_loss(self, y_pred, y_true, X=None, training=False):
        y, m, s = y_pred
        x = X
        return {ERROR} + ({KL}).mean()


"""
TRAINED = {
    "a learner": (
        "from fastai.learner import Learner",
        FUNCTION,
        "Learner(loaders, Net(), loss_func=objective).fit(3)",
    ),
    "a learner of all names": (
        "from fastai.vision.all import *",
        FUNCTION,
        "learner = Learner(loaders, Net(), objective, cbs=[])\nlearner.fit_one_cycle(3, 0.01)",
    ),
    "by names": (
        "import fastai.basics as fast",
        MODULE,
        "fast.Learner(dls=loaders, model=Net(), loss_func=Objective()).fine_tune(3)",
    ),
    "a net by its class": (
        "from skorch import NeuralNet",
        MODULE,
        "NeuralNet(Net, Objective, module__width=21).fit(rows, rows)",
    ),
    "a net that is made": (
        "from skorch import NeuralNet",
        MODULE,
        "net = NeuralNet(Net(), criterion=Objective())\nnet.fit(rows, rows)",
    ),
    "a net with a loss of its own": ("from skorch import NeuralNet", METHOD, "Own(Net, lr=0.1).fit(rows)"),
    "a net with an error of torch": (
        "from skorch import NeuralNet",
        METHOD.replace(ERROR, "super().get_loss(y, x).{how}.mean()"),
        "Own(Net, nn.MSELoss, criterion__reduction='none').fit(rows)",
    ),
}


def _scene(imported: str, loss: str, fitted: str, half: str = "0.5 * ", how: str = "sum(1)") -> dict[str, str]:
    text = f"{HEAD}{imported}\n{MODEL.format(half=half)}{loss.format(how=how)}{fitted}\n"
    return {"train.py": text}


@pytest.mark.parametrize(("imported", "loss", "fitted"), TRAINED.values(), ids=TRAINED)
def test_a_model_is_put_together_with_its_loss(imported: str, loss: str, fitted: str, tmp_path: Path) -> None:
    report = linted(tmp_path, _scene(imported, loss, fitted))
    assert codes(report) == []
    assert joined(report)


@pytest.mark.parametrize(("imported", "loss", "fitted"), TRAINED.values(), ids=TRAINED)
def test_a_mistake_behind_such_a_trainer_is_named(imported: str, loss: str, fitted: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, _scene(imported, loss, fitted, half=""))) == ["VAE201"]


@pytest.mark.parametrize(("imported", "loss", "fitted"), TRAINED.values(), ids=TRAINED)
def test_so_is_a_mean_beside_a_sum(imported: str, loss: str, fitted: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, _scene(imported, loss, fitted, how="mean(1)"))) == ["VAE502"]


def test_a_class_of_that_name_in_the_project_is_its_own(tmp_path: Path) -> None:
    files = _scene("from own import Learner", FUNCTION, "Learner(loaders, Net(), objective).fit(3)", half="")
    files["own.py"] = (
        "class Learner:\n    def __init__(self, *given):\n        pass\n\n    def fit(self, n):\n        pass\n"
    )
    assert not joined(linted(tmp_path, files))
