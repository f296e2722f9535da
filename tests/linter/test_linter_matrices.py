"""A covariance, a precision or a factor that is a diagonal matrix is read by its diagonal, however it is filled."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.facts import Parametrisation
from vae_checked.linter import lint
from vae_checked.linter.run.report import LintReport

MODEL = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import MultivariateNormal, kl_divergence


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(784, 33)
        self.to_m = nn.Linear(33, 7)
        self.to_s = nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 784), nn.Sigmoid())

    def posterior(self, m, s):
        var = torch.exp(s)
        count, width = m.shape
        FILLED
        return MultivariateNormal(m, MATRIX)

    def forward(self, x):
        h = F.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        q = self.posterior(m, s)
        out = self.back(q.rsample())
        recon = F.binary_cross_entropy(out, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return (recon + kl) / x.size(0)
"""
# How the matrix is filled, how it is handed over, and the same with a scale that is the variance's square.
FILLED = {
    "embedded": ("pass", "torch.diag_embed(var)"),
    "factor": ("pass", "scale_tril=torch.diag_embed(var.sqrt())"),
    "precision": ("pass", "precision_matrix=torch.diag_embed(1 / var)"),
    "by index": (
        "at = torch.arange(width)\n        cov = torch.zeros((count, width, width))\n        cov[:, at, at] = var",
        "cov",
    ),
    "by ellipsis": (
        "at = range(width)\n        cov = torch.zeros(count, width, width)\n        cov[..., at, at] = var",
        "covariance_matrix=cov",
    ),
    "entry by entry": (
        "cov = torch.zeros(count, width, width)\n        for at in range(9):\n            cov[:, at, at] = var[:, at]",
        "cov",
    ),
    "identity": ("pass", "torch.eye(width) * var.unsqueeze(-1)"),
    "identity batch": ("cov = var.unsqueeze(2) * torch.eye(width).unsqueeze(0).repeat(count, 1, 1)", "cov"),
    "squared factor": ("low = torch.diag_embed((0.5 * s).exp())", "low @ low.transpose(1, 2)"),
    "with jitter": ("cov = torch.diag_embed(var) + 1e-6 * torch.eye(width)", "cov"),
    "root": ("low = torch.linalg.cholesky(torch.diag_embed(var))", "scale_tril=low"),
    "inverse": ("cov = torch.inverse(torch.diag_embed(torch.exp(-s)))", "cov"),
}


def _linted(folder: Path, text: str) -> LintReport:
    (folder / "net.py").write_text(text, encoding="utf-8")
    return lint([folder / "net.py"])


@pytest.mark.parametrize("form", FILLED)
def test_the_diagonal_is_what_the_sampler_draws_with(tmp_path: Path, form: str) -> None:
    filled, matrix = FILLED[form]
    right = MODEL.replace("FILLED", filled).replace("MATRIX", matrix)
    report = _linted(tmp_path, right)
    curves = {facts.sampler.std.value.parametrisation for facts in report.facts if facts.sampler.std}
    assert curves == {Parametrisation.LOGVAR}
    assert report.findings == ()
    wrong = _linted(tmp_path, right.replace("exp(s)", "exp(2 * s)").replace("0.5 * s", "s").replace("(-s)", "(-2 * s)"))
    assert [finding.code for finding in wrong.findings] == ["VAE201"]


PRIOR = """\
        at = torch.arange(width)
        cov = torch.zeros((count, width, width))
        cov[:, at, at] = std ** 2
        q = MultivariateNormal(m, cov)
        p = MultivariateNormal(torch.zeros((count, width)), torch.eye(width).repeat(count, 1, 1))
        kl = kl_divergence(q, p).mean()
"""
BARE = f"""\
import torch
import torch.nn as nn
from torch.distributions import MultivariateNormal, kl_divergence


class Latent(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.to_m = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU())
        self.to_s = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU())

    def draw(self, m, std):
        return m + std * torch.randn(m.shape)

    def forward(self, h):
        m = self.to_m(h)
        std = torch.exp(self.to_s(h))
        count, width = m.shape
{PRIOR}        return self.draw(m, std), kl
"""


def test_a_clipped_head_is_named_where_only_the_kl_reads_it(tmp_path: Path) -> None:
    drawn, mode = BARE, BARE.replace("return self.draw(m, std), kl", "return m.unsqueeze(1), kl")
    for text in (drawn, mode):
        assert _linted(tmp_path, text).findings == ()
        clipped = _linted(tmp_path, text.replace("LeakyReLU", "ReLU"))
        assert [(finding.code, finding.place.line) for finding in clipped.findings if finding.place] == [("VAE204", 9)]
        assert [item.place.line for item in clipped.findings[0].related][:1] == [10]


def test_the_order_of_two_matrix_normals_is_told(tmp_path: Path) -> None:
    exchanged = _linted(tmp_path, BARE.replace("kl_divergence(q, p)", "kl_divergence(p, q)"))
    assert [finding.code for finding in exchanged.findings] == ["VAE306"]


def test_a_full_covariance_is_not_understood(tmp_path: Path) -> None:
    full = "low = torch.tril(self.to_l(h).view(count, width, width))"
    text = MODEL.replace("FILLED", full.replace("self.to_l(h)", "torch.bmm(m, s)")).replace("MATRIX", "low")
    report = _linted(tmp_path, text)
    assert all(facts.sampler.std is None for facts in report.facts)
    off = "cov = torch.zeros(count, width, width)\n        cov[:, 0, 1] = var"
    report = _linted(tmp_path, MODEL.replace("FILLED", off).replace("MATRIX", "cov"))
    assert all(facts.sampler.std is None for facts in report.facts)


DENSITY = """\
import torch
from torch.distributions import Independent, Normal


def objective(out, x, mu, logvar):
    recon = -{likelihood}.log_prob(x).mean()
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
    return recon + kl
"""
EVENTS = {
    "summed": ("Independent(Normal(out, 1.0), 1)", []),
    "per element": ("Normal(out, 1.0)", ["VAE502"]),
    "declared": ("Normal(out, torch.ones_like(out)).to_event(1)", []),
    "none declared": ("Independent(Normal(out, 1.0), 0)", ["VAE502"]),
}


@pytest.mark.parametrize(("likelihood", "expected"), EVENTS.values(), ids=EVENTS)
def test_a_log_density_is_summed_over_the_axes_of_its_event(
    likelihood: str, expected: list[str], tmp_path: Path
) -> None:
    report = _linted(tmp_path, DENSITY.format(likelihood=likelihood))
    assert [finding.code for finding in report.findings] == expected
