"""The KL of two Gaussians, both learned, whatever makes their scales positive."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.facts import Parametrisation
from vae_checked.linter import LintReport, lint

STEP = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence


class Step(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_mean, self.q_scale = nn.Linear(33, 7), nn.Linear(33, 7)
        self.p_mean, self.p_scale = nn.Linear(11, 7), nn.Linear(11, 7)
        self.back = nn.Linear(7, 19)

    def forward(self, h, c, y):
        m, p = self.q_mean(h), self.p_mean(c)
        s, r = {scale}(self.q_scale(h)), {scale}(self.p_scale(c))
        z = m + s * torch.randn_like(s)
        recon = F.mse_loss(self.back(z), y, reduction="sum") / 2
        return recon + {kl}


def positive(x):
    return {positive}
"""
SCALES = {
    "softplus": ("F.softplus", "x"),
    "softplus and floor": ("positive", "F.softplus(x) + 1e-3"),
    "bounded": ("positive", "0.1 + 0.9 * torch.sigmoid(x)"),
    "elu": ("positive", "F.elu(x) + 1"),
}
# Right, and wrong beside it.
FORMS = {
    "by hand": (
        "0.5 * torch.sum(2 * torch.log(r) - 2 * torch.log(s) + (s ** 2 + (m - p) ** 2) / r ** 2 - 1)",
        "0.5 * torch.sum(torch.log(r) - torch.log(s) + (s ** 2 + (m - p) ** 2) / r ** 2 - 1)",
    ),
    "guarded": (
        "torch.sum(torch.log(r / s + 1e-8) + (s.pow(2) + (m - p).pow(2)) / (2 * r.pow(2) + 1e-8) - 0.5)",
        "torch.sum(torch.log(r / s + 1e-8) + (s.pow(2) + (m - p).pow(2)) / (r.pow(2) + 1e-8) - 0.5)",
    ),
    "by torch": (
        "kl_divergence(Normal(m, s), Normal(p, r)).sum()",
        "kl_divergence(Normal(m, s ** 2), Normal(p, r ** 2)).sum()",
    ),
    "by a sample": (
        "(Normal(m, s).log_prob(z) - Normal(p, r).log_prob(z)).sum()",
        "(Normal(m, s.sqrt()).log_prob(z) - Normal(p, r.sqrt()).log_prob(z)).sum()",
    ),
}


def read(folder: Path, scale: str, kl: str) -> LintReport:
    name, positive = SCALES[scale]
    path = folder / "step.py"
    path.write_text(STEP.format(scale=name, positive=positive, kl=kl), encoding="utf-8")
    return lint([path])


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("form", FORMS)
def test_scales_behind_an_activation_are_read(scale: str, form: str, tmp_path: Path) -> None:
    right, _ = FORMS[form]
    report = read(tmp_path, scale, right)
    assert report.findings == ()
    joined = [facts for facts in report.facts if facts.sampler.std and facts.kl.form]
    assert [facts.kl.form.value.parametrisation for facts in joined if facts.kl.form] == [Parametrisation.STD]


@pytest.mark.parametrize("form", ["by hand", "guarded", "by torch"])
def test_a_wrong_formula_of_such_scales_is_named(form: str, tmp_path: Path) -> None:
    for scale in SCALES:
        codes = {finding.code for finding in read(tmp_path, scale, FORMS[form][1]).findings}
        assert codes & {"VAE201", "VAE301"}, scale


# The posterior's scale where the prior's is meant: in the product that makes its variance, or below the distance.
MIXED_UP = (
    "0.5 * torch.sum(torch.log(r * s) - 2 * torch.log(s) + (s ** 2 + (m - p) ** 2) / (r * s) - 1)",
    "torch.sum(torch.log(r / s) + s ** 2 / (2 * r ** 2) + (m - p) ** 2 / (2 * s ** 2) - 0.5)",
)
# The same both ways, as one may want it, and a distance alone.
SYMMETRIC = (
    "0.25 * torch.sum((s ** 2 + (m - p) ** 2) / r ** 2 + (r ** 2 + (m - p) ** 2) / s ** 2 - 2)",
    "torch.sum((m - p) ** 2 / (r * s))",
)


