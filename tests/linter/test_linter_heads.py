"""Heads that a file shows without a sampler: by the result that hands them on, or by the KL that reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint

PAIRS = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Pairs(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu_a, self.logvar_a = nn.Linear(33, 7), nn.Linear(33, 7)
        self.mu_b, self.logvar_b = nn.Linear(33, 5), nn.Linear(33, 5)

    def encode(self, h):
        mu_a, logvar_a = self.mu_a(h), self.logvar_a(h)
        mu_b = self.mu_b(h)
        {line}
        return {result}

    def draw(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
"""


@pytest.mark.parametrize(
    ("line", "result", "expected"),
    [
        ("logvar_b = self.logvar_b(h)", "mu_a, logvar_a, mu_b, logvar_b", []),
        ("logvar_b = self.logvar_b(h)", "mu_a, logvar_a, mu_b, logvar_a", ["VAE205"]),
        # One log variance for two means: nothing else was made.
        ("pass", "mu_a, logvar_a, mu_b, logvar_a", []),
        ("logvar_b = self.logvar_b(h)", "mu_a, logvar_a, mu_b, logvar_a + logvar_b", []),
    ],
)
def test_a_head_that_is_handed_on_twice(line: str, result: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "pairs.py"
    path.write_text(PAIRS.format(line=line, result=result), encoding="utf-8")
    assert sorted({finding.code for finding in lint([path]).findings}) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)\n    return kl.mean(dim=0)", []),
        # Nothing is left to be averaged: the sum ran over the batch as well.
        ("kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())\n    return kl.mean(dim=0)", ["VAE304"]),
        ("kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())\n    return kl.mean()", []),
    ],
)
def test_a_mean_over_an_axis_that_is_gone(lines: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "terms.py"
    path.write_text(f"import torch\n\n\ndef divergence(mu, logvar):\n    {lines}\n", encoding="utf-8")
    assert sorted({finding.code for finding in lint([path]).findings}) == expected


FIXED = """\
import torch
import torch.nn as nn


class Fixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.logvar, self.back = nn.Linear(784, 7), nn.Linear(7, 784)

    def forward(self, x):
        logvar = self.logvar(x)
        z = torch.zeros_like(logvar) + torch.exp(0.5 * logvar) * torch.randn_like(logvar)
        out = self.back(z)
        recon = torch.clamp(out, min=0) - out * x + torch.log1p(torch.exp(-out.abs()))
        loss = recon.sum() - 0.5 * torch.sum(1 + logvar - logvar.exp())
        return loss
"""


def test_a_reconstruction_is_no_mean_of_a_posterior(tmp_path: Path) -> None:
    """The mean is fixed at zero: what stands beside the width's terms is the error, and it holds the width."""
    path = tmp_path / "fixed.py"
    path.write_text(FIXED, encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == []


HEADLESS = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(33, 7), nn.Linear(33, 7)

    def forward(self, h):
        mu, logvar = {mu}, {logvar}
        self.kl = 0.5 * (mu ** 2 + logvar.exp() - logvar - 1).sum(1)
        return mu, logvar
"""


@pytest.mark.parametrize(
    ("mu", "logvar", "expected"),
    [
        ("self.first(h)", "self.second(h)", []),
        ("F.relu(self.first(h))", "self.second(h)", ["VAE204"]),
        ("self.first(h)", "F.relu(self.second(h))", ["VAE204"]),
    ],
)
def test_a_kl_tells_the_heads_where_nothing_is_drawn(mu: str, logvar: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "heads.py"
    path.write_text(HEADLESS.format(mu=mu, logvar=logvar), encoding="utf-8")
    assert sorted({finding.code for finding in lint([path]).findings}) == expected


def test_what_confines_a_head_is_no_dropout_around_it(tmp_path: Path) -> None:
    path = tmp_path / "heads.py"
    mu = "F.dropout(F.relu(self.first(h)), 0.2, self.training)"
    path.write_text(HEADLESS.format(mu=mu, logvar="self.second(h)"), encoding="utf-8")
    (finding,) = lint([path]).findings
    assert finding.place is not None
    assert finding.place.text[finding.place.column - 1 :].startswith("F.relu(")
    assert finding.fix == "take F.relu away from mu"


BOUND = """\
import torch.nn as nn


class Bound(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(33, 7), nn.Sequential(nn.Linear(33, 7), nn.Tanh())

    def heads(self, x):
        return self.first(x), self.second(x)

    def forward(self, x, y):
        mu, logvar = self.heads(x)
        return 0.5 * (mu ** 2 + logvar.exp() - logvar - 1).mean()

    def error(self, x, y):
        mu, logvar = self.heads(x)
        return ((mu - y) ** 2 / logvar.exp() + logvar).sum(1).mean()
"""


def test_heads_of_a_bound_on_mutual_information_are_no_posteriors(tmp_path: Path) -> None:
    path = tmp_path / "bounds.py"
    path.write_text(BOUND, encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == []


JOINED = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, seen, made, bent=nn.ReLU()):
        super().__init__()
        self.steps = nn.Sequential(nn.Linear(seen, made), bent)

    def forward(self, x):
        return self.steps(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads, self.back = nn.ModuleList([Block(84, 7), Block(84, 7, nn.Softplus())]), nn.Linear(7, 84)

    def forward(self, x):
        mu, std = torch.cat([head(x) for head in self.heads], dim=1).chunk(2, dim=1)
        kl = (0.5 * (mu ** 2 + std ** 2 - 1) - torch.log(std)).sum(1)
        return self.back(mu + std * torch.randn_like(std)), kl


def fit(net, loader):
    for x in loader:
        y, kl = net(x)
        loss = (F.mse_loss(y, x, reduction="none").sum(1) + kl).mean()
        loss.backward()
"""


def test_what_confines_heads_that_are_put_together_is_their_activation(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(JOINED, encoding="utf-8")
    (finding,) = lint([path]).findings
    assert finding.code == "VAE204"
    assert finding.place is not None
    assert "nn.ReLU()" in finding.place.text


def test_a_kl_beside_a_draw_that_is_not_understood_tells_nothing(tmp_path: Path) -> None:
    """What it reads may be of another setting of the model than what is drawn with."""
    text = HEADLESS.format(mu="self.first(h)", logvar="F.relu(self.second(h))")
    path = tmp_path / "heads.py"
    path.write_text(text.replace("return mu", "return torch.bmm(h, torch.randn(5, 33, 7)), mu"), encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == []


KEPT = """\
import torch
from torch import nn


class Kept(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def kl_loss(self, mu=None, logvar=None):
        mu = self.mu if mu is None else mu
        logvar = self.logvar if logvar is None else logvar
        return -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp(), dim=1).mean()

    def encode(self, x):
        self.mu, self.logvar = self.encoder(x)
        self.logvar = self.logvar.clamp(max=10)
        return self.mu + torch.randn_like(self.mu) * torch.exp({scale})


def train(model, x):
    return model.encode(x)
"""


@pytest.mark.parametrize(("scale", "expected"), [("0.5 * self.logvar", []), ("self.logvar", ["VAE201"])])
def test_heads_that_a_model_keeps_for_its_loss(scale: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "kept.py"
    path.write_text(KEPT.format(scale=scale), encoding="utf-8")
    assert sorted({finding.code for finding in lint([path]).findings}) == expected


GUARDED = """\
import torch


def draw(mu, s):
    return mu + {std} * torch.randn_like(mu)


def model_loss(mu, s, x, decoder):
    z = draw(mu, s)
    kl = {kl}
    return ((decoder(z) - x) ** 2).sum() + kl
"""


@pytest.mark.parametrize(
    ("std", "kl", "wrong"),
    [
        ("s", "0.5 * (mu ** 2 + s ** 2 - torch.log(1e-8 + s ** 2) - 1).sum()", ("+ s ** 2 -", "+ s -")),
        ("s", "(0.5 * (mu ** 2 + s ** 2 - 1) - torch.log(s + 1e-5)).sum()", ("- torch.log", "- 2 * torch.log")),
        ("s", "0.5 * (mu * mu + s * s - (s * s + 1e-6).log() - 1).sum()", ("s * s - (", "3 * s * s - (")),
        ("s.sqrt()", "0.5 * torch.sum(mu.pow(2) + s - torch.log(s + 1e-10) - 1)", ("+ s -", "+ s.pow(2) -")),
        ("(s / 2).exp()", "0.5 * (mu ** 2 + s.exp() - 1 - (s.exp() + 1e-9).log()).sum()", ("s.exp", "3 * s.exp")),
    ],
)
def test_what_guards_a_logarithm_is_no_part_of_the_formula(
    std: str, kl: str, wrong: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "guarded.py"
    path.write_text(GUARDED.format(std=std, kl=kl), encoding="utf-8")
    report = lint([path])
    assert [facts.kl.form.value.parametrisation for facts in report.facts if facts.kl.form and facts.sampler.std]
    assert report.findings == ()
    path.write_text(GUARDED.format(std=std, kl=kl.replace(*wrong, 1)), encoding="utf-8")
    assert {finding.code for finding in lint([path]).findings} & {"VAE201", "VAE301"}


ONE_KNOWN = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Half(nn.Module):
    def __init__(self, build):
        super().__init__()
        self.known, self.unknown = nn.Linear(33, 7), build(33, 7)

    def forward(self, x, h):
        mu, logvar = {heads}
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return F.mse_loss(z, x, reduction="sum") + kl
"""


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        ("self.known(h), self.unknown(h)", []),
        ("torch.relu(self.known(h)), self.unknown(h)", ["VAE204"]),
        ("self.unknown(h), F.softplus(self.known(h))", ["VAE204"]),
        ("self.unknown(h), self.known(h).clamp(-30, 20)", []),
    ],
)
def test_one_clipped_head_is_named_whatever_the_other_is(heads: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "half.py"
    path.write_text(ONE_KNOWN.format(heads=heads), encoding="utf-8")
    report = lint([path])
    assert [finding.code for finding in report.findings] == expected
    # What is not known of the other head is still said.
    assert any("VAE204" in judgement.undecided for judgement in report.judgements) is (expected == [])


FACTORY = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Built(nn.Module):
    def __init__(self, build, sizes):
        super().__init__()
        self.to_mu = {made}
        self.to_logvar = {again}

    def forward(self, x, h):
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        z = mu + torch.exp({scale}) * torch.randn_like(mu)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return F.mse_loss(z, x, reduction="sum") + kl
"""


@pytest.mark.parametrize("made", ["build(sizes)", "nn.Sequential(*[build(size) for size in sizes])"])
def test_two_parts_that_one_factory_makes_are_two(made: str, tmp_path: Path) -> None:
    path = tmp_path / "built.py"
    for scale, expected in (("0.5 * logvar", []), ("logvar", ["VAE201"])):
        path.write_text(FACTORY.format(made=made, again=made, scale=scale), encoding="utf-8")
        assert [finding.code for finding in lint([path]).findings] == expected
    path.write_text(FACTORY.format(made=made, again="self.to_mu", scale="0.5 * logvar"), encoding="utf-8")
    assert not any(facts.kl.form and facts.sampler.std for facts in lint([path]).facts)


WITHOUT = """\
import torch
import torch.nn as nn


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_mu, self.to_logvar, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)

    def forward(self, h):
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        z = {z}
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return self.back(z), kl
"""


@pytest.mark.parametrize(
    ("z", "expected"),
    [
        ("mu + torch.exp(0.5 * logvar)", ["VAE207"]),
        ("torch.exp(0.5 * logvar).add(mu)", ["VAE207"]),
        ("mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)", []),
        ("torch.cat([mu - torch.exp(0.5 * logvar), mu + torch.exp(0.5 * logvar)], 0)", []),
        ("mu + logvar", []),
        ("mu", []),
    ],
)
def test_mean_and_std_that_reach_a_decoder_need_no_loss_to_be_named(
    z: str, expected: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "plain.py"
    path.write_text(WITHOUT.format(z=z), encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == expected


# ------------------------------------------------------------------------------------------- where it is told

APART = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)

    def forward(self, x, y):
        m = {mean}
        rise = F.relu(self.to_s(x))
        s = {spread}
        z = m + torch.exp(0.5 * s) * torch.randn_like(m)
        return self.back(z), m, s


def divergence(m, s):
    return 0.5 * (m ** 2 + s.exp() - 1 - s).sum()


def fit(loader):
    net = Net()
    for x, y in loader:
        out, m, s = net(x, y)
        loss = F.mse_loss(out, y, reduction="sum") + divergence({order})
        loss.backward()
"""


def told(folder: Path, mean: str, spread: str, order: str = "m, s") -> list[tuple[str, str]]:
    path = folder / "apart.py"
    path.write_text(APART.format(mean=mean, spread=spread, order=order), encoding="utf-8")
    found = lint([path]).findings
    return [(finding.code, finding.place.text.strip()) for finding in found if finding.place is not None]


@pytest.mark.parametrize(
    "spread", ["torch.log(torch.exp(rise) + torch.exp(rise + 1))", "torch.log(1 + rise) + 2 * rise", "rise + 1"]
)
def test_what_confines_a_head_is_told_not_what_follows_it(spread: str, tmp_path: Path) -> None:
    assert told(tmp_path, "self.to_m(y) - self.to_m(x)", spread) == [("VAE204", "rise = F.relu(self.to_s(x))")]


def test_heads_that_are_exchanged_are_told_where_they_are_handed_over(tmp_path: Path) -> None:
    call = 'loss = F.mse_loss(out, y, reduction="sum") + divergence(s, m)'
    assert told(tmp_path, "self.to_m(x)", "self.to_s(x)", "s, m") == [("VAE205", call)]
    assert told(tmp_path, "self.to_m(x)", "self.to_s(x)") == []


CHECK = """

def check(loader):
    net = Net()
    with torch.no_grad():
        for x, y in loader:
            out, m, s = net(x, y)
            print(F.mse_loss(out, y, reduction="sum") + divergence({order}))


def main(loader):
    fit(loader)
    check(loader)
"""


def test_one_call_of_two_that_takes_the_heads_for_each_other_is_told(tmp_path: Path) -> None:
    path = tmp_path / "apart.py"
    text = APART.format(mean="self.to_m(x)", spread="self.to_s(x)", order="m, s")
    path.write_text(text + CHECK.format(order="m, s"), encoding="utf-8")
    assert lint([path]).findings == ()
    path.write_text(text + CHECK.format(order="s, m"), encoding="utf-8")
    (finding,) = lint([path]).findings
    assert finding.place is not None
    assert (finding.code, finding.place.text.strip()) == (
        "VAE205",
        'print(F.mse_loss(out, y, reduction="sum") + divergence(s, m))',
    )


def test_heads_are_told_at_a_kl_that_is_written_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "apart.py"
    text = APART.format(mean="self.to_m(x)", spread="self.to_s(x)", order="m, s")
    written = "0.5 * (s ** 2 + m.exp() - 1 - m).sum()"
    path.write_text(text.replace("divergence(m, s)\n        loss", f"{written}\n        loss"), encoding="utf-8")
    (finding,) = lint([path]).findings
    assert finding.place is not None
    assert written in finding.place.text
