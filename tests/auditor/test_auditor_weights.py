"""What weighs a term, as the auditor sees it: settings of the loss, numbers, and divisions by the batch size."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from small_vaes import spellings as zoo
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit
from vae_checked.auditor.recording import statements
from vae_checked.facts import Reduction
from vae_checked.mathematics.effective_beta import rendered

WEIGHT = 2.0


def reported(loss: Callable[..., Tensor]) -> AuditReport:
    torch.manual_seed(4)
    return audit(zoo.Base(), "B 3 8 12", loss, data_range=(0, 1))


def codes(loss: Callable[..., Tensor]) -> list[str]:
    return [finding.code for finding in reported(loss).findings]


def kl_rows(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1)


def error(x_hat: Tensor, x: Tensor) -> Tensor:
    return F.binary_cross_entropy(x_hat, x, reduction="sum")


def by_keyword(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 2.0) -> Tensor:
    return error(x_hat, x) / len(x) + beta * kl_rows(mu, logvar).mean()


def by_any_name(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, *, strength: int = 2) -> Tensor:
    return error(x_hat, x) / len(x) + strength * kl_rows(mu, logvar).mean()


def by_global(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return error(x_hat, x) / len(x) + WEIGHT * kl_rows(mu, logvar).mean()


def within_the_formula(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 0.5) -> Tensor:
    inner = (1 + logvar - mu.square() - logvar.exp()).sum(1).mean()
    return error(x_hat, x) / len(x) + -0.5 * beta * inner


def by_written_zero(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return error(x_hat, x) / len(x) + 0 * kl_rows(mu, logvar).mean()


def by_zero_before(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = kl_rows(mu, logvar) * 0.0
    return error(x_hat, x) / len(x) + kl.mean()


def by_named_zero(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 0.0) -> Tensor:
    return error(x_hat, x) / len(x) + beta * kl_rows(mu, logvar).mean(0)


def by_both_zeros(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 0.0) -> Tensor:
    kl = beta * kl_rows(mu, logvar).mean()
    return error(x_hat, x) / len(x) + kl + 0 * mu.sum()


def test_a_kl_times_a_zero_that_is_written_there_is_not_in_the_loss() -> None:
    for loss, written in ((by_written_zero, "0 * kl_rows"), (by_zero_before, "* 0.0")):
        report = reported(loss)
        assert [finding.code for finding in report.findings] == ["VAE305"]
        place = report.findings[0].place
        assert place is not None
        assert written in (place.text or "")


@pytest.mark.parametrize("loss", [by_named_zero, by_both_zeros])
def test_a_weight_with_a_name_may_be_zero_in_this_run_alone(loss: Callable[..., Tensor]) -> None:
    report = reported(loss)
    assert [finding.code for finding in report.findings] == []
    assert "its weight is 0 in this run" in report.facts[0].unobserved["kl.form"]


class ByAttribute(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.strength = 2.0

    def forward(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return error(x_hat, x) / len(x) + self.strength * kl_rows(mu, logvar).mean()


NAMED: dict[str, tuple[Callable[..., Tensor], str]] = {
    "a keyword": (by_keyword, "beta"),
    "a keyword under any name": (by_any_name, "strength"),
    "a keyword that is given": (partial(by_keyword, beta=0.25), "beta"),
    "a global": (by_global, "WEIGHT"),
    "an attribute": (ByAttribute(), "self.strength"),
    "a keyword within the formula": (within_the_formula, "beta"),
}


@pytest.mark.parametrize(("loss", "name"), NAMED.values(), ids=NAMED)
def test_a_setting_that_scales_the_kl_is_a_named_weight(loss: Callable[..., Tensor], name: str) -> None:
    report = reported(loss)
    assert [finding.code for finding in report.findings] == []
    (facts,) = report.facts
    assert facts.kl.reduced is not None
    assert facts.kl.factor is not None
    assert facts.kl.factor.value.explicit
    assert name in facts.kl.reduced.value.weights
    assert facts.recon.reduced is not None
    assert facts.recon.reduced.value.weights == ()


def test_settings_are_as_they_were_after_the_audit() -> None:
    loss = ByAttribute()
    reported(loss)
    reported(by_global)
    assert (loss.strength, WEIGHT) == (2.0, 2.0)


@pytest.mark.parametrize("beta", [2.0, 4.0, 0.5, 1.0])
def test_a_lost_half_is_named_below_a_weight_that_is_one(beta: float) -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = beta) -> Tensor:
        doubled = -(1 + logvar - mu.square() - logvar.exp()).sum(1).mean()
        return error(x_hat, x) / len(x) + beta * doubled

    report = reported(loss)
    (judgement,) = report.judgements
    assert [finding.code for finding in report.findings] == (["VAE303"] if beta == 1.0 else [])
    assert ["2 times" in finding.message for finding in report.findings] == ([True] if beta == 1.0 else [])
    assert ("VAE303" in judgement.weighted) is (beta != 1.0)


@pytest.mark.parametrize("halves", [1.0, 2.0])
def test_a_weight_that_could_be_half_a_mean_over_the_latents_is_a_weight(halves: float) -> None:
    small = 0.5 / zoo.LATENTS

    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = small) -> Tensor:
        kl = beta * 0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1)
        return ((x_hat - x).square().flatten(1).sum(1) / halves - kl).mean()

    facts = reported(loss).facts[0]
    assert facts.kl.reduced is not None
    assert facts.kl.reduced.value.event is Reduction.SUM
    assert facts.objective.effective_beta is not None
    beta = facts.objective.effective_beta.value
    assert [(each.symbol, each.value) for each in beta.factors] == [("beta", small)]
    assert beta.constant == pytest.approx(halves)


def test_what_weighs_the_whole_loss_weighs_no_term() -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, scale: float = 3.0) -> Tensor:
        return scale * (F.mse_loss(x_hat, x) + kl_rows(mu, logvar).mean())

    (facts,) = reported(loss).facts
    assert facts.kl.reduced is not None
    assert "scale" not in facts.kl.reduced.value.weights


def test_a_weight_that_changes_from_call_to_call_is_not_presumed() -> None:
    calls = iter(range(1, 1000))

    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 2.0) -> Tensor:
        return error(x_hat, x) / len(x) + 0.01 * next(calls) * beta * kl_rows(mu, logvar).mean()

    (facts,) = reported(loss).facts
    assert facts.kl.reduced is None or "beta" not in facts.kl.reduced.value.weights


OVER_BATCH: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, Tensor], Tensor], list[str]]] = {
    "the KL": (error, lambda m, s: kl_rows(m, s).sum() / len(m), ["VAE504"]),
    "the KL, by its inverse": (error, lambda m, s: kl_rows(m, s).sum() * (1 / m.shape[0]), ["VAE504"]),
    "the KL, with a constant weight": (error, lambda m, s: 3.0 * kl_rows(m, s).sum() / m.size(0), ["VAE504"]),
    "the KL, in a constant weight": (error, lambda m, s: kl_rows(m, s).sum() * (3.0 / m.size(0)), ["VAE504"]),
    "the KL, twice": (
        lambda p, x: error(p, x) / len(x),
        lambda m, s: (kl_rows(m, s) / len(m)).mean(),
        ["VAE504"],
    ),
    "the error": (lambda p, x: error(p, x) / len(x), lambda m, s: kl_rows(m, s).sum(), ["VAE504"]),
    "the error beside a mean": (
        lambda p, x: error(p, x) / x.shape[0],
        lambda m, s: -0.5 * (1 + s - m.square() - s.exp()).mean(),
        ["VAE503"],
    ),
    "the KL beside a mean": (F.mse_loss, lambda m, s: kl_rows(m, s).sum() / m.shape[0], ["VAE502"]),
    "a mean, times the batch": (
        lambda p, x: F.mse_loss(p, x) * len(x),
        lambda m, s: kl_rows(m, s).sum(),
        ["VAE502"],
    ),
    "both": (lambda p, x: error(p, x) / len(x), lambda m, s: kl_rows(m, s).sum() / m.shape[0], []),
}


@pytest.mark.parametrize(("recon", "kl", "expected"), OVER_BATCH.values(), ids=OVER_BATCH)
def test_a_division_by_the_batch_is_a_mean(
    recon: Callable[[Tensor, Tensor], Tensor], kl: Callable[[Tensor, Tensor], Tensor], expected: list[str]
) -> None:
    assert codes(lambda x_hat, x, mu, logvar: recon(x_hat, x) + kl(mu, logvar)) == expected


def test_the_effective_beta_names_settings_and_leaves_the_batch_a_symbol() -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 3.0) -> Tensor:
        return F.mse_loss(x_hat, x) + beta * kl_rows(mu, logvar).sum()

    (facts,) = reported(loss).facts
    assert facts.objective.effective_beta is not None
    assert rendered(facts.objective.effective_beta.value) == (
        "864 * B (beta 3, elements of a sample 288, B the batch size; at batch 128: 110592)"
    )


class Convolved(zoo.Base):
    """Takes pictures of any size."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, 2 * 5, 3, padding=1)
        self.decoder = nn.Conv2d(5, 3, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        return torch.sigmoid(self.decoder(mu + (0.5 * logvar).exp() * torch.randn_like(mu))), mu, logvar


def test_sizes_that_the_audit_drew_are_symbols() -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        kl = -0.5 * (1 + logvar - mu.square() - logvar.exp())
        return F.mse_loss(x_hat, x) + kl.mean()

    torch.manual_seed(4)
    for spec, text in (
        ("B 3 H W", "C*H*W / L (L the latents, C*H*W the elements of a sample)"),
        ("B 3 8 12", "0.6 (latents 480, elements of a sample 288)"),
    ):
        (facts,) = audit(Convolved(), spec, loss, data_range=(0, 1)).facts
        assert facts.objective.effective_beta is not None
        assert rendered(facts.objective.effective_beta.value) == text


class Trained(zoo.Base):
    """Runs itself in its training step, as a Lightning module does; `scaled` is how it writes the KL of its `rows`."""

    def __init__(self, beta: float) -> None:
        super().__init__()
        self.beta = beta

    def rows(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return kl_rows(mu, logvar)

    def scaled(self, rows: Tensor) -> Tensor:
        return self.beta * rows.mean()

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, _ = batch
        x_hat, mu, logvar = self(x)[:3]
        return error(x_hat, x) / len(x) + self.scaled(self.rows(mu, logvar))


class WithinTheFormula(Trained):
    def scaled(self, rows: Tensor) -> Tensor:
        return -0.5 * self.beta * (-2.0 * rows).mean()


class LostHalf(Trained):
    def rows(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return -(1 + logvar - mu.square() - logvar.exp()).sum(1)


class Literal(Trained):
    def scaled(self, rows: Tensor) -> Tensor:
        return 2.0 * rows.mean()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Trained(2.0), []),
        (Trained(0.5), []),
        (Trained(4.0), []),
        (Trained(1.0), []),
        (WithinTheFormula(0.5), []),
        (WithinTheFormula(2.0), []),
        (LostHalf(4.0), []),
        (LostHalf(1.0), ["VAE303"]),
        (Literal(1.0), []),
    ],
    ids=lambda value: f"{type(value).__name__} {value.beta:g}" if isinstance(value, Trained) else "",
)
def test_a_weight_of_a_model_that_runs_itself_has_a_name(model: Trained, expected: list[str]) -> None:
    torch.manual_seed(4)
    report = audit(model, "B 3 8 12", data_range=(0, 1))
    assert [finding.code for finding in report.findings] == expected


