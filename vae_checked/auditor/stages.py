"""The stages of an existing model as plain callables, for the laws: recorded passes, run again with other values.

A stage of a model has no name that could be relied on; on the tape it is what lies between two values. Each batch size
is recorded once per mode, and a stage runs no more than its own stretch of that record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from vae_checked.adapters import Inputs, Role
from vae_checked.auditor.measure.intervals import interval_of
from vae_checked.auditor.measure.kl import held_still, measure_kl
from vae_checked.auditor.measure.recon import measure_recon
from vae_checked.auditor.measure.sampler import std_curve
from vae_checked.auditor.observe import observe
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import described, origin_of
from vae_checked.auditor.recording.randomness import Family
from vae_checked.auditor.recording.replay import ReplayError, replay
from vae_checked.auditor.recording.tape import Draw, Ref, Tape
from vae_checked.auditor.records import Records, Setting
from vae_checked.auditor.restoring.restored import Restored
from vae_checked.errors import ModelError
from vae_checked.facts import UNIT, Likelihood, Parametrisation
from vae_checked.finding import Place
from vae_checked.laws import InapplicableError, Sizes, Stages
from vae_checked.laws.closed_forms import BEST_PREDICTION, SECOND
from vae_checked.laws.seeding import seed_draws
from vae_checked.laws.stages import WORDS

FEW, MOST_AT_FIRST = 5, 7  # samples of the first pass: as many as the audit takes, where these are not too many
LARGEST_BATCH = 512
ACTIVATIONS_KEPT = 2**23  # numbers in all activations of one recorded pass, which keeps every one of them

NO_LOSS = "no loss is known"

# What no record of a model tells: the factors, which the audit judges, and functions that a model has not.
NEVER_SEEN = frozenset(("kl_scale", "recon_scale", "loss", "to_nchw", "to_nhwc", "output", "live"))

_BOTH_SIGNS = (1.0, -1.0)
_OF_POSTERIOR = ("encode", "decode", "reparameterize", "parametrisation", "kl", "recon", "likelihood")
_OF_RECON = ("recon", "likelihood")


@dataclass(frozen=True, slots=True)
class Staged:
    """A model's stages, its sizes but for the batch, the largest batch it takes, and what is not known and why.

    `accepted_batches` are the batches that it takes, where it does not take any; `recorded_batch` is the one that the
    stages were seen at; `places` says, by the stage, which line was taken for it.
    """

    stages: Stages
    event: tuple[int, ...]
    latent: tuple[int, ...]
    largest_batch: int
    accepted_batches: range | None
    recorded_batch: int
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def unobserved(self) -> tuple[str, ...]:
        """What is not known, and why, a line for each reason."""
        reasons: dict[str, list[str]] = {}
        for name, reason in self.stages.unknown.items():
            reasons.setdefault(reason, []).append(WORDS[name])
        return tuple(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())

    def batches(self, most: int) -> list[int]:
        """The batch sizes up to `most` that the model takes; the smallest that it takes where these are none."""
        if self.accepted_batches is None:
            return list(range(1, min(most, self.largest_batch) + 1))
        return [size for size in self.accepted_batches if size <= most] or [self.accepted_batches[0]]

    def few_batches(self, most: int) -> list[int]:
        """Two batch sizes up to `most`: the one whose passes are recorded by now, which costs no more, and another."""
        others = [size for size in self.batches(most) if size != self.recorded_batch]
        return [self.recorded_batch, *others[:1]]

    def sizes(self, batch: int) -> Sizes:
        """The sizes at this batch size."""
        return Sizes(batch, self.event, self.latent)


def staged(setting: Setting, seed: int = 0, records: Records | None = None) -> Staged:
    """The stages of a model as far as they are seen; ModelError when it cannot be run.

    `records` are those of its audit in the same setting: what is recorded there is not recorded again.
    """
    return _Model(setting, seed, records or Records()).staged()


# How torch says that a layer has weights of another precision than what it is given.
_OTHER_PRECISION = re.compile(r"scalar type|same dtype|have dtype|data type", re.IGNORECASE)


class _Model:
    """Recorded passes of one model by batch size and mode, and the stages cut out of them."""

    def __init__(self, setting: Setting, seed: int, records: Records) -> None:
        self.subject, self.source, self.loss = setting.subject, setting.source, setting.loss
        self.seed, self._records = seed, records
        self._passes: dict[tuple[int, bool], Recognition] = {}
        self._parametrisation = Parametrisation.LOGVAR
        self._likelihood = Likelihood.MSE
        self._signs: tuple[float, ...] = _BOTH_SIGNS
        self._places: dict[str, Place] = {}
        self.largest_batch = LARGEST_BATCH if self.source.given is None else self.source.batches(())[0]

    def at(self, batch: int, *, training: bool) -> Recognition:
        """The recorded pass of this batch size and mode; the model is afterwards as it was."""
        key = (batch, training)
        if key not in self._passes:
            if batch > self.largest_batch:
                raise InapplicableError(f"{self.largest_batch} samples were given as inputs, {batch} are needed")
            if not self.source.takes(batch):
                raise InapplicableError(f"the model does not take {batch} samples at a time")
            inputs = self._inputs(batch)
            self._passes[key] = self._records.like(inputs, training=training) or self._observed(inputs, training)
        return self._passes[key]

    def _observed(self, inputs: Inputs, training: bool) -> Recognition:
        modules = self.loss.modules if self.loss is not None else ()
        with Restored(self.subject.model, *modules) as restored:
            seed_draws(self.seed)
            seen = observe(self.subject, inputs, self.loss, training=training)
            restored.also(seen.run.tape.generators)
        return seen

    def _inputs(self, batch: int) -> Inputs:
        """Drawn inputs; what comes beside x is alike for all samples, so that these can change places."""
        drawn, one = self.source.draw(batch, self.seed), self.source.draw(1, self.seed)
        data = _data(drawn)

        def alike(value: object, first: object) -> object:
            if not (isinstance(value, Tensor) and isinstance(first, Tensor)) or value is data:
                return value
            if value.shape[:1] != (batch,):
                return value
            return first.expand_as(value).clone()

        return Inputs(*(pytree.tree_map(alike, *each) for each in ((drawn.args, one.args), (drawn.kwargs, one.kwargs))))

    # ------------------------------------------------------------------------------------------- what is seen

    def staged(self) -> Staged:
        """Every stage that is seen, and for the others why not."""
        accepted = self.source.accepted_batches
        batch = self._first_batch()
        train = self.at(batch, training=True)
        tape = train.run.tape
        event = tuple(train.run.x.shape[1:])
        stages = Stages(
            live=None,
            kl_scale=None,
            recon_scale=None,
            data=self.source.interval or UNIT,
            draw=self._draw,
            batch_limit=self._batch_limit(max(batch, ACTIVATIONS_KEPT * batch // _activations(tape))),
            dtype=train.run.x.dtype if train.run.x.is_floating_point() else torch.get_default_dtype(),
            device=train.run.x.device,
        )
        try:
            evaluation = self.at(batch, training=False)
        except ModelError as error:
            evaluation = None
            stages = _without(stages, ("encode", "decode", "forward"), str(error))
        latent = _latent(train)
        stages = self._with_forward(stages, evaluation, latent)
        if latent is None or latent.second is None:
            stages = _without(stages, _OF_POSTERIOR, "no z = mu + std * eps whose heads follow from the input was seen")
            return Staged(stages, event, (), self.largest_batch, accepted, batch)
        mu, second = tape.values[latent.mu].tensor, tape.values[latent.second].tensor
        if not mu.shape == second.shape == tape.values[latent.z].tensor.shape or mu.shape[0] != batch:
            shapes = ", ".join(str(tuple(t.shape)) for t in (mu, second, tape.values[latent.z].tensor))
            why = f"mu, the head for std and z have shapes {shapes} for {batch} samples"
            return Staged(_without(stages, _OF_POSTERIOR, why), event, (), self.largest_batch, accepted, batch)
        stages = replace(stages, dtype=mu.dtype)
        stages = self._with_posterior(stages, train, latent)
        if evaluation is not None:
            stages = self._with_functions(stages, evaluation)
        stages = self._with_recon(stages, train)
        return Staged(stages, event, tuple(mu.shape[1:]), self.largest_batch, accepted, batch, self._places)

    def _first_batch(self) -> int:
        """How many samples are recorded first: as many as in the audit, unless these are many and fewer will do."""
        likely = self.source.batches(self.source.sizes)[0]
        return likely if likely <= MOST_AT_FIRST or not self.source.takes(FEW) else FEW

    def _batch_limit(self, most: int) -> int:
        """The largest batch up to `most` that the model takes."""
        limit = min(most, self.largest_batch)
        return next((size for size in range(limit, 0, -1) if self.source.takes(size)), limit)

    def _draw(self, batch: int, generator: torch.Generator) -> Tensor:
        return _data(self.source.draw(batch, int(torch.randint(2**31, (), generator=generator))))

    def _with_forward(self, stages: Stages, evaluation: Recognition | None, latent: Latent | None) -> Stages:
        if evaluation is None or evaluation.x_hat is None:
            return stages
        x, x_hat = evaluation.run.x, evaluation.run.tape.values[evaluation.x_hat].tensor
        mu = x if latent is None else evaluation.run.tape.values[latent.mu].tensor
        if mu.shape[:1] == x_hat.shape[:1] != x.shape[:1]:
            why = f"the model encodes and decodes {len(x_hat)} of {len(x)} samples"
            return _without(stages, ("forward", "decode"), why)
        return replace(stages, forward=self.forward)

    def _with_posterior(self, stages: Stages, seen: Recognition, latent: Latent) -> Stages:
        tape = seen.run.tape
        interval = interval_of(tape, seen.graph, _second(latent))
        curve = std_curve(seen, latent, interval)
        parametrisation = None if curve is None else curve.value.parametrisation
        if parametrisation is None:
            why = "std is a function of the head for std that no parametrisation has"
            return _without(stages, ("parametrisation", "reparameterize", "kl"), why)
        self._parametrisation = parametrisation
        stages = replace(stages, parametrisation=parametrisation)
        why_not = _not_redrawn(tape, latent.draws)
        if why_not:
            stages = _without(stages, ("reparameterize",), why_not)
        else:
            stages = replace(stages, reparameterize=self.reparameterize)
            self._taken_for("reparameterize", origin_of(tape, latent.z).place)
        measured = measure_kl(seen, latent, interval)
        if measured is None:
            return _without(stages, ("kl",), NO_LOSS)
        if measured.form is not None and measured.form.learned:
            return _without(
                stages, ("kl",), "it is the KL to a prior that the model learns, and the laws are of N(0, I)"
            )
        if measured.form is None or (measured.form.parametrisation is not None and measured.weight is None):
            where = "" if measured.origin.place is None else f" ({measured.origin.place})"
            return _without(stages, ("kl",), f"{measured.why}{where}")
        heads = {n: tape.values[n].data.double() for n in (latent.mu, _second(latent))}
        why_not = self._fails(lambda: self.kl(*heads.values()))
        if why_not:
            return _without(stages, ("kl",), why_not)
        plus, minus = (_mean_over_signs(seen, latent, heads, (sign,)) for sign in _BOTH_SIGNS)
        self._signs = (1.0,) if torch.equal(plus, minus) else _BOTH_SIGNS
        self._taken_for("kl", measured.origin.place)
        return replace(stages, kl=self.kl)

    def _taken_for(self, stage: str, place: Place | None) -> None:
        if place is not None:
            self._places[stage] = place

    def _with_functions(self, stages: Stages, seen: Recognition) -> Stages:
        heads = _heads(seen)
        if heads is None:
            why = "in evaluation mode neither noise nor names show the heads"
            return _without(stages, ("encode", "decode"), why)
        if seen.x_hat is None or heads[2] is None:
            return replace(stages, encode=self.encode)
        self._taken_for("encode", origin_of(seen.run.tape, heads[0]).place)
        self._taken_for("decode", origin_of(seen.run.tape, seen.x_hat).place)
        besides = _besides_z(seen, heads[2])
        if besides:
            return _without(replace(stages, encode=self.encode), ("decode",), besides)
        return replace(stages, encode=self.encode, decode=self.decode)

    def _with_recon(self, stages: Stages, seen: Recognition) -> Stages:
        measured = measure_recon(seen)
        join = seen.join
        if join is None or measured is None or measured.kind is None or measured.weight is None or measured.swapped:
            reason = f"{NO_LOSS} in which a prediction meets the data" if measured is None else measured.why
            return _without(stages, _OF_RECON, reason or "its arguments are swapped")
        if measured.kind not in BEST_PREDICTION:
            return _without(stages, _OF_RECON, f"the best prediction under {measured.kind} is not known")
        self._likelihood = measured.kind
        prediction, target = (seen.run.tape.values[n].data for n in (join.prediction, join.target))
        why = self._fails(lambda: self.recon(prediction, target))
        if why:
            return _without(stages, _OF_RECON, why)
        self._taken_for("recon", measured.origin.place)
        data = interval_of(seen.run.tape, seen.graph, join.target, self.source.interval or UNIT)
        return replace(stages, recon=self.recon, likelihood=measured.kind, data=data or stages.data)

    @staticmethod
    def _fails(stage: Callable[[], Tensor]) -> str | None:
        """Why the stage cannot be run on other values than those recorded; None when it can."""
        try:
            with torch.no_grad():
                value = stage()
        except ReplayError as error:
            if _OTHER_PRECISION.search(str(error)):
                return "a tensor or a layer of another precision takes part in it, and laws compute in double precision"
            return f"the loss cannot be evaluated at other values: {error}"
        except (RuntimeError, ValueError, TypeError) as error:
            return f"the loss cannot be run in double precision on other values: {described(error)}"
        return None if value.isfinite().all() else "the loss is not finite"

    # ------------------------------------------------------------------------------------------------ stages

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(mu, second) of x in evaluation mode."""
        seen = self.at(len(x), training=False)
        heads = _heads(seen)
        if heads is None:
            raise ModelError(f"with a batch of {len(x)} the heads are not seen, with others they are")
        found = replay(seen.run.tape, {seen.run.x_number: x}, heads[:2], grad=torch.is_grad_enabled())
        return found[heads[0]], found[heads[1]]

    def decode(self, z: Tensor) -> Tensor:
        """The reconstruction from z in evaluation mode, in the shape of x where it has as many elements."""
        seen = self.at(len(z), training=False)
        heads = _heads(seen)
        if heads is None or heads[2] is None or seen.x_hat is None:
            raise ModelError(f"with a batch of {len(z)} z or the reconstruction is not seen, with others they are")
        return _like_x(seen, replay(seen.run.tape, {heads[2]: z}, (seen.x_hat,))[seen.x_hat])

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of x in evaluation mode, in the shape of x where it has as many elements."""
        seen = self.at(len(x), training=False)
        if seen.x_hat is None:
            raise ModelError(f"with a batch of {len(x)} the reconstruction is not seen, with others it is")
        return _like_x(seen, replay(seen.run.tape, {seen.run.x_number: x}, (seen.x_hat,))[seen.x_hat])

    def reparameterize(self, mu: Tensor, second: Tensor) -> Tensor:
        """A sample z in training mode, its noise drawn afresh."""
        seen, latent = self._with_latent(len(mu))
        tape = seen.run.tape
        noise = {draw.number: _redrawn(tape, draw) for draw in latent.draws}
        chosen = {latent.mu: mu, _second(latent): second, **noise}
        return replay(tape, chosen, (latent.z,), grad=torch.is_grad_enabled())[latent.z]

    def kl(self, mu: Tensor, second: Tensor) -> Tensor:
        """What each posterior adds to the loss that one equal to the prior does not: its KL times a positive factor."""
        seen, latent = self._with_latent(len(mu))
        at_prior = SECOND[self._parametrisation](torch.ones((), dtype=second.dtype, device=second.device))

        def total(mu: Tensor, second: Tensor) -> Tensor:
            chosen = {latent.mu: mu.double(), _second(latent): second.double()}
            return _mean_over_signs(seen, latent, chosen, self._signs)

        whole = total(mu, second)
        parts = []
        for index in range(len(mu)):
            mu_without, second_without = mu.clone(), second.clone()
            mu_without[index], second_without[index] = 0.0, at_prior
            parts.append(whole - total(mu_without, second_without))
        return _of_one(torch.stack(parts))

    def recon(self, x_hat: Tensor, x: Tensor) -> Tensor:
        """What each prediction adds to the loss that the best one does not."""
        seen = self.at(len(x), training=True)
        join, goal = seen.join, seen.total
        if join is None or goal is None:
            raise ModelError(f"with a batch of {len(x)} the reconstruction loss is not seen, with others it is")
        tape = seen.run.tape
        still = {n: tape.values[n].data for each in seen.latents for n in (each.mu, each.z, each.second) if n}

        def total(prediction: Tensor) -> Tensor:
            chosen = {join.prediction: _shaped(tape, join.prediction, prediction.double())}
            chosen[join.target] = _shaped(tape, join.target, x.double())
            return replay(tape, {**still, **chosen}, (goal,))[goal].double().sum()

        best = BEST_PREDICTION[self._likelihood](x).reshape(x_hat.shape)
        whole = total(x_hat)
        parts = []
        for index in range(len(x)):
            without = x_hat.clone()
            without[index] = best[index]
            parts.append(whole - total(without))
        return _of_one(torch.stack(parts))

    def _with_latent(self, batch: int) -> tuple[Recognition, Latent]:
        seen = self.at(batch, training=True)
        latent = _latent(seen)
        if latent is None or latent.second is None:
            raise ModelError(f"with a batch of {batch} no z = mu + std * eps is seen, with others it is")
        return seen, latent


def _of_one(parts: Tensor) -> Tensor:
    """What was measured, but that a single sample may have no finite loss where a larger batch has one."""
    if len(parts) == 1 and not parts.isfinite().all():
        raise InapplicableError("the loss of a single sample is not finite: does it divide by the batch size less one?")
    return parts


def _without(stages: Stages, names: Iterable[str], why: str) -> Stages:
    """The stages with the reason why these fields are not known."""
    return replace(stages, unknown={**stages.unknown, **dict.fromkeys(names, why)})


# --------------------------------------------------------------------------------------------- on the tape


def _latent(seen: Recognition) -> Latent | None:
    """The first latent with two heads, or the first."""
    return next((latent for latent in seen.latents if latent.second is not None), next(iter(seen.latents), None))


def _second(latent: Latent) -> int:
    if latent.second is None:
        raise ModelError("the head for std is not seen at this batch size, with others it is")
    return latent.second


def _heads(seen: Recognition) -> tuple[int, int, int] | None:
    """The numbers of mu, the head for std and z: by the noise, or by the names of what is returned, z being mu then."""
    latent = _latent(seen)
    if latent is not None and latent.second is not None:
        return latent.mu, latent.second, latent.z
    by_role = {role: seen.run.number(part) for part in seen.run.parts if (role := seen.roles.get(part.path))}
    mu, second = by_role.get(Role.MU), by_role.get(Role.SECOND)
    return None if mu is None or second is None else (mu, second, mu)


def _besides_z(seen: Recognition, z: int) -> str | None:
    """What else of a sample its reconstruction is made of, as with skip connections and ladders; None for z alone."""
    ways = seen.graph.ancestors(seen.x_hat, without={z}) if seen.x_hat is not None and seen.x_hat != z else set()
    tape = seen.run.tape
    if seen.run.x_number in ways:
        return "its reconstruction follows from the input by another way than z as well"
    if any(draw.number in ways for draw in tape.draws):
        return "its reconstruction follows from further noise than that of z"
    return None


def _data(inputs: Inputs) -> Tensor:
    """x: the first input of floating point, as the record has it too."""
    tensors = inputs.tensors()
    return next((tensor for _, tensor in tensors if tensor.is_floating_point()), tensors[0][1])


def _activations(tape: Tape) -> int:
    return sum(value.tensor.numel() for value in tape.values if value.step is not None) or 1


def _not_redrawn(tape: Tape, draws: tuple[Draw, ...]) -> str | None:
    """Why these draws cannot be made again under torch's seed; None when they can."""
    for draw in draws:
        if draw.step is None:
            return f"the noise of {draw.source} does not come from torch"
        if any(isinstance(leaf, torch.Generator) for leaf in pytree.tree_leaves(tape.steps[draw.step].kwargs)):
            return f"{draw.source} draws from a generator of its own"
        if draw.family is Family.MASK:
            return f"its noise comes with the mask of {draw.source}"
    return None


