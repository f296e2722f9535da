"""Reports of one finding, made by hand: of source, of a model, and one without any."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from vae_checked.catalogue import Judgement, Undecided
from vae_checked.facts import (
    KL,
    Axis,
    Fact,
    Factor,
    Facts,
    Heads,
    Interval,
    Origin,
    Parametrisation,
    Sampler,
    StdCurve,
)
from vae_checked.finding import Finding, Place, Provenance, Related, Remark, Severity

LINE = "        std = torch.exp(logvar)"
PLACE = Place("model.py", 42, LINE.index("torch") + 1, 42, len(LINE) + 1, text=LINE)
FOUND = Finding(
    code="VAE201",
    name="log-std-read-as-logvar",
    severity=Severity.ERROR,
    subject="model.py:VAE",
    message="the sampler uses exp(s) as std, the KL at loss.py:88 reads s as log variance",
    evidence="std at s = -1, 0, 2 is 0.368, 1, 7.389; the KL assumes 0.607, 1, 2.718",
    fix="std = torch.exp(0.5 * logvar)",
    place=PLACE,
    related=(Related(Place("loss.py", 88, 5), "the KL"),),
    how=Provenance.MEASURED,
)
FACTS = Facts(
    "model.py:VAE",
    sampler=Sampler(
        std=Fact(StdCurve(Parametrisation.LOG_STD, ((-1.0, 0.368),)), Origin("torch.exp(logvar)", PLACE)),
        shared_over=Fact(frozenset({Axis.LATENT, Axis.BATCH})),
    ),
    heads=Heads(mu=Fact(Interval(0.0, math.inf))),
    kl=KL(factor=Fact(Factor(0.5, explicit=True))),
    unobserved={"recon.kind": "no loss was given"},
)


@dataclass(frozen=True)
class AuditLike:
    findings: tuple[Finding, ...] = (FOUND,)
    judgements: tuple[Judgement, ...] = (
        Judgement("model.py:VAE", (FOUND,), ("VAE301", "VAE202"), {"VAE403": Undecided(("data.interval",))}),
    )
    facts: tuple[Facts, ...] = (FACTS,)
    recognised: tuple[str, ...] = ("model.py:VAE: mu and logvar from its outputs 1 and 2",)
    unobserved: tuple[str, ...] = ("model.py:VAE: recon.kind: no loss was given; give one with --loss",)
    unread: tuple[tuple[str, str], ...] = ()
    subjects: int = 1
    summary: str = "1 VAE, 1 finding"
    of_source: bool = False
    left_out: tuple[tuple[str, str], ...] = ()
    remarks: tuple[Remark, ...] = ()
    statistics: tuple[tuple[str, str, int], ...] | None = None


@dataclass(frozen=True)
class LintLike(AuditLike):
    unread: tuple[tuple[str, str], ...] = (("notes, 50%.py", "not Python: line 1"),)
    of_source: bool = True


CLEAN = AuditLike(findings=(), judgements=(Judgement("model.py:VAE", (), ("VAE201",), {}),), summary="nothing found")


def strict(text: str) -> dict[str, object]:
    """The JSON document `text`; AssertionError for the constants that are none."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    document: dict[str, object] = json.loads(text, parse_constant=refuse)
    return document
