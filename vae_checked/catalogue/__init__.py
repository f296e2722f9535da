"""The catalogue of silent mistakes: one file each, and this register of them all."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.catalogue import (
    always_on_dropout,
    batch_mixing,
    batch_reduction_mismatch,
    channels_last_into_conv,
    clipped_posterior_head,
    double_activation,
    half_range_activation,
    hidden_nan,
    ignored_reduction_attribute,
    kl_formula,
    kl_not_in_loss,
    kl_reduced_over_wrong_axes,
    kl_reversed,
    kl_scale,
    kl_sign,
    latent_mean_kl,
    log_std_read_as_logvar,
    logits_into_bce,
    mean_reconstruction_summed_kl,
    noise_at_the_wrong_time,
    non_gaussian_noise,
    output_range_mismatch,
    overflowing_logvar,
    parameters_without_gradient,
    parameters_without_optimizer,
    pixel_scale,
    reconstruction_reduced_over_wrong_axes,
    reconstruction_shape,
    reconstruction_sign,
    sample_without_gradient,
    shared_noise,
    sigmoid_into_logits_loss,
    swapped_bce_arguments,
    swapped_height_width,
    swapped_or_duplicated_head,
    view_used_as_permute,
)
from vae_checked.catalogue.mistake import Judge, Mistake, Observer
from vae_checked.catalogue.wording import compose
from vae_checked.errors import UsageError
from vae_checked.facts import Facts
from vae_checked.finding import Finding
from vae_checked.record import dataclass

__all__ = ["CATALOGUE", "Judge", "Judgement", "Mistake", "Observer", "find", "judge"]

CATALOGUE: tuple[Mistake, ...] = (
    view_used_as_permute.MISTAKE,
    channels_last_into_conv.MISTAKE,
    swapped_height_width.MISTAKE,
    pixel_scale.MISTAKE,
    reconstruction_shape.MISTAKE,
    batch_mixing.MISTAKE,
    log_std_read_as_logvar.MISTAKE,
    non_gaussian_noise.MISTAKE,
    shared_noise.MISTAKE,
    clipped_posterior_head.MISTAKE,
    swapped_or_duplicated_head.MISTAKE,
    sample_without_gradient.MISTAKE,
    noise_at_the_wrong_time.MISTAKE,
    overflowing_logvar.MISTAKE,
    kl_formula.MISTAKE,
    kl_sign.MISTAKE,
    kl_scale.MISTAKE,
    kl_reduced_over_wrong_axes.MISTAKE,
    kl_not_in_loss.MISTAKE,
    kl_reversed.MISTAKE,
    sigmoid_into_logits_loss.MISTAKE,
    logits_into_bce.MISTAKE,
    output_range_mismatch.MISTAKE,
    swapped_bce_arguments.MISTAKE,
    double_activation.MISTAKE,
    half_range_activation.MISTAKE,
    reconstruction_reduced_over_wrong_axes.MISTAKE,
    mean_reconstruction_summed_kl.MISTAKE,
    latent_mean_kl.MISTAKE,
    batch_reduction_mismatch.MISTAKE,
    reconstruction_sign.MISTAKE,
    ignored_reduction_attribute.MISTAKE,
    parameters_without_gradient.MISTAKE,
    parameters_without_optimizer.MISTAKE,
    always_on_dropout.MISTAKE,
    hidden_nan.MISTAKE,
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The findings in one VAE, the codes examined and clean, and per unexamined code the facts that it lacked."""

    subject: str
    findings: tuple[Finding, ...]
    clean: tuple[str, ...]
    unexamined: dict[str, tuple[str, ...]]


def find(code: str) -> Mistake:
    """The mistake of this code (`VAE201`, `201`) or name; UsageError when there is none."""
    wanted = code.strip()
    for mistake in CATALOGUE:
        if wanted.upper() in (mistake.code, mistake.code.removeprefix("VAE")) or wanted.lower() == mistake.name:
            return mistake
    raise UsageError(f"no mistake {code!r} in the catalogue: vae-checked rules lists the {len(CATALOGUE)} there are")


def judge(facts: Facts, mistakes: Iterable[Mistake] = CATALOGUE) -> Judgement:
    """Put `facts` before the judge of each of `mistakes`."""
    findings, clean, unexamined = [], [], {}
    for mistake in mistakes:
        lacking = tuple(path for path in mistake.needs if facts.get(path) is None)
        judged = not lacking or (mistake.partial and len(lacking) < len(mistake.needs))
        evidence = mistake.judge(facts) if judged else None
        if evidence is None and lacking:
            unexamined[mistake.code] = lacking
        elif evidence is None:
            clean.append(mistake.code)
        else:
            findings.append(compose(mistake, evidence, facts.subject))
    return Judgement(facts.subject, tuple(findings), tuple(clean), unexamined)
