"""An error that an option puts in the place of the one that is read: right on its own way, and open on the other."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from small_vaes.fragments import linted

from vae_checked.linter.roles import unread_errors
from vae_checked.linter.symbols.expression import Expr, Graph, atom

if TYPE_CHECKING:
    from vae_checked.linter.roles.objective import Losses

NET = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from measures import Distance, distance


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.to_m, self.to_s = nn.Linear(784, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 784), nn.Sigmoid())

    def forward(self, x):
        h = F.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(s / 2) * torch.randn_like(m)
        return self.back(z), m, s, z


def divergence(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())

"""
STEPS = """
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for x in loader:
        out, mu, logvar, z = model(x)
        optimizer.zero_grad()
        LOSS.backward()
        optimizer.step()
"""
READ = 'F.binary_cross_entropy(out, x, reduction="sum")'
IN_A_FUNCTION = """
def cost(out, x, mu, logvar, z, kind):
    if kind == "bce":
        error = READ
    else:
        error = OTHER
    return error + divergence(mu, logvar)


def train(loader, kind):""" + STEPS.replace("LOSS", "cost(out, x, mu, logvar, z, kind)")
TWO_FUNCTIONS = """
def train(loader, kind):
    if kind == "bce":

        def cost(out, x, mu, logvar, z):
            return READ + divergence(mu, logvar)

    else:

        def cost(out, x, mu, logvar, z):
            return divergence(mu, logvar) + OTHER
""" + STEPS.replace("LOSS", "cost(out, x, mu, logvar, z)")
TWO_LINES = """
def train(loader, kind):""" + STEPS.replace(
    "        LOSS.backward()",
    """        loss = READ + divergence(mu, logvar)
        if kind != "bce":
            loss = OTHER + divergence(mu, logvar)
        loss.backward()""",
)
ALONE = """
def cost(out, x, mu, logvar, z, kind):
    if kind == "bce":
        return READ + divergence(mu, logvar)
    return OTHER + divergence(mu, logvar)
"""
FORMS = {"in a function": IN_A_FUNCTION, "two functions": TWO_FUNCTIONS, "two lines": TWO_LINES}
OTHERS = {
    "a function of another project": "distance(out, x)",
    "a module of another project": "Distance()(out, x)",
    "weighed squares": "torch.trace((x - out).mm((x - out).t()))",
}
# What is asked of an error, and of the balance of the two.
OF_THE_ERROR = {"VAE401", "VAE402", "VAE501", "VAE502", "VAE503", "VAE504", "VAE505"}


def clean(tmp_path: Path, form: str, other: str) -> set[str]:
    """The codes of which the VAE is said to be clean; nothing is found."""
    report = linted(tmp_path, {"net.py": NET + form.replace("READ", READ).replace("OTHER", other)})
    assert report.findings == ()
    assert report.vaes
    return {code for vae in report.vaes for code in vae.clean}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_what_is_not_read_on_another_way_is_not_clean(form: str, other: str, tmp_path: Path) -> None:
    codes = clean(tmp_path, form, other)
    assert not codes & {*OF_THE_ERROR, "VAE302", "VAE304"}
    assert {"VAE201", "VAE202", "VAE301"} <= codes


def test_a_loss_that_nothing_calls_is_read_in_all_ways(tmp_path: Path) -> None:
    assert not clean(tmp_path, ALONE, "distance(out, x)") & OF_THE_ERROR
    assert {"VAE502", "VAE504"} <= clean(tmp_path, ALONE, READ)


BESIDE = {
    "an error that is read": 'F.binary_cross_entropy(out, x, reduction="sum")',
    "the KL alone": "0.0",
    "both": f"{READ} + distance(out, x)",
    "a judge of the latents": "Distance()(z)",
}


@pytest.mark.parametrize("other", BESIDE.values(), ids=BESIDE)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_way_without_an_error_that_is_not_read_leaves_nothing_open(form: str, other: str, tmp_path: Path) -> None:
    assert clean(tmp_path, form, other) >= OF_THE_ERROR


def test_the_line_that_is_not_read_is_named(tmp_path: Path) -> None:
    report = linted(
        tmp_path, {"net.py": NET + IN_A_FUNCTION.replace("READ", READ).replace("OTHER", "distance(out, x)")}
    )
    reasons = {verdict.reason for vae in report.vaes for verdict in vae.undecided.values()}
    assert "in another branch distance(out, x) stands in the place of this reconstruction" in reasons


def test_a_whole_loss_outside_the_graph_has_its_error_in_it() -> None:
    error, kl, other = (Expr(name, (atom(name, None, name),), (), None) for name in ("loss", "sum", "mean"))
    inside, outside, without = (Expr("add", (term, kl), (), None) for term in (error, error, other))
    outside = Expr("neg", (outside,), (), None)
    graph = Graph([inside])
    assert outside not in graph
    losses = SimpleNamespace(
        graph=graph,
        recons=[SimpleNamespace(term=error)],
        ends=[],
        read_once=lambda reader: [inside, outside, without],
    )
    assert unread_errors.without_errors(cast("Losses", losses)) == [without]
