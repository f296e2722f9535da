"""A model of several modes, chosen by a text: what is computed for one mode is never judged beside another's."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

# A posterior by log variance, or by a std from a softplus, each with its own KL; the loss asks in another order.
MODES = (
    HEAD
    + MODEL
    + """
    def spread_of(self, s):
        return F.softplus(s) + 1e-4

    def forward(self, x):
        m, s = self.encode(x)
        if self.settings.mode == "plain":
            given = s.clamp(-6, 3)
            z = m + torch.exp({exponent} * given) * torch.randn_like(m)
        elif self.settings.mode == "direct":
            given = self.spread_of(s)
            z = m + given * torch.randn_like(m)
        elif self.settings.mode == "sampled":
            given = s
            z = m + torch.exp(0.5 * s) * torch.randn_like(m)
        else:
            raise ValueError(self.settings.mode)
        return self.back(z), m, given

    def sampled(self, m, s):
        z = m + torch.exp(0.5 * s) * torch.randn_like(m)
        log_q = -0.5 * torch.sum(s + (z - m).pow(2) / s.exp(), dim=1)
        return log_q + 0.5 * torch.sum(z.pow(2), dim=1)

    def divergence(self, m, given):
        if self.settings.mode == "direct":
            return 0.5 * torch.sum(given.pow(2) + m.pow(2) - 1 - 2 * torch.log(given), dim=1)
        if self.settings.mode != "plain":
            return self.sampled(m, given)
        s = given
        return {kl}


def fit(settings, loader):
    net = Net(settings)
    for x, _ in loader:
        drawn, m, given = net(x)
        loss = F.mse_loss(drawn, x, reduction="none").sum(1) + net.divergence(m, given)
        loss.mean().backward()
"""
)


def test_each_mode_is_judged_by_its_own_formula(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": MODES.format(exponent="0.5", kl=KL)})) == []


def test_a_mistake_in_one_mode_is_named(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": MODES.format(exponent="1.0", kl=KL)})) == ["VAE201"]


TRAINER = (
    HEAD
    + f"""

class Trainer:
    def __init__(self, model, rate=1e-3):
        self.model = model
        self.rate = rate

    def step(self, x):
        drawn, m, s = self.model(x)
        loss = F.mse_loss(drawn, x, reduction="none").sum(1) + {KL}
        loss.mean().backward()
"""
)
MAIN = """\
import torch

from net import Net
from trainer import Trainer

if __name__ == "__main__":
    trainer = Trainer(Net().to("cpu"))
"""


@pytest.mark.parametrize(("exponent", "named"), [("0.5", []), ("1.0", ["VAE201"])])
def test_a_trainer_is_run_with_the_model_that_it_is_handed(tmp_path: Path, exponent: str, named: list[str]) -> None:
    net = HEAD + MODEL + FORWARD.replace("0.5", exponent)

    report = linted(tmp_path, {"net.py": net, "trainer.py": TRAINER, "main.py": MAIN})

    assert codes(report) == named
    assert any(facts.kl.form is not None and facts.sampler.std is not None for facts in report.facts)
