"""`audit()`: recognise, draw, measure, judge, restore."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from torch import nn
from torch.nn.parameter import is_lazy

from vae_checked.adapters import Inputs, Subject, adapt
from vae_checked.auditor.agreement import agreed
from vae_checked.auditor.facts_of import facts_of
from vae_checked.auditor.fixed_lines import with_fixed_lines
from vae_checked.auditor.inputs.choice import inputs_for
from vae_checked.auditor.inputs.source import GivenInputs, Source, spoilt
from vae_checked.auditor.losses.flags import asked_for_loss
from vae_checked.auditor.losses.loss import GivenLoss, Loss, find_loss, run_by
from vae_checked.auditor.measure.gradients import Gradients, live_gradients
from vae_checked.auditor.measure.optimizers import GivenOptimizer, optimizers_of, without_optimizer
from vae_checked.auditor.measure.quantiser import quantiser_of
from vae_checked.auditor.observe import observe
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import named
from vae_checked.auditor.recording.run import varies
from vae_checked.auditor.records import Records, Setting
from vae_checked.auditor.report import AuditReport
from vae_checked.auditor.restoring.restored import Restored
from vae_checked.auditor.terms import Observed
from vae_checked.catalogue import judge
from vae_checked.errors import ModelError
from vae_checked.facts import Facts
from vae_checked.finding import Finding, Place
from vae_checked.laws.seeding import seed_draws
from vae_checked.text import no_module


def audit(
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
    """Run `model`, measure what it does, and judge it; the model and the process are afterwards as they were.

    Args:
        model: the VAE, in any mode, on any device.
        inputs: a tensor, a tuple or dict of tensors, or a specification such as `B 3 64 64`, in which letters are sizes
            that are drawn, all different. Several inputs are separated by commas, one may bear the name of its argument
            and the number of its labels: `B 3 64 64, y: int<10> B`; braces make one dictionary of them. Found by the
            model's first layer where nothing is given.
        loss: a function, a module, or the name of a method or of a function next to the model's class. Without one the
            model's own is looked for.
        name: what the report calls the model; the name of its class by default.
        data_range: the lowest and the highest value of the data; nothing is presumed where it is not given.
        adapter: the name of a convention, where the recognised one is not right.
        bind: what the loss's arguments are, where their names do not say: `recon_x=output[0], x=input`.
        forward: the name of the method that takes the data and returns the reconstruction, where it is another one.
        optimizer: what trains the model, or a function of the model that makes it; its own configure_optimizers by
            default.
        seed: of the inputs and of the noise.

    Returns:
        The findings, and what they rest on: the facts of each latent, and what is undecided and why.

    Raises:
        ModelError: the model or the loss cannot be run.
        UsageError: an argument is not valid; the message says what to give instead.

    Examples:
        >>> from vae_checked import audit
        >>> from vae_checked.reference import VAE
        >>> model = VAE((1, 4, 6), latents=5, encoder="mlp", decoder="mlp")
        >>> report = audit(model, "B 1 4 6", "loss_function", data_range=(0, 1))
        >>> report.findings
        ()
        >>> print(report.facts[0].kl.form.value.parametrisation.meaning)
        log variance
    """
    return audit_into(
        Records(),
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


def audit_into(
    records: Records,
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
    """The audit, as `audit` has it; what the laws would record as well stays in `records`."""
    begun = time.perf_counter()
    if not isinstance(model, nn.Module):
        raise ModelError(no_module(model))
    subject = adapt(model, adapter, forward)
    found_loss = find_loss(model, loss, bind)
    if found_loss is None or found_loss.is_forward or not found_loss.given:
        subject = asked_for_loss(subject)
    label = name or type(model).__qualname__
    refuse_uninitialised(model)
    numbers = spoilt(model.named_parameters())
    with Restored(model, *(found_loss.modules if found_loss is not None else ())) as restored:
        seed_draws(seed)
        source, guess = inputs_for(subject, inputs, data_range, restored, seed)
        records.setting = Setting(subject, source, found_loss)
        try:
            seen, passed_over = _observed_with(subject, source, found_loss, seed, restored, records)
        except ModelError as error:
            if not guess:
                raise
            raise ModelError(f"{error} ({guess}; give inputs= where that is wrong)") from error
        optimizers, why = optimizers_of(model, optimizer)
        passed_over = (*passed_over, *([why] if why else []))
        seen = replace(seen, without_optimizer=without_optimizer(model, optimizers, seen.gradients, optimizer))
        facts = facts_of(seen, label, source.interval)
        if found_loss is not None and seen.train.loss.readings:
            others = [
                replace(each, without_optimizer=seen.without_optimizer)
                for each in _by_other_readings(subject, source, found_loss, seen, seed, restored)
            ]
            read = [facts_of(each, label, source.interval) for each in others]
            facts = agreed(facts, read, (seen.train.loss.bindings, *seen.train.loss.readings))
    judgements = tuple(judge(each) for each in facts)
    return AuditReport(
        findings=with_fixed_lines(_once(finding for each in judgements for finding in each.findings)),
        judgements=judgements,
        facts=tuple(facts),
        recognised=_recognised(subject, seen, label, guess),
        unobserved=(
            *(f"{label}: {line}" for line in (*source.spoilt, *numbers)),
            *(f"{label}: {line}" for line in passed_over),
            *_unobserved(seen, facts, label),
            *(f"{label}: not restored: {reason}" for reason in restored.left),
        ),
        seconds=time.perf_counter() - begun,
    )


def refuse_uninitialised(model: nn.Module) -> None:
    """Raise ModelError for a model whose lazy parameters have no size yet: a run would give them one."""
    lazy = [name for name, parameter in model.named_parameters() if is_lazy(parameter)]
    if lazy:
        raise ModelError(f"{lazy[0]} has no size yet: run {type(model).__name__} once on a batch, then audit it")
    meta = [name for name, parameter in model.named_parameters() if parameter.is_meta]
    if meta:
        raise ModelError(f"{meta[0]} is on the meta device, where there are no numbers: build the model on cpu")


def _once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings without those that a later latent shares with an earlier one."""
    found: dict[tuple[str, str, str, Place | None], Finding] = {}
    for finding in findings:
        found.setdefault((finding.code, finding.message, finding.evidence, finding.place), finding)
    return tuple(found.values())


