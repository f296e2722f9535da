"""Small VAEs put together from pieces, each with the facts that it makes: an expectation that no observer computed.

A `Choice` is one option of every slot. The first option is the textbook's: what Hypothesis shrinks to differs from a
correct VAE in as little as it can. Sizes are pairwise distinct: pictures of 3 x 8 x 12, 5 latents.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from both_observers.observing import Modules, Program, Subject
from vae_checked.facts import (
    Axis,
    Head,
    Interval,
    Likelihood,
    NoiseLaw,
    Parametrisation,
    Reduction,
)

PIXELS, LATENTS = 3 * 8 * 12, 5
SUM, MEAN = Reduction.SUM, Reduction.MEAN
REAL = (-math.inf, math.inf)


@dataclass(frozen=True)
class Option:
    """A piece of source, and the value of each fact that it settles (as `told` gives it)."""

    text: str
    facts: Mapping[str, Any]


def _options(facts: str, *pairs: tuple[str, Any]) -> tuple[Option, ...]:
    return tuple(Option(text, {facts: value}) for text, value in pairs)


MU = _options(
    "heads.mu",
    ("self.to_mu(h)", REAL),
    ("F.leaky_relu(self.to_mu(h), 0.1)", REAL),
    ("self.to_mu(h).clamp(-5, 7)", (-5.0, 7.0)),
    ("3 * torch.tanh(self.to_mu(h))", (-3.0, 3.0)),
    ("F.relu(self.to_mu(h))", (0.0, math.inf)),
    ("F.elu(self.to_mu(h), alpha=2.0)", (-2.0, math.inf)),
    ("self.to_mu(h) + 0.1 * torch.tanh(self.to_mu(h))", REAL),
    ("-F.softplus(self.to_mu(h))", (-math.inf, 0.0)),
)
# The head for std by what it can be read as: any number, or a positive one.
LINE = (
    "self.to_s(h)",
    "self.to_s(h).clamp(-20, 10)",
    "torch.clamp(self.to_s(h), min=-9.0)",
    "5 * self.to_s(h).tanh()",
    "F.hardtanh(self.to_s(h), -7.0, 3.0)",
    "F.elu(self.to_s(h), 8.0)",
    "self.to_s(h) - 2",
)
POSITIVE = (
    "F.softplus(self.to_s(h))",
    "F.softplus(self.to_s(h)) + 0.25",
    "torch.exp(self.to_s(h))",
    "self.to_s(h).sigmoid() + 0.1",
)
LOGVAR, LOG_STD, STD, VAR = Parametrisation
SAMPLER = {
    LOGVAR: ("torch.exp(0.5 * logvar)", "(logvar / 2).exp()", "logvar.exp().sqrt()", "torch.exp(logvar) ** 0.5"),
    LOG_STD: ("torch.exp(logvar)", "logvar.exp()", "(2 * logvar).exp().sqrt()"),
    STD: ("logvar", "1 * logvar", "(logvar * logvar).sqrt()"),
    VAR: ("torch.sqrt(logvar)", "logvar ** 0.5", "torch.exp(0.5 * torch.log(logvar))"),
}
# The KL of one latent, element by element; without its half it is twice that.
FORMULA = {
    LOGVAR: (
        ("-0.5 * (1 + logvar - mu.pow(2) - logvar.exp())", 1.0),
        ("(mu ** 2 + torch.exp(logvar) - 1 - logvar) / 2", 1.0),
        ("kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0))", 1.0),
        ("0.5 * (mu.square() + (0.5 * logvar).exp().square() - 1 - logvar)", 1.0),
        ("-(1 + logvar - mu.pow(2) - logvar.exp())", 2.0),
    ),
    LOG_STD: (
        ("0.5 * (mu.pow(2) + (2 * logvar).exp() - 1) - logvar", 1.0),
        ("kl_divergence(Normal(mu, logvar.exp()), Normal(0.0, 1.0))", 1.0),
        ("-(1 + 2 * logvar - mu * mu - torch.exp(logvar) ** 2) / 2", 1.0),
        ("mu.pow(2) + (2 * logvar).exp() - 1 - 2 * logvar", 2.0),
    ),
    STD: (
        ("0.5 * (mu.pow(2) + logvar.pow(2) - 1) - torch.log(logvar)", 1.0),
        ("kl_divergence(Normal(mu, logvar), Normal(0.0, 1.0))", 1.0),
        ("0.5 * (mu * mu + logvar * logvar - 1 - 2 * logvar.log())", 1.0),
        ("mu.pow(2) + logvar.pow(2) - 1 - torch.log(logvar.pow(2))", 2.0),
    ),
    VAR: (
        ("0.5 * (mu.pow(2) + logvar - 1 - torch.log(logvar))", 1.0),
        ("kl_divergence(Normal(mu, logvar.sqrt()), Normal(0.0, 1.0))", 1.0),
        ("mu.square() - 1 + logvar - logvar.log()", 2.0),
    ),
}
NOISE = (
    Option("torch.randn_like(std)", {"sampler.noise": NoiseLaw.STANDARD_NORMAL, "sampler.shared_over": frozenset()}),
    Option("torch.randn(std.shape)", {"sampler.noise": NoiseLaw.STANDARD_NORMAL, "sampler.shared_over": frozenset()}),
    Option(
        "torch.normal(0.0, 1.0, size=std.shape)",
        {"sampler.noise": NoiseLaw.STANDARD_NORMAL, "sampler.shared_over": frozenset()},
    ),
    Option(
        "torch.empty_like(std).normal_()",
        {"sampler.noise": NoiseLaw.STANDARD_NORMAL, "sampler.shared_over": frozenset()},
    ),
    Option("torch.rand_like(std)", {"sampler.noise": NoiseLaw.UNIFORM, "sampler.shared_over": frozenset()}),
    Option("0.5 * torch.randn_like(std)", {"sampler.shared_over": frozenset()}),
    Option(
        "torch.randn_like(std[:1])",
        {"sampler.noise": NoiseLaw.STANDARD_NORMAL, "sampler.shared_over": frozenset({Axis.BATCH})},
    ),
    Option(
        "torch.randn(std.shape[0], 1)",
        {"sampler.noise": NoiseLaw.STANDARD_NORMAL, "sampler.shared_over": frozenset({Axis.LATENT})},
    ),
)
BOTH = frozenset({Head.MU, Head.SECOND})
DRAW = (
    Option("mu + std * eps", {"sampler.gradient_reaches": BOTH}),
    Option("eps.mul(std).add(mu)", {"sampler.gradient_reaches": BOTH}),
    Option("torch.addcmul(mu, std, eps)", {"sampler.gradient_reaches": BOTH}),
    Option("mu - std * eps", {"sampler.gradient_reaches": BOTH}),
    Option("mu + std.detach() * eps", {"sampler.gradient_reaches": frozenset({Head.MU})}),
    Option("mu.detach() + std * eps", {"sampler.gradient_reaches": frozenset({Head.SECOND})}),
)
# What is done to the decoder's numbers: the closing activations, and the interval that they leave.
OUTPUT = tuple(
    Option(text, {"output.activations": names, "output.interval": interval})
    for text, names, interval in (
        ("torch.sigmoid(y)", ("sigmoid",), (0.0, 1.0)),
        ("y", (), REAL),
        ("torch.tanh(y)", ("tanh",), (-1.0, 1.0)),
        ("0.5 * (torch.tanh(y) + 1)", ("tanh",), (0.0, 1.0)),
        ("y.relu().sigmoid()", ("relu", "sigmoid"), (0.5, 1.0)),
        ("torch.sigmoid(torch.sigmoid(y))", ("sigmoid", "sigmoid"), (0.5, 1 / (1 + math.exp(-1)))),
        ("F.softplus(y)", ("softplus",), (0.0, math.inf)),
        ("F.hardtanh(y, 0.0, 1.0)", ("hardtanh",), (0.0, 1.0)),
        ("y.clamp(0, 1)", ("clamp",), (0.0, 1.0)),
    )
)
# One error an element, and whether prediction and target stand in each other's place.
ERROR = tuple(
    Option(text, {"recon.kind": kind, "recon.swapped": swapped})
    for text, kind, swapped in (
        ('F.mse_loss(x_hat, x, reduction="none")', Likelihood.MSE, False),
        ("(x_hat - x).pow(2)", Likelihood.MSE, False),
        ("(x - x_hat) ** 2", Likelihood.MSE, False),
        ('nn.MSELoss(reduction="none")(x, x_hat)', Likelihood.MSE, False),
        ('F.l1_loss(x_hat, x, reduction="none")', Likelihood.L1, False),
        ("(x - x_hat).abs()", Likelihood.L1, False),
        ('F.smooth_l1_loss(x_hat, x, reduction="none")', Likelihood.SMOOTH_L1, False),
        ('F.binary_cross_entropy_with_logits(x_hat, x, reduction="none")', Likelihood.BCE_WITH_LOGITS, False),
        ('nn.BCEWithLogitsLoss(reduction="none")(x_hat, x)', Likelihood.BCE_WITH_LOGITS, False),
        ('F.binary_cross_entropy(x_hat, x, reduction="none")', Likelihood.BCE, False),
        ('F.binary_cross_entropy(x, x_hat, reduction="none")', Likelihood.BCE, True),
        ("-(x * torch.log(x_hat) + (1 - x) * torch.log(1 - x_hat))", Likelihood.BCE, False),
    )
)
# How a term of a sample's elements becomes the loss: the reductions of batch and sample, and whether samples are kept.
OF_PICTURE = (
    ("{}.sum((1, 2, 3)).mean()", (MEAN, SUM)),
    ("{}.flatten(1).sum(1).mean()", (MEAN, SUM)),
    ("{}.sum() / x.shape[0]", (MEAN, SUM)),
    ("{}.sum().div(len(x))", (MEAN, SUM)),
    ("{}.sum()", (SUM, SUM)),
    ("{}.mean()", (MEAN, MEAN)),
    ("{}.mean((1, 2, 3)).sum()", (SUM, MEAN)),
    ("{}.flatten(1).mean(dim=-1).mean(0)", (MEAN, MEAN)),
    ("{}.sum(dim=[2, 3]).mean()", (MEAN, Reduction.MIXED)),
)
OF_LATENTS = (
    ("({}).sum(1).mean()", (MEAN, SUM)),
    ("torch.mean(torch.sum({}, dim=-1))", (MEAN, SUM)),
    ("torch.sum({}) / x.size(0)", (MEAN, SUM)),
    ("({}).sum()", (SUM, SUM)),
    ("({}).mean()", (MEAN, MEAN)),
    ("({}).mean(1).sum()", (SUM, MEAN)),
    ("({}).sum(0).mean()", (SUM, MEAN)),
    ("({}).mean(0).sum()", (MEAN, SUM)),
)
TOTAL = (
    Option("recon + kl", {"kl.sign": 1, "recon.sign": 1}),
    Option("kl + recon", {"kl.sign": 1, "recon.sign": 1}),
    Option("recon - kl", {"kl.sign": -1, "recon.sign": 1}),
    Option("kl - recon", {"kl.sign": 1, "recon.sign": -1}),
)

TEXT = """\
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal, kl_divergence


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 12, 40), nn.ReLU())
        self.to_mu = nn.Linear(40, 5)
        self.to_s = nn.Linear(40, 5)
        self.back = nn.Sequential(nn.Linear(5, 40), nn.ReLU(), nn.Linear(40, 3 * 8 * 12))

    def encode(self, x):
        h = self.trunk(x)
        return {mu}, {second}

    def sample(self, mu, logvar):
        std = {std}
        eps = {noise}
        return {draw}

    def decode(self, z):
        y = self.back(z)
        return ({output}).view(-1, 3, 8, 12)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.sample(mu, logvar)), mu, logvar


