"""A KL that a validation of its own computes once more is checked where it trains."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, codes, linted

from vae_checked.catalogue.coverage import Examined, examined
from vae_checked.linter import LintReport

STEPS = """\
import pytorch_lightning as pl
{head}

{layers}
{forward}
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())

    def training_step(self, batch, number):
        x, _ = batch
        y, m, s = self(x)
        error = F.mse_loss(y, x, reduction="sum") / len(x)
        kl = {trained}
        return error + kl

    def {step}(self, batch, number):
        x, _ = batch
        y, m, s = self(x)
        error = F.mse_loss(y, x, reduction="sum") / len(x)
        kl = {checked}
        total = error + kl
        {end}
"""
KL = "torch.mean(-0.5 * torch.sum(1 + s - s.exp() - m**2, dim=1), dim=0)"
# The same with another formula, and one that is wrong.
SPELT = "0.5 * (s.exp() + m**2 - 1 - s).sum(1).mean()"
WRONG = "torch.mean(-0.5 * torch.sum(1 + s - s.exp() - m, dim=1), dim=0)"
LOGGED = 'self.log("checked", total)'
ENDS = {"logged": LOGGED, "returned": f"{LOGGED}\n        return total", "in a dict": 'return {"checked": total}'}


def _vae(report: LintReport) -> Examined:
    (vae,) = (each for each in examined(report.facts, report.judgements) if each.is_vae)
    return vae


def _steps(step: str = "validation_step", trained: str = KL, checked: str = KL, end: str = LOGGED) -> dict[str, str]:
    layers = LAYERS.strip("\n").replace("nn.Module", "pl.LightningModule")
    forms = {"trained": trained, "checked": checked, "step": step, "end": end}
    return {"net.py": STEPS.format(head=HEAD, layers=layers, forward=LAYERS_FORWARD, **forms)}


@pytest.mark.parametrize("step", ["validation_step", "test_step"])
@pytest.mark.parametrize("name", ENDS)
def test_what_a_step_shows_of_a_kl_leaves_nothing_open(name: str, step: str, tmp_path: Path) -> None:
    report = linted(tmp_path, _steps(step, end=ENDS[name]))

    assert codes(report) == []
    assert _vae(report).core_checked


def test_a_kl_that_is_spelt_otherwise_is_the_same_one(tmp_path: Path) -> None:
    assert _vae(linted(tmp_path, _steps(checked=SPELT))).core_checked


def test_a_wrong_one_is_named_where_it_trains_alone(tmp_path: Path) -> None:
    report = linted(tmp_path, _steps(trained=WRONG, checked=WRONG))
    lines = [finding.place.line for finding in report.findings if finding.place is not None]
    trained = _steps(trained=WRONG)["net.py"].split("\n").index(f"        kl = {WRONG}") + 1

    assert codes(report) == ["VAE301"]
    assert lines == [trained]


def test_another_formula_in_a_validation_is_named(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, _steps(checked=WRONG))) == ["VAE301"]


APART = f"""{HEAD}
{LAYERS}
{LAYERS_FORWARD}

def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        total = F.mse_loss(y, x, reduction="sum") / len(x) + {KL}
        optimizer.zero_grad()
        total.backward()
        optimizer.step()


"""
CHECKS = {
    "block": """def check(net, loader):
    with torch.no_grad():
        for x in loader:
            y, m, s = net(x)
            print((F.mse_loss(y, x, reduction="sum") / len(x) + {kl}).item())
""",
    "decorated": """@torch.no_grad()
def check(net, loader):
    shown = []
    for x in loader:
        y, m, s = net(x)
        shown.append(F.mse_loss(y, x, reduction="sum") / len(x) + {kl})
    return sum(shown)
""",
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_function_without_a_gradient_leaves_nothing_open(name: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": APART + CHECKS[name].format(kl=KL)})

    assert codes(report) == []
    assert _vae(report).core_checked


def test_a_script_that_shows_it_leaves_nothing_open(tmp_path: Path) -> None:
    script = "\n\nnet = Net()\ncheck(net, load())\n"

    assert _vae(linted(tmp_path, {"net.py": APART + CHECKS["block"].format(kl=KL) + script})).core_checked


TRAINER = f"""{HEAD}
{LAYERS}
{LAYERS_FORWARD}

class Trainer:
    def __init__(self, net):
        self.net, self.optimizer = net, torch.optim.Adam(net.parameters())

    def fit(self, loader):
        for x in loader:
            y, m, s = self.net(x)
            total = F.mse_loss(y, x, reduction="sum") / len(x) + {KL}
            self.optimizer.zero_grad()
            total.backward()
            self.optimizer.step()

    @torch.no_grad()
    def check(self, loader):
        shown = 0.0
        for x in loader:
            y, m, s = self.net(x)
            {{body}}
        return shown
"""
BODIES = {
    "together": f"shown += (F.mse_loss(y, x, reduction='sum') / len(x) + {KL}).item()",
    "as tensors": f"shown += F.mse_loss(y, x, reduction='sum') / len(x) + {KL}",
    "by itself": f"shown += ({KL}).item()",
}


@pytest.mark.parametrize("name", BODIES)
def test_a_trainer_that_shows_the_kl_of_an_unknown_model_is_no_vae(name: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TRAINER.format(body=BODIES[name])})

    assert codes(report) == []
    assert _vae(report).core_checked


def test_what_is_shown_beside_no_training_stays_open(tmp_path: Path) -> None:
    alone = APART[: APART.index("def fit")] + CHECKS["block"].format(kl=KL)

    assert not _vae(linted(tmp_path, {"net.py": alone})).core_checked


def test_another_formula_that_is_shown_is_named(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": APART + CHECKS["block"].format(kl=WRONG)})

    assert codes(report) == ["VAE301"]
