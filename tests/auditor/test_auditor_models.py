"""The auditor on correct VAEs written in many ways: recognised without configuration, measured right, no finding."""

from __future__ import annotations

import math
from functools import cache

import pytest
import torch
from small_vaes import spellings as zoo

from vae_checked.auditor import AuditReport, audit
from vae_checked.facts import Facts, Head, NoiseLaw, Parametrisation, Reduction
from vae_checked.mathematics.effective_beta import rendered

# What each model's head for std stands for where the loss or the output shows it; the others' is the log variance.
SECOND = {
    "LogStd": Parametrisation.LOG_STD,
    "SoftplusStd": Parametrisation.STD,
    "KLDivergence": Parametrisation.STD,
    "Sampled": Parametrisation.STD,
    "Posterior": Parametrisation.STD,
    "Variance": Parametrisation.VAR,
}
SIGMA = {
    Parametrisation.LOGVAR: lambda s: math.exp(s / 2),
    Parametrisation.LOG_STD: math.exp,
    Parametrisation.STD: lambda s: s,
    Parametrisation.VAR: math.sqrt,
}


@cache
def audited(name: str) -> AuditReport:
    model, spec, loss, data_range = zoo.MODELS[name]
    torch.manual_seed(11)
    return audit(model(), spec, loss, data_range=data_range)


def facts(name: str) -> Facts:
    return audited(name).facts[0]


@pytest.mark.parametrize("name", zoo.MODELS)
def test_a_correct_model_has_no_finding(name: str) -> None:
    assert [finding.code for finding in audited(name).findings] == []


@pytest.mark.parametrize("name", zoo.MODELS)
def test_the_curve_of_std_is_measured(name: str) -> None:
    curve = facts(name).sampler.std
    assert curve is not None
    kind = SECOND.get(name, Parametrisation.LOGVAR)
    assert curve.value.parametrisation is kind
    assert len(curve.value.points) == 3
    for s, std in curve.value.points:
        assert std == pytest.approx(SIGMA[kind](s), rel=1e-3)


@pytest.mark.parametrize("name", zoo.MODELS)
def test_eps_is_recognised_as_standard_normal_and_its_own_for_each_latent(name: str) -> None:
    sampler = facts(name).sampler
    assert sampler.noise is not None
    assert sampler.noise.value.law is NoiseLaw.STANDARD_NORMAL
    if name == "Importance":
        assert sampler.shared_over is None, "z (samples, B, L) has no batch in front"
    else:
        assert sampler.shared_over is not None
        assert sampler.shared_over.value == frozenset()


@pytest.mark.parametrize("name", zoo.MODELS)
def test_gradient_reaches_both_heads(name: str) -> None:
    reached = facts(name).sampler.gradient_reaches
    assert reached is not None
    assert reached.value == frozenset(Head)


@pytest.mark.parametrize("name", zoo.MODELS)
def test_the_kl_is_recognised_with_the_same_second_head(name: str) -> None:
    kl = facts(name).kl
    assert kl.form is not None
    assert kl.form.value.parametrisation is SECOND.get(name, Parametrisation.LOGVAR)
    assert not kl.form.value.reversed
    assert kl.sign is not None
    assert kl.sign.value == 1
    assert kl.factor is not None
    assert kl.factor.value.value == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("name", zoo.MODELS)
def test_the_terms_are_reduced_as_they_are_written(name: str) -> None:
    found = facts(name)
    batch = Reduction.SUM if name == "Variance" else Reduction.MEAN
    event = Reduction.MEAN if name == "Listed" else Reduction.SUM
    assert found.kl.reduced is not None
    assert (found.kl.reduced.value.batch, found.kl.reduced.value.event) == (batch, Reduction.SUM)
    assert found.recon.reduced is not None
    assert (found.recon.reduced.value.batch, found.recon.reduced.value.event) == (batch, event)


# recon + KL, summed over a sample; the error of N(x_hat, 1) is half a squared error, so that its KL weighs twice.
# The weight M_N is one that nobody gave.
BETA = {"KLDivergence": "2", "Listed": f"{zoo.PIXELS} * M_N (elements of a sample {zoo.PIXELS})"}


@pytest.mark.parametrize("name", zoo.MODELS)
def test_the_effective_beta_is_what_the_loss_says(name: str) -> None:
    beta = facts(name).objective.effective_beta
    assert beta is not None
    assert rendered(beta.value) == BETA.get(name, "1")


def test_every_latent_of_a_hierarchy_is_judged() -> None:
    report = audited("Hierarchical")
    assert [each.subject for each in report.facts] == ["Hierarchical (latent 1 of 2)", "Hierarchical (latent 2 of 2)"]
    assert len(report.judgements) == 2
    assert all(each.kl.form is not None for each in report.facts)


def test_a_weight_that_nobody_gave_is_said_and_not_judged() -> None:
    (line,) = [line for line in audited("Listed").unobserved if "M_N" in line]
    assert "functools.partial" in line
    assert not {"VAE502", "VAE504"} & set(audited("Listed").judgements[0].undecided)


def test_what_was_recognised_is_said_with_its_reason() -> None:
    lines = "\n".join(audited("OtherOrder").recognised)
    assert "mu + std * noise of randn_like; mu is " in lines
    assert "output[2] is x_hat" in lines
    assert "x_hat = output[2], x = the input, mu = output[0], logvar = output[1]" in lines


def test_labels_go_to_the_model_beside_x() -> None:
    assert facts("Conditional").output.shape is not None
    assert facts("Conditional").output.shape.value.output == "B 3 8 12"


def test_twenty_seeds_bring_no_finding() -> None:
    model, spec, loss, data_range = zoo.MODELS["Regularised"]
    found = []
    for seed in range(20):
        torch.manual_seed(seed)
        found += audit(model(), spec, loss, data_range=data_range, seed=seed).findings
    assert found == []