# Divided by what is no variance of the prior, or by nothing, or with a logarithm that counts half.
ANOTHER_WIDTH = (
    "torch.sum(torch.log(r / s) + (s ** 2 + (m - p) ** 2) / r - 0.5)",
    "torch.sum(torch.log(r) - torch.log(s) + 0.5 * (s ** 2 + (m - p) ** 2) - 0.5)",
    "torch.sum(torch.log(r) - torch.log(s) + 0.5 * (s ** 2 + (m - p) ** 2) * r ** 2 - 0.5)",
    "0.5 * torch.sum(torch.log(r / s) + (s ** 2 + (m - p) ** 2) / r ** 2 - 1)",
)
# A prior whose head is a variance, an expected density without the entropy, and the squared distance of Wasserstein.
OF_THEIR_OWN = (
    "torch.sum(0.5 * torch.log(r) - torch.log(s) + (s ** 2 + (m - p) ** 2) / (2 * r) - 0.5)",
    "torch.sum(torch.log(r) + (s ** 2 + (m - p) ** 2) / (2 * r ** 2))",
    "torch.sum((m - p) ** 2 + (s - r) ** 2)",
)


@pytest.mark.parametrize("kl", ANOTHER_WIDTH)
def test_a_kl_that_divides_by_no_variance_of_the_prior_is_named(kl: str, tmp_path: Path) -> None:
    for scale in ("softplus", "bounded"):
        assert [finding.code for finding in read(tmp_path, scale, kl).findings] == ["VAE301"]


@pytest.mark.parametrize("kl", OF_THEIR_OWN)
def test_other_distances_of_two_gaussians_are_no_wrong_kl(kl: str, tmp_path: Path) -> None:
    assert [finding for finding in read(tmp_path, "softplus", kl).findings if finding.code.startswith("VAE30")] == []


@pytest.mark.parametrize("kl", MIXED_UP)
def test_a_kl_that_mixes_up_the_scales_is_named(kl: str, tmp_path: Path) -> None:
    assert [finding.code for finding in read(tmp_path, "softplus", kl).findings] == ["VAE301"]


@pytest.mark.parametrize("kl", SYMMETRIC)
def test_a_distance_both_ways_is_no_wrong_kl(kl: str, tmp_path: Path) -> None:
    assert read(tmp_path, "softplus", kl).findings == ()


def test_heads_of_the_standard_kl_may_stand_behind_activations_as_well(tmp_path: Path) -> None:
    standard = "(0.5 * (m ** 2 + s ** 2 - 1) - s.log()).sum()"
    assert read(tmp_path, "bounded", standard).findings == ()
    wrong = {finding.code for finding in read(tmp_path, "bounded", standard.replace("s ** 2", "s")).findings}
    assert wrong & {"VAE201", "VAE301"}


TAKEN = """\
import torch
import torch.nn as nn


class Taken(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)

    def forward(self, h):
        m, s = self.to_m(h), self.to_s(h)
        return m + torch.exp(0.5 * s) * torch.randn_like(s), m, {second}


def divergence(m, second):
    return {kl}


def objective(net, h, x):
    net = Taken()
    z, m, second = net(h)
    return ((z - x) ** 2).sum() + divergence(m, second)
"""
READ = {
    "logvar": ("s", "-0.5 * torch.sum(1 + second - m ** 2 - second.exp())"),
    "log_std": ("0.5 * s", "-0.5 * torch.sum(1 + 2 * second - m ** 2 - (2 * second).exp())"),
    "std": ("torch.exp(0.5 * s)", "-0.5 * torch.sum(1 + torch.log(second ** 2) - m ** 2 - second ** 2)"),
    "var": ("s.exp()", "-0.5 * torch.sum(1 + torch.log(second) - m ** 2 - second)"),
}


