"""Dropout that a pass builds anew: eval() never reaches it, unlike that which the constructor keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import linted

MODULE = """\
import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self, rate=0.4):
        super().__init__()
        self.rate, self.kept = rate, None
        self.trunk, self.back = nn.Linear(91, 23), nn.Linear(7, 91)
        self.mu, self.logvar = nn.Linear(23, 7), nn.Linear(23, 7)

    def hidden(self, h{argument}):
        {body}
        return h

    def forward(self, x):
        h = self.hidden(torch.relu(self.trunk(x)))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.back(z), mu, logvar


def train(loader):
    net = VAE()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        x_hat, mu, logvar = net(x)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = F.mse_loss(x_hat, x, reduction="sum") + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def standing(tmp_path: Path, body: str, argument: str = "") -> str:
    """What is said of VAE603: found, clean or open."""
    text = MODULE.format(body=body.replace("\n", "\n        "), argument=argument)
    report = linted(tmp_path, {"vae.py": text})
    if any(finding.code == "VAE603" for finding in report.findings):
        return "found"
    joined = [each for each in report.judgements if "VAE201" in each.clean]
    assert joined
    return "clean" if all("VAE603" in each.clean for each in joined) else "open"


FOUND = {
    "at once": "h = nn.Dropout(0.3)(h)",
    "of channels": "h = nn.Dropout2d(p=self.rate)(h)",
    "by a name": "drop = nn.Dropout(0.3)\nh = drop(h)",
    "in two names": "drop: nn.Module = nn.AlphaDropout(0.3)\nh = drop(h) + 1.0",
}


@pytest.mark.parametrize("body", FOUND.values(), ids=FOUND)
def test_dropout_that_a_pass_builds_is_always_on(body: str, tmp_path: Path) -> None:
    assert standing(tmp_path, body) == "found"


OPEN = {
    "kept at the first pass": "if self.kept is None:\n    self.kept = nn.Dropout(0.3)\nh = self.kept(h)",
    "put into the model's mode": "drop = nn.Dropout(0.3)\ndrop.train(self.training)\nh = drop(h)",
    "in training alone": "if self.training:\n    h = nn.Dropout(0.3)(h)",
    "a function in training alone": "if self.training:\n    h = F.dropout(h, 0.3)",
    "after evaluation has left": "if not self.training:\n    return h\nh = F.dropout(h, 0.3)",
    "of no element": "h = nn.Dropout(0.0)(h)",
}


@pytest.mark.parametrize("body", OPEN.values(), ids=OPEN)
def test_dropout_that_evaluation_may_switch_off_is_not_accused(body: str, tmp_path: Path) -> None:
    assert standing(tmp_path, body) != "found"


@pytest.mark.parametrize("argument", ["training", "is_train", "deterministic", "isTest", "test"])
def test_what_an_argument_switches_is_neither_found_nor_clean(argument: str, tmp_path: Path) -> None:
    default = "train" in argument
    condition = argument if default else f"not {argument}"
    body = f"if {condition}:\n    h = nn.Dropout(0.3)(h)"
    assert standing(tmp_path, body, f", {argument}={default}") == "open"


@pytest.mark.parametrize("argument", ["latest", "contest"])
def test_a_word_that_ends_in_test_says_nothing_of_the_mode(argument: str, tmp_path: Path) -> None:
    body = f"if not {argument}:\n    h = nn.Dropout(0.3)(h)"
    assert standing(tmp_path, body, f", {argument}=False") == "found"


HELPER = """

def error(y, x, reduction):
    return F.mse_loss(F.dropout(y, 0.1), x, reduction=reduction)
"""


@pytest.mark.parametrize(
    ("error", "found"), [("F.mse_loss(F.dropout(x_hat, 0.1), x, ", False), ("error(x_hat, x, ", True)]
)
def test_dropout_in_a_step_of_training_alone_is_not_accused(error: str, found: bool, tmp_path: Path) -> None:
    text = MODULE.format(body="pass", argument="").replace("F.mse_loss(x_hat, x, ", error) + HELPER
    report = linted(tmp_path, {"vae.py": text})
    assert any(finding.code == "VAE603" for finding in report.findings) is found
    assert not any("VAE603" in each.clean for each in report.judgements)
