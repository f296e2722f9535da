"""Identity testing: expressions, their values at points, the closed forms that they are found to be, and imports."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st

from vae_checked.facts import Parametrisation
from vae_checked.linter import lint
from vae_checked.linter.roles import divergences, samplers
from vae_checked.linter.symbols.expression import Expr, Graph, atom, const, contains, walk
from vae_checked.linter.symbols.numeric import evaluate, fit, leaves
from vae_checked.linter.symbols.structures import NUMBERS as KNOWN
from vae_checked.linter.symbols.structures import Structures

M, S, E = atom("m"), atom("s"), Expr("noise", (), (("serial", 1),))


def op(name: str, *args: Expr) -> Expr:
    return Expr(name, args)


def test_structure_is_identity() -> None:
    one, other = op("add", M, op("exp", S)), op("add", M, op("exp", S))
    assert one == other
    assert one != op("add", op("exp", S), M)
    assert atom("m", serial=1) != atom("m", serial=2)
    assert contains(one, S.uid)
    assert not contains(one, E.uid)
    assert Graph([one, other]).holding(S.uid) == {S.uid, op("exp", S).uid, one.uid}


NUMBERS = st.sampled_from((-2, -1, 0, 1, 2, -1.0, 0.5, True, False, None, math.nan, math.inf))
STRUCTURES = st.recursive(
    st.tuples(st.sampled_from(("const", "atom")), st.just(()), NUMBERS),
    lambda inner: st.tuples(
        st.sampled_from(("item", "sum", "add")), st.lists(inner, max_size=3).map(tuple), st.tuples(NUMBERS, NUMBERS)
    ),
    max_leaves=6,
)


def built(structure: Any) -> Expr:
    name, args, attribute = structure
    return Expr(name, tuple(map(built, args)), (("index", attribute),))


def as_text(structure: Any) -> str:
    """A structure spelled out, numbers of one value alike: the identity that expressions ought to have."""
    name, args, attribute = structure
    parts = attribute if isinstance(attribute, tuple) else (attribute,)
    spelled = [repr(part if part is None or isinstance(part, bool) else float(part)) for part in parts]
    return f"{name}({', '.join(map(as_text, args))}; {len(parts)} {isinstance(attribute, tuple)} {spelled})"


def exchanged(structure: Any, old: Any, new: Any) -> Any:
    """The same structure with another number wherever `old` stands in it."""
    if isinstance(structure, tuple):
        return tuple(exchanged(part, old, new) for part in structure)
    return new if structure is old else structure


@drawn(300)
@given(STRUCTURES, STRUCTURES, NUMBERS, NUMBERS)
def test_expressions_are_equal_exactly_when_structures_are(one: Any, unrelated: Any, old: Any, new: Any) -> None:
    for other in (unrelated, exchanged(one, old, new)):
        assert (built(one) == built(other)) is (as_text(one) == as_text(other))
        assert built(other) == built(other)


@given(STRUCTURES, STRUCTURES)
def test_what_stands_in_an_expression_has_a_smaller_number(one: Any, other: Any) -> None:
    together = op("add", built(one), built(other))
    nodes = list(walk(together))
    assert all(arg.uid < node.uid for node in nodes for arg in node.args)
    assert all(contains(together, node.uid) for node in nodes)
    inside = {node.uid for node in walk(built(one))}
    assert [contains(built(one), node.uid) for node in nodes] == [node.uid in inside for node in nodes]


def test_the_numbers_that_python_hashes_alike_are_told_apart() -> None:
    assert hash(-1) == hash(-2)
    assert const(-1) != const(-2)
    assert op("neg", const(-1)) != op("neg", const(-2))
    assert hash(const(-1)) == hash(const(-1))


@pytest.mark.parametrize(("one", "other"), [(-1, -2), (1, True), (0, False), (0, None), (-1.0, -2.0)])
def test_an_attribute_tells_expressions_apart(one: object, other: object) -> None:
    for name in ("item", "sum", "mean"):
        assert Expr(name, (M,), (("index", one),)) != Expr(name, (M,), (("index", other),))
        assert Expr(name, (M,), (("index", (("value", one),)),)) != Expr(name, (M,), (("index", (("value", other),)),))


def test_structures_are_let_go_of_only_by_the_last_that_compares() -> None:
    with Structures():
        with Structures():
            before = atom("kept")
        assert atom("kept") == before
    assert atom("kept").uid > before.uid


def test_numbers_that_nothing_holds_are_let_go() -> None:
    with Structures():
        held, remembered = Expr("exp", (atom("held"),)), {Expr("log", (atom("remembered"),)).uid}
        last = [str(Expr("relu", (atom(f"unused{place}"),)).uid) for place in range(40)][-1]
        known = len(KNOWN)
        Structures.sweep(most_new=known)
        assert len(KNOWN) == known
        Structures.sweep(most_new=0)
        assert 4 <= len(KNOWN) <= known - 80
        assert Expr("exp", (atom("held"),)) == held
        assert Expr("log", (atom("remembered"),)).uid in remembered
        assert Expr("relu", (atom("unused39"),)).uid > int(last)


def test_evaluation_is_arithmetic() -> None:
    expr = op("mul", const(0.5), op("sub", op("exp", S), op("pow", M, const(3.0))))
    assert evaluate(expr, {M.uid: 0.7, S.uid: -0.3}) == pytest.approx(0.5 * (math.exp(-0.3) - 0.343))
    assert math.isnan(evaluate(op("log", op("neg", M)), {M.uid: 2.0}))
    assert {leaf.uid for leaf in leaves(expr)} == {M.uid, S.uid}


def test_fit_finds_coefficients_and_refuses_what_is_none() -> None:
    points = (0.3, 1.1, 1.7, 2.9, 3.3)
    rows = [(1.0, x, x * x) for x in points]
    assert fit(rows, [2.0 - 3.0 * x + 0.25 * x * x for x in points]) == pytest.approx([2.0, -3.0, 0.25])
    assert fit(rows, [math.sin(x) for x in points]) is None
    assert fit([(1.0, 1.0)] * 3, [1.0, 1.0, 1.0]) is None


# KL(N(m, sigma) || N(0, 1)) written out by hand for each reading of s.
SIGMA_TERMS = {
    Parametrisation.LOGVAR: op("sub", op("exp", S), S),
    Parametrisation.LOG_STD: op("sub", op("exp", op("mul", const(2.0), S)), op("mul", const(2.0), S)),
    Parametrisation.STD: op("sub", op("pow", S, const(2.0)), op("mul", const(2.0), op("log", S))),
    Parametrisation.VAR: op("sub", S, op("log", S)),
}


@pytest.mark.parametrize("factor", [1.0, -1.0, 2.0, 0.3, -0.5])
@pytest.mark.parametrize("parametrisation", SIGMA_TERMS)
def test_a_kl_is_found_with_its_parametrisation_and_factor(parametrisation: Parametrisation, factor: float) -> None:
    inside = op("sub", op("add", op("square", M), SIGMA_TERMS[parametrisation]), const(1.0))
    term = op("mul", const(0.5 * factor), Expr("sum", (inside,), (("axes", (1,)),)))
    (found,) = divergences.find(Graph([term]))
    assert found.parametrisation is parametrisation
    assert found.factor == pytest.approx(factor)
    assert found.location == M


def test_a_wrong_kl_is_the_kl_of_no_parametrisation() -> None:
    wrong = op("sub", op("add", op("square", M), op("exp", S)), op("mul", const(3.0), S))
    (found,) = divergences.find(Graph([op("mul", const(0.5), wrong)]))
    assert found.parametrisation is None


def test_what_is_no_kl_is_none() -> None:
    for other in (op("add", op("square", M), op("square", S)), op("mul", op("exp", S), M), op("add", op("log", S), M)):
        assert divergences.find(Graph([other])) == []


@pytest.mark.parametrize(
    ("scale", "parametrisation"),
    [
        (op("exp", op("div", S, const(2.0))), Parametrisation.LOGVAR),
        (op("sqrt", op("exp", S)), Parametrisation.LOGVAR),
        (op("exp", S), Parametrisation.LOG_STD),
        (S, Parametrisation.STD),
        (op("sqrt", S), Parametrisation.VAR),
        (op("exp", op("mul", const(0.7), S)), None),
    ],
)
def test_a_samplers_curve(scale: Expr, parametrisation: Parametrisation | None) -> None:
    (site,) = samplers.find(Graph([op("add", M, op("mul", scale, E))]))
    assert site.location == M
    found = samplers.curve(site.scale, S)
    assert found is not None
    assert found[0] is parametrisation


MODEL = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 4), nn.Linear(6, 4)

    def forward(self, x):
        m, s = self.a(x), self.b(x)
        return m + torch.exp(s) * torch.randn_like(s), m, s
"""
LOSS = "def cost(m, s):\n    return -0.5 * (1 + s - m**2 - s.exp()).sum(1).mean()\n"
USE = "import torch\n{imports}\nz, m, s = {net}()(torch.randn(3, 6))\n{cost}(m, s).backward()\n"
IMPORTS = {
    "absolute": ("from pkg.model import Net\nfrom pkg.loss import cost", "Net", "cost"),
    "module": ("import pkg.model\nimport pkg.loss", "pkg.model.Net", "pkg.loss.cost"),
    "renamed": ("import pkg.model as a\nfrom pkg.loss import cost as b", "a.Net", "b"),
    "package": ("from pkg import Net, cost", "Net", "cost"),
    "star": ("from pkg.model import *\nfrom pkg.loss import *", "Net", "cost"),
}