@pytest.mark.parametrize("returned", READ)
@pytest.mark.parametrize("read_as", READ)
def test_a_kl_reads_what_the_model_returns(returned: str, read_as: str, tmp_path: Path) -> None:
    path = tmp_path / "taken.py"
    path.write_text(TAKEN.format(second=READ[returned][0], kl=READ[read_as][1]), encoding="utf-8")
    codes = {finding.code for finding in lint([path]).findings}
    assert codes == set() if returned == read_as else codes & {"VAE201", "VAE301"}


ORDERED = """\
import torch
from torch.distributions import Independent, Normal, kl_divergence


def objective(out, x, mu, logvar):
    recon = ((out - x) ** 2).sum()
    {kl}
    return recon + kl
"""
REVERSED = {
    "by hand": ("kl = 0.5 * torch.sum((1 + mu ** 2) * torch.exp(-logvar) - 1 + logvar)", ["VAE306"]),
    "by torch, exchanged": ("kl = kl_divergence(Normal(0.0, 1.0), Normal(mu, (0.5 * logvar).exp())).sum()", ["VAE306"]),
    "by torch": ("kl = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum()", []),
    "by independent normals": (
        "kl = kl_divergence(Independent(Normal(mu, (logvar / 2).exp()), 1), Independent(Normal(0.0, 1.0), 1)).sum()",
        [],
    ),
}