def _redrawn(tape: Tape, draw: Draw) -> Tensor:
    """The draw made again, with the arguments that it was recorded with."""
    if draw.step is None:
        raise ModelError(f"the noise of {draw.source} does not come from torch at this batch size")
    step = tape.steps[draw.step]

    def resolved(leaf: object) -> object:
        return tape.values[leaf.number].data.clone() if isinstance(leaf, Ref) else leaf

    args, kwargs = (pytree.tree_map_only(Ref, resolved, each) for each in (step.args, step.kwargs))
    made: Tensor = step.op(*args, **kwargs)
    return made


def _mean_over_signs(
    seen: Recognition, latent: Latent, heads: Mapping[int, Tensor], signs: tuple[float, ...]
) -> Tensor:
    """The loss at these heads with the reconstruction held still; eps = 1 and -1 are exact for a sampled KL too."""
    tape, goal = seen.run.tape, seen.total
    if goal is None:
        raise ModelError(NO_LOSS)
    noise = tape.values[latent.eps].tensor
    totals = []
    for sign in signs:
        chosen = {
            latent.eps: torch.full_like(noise, sign, requires_grad=False),
            **heads,
            **held_still(seen, latent, goal),
        }
        totals.append(replay(tape, chosen, (goal,))[goal].double().sum())
    return torch.stack(totals).mean()


def _shaped(tape: Tape, number: int, tensor: Tensor) -> Tensor:
    return tensor.reshape(tape.values[number].tensor.shape)


def _like_x(seen: Recognition, x_hat: Tensor) -> Tensor:
    x = seen.run.x
    return x_hat.reshape(x.shape) if x_hat.numel() == x.numel() else x_hat
