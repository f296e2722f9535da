"""Which dropout stays on in evaluation: the same of the text that is read and of the model that is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from vae_checked import audit
from vae_checked.linter import lint
from vae_checked.reports import Report, all_examined

SCENE = """\
import torch
from torch import nn
from torch.nn import functional as F


class Autoencoder(nn.Module):
    def __init__(self, rate=0.3):
        super().__init__()
        self.rate = rate
        self.drop = nn.Dropout(rate)
        self.trunk, self.mu, self.logvar = nn.Linear(28, 60), nn.Linear(60, 7), nn.Linear(60, 7)
        self.back = nn.Linear(7, 28)

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        {step}
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.back(z), mu, logvar


def fit(loader):
    model = Autoencoder()
    optimizer = torch.optim.Adam(model.parameters())
    for x in loader:
        x_hat, mu, logvar = model(x)
        loss = F.mse_loss(x_hat, x, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
ATTENDED = "h = h.view(-1, 5, 12)\n        h = F.scaled_dot_product_attention({given}).reshape(-1, 60)"
ON = {
    "a function": "h = F.dropout(h, 0.3)",
    "attention by its rate": ATTENDED.format(given="h, h, h, dropout_p=0.3"),
    "attention by an attribute": ATTENDED.format(given="h, h, h, dropout_p=self.rate"),
    "attention by position": ATTENDED.format(given="h, h, h, None, 0.3"),
    "attention by names alone": ATTENDED.format(given="query=h, key=h, value=h, dropout_p=0.3"),
}
OFF = {
    "no dropout": "h = h * 2",
    "a module": "h = self.drop(h)",
    "a function by the mode": "h = F.dropout(h, 0.3, self.training)",
    "one that is off by default": "h = F.alpha_dropout(h, 0.3)",
    "another that is off by default": "h = F.feature_alpha_dropout(h.view(-1, 5, 12), 0.3).reshape(-1, 60)",
    "attention": ATTENDED.format(given="h, h, h"),
    "attention without dropout": ATTENDED.format(given="h, h, h, dropout_p=0.0"),
    "attention by the mode": ATTENDED.format(given="h, h, h, dropout_p=self.rate if self.training else 0.0"),
    "attention by the mode as a number": ATTENDED.format(given="h, h, h, dropout_p=0.3 * self.training"),
}


def _standing(report: Report) -> tuple[bool, bool]:
    """Whether VAE603 is found, and whether it is called clean."""
    (vae,) = (each for each in all_examined(report) if each.is_vae)
    return "VAE603" in vae.found, "VAE603" in vae.clean


def both(step: str, folder: Path) -> list[tuple[bool, bool]]:
    text = SCENE.format(step=step)
    if "self.drop" not in step:
        text = text.replace("        self.drop = nn.Dropout(rate)\n", "")
    (folder / "model.py").write_text(text)
    held: dict[str, Any] = {}
    exec(compile(text, str(folder / "model.py"), "exec"), held)  # noqa: S102  the text is the one above
    torch.manual_seed(5)
    return [_standing(lint([folder])), _standing(audit(held["Autoencoder"](), torch.randn(9, 28)))]


@pytest.mark.parametrize("step", ON.values(), ids=ON)
def test_dropout_that_stays_on_is_named_by_both(step: str, tmp_path: Path) -> None:
    assert both(step, tmp_path) == [(True, False)] * 2


@pytest.mark.parametrize("step", OFF.values(), ids=OFF)
def test_a_model_without_one_is_clean_to_both(step: str, tmp_path: Path) -> None:
    assert both(step, tmp_path) == [(False, True)] * 2


OPEN = {
    "one in place": "F.dropout(h, 0.3, inplace=True)",
    "a drawn mask": "h[torch.rand_like(h) < 0.3] = 0.0",
    "drawn places": "h[:, torch.randperm(60)[:20]] = 0.0",
    "a function by the wrong mode": "h = F.dropout(h, 0.3, not self.training)",
    "a function by a method": "h = F.dropout(h, 0.3, self.train)",
    "attention by the wrong mode": ATTENDED.format(given="h, h, h, dropout_p=0.3 if not self.training else 0.0"),
    "a function that is not read": "h = elsewhere.bent(h)",
    "meant to stay on": "h = F.alpha_dropout(h, 0.3, True)",
    "attention by an unknown rate": ATTENDED.format(given="h, h, h, dropout_p=elsewhere.rate"),
}


@pytest.mark.parametrize("step", OPEN.values(), ids=OPEN)
def test_what_is_not_read_leaves_it_open(step: str, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(f"import elsewhere\n{SCENE.format(step=step)}")
    assert _standing(lint([tmp_path])) == (False, False)


CALLED = {
    "a choice": "h = self.attend(h) if self.training else h",
    "a condition": "if self.training:\n            h = self.attend(h)",
    "the other way": "if not self.training:\n            h = 2 * h\n        else:\n            h = self.attend(h)",
}
ATTEND = """
    def attend(self, h):
        h = h.view(-1, 5, 12)
        return F.scaled_dot_product_attention(h, h, h, dropout_p=self.rate).reshape(-1, 60)

    def forward("""


def test_a_rate_that_the_mode_may_set_is_left_open(tmp_path: Path) -> None:
    body = "self.rate = 0.3 if mode else 0.0\n        return super().train(mode)"
    own = f"    def train(self, mode=True):\n        {body}\n\n"
    text = SCENE.format(step=ON["attention by an attribute"]).replace("    def forward(", f"{own}    def forward(")
    (tmp_path / "model.py").write_text(text)
    assert _standing(lint([tmp_path])) == (False, False)


@pytest.mark.parametrize("step", CALLED.values(), ids=CALLED)
def test_dropout_of_what_training_alone_calls_is_not_named(step: str, tmp_path: Path) -> None:
    text = SCENE.format(step=step).replace("\n    def forward(", ATTEND)
    (tmp_path / "model.py").write_text(text)
    assert not _standing(lint([tmp_path]))[0]
    (tmp_path / "model.py").write_text(text.replace(step, "h = self.attend(h)"))
    assert _standing(lint([tmp_path]))[0]


@pytest.mark.parametrize(
    ("step", "remedy"), [("a function", "training=self.training"), ("attention by position", "dropout_p=")]
)
def test_the_remedy_is_that_of_the_call(step: str, remedy: str, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(SCENE.format(step=ON[step]))
    (finding,) = (each for each in lint([tmp_path]).findings if each.code == "VAE603")
    assert finding.fix is not None
    assert finding.fix.startswith(remedy)
