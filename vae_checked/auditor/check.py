"""`check_vae()`: the laws and the audit on one model, and one error with everything that was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from vae_checked.adapters import adapt
from vae_checked.auditor.audit import audit_into, refuse_uninitialised
from vae_checked.auditor.inputs.choice import inputs_for
from vae_checked.auditor.inputs.source import GivenInputs
from vae_checked.auditor.losses.flags import asked_for_loss
from vae_checked.auditor.losses.loss import GivenLoss, find_loss
from vae_checked.auditor.measure.optimizers import GivenOptimizer
from vae_checked.auditor.records import Records, Setting
from vae_checked.auditor.report import AuditReport
from vae_checked.auditor.restoring.restored import Restored
from vae_checked.auditor.stages import NEVER_SEEN, Staged, staged
from vae_checked.errors import FindingsError, ModelError
from vae_checked.finding import Finding, Severity
from vae_checked.laws import LAWS, InapplicableError, Law, Violation
from vae_checked.laws.seeding import seed_draws

BATCHES = (2, 3)  # the smallest first: that is the failure that is reported


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a law on one model: `violation` when it is broken, `reason` when it could not be put."""

    law: Law
    violation: Violation | None = None
    reason: str | None = None

    def __str__(self) -> str:
        if self.violation is not None:
            broken = f"law {self.law.name} is broken: {self.law.statement}: {self.violation}"
            return "; ".join(filter(None, [broken, self.law.suspects]))
        return f"law {self.law.name}: {'holds' if self.reason is None else f'not tested: {self.reason}'}"


def stages_for(
    model: nn.Module,
    inputs: GivenInputs | None = None,
    loss: GivenLoss | None = None,
    *,
    data_range: tuple[float, float] | None = None,
    adapter: str | None = None,
    bind: Mapping[str, str] | str | None = None,
    forward: str | None = None,
    seed: int = 0,
    records: Records | None = None,
) -> Staged:
    """The stages of `model` for the laws; arguments and errors are those of `audit`.

    `records` are those of its audit with the same arguments, where there was one.
    """
    if records is not None and records.setting is not None:
        return staged(records.setting, seed, records)
    refuse_uninitialised(model)
    subject, found_loss = adapt(model, adapter, forward), find_loss(model, loss, bind)
    if found_loss is None or found_loss.is_forward or not found_loss.given:
        subject = asked_for_loss(subject)
    with Restored(model, *(found_loss.modules if found_loss is not None else ())) as restored:
        seed_draws(seed)
        source, _ = inputs_for(subject, inputs, data_range, restored, seed)
    return staged(Setting(subject, source, found_loss), seed)


def laws_of_models() -> tuple[Law, ...]:
    """The laws that can be tested on an existing model; the others need what no recorded pass shows."""
    return tuple(
        law
        for law in LAWS
        if NEVER_SEEN.isdisjoint(law.needs) and not (law.any_of and NEVER_SEEN.issuperset(law.any_of))
    )


def put(law: Law, model: Staged, seed: int = 0) -> Outcome:
    """Put one law to one model at a few batch sizes, the smallest first."""
    accepted = model.batches(max(BATCHES))
    batches = [batch for batch in BATCHES if batch in accepted] or [accepted[-1]]
    for trial, batch in enumerate(batches):
        try:
            violation = law.check(model.stages, model.sizes(batch), seed + trial)
        except (InapplicableError, ModelError) as error:
            return Outcome(law, reason=str(error))
        if violation is not None:
            return Outcome(law, violation)
    return Outcome(law)


def check_vae(
    model: nn.Module,
    inputs: GivenInputs | None = None,
    loss: GivenLoss | None = None,
    *,
    name: str | None = None,
    data_range: tuple[float, float] | None = None,
    adapter: str | None = None,
    bind: Mapping[str, str] | str | None = None,
    forward: str | None = None,
    optimizer: GivenOptimizer | None = None,
    seed: int = 0,
) -> AuditReport:
    """Audit `model` and test every law on it; the model and the process are afterwards as they were.

    Args:
        model: the VAE.
        inputs: as for `audit`, like the following.
        loss: how the model is trained.
        name: what the message calls the model.
        data_range: the lowest and the highest value of the data.
        adapter: the name of a convention.
        bind: what the loss's arguments are.
        forward: the name of the method that takes the data.
        optimizer: what trains the model.
        seed: of the inputs and of the noise.

    Returns:
        The report of the audit, where nothing was found.

    Raises:
        FindingsError: an AssertionError with all findings but mere information, and all broken laws, in one message.
        ModelError: the model or the loss cannot be run.
        UsageError: an argument is not valid; the message says what to give instead.
    """
    records = Records()
    report = audit_into(
        records,
        model,
        inputs,
        loss,
        name=name,
        data_range=data_range,
        adapter=adapter,
        bind=bind,
        forward=forward,
        optimizer=optimizer,
        seed=seed,
    )
    stages = stages_for(model, inputs, loss, seed=seed, records=records)
    broken = [
        outcome for outcome in (put(law, stages, seed) for law in laws_of_models()) if outcome.violation is not None
    ]
    findings = [finding for finding in report.findings if finding.severity is not Severity.INFO]
    if findings or broken:
        raise FindingsError(_message(name or type(model).__qualname__, findings, broken))
    return report


def _message(name: str, findings: list[Finding], broken: list[Outcome]) -> str:
    counts = []
    if findings:
        counts.append(f"{len(findings)} finding{'s' if len(findings) > 1 else ''}")
    if broken:
        counts.append(f"{len(broken)} broken law{'s' if len(broken) > 1 else ''}")
    lines = [f"{name}: {' and '.join(counts)}"]
    lines += [f"  {f.code} {f.name}: {f.message} ({f.grounds}); fix: {f.fix}" for f in findings]
    lines += [f"  {outcome}" for outcome in broken]
    return "\n".join(lines)
