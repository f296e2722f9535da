"""The effective beta as an expression: beside autograd on losses of every mixture of sums and means, and as text."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from vae_checked.facts import EffectiveBeta, Quantity, Reduced, Reduction
from vae_checked.mathematics.effective_beta import Term, effective_beta, elements, latents, rendered, scaling_of
from vae_checked.mathematics.reductions import Extent, Number, Reduce, Size, Tensor, Through, Weight, read

SUM, MEAN, KEPT, MIXED = Reduction.SUM, Reduction.MEAN, Reduction.KEPT, Reduction.MIXED
BATCH, PIXELS, LATENTS = 7, 12, 5
BATCH_SIZE = Quantity("B", 1, None, "batch size")


def weight(sizes: tuple[int, int], batch: Reduction, event: Reduction, over: int) -> float:
    """d loss / d element of a term with these sizes, reduced so."""
    term = torch.ones(sizes, dtype=torch.float64, requires_grad=True)
    rows = term.sum(1) if event is SUM else term.mean(1)
    total = (rows.sum() if batch is SUM else rows.mean()) / sizes[0] ** over
    (gradient,) = torch.autograd.grad(total, term)
    return float(gradient[0, 0])


CASES = list(itertools.product((SUM, MEAN), (SUM, MEAN), (0, 1), repeat=2))


@pytest.mark.parametrize("batch", [7, 11])
@pytest.mark.parametrize(("kb", "ke", "ko", "rb", "re", "ro"), CASES)
def test_the_expression_is_the_ratio_of_the_weights(
    kb: Reduction, ke: Reduction, ko: int, rb: Reduction, re: Reduction, ro: int, batch: int
) -> None:
    beta = effective_beta(
        Term(Reduced(kb, ke, over_batch=ko), latents(LATENTS), 0.5, (Quantity("beta", 1, 3.0),)),
        Term(Reduced(rb, re, over_batch=ro), elements(PIXELS), 2.0, (Quantity("w", 1, 4.0),)),
    )
    assert beta is not None
    powers = [factor.power for factor in beta.factors if factor.symbol == "B"]
    known = math.prod(factor.amount for factor in beta.factors if factor.symbol != "B")
    ratio = weight((batch, LATENTS), kb, ke, ko) / weight((batch, PIXELS), rb, re, ro)
    assert beta.constant * known * batch ** sum(powers) == pytest.approx(0.5 * 3.0 / (2.0 * 4.0) * ratio)
    assert (beta.value is None) is bool(powers)


@pytest.mark.parametrize("kl", [Reduced(SUM, MIXED), Reduced(None, SUM), Reduced(KEPT, SUM), Reduced(SUM, None)])
def test_what_is_not_known_makes_no_number(kl: Reduced) -> None:
    assert effective_beta(Term(kl, latents(5)), Term(Reduced(SUM, SUM), elements(12))) is None


def test_terms_that_keep_the_batch_are_compared() -> None:
    kept = effective_beta(Term(Reduced(KEPT, SUM), latents(5)), Term(Reduced(KEPT, MEAN), elements(12)))
    assert kept is not None
    assert kept.value == 12.0


def test_a_named_weight_that_begins_at_0_has_no_number() -> None:
    # An annealing raises it.
    assert scaling_of((Number(0.0, "rate", named=True), Number(2.0, "n", named=True))) == (
        1.0,
        (Quantity("rate"), Quantity("n", 1, 2.0)),
    )


def test_the_factors_of_a_chain() -> None:
    chain = (
        Number(-0.5),
        Weight("w"),
        Number(3.0, "BETA", named=True),
        Size(0, divides=True),
        Size(1, "n", divides=True),
    )
    assert scaling_of(chain) == (0.5, (Quantity("w"), Quantity("BETA", 1, 3.0), Quantity("n", -1)))
    assert scaling_of((Weight("w", divides=True),)) == (1.0, (Quantity("w", -1),))
    assert scaling_of((Number(0.02, "n", named=True, divides=True),)) == (1.0, (Quantity("n", -1, 50.0),))
    assert scaling_of((Through("clamp"),)) is None
    assert scaling_of((Tensor(whole=True, positive=True),)) is None
    assert read((*chain, Reduce(SUM, Extent.ALL)), 2) is not None


TEXTS = {
    "1": EffectiveBeta(),
    "0.003": EffectiveBeta(0.003),
    "4608 (elements of a sample 4608)": EffectiveBeta(1.0, (elements(4608.0),)),
    "4608 * B (elements of a sample 4608, B the batch size; at batch 128: 589824)": EffectiveBeta(
        1.0, (elements(4608.0), BATCH_SIZE)
    ),
    "0.5 / B (B the batch size; at batch 128: 0.003906)": EffectiveBeta(0.5, (Quantity("B", -1, None, "batch size"),)),
    "C*H*W / L (C*H*W the elements of a sample, L the latents)": EffectiveBeta(
        1.0, (elements(None), Quantity("L", -1, None, "latents"))
    ),
    "1 / (C*H*W) (C*H*W the elements of a sample)": EffectiveBeta(
        1.0, (Quantity("C*H*W", -1, None, "elements of a sample"),)
    ),
    "2.4 (elements of a sample 12, latents 5)": EffectiveBeta(1.0, (elements(12.0), Quantity("L", -1, 5.0, "latents"))),
    "36 (beta 3, elements of a sample 12)": EffectiveBeta(1.0, (Quantity("beta", 1, 3.0), elements(12.0))),
    "12 * self.beta (elements of a sample 12)": EffectiveBeta(1.0, (Quantity("self.beta"), elements(12.0))),
    "1 / ((a + b) * B^2) (B the batch size)": EffectiveBeta(
        1.0, (Quantity("a + b", -1), Quantity("B", -2, None, "batch size"))
    ),
}


@pytest.mark.parametrize(("text", "beta"), TEXTS.items(), ids=TEXTS)
def test_how_it_is_written(text: str, beta: EffectiveBeta) -> None:
    assert rendered(beta) == text


def test_at_the_batch_size_that_was_seen() -> None:
    assert rendered(EffectiveBeta(1.0, (elements(12.0), BATCH_SIZE)), batch=7).endswith("; at batch 7: 84)")
