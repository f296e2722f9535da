"""Weights of the KL that are given from outside: an entry of settings is a number, a field of a batch is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, joined, linted

SCENE = (
    HEAD
    + "import argparse, configparser, os, sys\n{imported}\n"
    + MODEL
    + FORWARD
    + """

{before}


def train(batches, {taken}):
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for epoch in range(20):
        for batch in batches:
            x = batch["x"]
            y, m, s = model(x)
            kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
            loss = F.mse_loss(y, x, reduction="sum") {sign} {weight} * kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
)
INI = 'settings = configparser.ConfigParser()\nsettings.read("a.ini")\n'
GIVEN = {
    "a number of a parser": {"before": INI + 'weight = settings["vae"].getfloat("weight")', "weight": "weight"},
    "of a section": {"before": INI, "weight": 'settings.getfloat("vae", "weight")'},
    "a float of a text": {"before": INI, "weight": 'float(settings["vae"]["weight"])'},
    "of the environment": {"weight": 'float(os.environ["WEIGHT"])'},
    "of the command": {"weight": "float(sys.argv[1])"},
    "an entry of a dict": {"taken": "config", "weight": 'config["weight"]'},
    "of a dict in a dict": {"taken": "train_config", "weight": 'train_config["loss"]["weight"]'},
    "that is asked for": {"taken": "hp", "weight": 'hp.get("weight", 1.0)'},
    "that goes by its name": {"taken": "numbers", "weight": 'numbers["kl_weight"]'},
    "flags": {"imported": "from absl import flags\nFLAGS = flags.FLAGS", "weight": "FLAGS.weight"},
    "a search": {"taken": "trial", "weight": 'trial.suggest_float("weight", 0.1, 1.0)'},
    "a run": {"imported": "import wandb", "weight": "wandb.config.weight"},
    "a schedule": {"imported": "from outside import Schedule\nschedule = Schedule()", "weight": "schedule.step()"},
    "a row of numbers": {"before": "rows = np.linspace(0, 1, 20)", "weight": "rows[epoch]"},
}
OTHERS = {
    "a field of the batch": {"weight": 'batch["weight"]'},
    "a field of what is given": {"taken": "data", "weight": 'data["mask"]'},
    "parameters of a distribution": {"taken": "params", "weight": 'params["scale"]'},
}


def scene(sign: str, parts: dict[str, str]) -> dict[str, str]:
    return {"train.py": SCENE.format(**{"imported": "", "before": "", "taken": "", "sign": sign, **parts})}


@pytest.mark.parametrize("parts", GIVEN.values(), ids=GIVEN)
def test_a_weight_that_is_given_is_a_number(parts: dict[str, str], tmp_path: Path) -> None:
    right = linted(tmp_path / "right", scene("+", parts))
    assert codes(right) == []
    assert all(facts.kl.sign and facts.kl.reduced and facts.recon.sign for facts in joined(right))
    assert joined(right)
    assert codes(linted(tmp_path / "wrong", scene("-", parts))) == ["VAE302"]


@pytest.mark.parametrize("parts", OTHERS.values(), ids=OTHERS)
def test_what_may_be_data_is_no_weight(parts: dict[str, str], tmp_path: Path) -> None:
    for sign in "+-":
        report = linted(tmp_path / sign, scene(sign, parts))
        assert codes(report) == []
        assert not any(facts.kl.reduced for facts in joined(report))