class Stepping(zoo.Base):
    """A training step whose KL lacks its half, beside a weight that has a name and is 2 as well."""

    beta = 2.0

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        x = batch[0]
        x_hat, mu, logvar = self(x)
        kl = (mu.square() + logvar.exp() - 1 - logvar).sum(1).mean()
        return self.beta * kl + F.binary_cross_entropy(x_hat, x) * x[0].numel()


def test_a_lost_half_counts_beside_a_named_weight_of_the_same_size() -> None:
    torch.manual_seed(4)
    report = audit(Stepping(), "B 3 8 12", data_range=(0, 1))
    assert report.findings == ()
    assert "VAE303" in report.judgements[0].weighted
    beta = report.facts[0].objective.effective_beta
    assert beta is not None
    assert beta.value.value == pytest.approx(4.0, rel=1e-6)


NESTED = """\
if a: b; c
try:
    x; y
except E:
    z = (1,
         2)
finally: s
match p:
    case 1: t
    case 2:
        v
@d(
    1)
def f(a,
      b):
    return a
"""


def test_the_inmost_statement_around_a_line_is_found_as_by_all_nodes(tmp_path: Path) -> None:
    path = tmp_path / "nested.py"
    path.write_text(NESTED, encoding="utf-8")
    every = [node for node in ast.walk(ast.parse(NESTED)) if isinstance(node, ast.stmt)]
    for line in range(NESTED.count("\n") + 2):
        around = [node for node in every if node.lineno <= line <= (node.end_lineno or 0)]
        inmost = min(around, key=lambda node: (node.end_lineno or 0) - node.lineno, default=None)
        found = statements.statement_at(str(path), line)
        assert (found and ast.dump(found)) == (inmost and ast.dump(inmost))
