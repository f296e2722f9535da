"""VAEs that Pyro trains: a guide draws, a model scores what was drawn and what it observes, a step lowers the bound."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

from vae_checked.linter import LintReport

# The parts that a case may write in its own way: a usual one is written where it does not.
USUAL = {
    "imported": "from pyro.infer import SVI, Trace_ELBO",
    "std": "torch.exp(self.to_s(h))",
    "decoded": "torch.sigmoid(self.last(h))",
    "guide": 'pyro.sample("code", dist.Normal(m, s).to_event(1))',
    "model": 'z = pyro.sample("code", dist.Normal(torch.zeros(n, 6), torch.ones(n, 6)).to_event(1))',
    "seen": 'pyro.sample("pixels", dist.Bernoulli(p).to_event(1), obs=x)',
    "more": "",
    "given": "x",
    "training": """
    svi = SVI(vae.model, vae.guide, Adam({"lr": rate}), loss=Trace_ELBO())
    for x in batches:
        svi.step(x)
""",
}
TEXT = (
    HEAD
    + """
import pyro
import pyro.distributions as dist
from pyro import poutine
from pyro.optim import Adam
{imported}

{more}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.to_m, self.to_s = nn.Linear(90, 40), nn.Linear(40, 6), nn.Linear(40, 6)
        self.middle, self.last = nn.Linear(6, 40), nn.Linear(40, 90)

    def encode(self, x):
        h = F.softplus(self.first(x))
        return self.to_m(h), {std}

    def decode(self, z):
        h = F.softplus(self.middle(z))
        return {decoded}

    def guide(self, {given}):
        pyro.module("net", self)
        with pyro.plate("rows", x.shape[0]):
            m, s = self.encode(x)
            {guide}

    def model(self, {given}):
        pyro.module("net", self)
        n = x.shape[0]
        with pyro.plate("rows", n):
            {model}
            p = self.decode(z)
            {seen}


def train(batches, rate):
    vae = Net()
{training}

train([torch.rand(30, 90) for _ in range(4)], 1e-3)
"""
)


def clean(report: LintReport) -> set[str]:
    return {code for judged in report.judgements for code in judged.clean}


def text(**parts: str) -> dict[str, str]:
    return {"train.py": TEXT.format(**{**USUAL, **parts})}


WEIGHED = {
    "given": "x, beta",
    "guide": 'with poutine.scale(scale=beta):\n                pyro.sample("code", dist.Normal(m, s).to_event(1))',
    "model": 'with poutine.scale(None, beta):\n                z = pyro.sample("code", dist.Normal('
    "torch.zeros(n, 6), torch.ones(n, 6)).to_event(1))",
    "training": USUAL["training"].replace("svi.step(x)", "svi.step(x, 0.25)"),
}
JOINED = {
    "as it is": {},
    "by the name of its package": {
        "imported": "import pyro.infer",
        "training": USUAL["training"]
        .replace("SVI(", "pyro.infer.SVI(")
        .replace("Trace_", "pyro.infer.TraceMeanField_"),
    },
    "by a loss that is differentiated": {
        "training": """
    optimizer = torch.optim.Adam(vae.parameters(), lr=rate)
    bound = Trace_ELBO().differentiable_loss
    for x in batches:
        optimizer.zero_grad()
        bound(vae.model, vae.guide, x).backward()
        optimizer.step()
"""
    },
    "by a bound that is a module": {
        "training": """
    bound = Trace_ELBO()(vae.model, vae.guide)
    optimizer = torch.optim.Adam(bound.parameters(), lr=rate)
    for x in batches:
        optimizer.zero_grad()
        bound(x).backward()
        optimizer.step()