@pytest.mark.parametrize(("imports", "net", "cost"), IMPORTS.values(), ids=IMPORTS.keys())
def test_imports_are_followed(imports: str, net: str, cost: str, tmp_path: Path) -> None:
    package = tmp_path / "pkg"
    package.mkdir()
    # The package and its model import each other.
    (package / "__init__.py").write_text("from .model import Net\nfrom .loss import cost\n")
    (package / "model.py").write_text(MODEL.replace("\n\n\n", "\nfrom . import loss\nimport pkg\n\n\n", 1))
    (package / "loss.py").write_text(LOSS)
    (tmp_path / "train.py").write_text(USE.format(imports=imports, net=net, cost=cost))
    report = lint([tmp_path])
    assert "VAE201" in {finding.code for finding in report.findings}
    (finding,) = [each for each in report.findings if each.code == "VAE201"]
    assert finding.place is not None
    assert finding.place.path == str(package / "model.py")
    assert {Path(related.place.path).name for related in finding.related} == {"loss.py"}


PRIOR = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.loc, self.spread = nn.Linear(60, 40), nn.Linear(40, 6), nn.Linear(40, 6)
        self.back = nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, 60))

    def decode(self, latent):
        return self.back(latent)

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        m, s = self.loc(h), self.spread(h)
        return self.decode(m + torch.exp(0.5 * s) * torch.randn_like(m)), m, s


