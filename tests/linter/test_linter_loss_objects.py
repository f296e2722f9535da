"""A loss that is an object, which no code that is there calls with what the one model returns."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, joined, linted

NET = HEAD + MODEL + FORWARD
BOUND = (
    HEAD
    + """

class Bound(nn.Module):
    def __init__(self, beta=3.0):
        super().__init__()
        self.beta = beta

    def forward(self, {parameters}):
        error = F.binary_cross_entropy({output}, x, reduction="sum")
        return error - 0.5 * self.beta * torch.sum(1 + {read} - mu.pow(2) - {read}.exp())
"""
)
TRAIN = (
    HEAD
    + """
from helpers_that_are_missing import fit
from losses import Bound
from nets import Net

fit(Net(), Bound())
"""
)
ORDERS = {
    "heads first": ("mu, logvar, recon_x, x", "recon_x"),
    "output first": ("x_hat, x, mu, logvar", "x_hat"),
}


@pytest.mark.parametrize(("parameters", "output"), ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize(("read", "expected"), [("logvar", []), ("(2 * logvar)", ["VAE201"])])
def test_a_loss_object_meets_the_one_model(
    parameters: str, output: str, read: str, expected: list[str], tmp_path: Path
) -> None:
    loss = BOUND.format(parameters=parameters, output=output, read=read)
    report = linted(tmp_path, {"nets.py": NET, "losses.py": loss, "train.py": TRAIN})
    assert joined(report)
    assert codes(report) == expected


def test_a_part_that_decodes_nothing_is_not_the_model(tmp_path: Path) -> None:
    drawn = "mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar)"
    taken = f"    def forward(self, x):\n        mu, logvar = self.encode(x)\n        return {drawn}, mu, logvar\n"
    encoder = HEAD + MODEL.replace("class Net", "class Encoder") + taken
    loss = BOUND.format(parameters="mu, logvar, recon_x, x", output="recon_x", read="logvar")
    report = linted(tmp_path, {"nets.py": NET, "encoders.py": encoder, "losses.py": loss, "train.py": TRAIN})
    assert joined(report)


def test_of_two_models_a_loss_object_belongs_to_neither(tmp_path: Path) -> None:
    other = NET.replace("class Net", "class Other").replace("84", "96")
    loss = BOUND.format(parameters="mu, logvar, recon_x, x", output="recon_x", read="(2 * logvar)")
    report = linted(tmp_path, {"nets.py": NET, "others.py": other, "losses.py": loss, "train.py": TRAIN})
    assert not joined(report)
    assert codes(report) == []


WHOLE = (
    HEAD
    + """

class {name}(nn.Module):
    def forward(self, preds, batch):
        mu, logvar = preds["mu"], preds["logvar"]
        error = F.binary_cross_entropy(preds["x_hat"], batch["image"], reduction="sum")
        return {{"loss": error - 0.5 * torch.sum(1 + 2 * logvar - mu.pow(2) - (2 * logvar).exp())}}
"""
)


@pytest.mark.parametrize(("name", "expected"), [("ELBOLoss", ["VAE201"]), ("Criterion", ["VAE201"]), ("Report", [])])
def test_a_loss_object_takes_the_models_dict(name: str, expected: list[str], tmp_path: Path) -> None:
    returned = "        mu, logvar = self.encode(x)\n        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)\n"
    model = f"\n    def forward(self, x):\n{returned}        return dict(x_hat=self.back(z), mu=mu, logvar=logvar)\n"
    files = {"nets.py": HEAD + MODEL + model, "losses.py": WHOLE.format(name=name)}
    assert codes(linted(tmp_path, files)) == expected