"""
    },
    "by a normal density": {"seen": 'pyro.sample("pixels", dist.Normal(p, 0.3).to_event(1), obs=x)'},
    "to a prior that is learned": {
        "more": "prior = nn.Linear(4, 12)\nlabels = torch.ones(30, 4)\n",
        "model": """a, b = prior(labels).chunk(2, dim=1)
            z = pyro.sample("code", dist.Normal(a, b.exp()).to_event(1))""",
    },
    "by the older name of an event": {
        "guide": USUAL["guide"].replace("to_event", "independent"),
        "seen": USUAL["seen"].replace("to_event", "independent"),
    },
    "of rows that are there": {
        "guide": USUAL["guide"].replace(").to_event", ").mask(x[:, :1] > 0).to_event"),
        "model": USUAL["model"].replace(").to_event", ").mask(x[:, :1] > 0).to_event"),
    },
    "with labels that are counted through": {
        "imported": "from pyro.infer import SVI, TraceEnum_ELBO, config_enumerate",
        "training": USUAL["training"]
        .replace("vae.guide", 'config_enumerate(vae.guide, "parallel")')
        .replace("Trace_", "TraceEnum_"),
    },
    "as the first versions had it": {
        "imported": "from pyro.infer import SVI",
        "guide": 'pyro.sample("code", dist.normal, m, s)',
        "model": 'z = pyro.sample("code", dist.normal, torch.zeros(n, 6), torch.ones(n, 6))',
        "seen": 'pyro.sample("pixels", dist.bernoulli, p, obs=x)',
        "training": USUAL["training"].replace("Trace_ELBO()", '"ELBO"'),
    },
    "with a weight": WEIGHED,
}


@pytest.mark.parametrize("parts", JOINED.values(), ids=JOINED)
def test_what_a_guide_draws_and_a_model_scores_is_put_together(parts: dict[str, str], tmp_path: Path) -> None:
    report = linted(tmp_path, text(**parts))
    assert codes(report) == []
    assert joined(report)
    assert {"VAE201", "VAE205", "VAE301", "VAE302", "VAE305"} <= clean(report)


WRONG = {
    "VAE402": {"decoded": "self.last(h)"},
    "VAE405": {"seen": 'pyro.sample("pixels", dist.Bernoulli(torch.sigmoid(p)).to_event(1), obs=x)'},
    "VAE204": {"std": "torch.exp(torch.relu(self.to_s(h)))"},
}


@pytest.mark.parametrize("code", WRONG)
def test_a_mistake_in_a_model_or_its_guide_is_named(code: str, tmp_path: Path) -> None:
    report = linted(tmp_path, text(**WRONG[code]))
    assert codes(report) == [code]
    assert joined(report)


def test_a_weight_of_a_block_is_that_of_the_kl(tmp_path: Path) -> None:
    assert "VAE303" in clean(linted(tmp_path / "one", text()))
    assert "VAE303" not in clean(linted(tmp_path / "other", text(**WEIGHED)))


APART = {
    "a weight that the guide alone has": {**WEIGHED, "model": USUAL["model"]},
    "a guide that is not read": {
        "imported": USUAL["imported"] + "\nfrom pyro.infer.autoguide import AutoDiagonalNormal",
        "training": USUAL["training"].replace("vae.guide", "AutoDiagonalNormal(vae.model)"),
    },
    "another name": {"model": USUAL["model"].replace('"code"', '"other"')},
    "no step": {"training": "    vae.guide(batches[0])\n    vae.model(batches[0])\n"},
    "a bound of another kind": {
        "imported": "from pyro.infer import SVI, RenyiELBO",
        "training": USUAL["training"].replace("Trace_ELBO", "RenyiELBO"),
    },
}


@pytest.mark.parametrize("parts", APART.values(), ids=APART)
def test_what_no_bound_is_known_of_is_not_put_together(parts: dict[str, str], tmp_path: Path) -> None:
    report = linted(tmp_path, text(**parts))
    assert codes(report) == []
    assert not {"VAE301", "VAE302", "VAE303", "VAE305"} & clean(report)


def test_what_a_bound_of_its_own_adds_is_added(tmp_path: Path) -> None:
    own = """
class Own(Trace_ELBO):
    def _differentiable_loss_particle(self, model_trace, guide_trace):
        loss, surrogate = super()._differentiable_loss_particle(model_trace, guide_trace)
        return loss, {lowered}

"""
    training = USUAL["training"].replace("Trace_ELBO", "Own")
    for lowered, said in {"surrogate": [], "-surrogate": ["VAE505"]}.items():
        report = linted(tmp_path / lowered, text(more=own.format(lowered=lowered), training=training))
        assert codes(report) == said
        assert joined(report)