net = Net()


def generate(count):
    return net.decode(torch.{draw}(count, 6))


def corrupt(picture):
    return net.trunk(picture + torch.rand(5, 60))
"""


@pytest.mark.parametrize(("draw", "codes"), [("rand", ["VAE202"]), ("randn", [])])
def test_what_is_decoded_for_generation_must_come_from_the_prior(tmp_path: Path, draw: str, codes: list[str]) -> None:
    path = tmp_path / "net.py"
    path.write_text(PRIOR.replace("{draw}", draw), encoding="utf-8")
    findings = lint([path]).findings
    assert [finding.code for finding in findings] == codes
    assert all("z, here handed to the decoder by itself, is drawn" in finding.message for finding in findings)


OUTPUTS = """\
from collections import OrderedDict

import torch
from torch import nn


class Output(OrderedDict):
    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        super().__setattr__(key, value)


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.loc, self.spread = nn.Linear(60, 40), nn.Linear(40, 6), nn.Linear(40, 6)
        self.back = nn.Linear(6, 60)

    def encode(self, x):
        output, h = Output(), torch.relu(self.trunk(x))
        output["embedding"], output["log_covariance"] = self.loc(h), self.spread(h)
        return output

    def loss_function(self, recon_x, x, mu, log_var):
        kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp(), dim=-1)
        return (((recon_x - x) ** 2).sum(dim=-1) + kl).mean()

    def sample(self, mu, log_var):
        return mu + torch.exp({exponent}) * torch.randn_like(mu)

    def forward(self, x):
        output = self.encode(x)
        mu, log_var = output.embedding, output["log_covariance"]
        recon_x = self.back(self.sample(mu, log_var))
        return Output(loss=self.loss_function(recon_x, x, mu, log_var), recon_x=recon_x)


class Child(Base):
    def sample(self, mu, log_var):
        return mu + torch.nn.functional.softplus(log_var) * torch.randn_like(mu)

    def loss_function(self, recon_x, x, mu, log_var):
        return ((recon_x - x) ** 2).sum(dim=-1).mean()
