"""An error of something else beside what a model returns: it is not taken for the reconstruction, which is not read."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

TRAIN = """\
import torch
import torch.nn.functional as F


def train_epoch(model, optimizer, loader, beta):
    for x, p in loader:
        {run}
        kl = (-0.5 * (1 + logvar - mu.pow(2) - logvar.exp())).sum(dim=1).mean()
        loss = {loss}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
HANDED = """\
import torch
import torch.nn.functional as F


def loss_function({given}, mu, logvar, beta):
    kl = (-0.5 * (1 + logvar - mu.pow(2) - logvar.exp())).sum(dim=1).mean()
    return {loss} + beta * kl
"""
# How the model is run, and the loss: what reconstructs is returned by it, and unread.
OTHERS = {
    "predicted from the mean": ("error, mu, logvar = model(x)", "-error + beta * kl + F.mse_loss(model.head(mu), p)"),
    "predicted by the model": ("error, q, mu, logvar = model(x)", "-error + beta * kl + F.mse_loss(q, p)"),
    "classes": ("error, q, mu, logvar = model(x)", "-error.mean() + beta * kl + F.cross_entropy(q, p)"),
    "by keys": ("out = model(x); mu, logvar = out['mu'], out['s']", "-out['r'] + beta * kl + F.mse_loss(out['q'], p)"),
    "by a method": ("mu, logvar = model.encode(x)", "-model.error(x, mu) + beta * kl + F.mse_loss(model.head(mu), p)"),
}
SAME = {
    "the input": ("y, mu, logvar = model(x)", "F.mse_loss(y, x) + beta * kl"),
    "the input and a penalty": ("y, mu, logvar = model(x)", "F.mse_loss(y, x) + beta * kl + model.penalty()"),
    "the input and what is returned": ("y, q, mu, logvar = model(x)", "F.mse_loss(y, x) + beta * kl + q"),
    "other data alone": ("y, mu, logvar = model(x)", "F.mse_loss(y, p) + beta * kl"),
}
OF_AN_ERROR = {"VAE401", "VAE404", "VAE505"}


def clean(tmp_path: Path, text: str) -> set[str]:
    """What is called clean of the reconstruction where nothing is found."""
    report = linted(tmp_path, {"train.py": text})
    assert codes(report) == []
    return OF_AN_ERROR.intersection(*(each.clean for each in report.judgements))


@pytest.mark.parametrize("name", OTHERS)
def test_an_error_of_other_data_is_not_taken_for_it(name: str, tmp_path: Path) -> None:
    run, loss = OTHERS[name]
    assert clean(tmp_path, TRAIN.format(run=run, loss=loss)) == set()


@pytest.mark.parametrize("name", SAME)
def test_the_error_that_reconstructs_is_read(name: str, tmp_path: Path) -> None:
    run, loss = SAME[name]
    assert clean(tmp_path, TRAIN.format(run=run, loss=loss)) == OF_AN_ERROR


@pytest.mark.parametrize("loss", ["recon_loss + F.mse_loss(q, p)", "F.mse_loss(q, p) - recon_loss"])
def test_a_term_that_is_handed_over_by_its_name_is_it(loss: str, tmp_path: Path) -> None:
    assert clean(tmp_path, HANDED.format(given="recon_loss, q, p", loss=loss)) == set()


def test_a_term_that_is_handed_over_by_another_name_is_not(tmp_path: Path) -> None:
    text = HANDED.format(given="x_hat, x, penalty", loss="F.mse_loss(x_hat, x) + penalty")
    assert clean(tmp_path, text) == OF_AN_ERROR


def test_a_sign_that_is_wrong_of_the_input_is_named(tmp_path: Path) -> None:
    text = TRAIN.format(run="y, q, mu, logvar = model(x)", loss="q - F.mse_loss(y, x) + beta * kl")
    assert codes(linted(tmp_path, {"train.py": text})) == ["VAE505"]
