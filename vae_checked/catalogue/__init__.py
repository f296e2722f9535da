"""The catalogue of silent mistakes: one file each, and this register of them all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vae_checked.catalogue import (
    channels_last_into_conv,
    kl_formula,
    kl_reduced_over_wrong_axes,
    log_std_read_as_logvar,
    logits_into_bce,
    non_gaussian_noise,
    output_range_mismatch,
    reconstruction_reduced_over_wrong_axes,
    sigmoid_into_logits_loss,
    view_used_as_permute,
)
from vae_checked.catalogue.mistake import Judge, Mistake, Observer
from vae_checked.catalogue.wording import compose
from vae_checked.errors import UsageError
from vae_checked.facts import Facts
from vae_checked.finding import Finding

__all__ = ["CATALOGUE", "Judge", "Judgement", "Mistake", "Observer", "find", "judge"]

CATALOGUE: tuple[Mistake, ...] = (
    view_used_as_permute.MISTAKE,
    channels_last_into_conv.MISTAKE,
    log_std_read_as_logvar.MISTAKE,
    non_gaussian_noise.MISTAKE,
    kl_formula.MISTAKE,
    kl_reduced_over_wrong_axes.MISTAKE,
    sigmoid_into_logits_loss.MISTAKE,
    logits_into_bce.MISTAKE,
    output_range_mismatch.MISTAKE,
    reconstruction_reduced_over_wrong_axes.MISTAKE,
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
        if lacking:
            unexamined[mistake.code] = lacking
            continue
        evidence = mistake.judge(facts)
        if evidence is None:
            clean.append(mistake.code)
        else:
            findings.append(compose(mistake, evidence, facts.subject))
    return Judgement(facts.subject, tuple(findings), tuple(clean), unexamined)
