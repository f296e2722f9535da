"""A loss that a configuration names, and that is handed the posterior as one object, is the one that fits its call."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

POSTERIOR = (
    HEAD
    + """

class Posterior:
    def __init__(self, both):
        self.m, self.s = torch.chunk(both, 2, dim=1)
        self.std = torch.exp({half}self.s)

    def sample(self):
        return self.m + self.std * torch.randn_like(self.m)

    def kl(self):
        return 0.5 * torch.sum(self.m.pow(2) + self.s.exp() - 1 - self.s, dim=1)
"""
)
MAKERS = {
    "by its path": (
        "def make(config):\n"
        "    place, name = config['target'].rsplit('.', 1)\n"
        "    return getattr(importlib.import_module(place), name)(**config.get('params', {}))\n"
    ),
    "by another library": "from hydra.utils import instantiate as make\n",
}
MODEL = (
    HEAD
    + """
from posterior import Posterior
from makers import make


class Net(nn.Module):
    def __init__(self, loss_config, other_config):
        super().__init__()
        self.there, self.back = nn.Linear(84, 14), nn.Linear(7, 84)
        self.loss, self.other = make(loss_config), make(other_config)

    def forward(self, x):
        posterior = Posterior(self.there(x))
        return self.back(posterior.sample()), posterior

    def training_step(self, batch, number):
        y, posterior = self(batch)
        loss, shown = self.loss({given})
        self.log_dict(shown)
        return loss
"""
)
GIVEN = {
    "by place": 'batch, y, posterior, 0, split="train"',
    "by name": 'inputs=batch, step=0, posteriors=posterior, outputs=y, split="train"',
}
LOSSES = (
    HEAD
    + """

class Both(nn.Module):
    def __init__(self, weight=1.0):
        super().__init__()
        self.weight = weight

    def forward(self, inputs, outputs, posteriors, step, split="train"):
        error = (inputs - outputs).abs().sum() / inputs.shape[0]
        kl = posteriors.kl().sum() / inputs.shape[0]
        return error {sign} self.weight * kl, {split + "/error": error}


class Codes(nn.Module):
    def forward(self, inputs, outputs, commitment, step, split="train"):
        return (inputs - outputs).abs().mean() - commitment.mean(), {}
"""
)


def files(maker: str, given: str, half: str = "0.5 * ", sign: str = "+") -> dict[str, str]:
    return {
        "posterior.py": POSTERIOR.format(half=half),
        "makers.py": "import importlib\n\n" + MAKERS[maker],
        "net.py": MODEL.format(given=GIVEN[given]),
        "losses.py": LOSSES.replace("{sign}", sign),
    }


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("maker", MAKERS)
def test_a_loss_by_configuration_is_joined(maker: str, given: str, tmp_path: Path) -> None:
    report = linted(tmp_path, files(maker, given))
    assert codes(report) == []
    assert [facts for facts in report.facts if facts.sampler.std and facts.kl.sign and facts.recon.kind]


@pytest.mark.parametrize("maker", MAKERS)
def test_a_loss_by_configuration_is_judged(maker: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, files(maker, "by place", sign="-"))) == ["VAE302"]
    assert codes(linted(tmp_path, files(maker, "by name", half=""))) == ["VAE201"]


def test_a_loss_that_does_not_take_what_is_given_by_name_is_not_joined(tmp_path: Path) -> None:
    made = files("by its path", "by name", sign="-")
    made["losses.py"] = made["losses.py"].replace("step,", "number,")
    assert codes(linted(tmp_path, made)) == []