"""


@pytest.mark.parametrize(("exponent", "codes"), [("0.5 * log_var", []), ("log_var", ["VAE201"])])
def test_heads_are_followed_through_outputs_not_into_what_is_overridden(
    tmp_path: Path, exponent: str, codes: list[str]
) -> None:
    path = tmp_path / "net.py"
    path.write_text(OUTPUTS.replace("{exponent}", exponent), encoding="utf-8")
    report = lint([path])
    assert [finding.code for finding in report.findings] == codes
    assert {facts.subject.rpartition(":")[2] for facts in report.facts} == {"Base", "Child"}


@pytest.mark.parametrize(
    "penalty",
    [
        "2.0 * t + torch.log1p(torch.exp(-4.0 * t)) - math.log(2.0)",
        "torch.sqrt(t ** 2 + 1e-4)",
        "torch.log(1.0 + t.abs())",
    ],
)
def test_a_penalty_of_a_difference_is_a_reconstruction(tmp_path: Path, penalty: str) -> None:
    path = tmp_path / "net.py"
    text = OUTPUTS.replace("{exponent}", "0.5 * log_var").replace("import torch\n", "import math\n\nimport torch\n", 1)
    text = text.replace("self.back(self.", "torch.tanh(self.back(self.").replace("log_var))", "log_var)))", 1)
    text = text.replace("        return (((recon_x - x) ** 2).sum(dim=-1) + kl).mean()", "        t = recon_x - x\n"
                        f"        return (({penalty}).sum(dim=-1) + kl).mean()", 1)  # fmt: skip
    path.write_text(text, encoding="utf-8")
    facts = next(item for item in lint([path]).facts if item.subject.endswith("Base") and item.output.interval)
    assert facts.output.interval is not None
    assert (facts.output.interval.value.low, facts.output.interval.value.high) == (-1.0, 1.0)
    assert facts.recon.swapped is not None
    assert facts.recon.swapped.value is False


def test_a_mean_difference_is_no_reconstruction(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    text = OUTPUTS.replace("{exponent}", "0.5 * log_var")
    path.write_text(text.replace("((recon_x - x) ** 2)", "(recon_x - x)"), encoding="utf-8")
    assert all(item.recon.kind is None for item in lint([path]).facts)


CLIPPED = """\
import torch
import torch.distributions as td
from torch import nn


class Step(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.loc, self.back = nn.Linear(60, 40), nn.Linear(40, 6), nn.Linear(6, 60)
        self.spread = nn.Sequential(nn.Linear(40, 6), nn.ReLU())

    @staticmethod
    def divergence(mu_q, logvar_q, mu_p, logvar_p):
        terms = logvar_p - logvar_q - 1 + (torch.exp(logvar_q) + (mu_q - mu_p) ** 2) / torch.exp(logvar_p)
        return 0.5 * torch.sum(terms, dim=1)

    def forward(self, x):
        h = torch.tanh(self.trunk(x))
        mu, logvar = self.loc(h), self.spread(h)
        z = td.Normal(mu, logvar.exp().sqrt()).rsample()
        prior = torch.zeros(x.shape[0], 6)
        kl = self.divergence(mu, logvar, prior, prior)
        return (((self.back(z) - x) ** 2).sum(dim=1) + kl).mean()
"""


def test_a_clipped_head_is_clipped_and_not_misread(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(CLIPPED, encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == ["VAE204"]
    path.write_text(CLIPPED.replace(", nn.ReLU())", ")"), encoding="utf-8")
    assert lint([path]).findings == ()


def test_a_head_that_is_the_log_of_a_variance_is_read_alike_by_both(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    text = OUTPUTS.replace("{exponent}", "0.5 * log_var")
    path.write_text(
        text.replace(
            'output.embedding, output["log_covariance"]',
            'output.embedding, torch.log(1 / torch.sum(1 / torch.exp(output["log_covariance"])[None], dim=0) + 1e-8)',
        ),
        encoding="utf-8",
    )
    assert lint([path]).findings == ()


NEGATIVE = """\
import torch
from torch import nn
import torch.nn.functional as F


class VAE(nn.Module):
    def __init__(self, width=12, latents=5):
        super().__init__()
        self.trunk = nn.Linear(width, 31)
        self.heads = nn.ModuleList([nn.Linear(31, 7), nn.Linear(31, latents), nn.Linear(31, latents)])
        self.decoder = nn.Linear(latents, width)

    def forward(self, x):
        h = F.relu(self.trunk(x))
        outputs = self.run(h)
        mu, logvar = outputs[-2], outputs[-1]
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar


def loss(x_hat, x, mu, logvar):
    recon = F.mse_loss(x_hat, x, reduction="none").sum(-1)
    kl = ((-1 - logvar + mu.pow(2) + logvar.exp()) / -2 * -1).sum(-1)
    return (recon + kl).mean()
"""


def test_minus_one_and_minus_two_are_two_numbers(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(NEGATIVE)
    report = lint([path])
    assert [(finding.code, finding.message) for finding in report.findings] == []
    assert "VAE301" in {code for judgement in report.judgements for code in judgement.clean}


SPREAD = """
import torch
import torch.nn.functional as F

def criterion(recon, x, mu, logvar):
    kl = {sign}0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return F.mse_loss(recon, x, reduction="sum") + kl

def train(model, loader, optimizer):
    for x in loader:
        loss = criterion(*model(x))
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(("sign", "found"), [("", ["VAE302"]), ("-", [])])
def test_what_an_unknown_call_returns_is_spread_over_parameters(tmp_path: Path, sign: str, found: list[str]) -> None:
    (tmp_path / "train.py").write_text(SPREAD.format(sign=sign), encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == found
