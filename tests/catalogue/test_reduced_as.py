"""A remedy of a KL gives back as many numbers as the line that it replaces, so that it can be put in its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from vae_checked.catalogue.support.reduced_as import ReducedAs, reduced_as
from vae_checked.facts import Origin
from vae_checked.finding import Place
from vae_checked.linter import lint

BATCH, LATENTS = 6, 4
TERMS = "1 + logvar - mu.pow(2) - logvar.exp()"
# What somebody may write; the formula is right, so that a remedy has its value as well.
LINES = {
    "rows by a function": f"-0.5 * torch.sum({TERMS}, dim=1)",
    "rows by a place": f"-0.5 * torch.sum({TERMS}, 1)",
    "rows by a method": f"-0.5 * ({TERMS}).sum(1)",
    "rows of the last axis": f"-0.5 * ({TERMS}).sum(axis=-1)",
    "rows of each term": "0.5 * (mu.pow(2).sum(1) + logvar.exp().sum(1) - (1 + logvar).sum(1))",
    "rows of each term by a function": "0.5 * (torch.sum(mu**2 - 1, dim=1) + torch.sum(logvar.exp() - logvar, dim=-1))",
    "all of each term": "0.5 * (mu.pow(2).sum() + logvar.exp().sum() - (1 + logvar).sum())",
    "rows of each term, then all": "torch.sum(0.5 * (mu.pow(2).sum(1) + (logvar.exp() - 1 - logvar).sum(1)))",
    "rows of each term, then their mean": "(0.5 * (mu.pow(2).sum(1) + (logvar.exp() - 1 - logvar).sum(1))).mean()",
    "all": f"-0.5 * torch.sum({TERMS})",
    "all by a method": f"(-0.5 * ({TERMS})).sum()",
    "rows, then all": f"(-0.5 * ({TERMS}).sum(1)).sum()",
    "rows, then their mean": f"(-0.5 * ({TERMS}).sum(dim=1)).mean()",
    "a mean of rows by an axis": f"torch.mean(-0.5 * torch.sum({TERMS}, dim=1), dim=0)",
    "divided by the batch": f"-0.5 * torch.sum({TERMS}) / mu.size(0)",
    "divided by a written batch": f"-0.5 * torch.sum({TERMS}) / {BATCH}",
    "halved": f"-torch.sum({TERMS}) / 2",
    "all of another name of torch": f"-0.5 * t.sum({TERMS})",
    "rows of a name": "kl.sum(1)",
    "all of a name": "torch.sum(kl)",
}


def closed_form(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1)


def value_of(expression: str, names: dict[str, object]) -> Tensor:
    value = eval(expression, dict(names))  # noqa: S307  what the remedy computes is what is tested
    assert isinstance(value, Tensor)
    return value


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
@pytest.mark.parametrize("is_line", [False, True])
def test_a_remedy_has_the_shape_and_the_value_of_the_line(line: str, is_line: bool) -> None:
    origin = Origin("loss_function", Place("m.py", 3, text=f"    kl = {line}")) if is_line else Origin(line)
    mu, logvar = torch.randn(BATCH, LATENTS), torch.randn(BATCH, LATENTS)
    names: dict[str, object] = {"torch": torch, "t": torch, "mu": mu, "logvar": logvar}
    names["kl"] = 0.5 * (mu.square() + logvar.exp() - 1 - logvar)
    remedy = reduced_as(origin).format(factor="-0.5", terms=TERMS)
    written, advised = value_of(line, names), value_of(remedy, names)
    assert advised.shape == written.shape
    assert torch.allclose(advised, written, rtol=1e-5)


def test_a_mean_over_all_becomes_the_mean_of_the_samples() -> None:
    mu, logvar = torch.randn(BATCH, LATENTS), torch.randn(BATCH, LATENTS)
    remedy = reduced_as(Origin(f"-0.5 * torch.mean({TERMS})")).format(factor="-0.5", terms=TERMS)
    assert torch.allclose(
        value_of(remedy, {"mu": mu, "logvar": logvar, "torch": torch}), closed_form(mu, logvar).mean()
    )


@pytest.mark.parametrize("source", ["self.divergence(mu, logvar)", "kl_divergence(q, p)", "not ( code", ""])
def test_what_does_not_say_how_it_reduces_gives_a_number_for_each_sample(source: str) -> None:
    assert reduced_as(Origin(source)) is ReducedAs.ROWS


TRAINING = """\
import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu, self.logvar, self.back = nn.Linear(23, 4), nn.Linear(23, 4), nn.Linear(4, 23)

    def forward(self, x):
        mu, logvar = self.mu(x), self.logvar(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.back(z), mu, logvar


def loss_of(vae, x):
    y, mu, logvar = vae(x)
    BCE = F.binary_cross_entropy_with_logits(y, x, reduction="sum")
    KLD = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


def train(loader):
    vae = VAE()
    optimizer = torch.optim.Adam(vae.parameters())
    for x in loader:
        optimizer.zero_grad()
        loss_of(vae, x).backward()
        optimizer.step()
"""


def test_two_remedies_of_one_balance_leave_a_loss_that_trains(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(TRAINING, encoding="utf-8")
    fixes = {finding.code: finding.fix for finding in lint([path]).findings}
    assert fixes.keys() == {"VAE503", "VAE504"}
    divided = fixes["VAE504"].rpartition(": ")[2]
    mended = TRAINING.replace("KLD = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())", fixes["VAE503"])
    path.write_text(mended.replace("return BCE + KLD", f"return {divided} + KLD"), encoding="utf-8")
    assert lint([path]).findings == ()
    scope: dict[str, object] = {}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), scope)  # noqa: S102  a remedy that trains is shown by training
    scope["train"]([torch.rand(5, 23), torch.rand(3, 23)])  # type: ignore[operator]