@pytest.mark.parametrize(("body", "expected"), REVERSED.values(), ids=REVERSED)
def test_reversed(body: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "ordered.py"
    path.write_text(ORDERED.format(kl=body), encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == expected


SQUARED = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal, kl_divergence


class VAE(nn.Module):
    def __init__(self, latents=5):
        super().__init__()
        self.enc, self.to_mu, self.to_s = nn.Linear(84, 31), nn.Linear(31, latents), nn.Linear(31, latents)
        self.dec = nn.Linear(latents, 84)

    def forward(self, x):
        h = torch.relu(self.enc(x))
        mu, s = self.to_mu(h), F.softplus(self.to_s(h))
        return self.dec(mu + {std} * torch.randn_like(mu)), mu, s


def train(loader):
    model = VAE()
    for x, _ in loader:
        y, mu, s = model(x)
        kl = kl_divergence(Normal(mu, s), {prior}).sum(-1)
        (F.mse_loss(y, x, reduction="none").sum(-1) + kl).mean().backward()
"""
STANDARD = ("Normal(torch.zeros_like(mu), torch.ones_like(s))", "Normal(0.0, 1.0)", "Normal(0, torch.tensor(1.0))")


@pytest.mark.parametrize("prior", STANDARD)
@pytest.mark.parametrize(
    ("std", "expected"),
    [("s", []), ("(s * s).sqrt()", []), ("s.pow(2).sqrt()", []), ("s.sqrt()", ["VAE201"]), ("s * s", ["VAE201"])],
)
def test_a_std_that_is_squared_and_rooted_is_the_std(std: str, expected: list[str], prior: str, tmp_path: Path) -> None:
    path = tmp_path / "vae.py"
    path.write_text(SQUARED.format(std=std, prior=prior))
    report = lint([path])
    assert sorted({finding.code for finding in report.findings}) == expected
    assert any({"VAE201", "VAE301"} <= {*each.clean, *expected} for each in report.judgements)


GUARDED = """
import torch
import torch.nn.functional as F
from torch import nn


class Gaussian:
    def __init__(self, mean, log_scale):
        self.mean, self.scale = mean, torch.exp(log_scale) + 0.02

    def draw(self):
        return self.mean + {std} * torch.randn_like(self.mean)

    def divergence(self, prior):
        near, wide = (self.mean - prior.mean) / prior.scale, self.scale / prior.scale
        return 0.5 * (near * near + wide * wide) - 0.5 - torch.log(wide)


class VAE(nn.Module):
    def __init__(self, latents=5):
        super().__init__()
        self.to_mean, self.to_scale, self.back = nn.Linear(84, latents), nn.Linear(84, latents), nn.Linear(latents, 84)

    def forward(self, x):
        q = Gaussian(self.to_mean(x), self.to_scale(x))
        p = Gaussian(torch.zeros_like(q.mean), torch.zeros_like(q.mean))
        return self.back(q.draw()), q.divergence(p).sum(-1)


def train(loader):
    model = VAE()
    for x, _ in loader:
        y, kl = model(x)
        (F.mse_loss(y, x, reduction="none").sum(-1) + kl).mean().backward()
"""


@pytest.mark.parametrize(("std", "expected"), [("self.scale", []), ("self.scale.sqrt()", ["VAE201"])])
def test_a_kl_to_a_prior_of_another_scale_reads_the_same_std(std: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "vae.py"
    path.write_text(GUARDED.format(std=std))
    assert sorted({finding.code for finding in lint([path]).findings}) == expected


CAPACITY = """\
import torch


class Trainer:
    def __init__(self, nets, options):
        self.nets, self.options = nets, options

    def step(self, x):
        out, heads = self.nets["vae"](x)
        mu, logvar = heads["normal"]
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp())
        error = 0.5 * (x - out).pow(2).mean(0).sum()
        capacity = min((self.options.most - self.options.least) * self.options.share, self.options.most)
        loss = error + self.options.weight * torch.abs(capacity - kl.mean(0).sum())
        loss.backward()
"""


@pytest.mark.parametrize("square", ["mu.pow(2)", "mu * mu", "torch.square(mu)", "self.nets.penalty(x)"])
def test_an_error_beside_the_standard_kl_is_no_kl_of_two_gaussians(square: str, tmp_path: Path) -> None:
    path = tmp_path / "trainer.py"
    path.write_text(CAPACITY.replace("mu.pow(2)", square))
    assert [finding.code for finding in lint([path]).findings] == []


WITHOUT_HALF = (
    HEAD
    + """
to_m, to_s, back = nn.Linear(91, 7), nn.Linear(91, 7), nn.Linear(7, 91)
prior_m, prior_s = nn.Linear(5, 7), nn.Linear(5, 7)


def step(x, y):
    {m}, {s} = to_m(x), to_s(x)
    {n}, {t} = prior_m(y), prior_s(y)
    z = {m} + torch.exp(0.5 * {s}) * torch.randn_like({m})
    kl = ({t} - {s}) + ({s}.exp() + ({m} - {n}) ** 2) / (2 * {t}.exp()) - 0.5
    (F.mse_loss(back(z), x, reduction="none").sum(1) + kl.sum(dim=1)).mean().backward()
"""
)


@pytest.mark.parametrize(
    ("m", "s", "n", "t"),
    [("mu_q", "log_var_q", "mu_p", "log_var_p"), ("mean", "logvar", "prior_mean", "prior_logvar")],
)
def test_a_wrong_kl_of_two_is_to_be_the_right_one_of_its_names(m: str, s: str, n: str, t: str, tmp_path: Path) -> None:
    text = WITHOUT_HALF.format(m=m, s=s, n=n, t=t)
    (finding,) = linted(tmp_path, {"net.py": text}).findings
    assert finding.code == "VAE301"
    right = f"0.5 * ({t} - {s} + ({s}.exp() + ({m} - {n}).pow(2)) / {t}.exp() - 1)"
    assert finding.fix == f"kl = {right}"
    (line,) = (line for line in text.splitlines() if line.strip().startswith("kl ="))
    righted = linted(tmp_path, {"net.py": text.replace(line, f"    kl = {right}")})
    assert codes(righted) == []
    assert any("VAE301" in judgement.clean for judgement in righted.judgements)