def loss_function(x_hat, x, mu, logvar):
    recon = {recon}
    kl = {kl}
    return {total}


def train(batches):
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for x in batches:
        x_hat, mu, logvar = model(x)
        loss = loss_function(x_hat, x, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@dataclass(frozen=True)
class Choice:
    """One VAE: its source, the value of every fact that its pieces settle, and whether its KL reads what it draws with.

    Nothing is settled of the head for std itself: which value on the way to std is called so is the observer's choice.
    """

    text: str
    facts: Mapping[str, Any]
    alike: bool

    @property
    def program(self) -> Program:
        """What both observers are run on."""
        return Program(self.text, {"model.py": self.text}, _subject)


def _subject(modules: Modules) -> Subject:
    return Subject(modules["model"].VAE(), "B 3 8 12", modules["model"].loss_function)


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    """VAEs of the grammar; the sampler and the KL mostly read the head for std alike."""
    reads = draw(st.sampled_from(list(Parametrisation)))
    alike = draw(st.sampled_from((True, True, False)))
    other = {LOGVAR: LOG_STD, LOG_STD: LOGVAR, STD: VAR, VAR: STD}[reads]
    assumed = reads if alike else other
    on_the_line = reads in (LOGVAR, LOG_STD)
    output, error = draw(st.tuples(st.sampled_from(OUTPUT), st.sampled_from(ERROR)).filter(lambda pair: _runs(*pair)))
    mu, second = draw(st.sampled_from(MU)), draw(st.sampled_from(LINE if on_the_line else POSITIVE))
    noise, sample, total = (draw(st.sampled_from(options)) for options in (NOISE, DRAW, TOTAL))
    formula, factor = draw(st.sampled_from(FORMULA[assumed]))
    of_picture, recon_reduced = draw(st.sampled_from(OF_PICTURE))
    of_latents, kl_reduced = draw(st.sampled_from(OF_LATENTS))
    text = TEXT.format(
        mu=mu.text,
        second=second,
        std=draw(st.sampled_from(SAMPLER[reads])),
        noise=noise.text,
        draw=sample.text,
        output=output.text,
        recon=of_picture.format(f"({error.text})"),
        kl=of_latents.format(formula),
        total=total.text,
    )
    facts: dict[str, Any] = {
        "kl.factor": factor,
        "kl.reduced": kl_reduced,
        "kl.in_loss": True,
        "recon.reduced": recon_reduced,
    }
    for option in (mu, noise, sample, output, error, total):
        facts |= option.facts
    return Choice(text, facts, alike)


def _runs(output: Option, error: Option) -> bool:
    """Whether torch takes what the output reaches for this error: a cross entropy of probabilities takes no others."""
    low, high = output.facts["output.interval"]
    kind = error.facts["recon.kind"]
    return kind is not Likelihood.BCE or (low >= 0 and high <= 1)


def told(path: str, value: Any) -> Any:
    """An observed value as `Choice.facts` states it; None for what the value leaves open."""
    match path.split("."):
        case ("sampler", "noise"):
            return value.law
        case ("kl", "factor"):
            return value.value
        case ("kl" | "recon", "reduced"):
            return None if None in (value.batch, value.event) else (value.batch, value.event)
    return (value.low, value.high) if isinstance(value, Interval) else value