def _observed_with(
    subject: Subject, source: Source, loss: Loss | None, seed: int, restored: Restored, records: Records
) -> tuple[Observed, tuple[str, ...]]:
    """What is observed with this loss, or without one that nobody named and that cannot be run; then why."""
    try:
        return _observed(subject, source, loss, seed, restored, records), ()
    except ModelError as error:
        if loss is None or loss.given or not loss.runs(subject.model):
            raise
        restored.again()
        return _observed(subject, source, None, seed, restored, records), (f"the loss: {error}",)


def _by_other_readings(
    subject: Subject, source: Source, loss: Loss, seen: Observed, seed: int, restored: Restored
) -> list[Observed]:
    """What is observed with the other orders in which the loss takes its arguments."""
    found = []
    for bindings in seen.train.loss.readings:
        restored.again()
        try:
            found.append(_observed(subject, source, replace(loss, bind=bindings), seed, restored, Records()))
        except ModelError:  # an order in which the loss does not run at every size is none that is meant
            continue
    return found


def _observed(
    subject: Subject, source: Source, loss: Loss | None, seed: int, restored: Restored, records: Records
) -> Observed:
    batch, other = source.batches(source.sizes)

    def look(size: int, *, training: bool, salt: int) -> tuple[Recognition, Gradients]:
        inputs = source.draw(size, seed + salt)
        seen = observe(subject, inputs, loss, training=training, generators=restored.generators)
        gradients = live_gradients(seen, subject.model) if salt == 0 else Gradients()
        restored.again()
        return seen, gradients

    def look_again(size: int, *, training: bool, salt: int) -> Recognition | ModelError:
        """The same, or why not: what runs at one size and in one mode may not in others."""
        try:
            return look(size, training=training, salt=salt)[0]
        except ModelError as error:
            restored.again()
            return error

    train, gradients = look(batch, training=True, salt=0)
    records.note(train, loss, training=True)
    latent_sizes = {size for latent in train.latents for size in train.run.tape.values[latent.z].tensor.shape[1:]}
    if source.given is None and batch in latent_sizes:
        batch, other = source.batches([*source.sizes, *latent_sizes])
        train, gradients = look(batch, training=True, salt=0)
    unseen_noise = train.is_silent and _may_vary(subject, source.draw(batch, seed), loss, restored)
    again = look_again(other, training=True, salt=1) if other != batch else None
    evaluation = look_again(batch, training=False, salt=2)
    if isinstance(evaluation, Recognition):
        records.note(evaluation, loss, training=False)
    return Observed(
        train,
        gradients,
        again if isinstance(again, Recognition) else None,
        evaluation if isinstance(evaluation, Recognition) else None,
        tuple(f"a second pass: {error}" for error in (again, evaluation) if isinstance(error, ModelError)),
        source.open_sizes,
        source.given is None,
        unseen_noise,
    )


def _may_vary(subject: Subject, inputs: Inputs, loss: Loss | None, restored: Restored) -> bool:
    """Whether the model, run in training, gives two numbers on one input, or cannot be asked."""
    nn.Module.train(subject.model)
    runs_itself = loss is not None and loss.runs(subject.model)
    found = varies(run_by(loss, subject) if loss is not None and runs_itself else subject, inputs)
    restored.again()
    return found is not False


def _recognised(subject: Subject, seen: Observed, label: str, guess: str) -> tuple[str, ...]:
    lines = [f"{label}: {line}" for line in (subject.call.reason, guess) if line]
    first = seen.train
    tape = first.run.tape
    for latent in first.latents:
        draws = ", ".join(sorted({draw.source for draw in latent.draws}))
        second = "" if latent.second is None else f", head for std {named(tape, latent.second)}"
        shape = ", ".join(map(str, tape.values[latent.z].tensor.shape))
        mu = named(tape, latent.mu)
        lines.append(f"{label}: latent z, shape ({shape}): mu + std * noise of {draws}; mu is {mu}{second}")
    quantiser = None if first.latents else quantiser_of(first)
    if quantiser is not None:
        lines.append(f"{label}: {quantiser.line(tape)}")
    if seen.recon is not None and seen.recon.is_bound:
        lines.append(
            f"{label}: the loss weighs {seen.recon.copies} samples against each other, as a bound of them all does"
        )
    for path, role in first.roles.items():
        lines.append(f"{label}: {path} is {role}")
    lines += [f"{label}: {line}" for line in first.recognised]
    return tuple(lines)


def _unobserved(seen: Observed, facts: list[Facts], label: str) -> tuple[str, ...]:
    lines = [f"{label}: {line}" for line in (*seen.train.unobserved, *seen.failed)]
    for each in facts:
        lines += [f"{each.subject}: {path}: {reason}" for path, reason in each.unobserved.items()]
    return tuple(dict.fromkeys(lines))
