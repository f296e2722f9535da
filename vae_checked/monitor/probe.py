"""A pass of the model on a few rows of the batch, recorded, measured and undone: what z carries, what x_hat follows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from vae_checked.adapters import Inputs, Subject
from vae_checked.auditor.losses.loss import Loss
from vae_checked.auditor.measure.intervals import interval_of
from vae_checked.auditor.measure.kl import KLMeasured, measure_kl
from vae_checked.auditor.measure.learned_prior import LearnedPrior
from vae_checked.auditor.measure.recon import measure_recon
from vae_checked.auditor.observe import observe
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recognition.reconstruction import ReconMeasured
from vae_checked.auditor.recording.replay import ReplayError, replay
from vae_checked.auditor.restoring.restored import Restored
from vae_checked.errors import ModelError
from vae_checked.facts import Likelihood
from vae_checked.monitor.pictures import Decoded, decode, image_shape
from vae_checked.text import described

SHARDED = (
    "whether x_hat follows z, and whether it reaches the encoder: fully_shard keeps the parameters whole only while "
    "the model runs, and the decoder is not run on another z"
)


@dataclass(frozen=True, slots=True)
class Heads:
    """Where one posterior stands in the model's output, as in `output[1]`; None where it does not."""

    mu: str | None
    second: str | None
    positive: bool


@dataclass(slots=True)
class Probed:
    """What one pass showed; the fields are those of a Reading, `heads` and `x_hat` places in the output."""

    rows: int = 0
    kl: list[float] = field(default_factory=list)
    variance: list[float] = field(default_factory=list)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    latent_size: int = 0
    heads: tuple[Heads, ...] = ()
    x_hat: str | None = None
    target: Tensor | None = None
    reaches_encoder: bool | None = None
    follows_z: float | None = None
    moved_by_z: float | None = None
    relative_error: float | None = None
    around: str | None = None
    weights: tuple[float, float, Likelihood] | None = None
    learned_prior: bool = False
    decoded: Decoded | None = None
    seconds: float = 0.0
    unobserved: list[str] = field(default_factory=list)


def probe(
    subject: Subject,
    inputs: Inputs,
    loss: Loss | None,
    pictures: bool | Sequence[int] = False,
    *,
    training: bool = True,
) -> Probed:
    """Run, measure, and leave the model and the process as they were; what cannot be seen is said, never raised.

    pictures: whether any are wanted, or (C, H, W) of a sample that is handed over in another shape.
    """
    found = Probed()
    others = () if loss is None else loss.modules
    try:
        with Restored(subject.model, *others, widely=False, warns=False) as restored, _full_precision(inputs):
            seen = observe(subject, inputs, loss, training=training, generators=restored.generators)
            _measure(seen, found)
            if pictures is not False:
                _depict(seen, found, None if pictures is True else pictures)
        found.unobserved += [f"not restored: {reason}" for reason in restored.left]
    except ReplayError as error:  # before the ModelError that it is as well
        found.unobserved.append(SHARDED if _is_sharded(subject) else f"this model cannot be measured so: {error}")
    except ModelError as error:
        found.unobserved.append(str(error))
    except Exception as error:  # nothing that cannot be measured may end a training that runs
        found.unobserved.append(f"this model cannot be measured so: {described(error)}")
    return found


def _is_sharded(subject: Subject) -> bool:
    return any(hasattr(parameter, "full_tensor") for parameter in subject.model.parameters())


def rows_of(args: Sequence[Any], kwargs: Mapping[str, Any], rows: int) -> Inputs:
    """Copies of the first `rows` samples of what a model was called with."""
    tensors = Inputs(tuple(args), dict(kwargs)).tensors()
    batch = next((len(tensor) for _, tensor in tensors if tensor.dim()), 0)

    def cut(value: Any) -> Any:
        if isinstance(value, Tensor):
            return (value[:rows] if value.dim() and len(value) == batch else value).detach().clone()
        if isinstance(value, Mapping):
            return {key: cut(each) for key, each in value.items()}
        return value

    return Inputs(tuple(cut(value) for value in args), {key: cut(value) for key, value in kwargs.items()} or None)


def _full_precision(inputs: Inputs) -> torch.autocast:
    """Autocast keeps the weights that it casts, graph and all: the pass must not share them with the training step."""
    device = next((tensor.device.type for _, tensor in inputs.tensors()), "cpu")
    return torch.autocast(device, enabled=False)


def _measure(seen: Recognition, found: Probed) -> None:
    tape, batch = seen.run.tape, seen.batch
    latents = [latent for latent in seen.latents if latent.second is not None]
    found.rows = batch
    found.target = (seen.run.x if seen.join is None else tape.values[seen.join.target].data).detach()
    _note(found, "x", seen.run.x)
    if seen.x_hat is not None:
        _note(found, "x_hat", tape.values[seen.x_hat].data)
    endless = [name for name, (low, high) in found.ranges.items() if not math.isfinite(low + high)]
    if endless:
        found.unobserved.append(f"the posterior: {endless[0]} holds NaN or infinity; see the ranges that came before")
        return
    if not latents:
        found.unobserved += [
            *seen.unobserved,
            "the posterior: no noise makes a z = mu + std * eps in this forward; give x and loss= where others do",
        ]
    kls = [_kl_of(seen, latent) for latent in latents]
    for latent, kl in zip(latents, kls, strict=True):
        _measure_posterior(seen, latent, None if kl is None else kl.prior, found)
    found.relative_error = _relative_error(seen)
    found.x_hat = _path_of(seen, seen.x_hat)
    if seen.x_hat is None:
        found.unobserved.append("x_hat: nothing that the forward returns is the reconstruction")
        return
    x_hat = tape.values[seen.x_hat]
    if latents:
        _measure_use(seen, latents, seen.x_hat, found)
        means = [tape.values[n].tensor for latent in latents for n in tape.copies_of(latent.mu)]
        found.reaches_encoder = _reaches(x_hat.tensor, means)
        if found.reaches_encoder is None:
            found.unobserved.append("the gradient to the encoder: its parameters are frozen")
    found.weights = _weights(seen, kls)


def _note(found: Probed, name: str, tensor: Tensor) -> None:
    """Add to the range of this name."""
    if not tensor.numel() or not tensor.is_floating_point():
        return
    low, high = (float(number) for number in torch.aminmax(tensor.detach()))
    known = found.ranges.get(name, (math.inf, -math.inf))
    found.ranges[name] = (min(low, known[0]), max(high, known[1]))


def _relative_error(seen: Recognition) -> float | None:
    """The squared error of the reconstruction over that of the data's mean; None where they cannot be compared."""
    values, join = seen.run.tape.values, seen.join
    if join is None:
        if seen.x_hat is None:
            return None
        made, target = values[seen.x_hat].data.double(), seen.run.x.double()
    else:
        if join.of_classes:
            return None
        made, target = values[join.prediction].data.double(), values[join.target].data.double()
        measured = measure_recon(seen)
        if measured is not None and measured.kind is Likelihood.BCE_WITH_LOGITS:
            made = made.sigmoid()
    if made.numel() != target.numel() or len(target) < 2:
        return None
    spread = float((target - target.mean(0)).square().sum())
    return float((made.reshape(target.shape) - target).square().sum()) / spread if spread > 0 else None


# ------------------------------------------------------------------------------------------ the posterior


def _kl_of(seen: Recognition, latent: Latent) -> KLMeasured | None:
    """The latent's KL in a loss that the pass itself has."""
    interval = None if latent.second is None else interval_of(seen.run.tape, seen.graph, latent.second)
    return measure_kl(seen, latent, interval, with_values=False)


def _measure_posterior(seen: Recognition, latent: Latent, prior: LearnedPrior | None, found: Probed) -> None:
    """Note what the posterior is, and its KL: to the prior that the loss has, where it is known to have another."""
    tape = seen.run.tape
    noise = tape.values[latent.eps].tensor
    with torch.no_grad():
        at_0, at_1 = (
            replay(tape, {latent.eps: torch.full_like(noise, c, requires_grad=False)}, (latent.z,))[latent.z].double()
            for c in (0.0, 1.0)
        )
    mu, std = tape.values[latent.mu].data.double(), (at_1 - at_0).abs()
    if std.shape != mu.shape or latent.second is None:
        found.unobserved.append("the KL: z is repeated for several samples, which are not separated here")
        return
    second = tape.values[latent.second].data
    interval = interval_of(tape, seen.graph, latent.second)
    for name, tensor in (("mu", mu), ("head for std", second), ("std", std)):
        _note(found, name, tensor)
    centred, scaled = mu, std
    if prior is not None:
        found.learned_prior = True
        centred, scaled = (mu - prior.mean.view_as(mu)) / prior.std.view_as(mu), std / prior.std.view_as(std)
    kl = 0.5 * (scaled.square() + centred.square() - 1.0) - scaled.clamp_min(torch.finfo(torch.float64).tiny).log()
    found.kl += _by_unit(kl.mean(0), sum)
    found.variance += _by_unit(mu.var(0, correction=0), lambda values: sum(values) / len(values))
    found.latent_size += mu[0].numel()
    positive = interval is not None and interval.low >= 0
    found.heads += (Heads(_path_of(seen, latent.mu), _second_path(seen, latent), positive),)


def _by_unit(values: Tensor, join: Any) -> list[float]:
    """One number per latent; those that have places are joined by channel."""
    if values.dim() <= 1:
        return [float(value) for value in values.reshape(-1).tolist()]
    return [float(join(row)) for row in values.flatten(1).tolist()]


def _path_of(seen: Recognition, number: int | None) -> str | None:
    """Where in the output the value of this number stands."""
    if number is None:
        return None
    tensor = seen.run.tape.values[number].tensor
    for part in seen.run.parts:
        if seen.run.number(part) == number or (part.tensor.shape == tensor.shape and part.tensor is tensor):
            return part.path
    return None


def _second_path(seen: Recognition, latent: Latent) -> str | None:
    """Where in the output the head for std stands, in whichever of its forms."""
    exact = _path_of(seen, latent.second)
    if exact is not None or latent.std is None:
        return exact
    forms, _ = seen.graph.elementwise_past(latent.std)
    shape = seen.run.tape.values[latent.mu].tensor.shape
    for part in seen.run.parts:
        if seen.run.number(part) in forms and part.tensor.shape == shape:
            return part.path
    return None


# -------------------------------------------------------------------------------------- what x_hat follows


def _measure_use(seen: Recognition, latents: list[Latent], x_hat: int, found: Probed) -> None:
    """How far x_hat follows z and how far x by another way, when either is permuted between the samples."""
    tape = seen.run.tape
    every_z = [z for latent in seen.latents for z in latent.every_z]
    if seen.batch < 2 or any(len(tape.values[z].tensor) != seen.batch for z in every_z):
        found.unobserved.append("whether the decoder uses z: it takes two samples or more, batch first")
        return

    def exchanged(number: int) -> Tensor:
        return tape.values[number].data.roll(1, 0)

    held = {z: tape.values[z].data for z in every_z}
    recorded = tape.values[x_hat].data.double()

    def moved(chosen: dict[int, Tensor]) -> float:
        with torch.no_grad():
            return float((replay(tape, chosen, (x_hat,))[x_hat].double() - recorded).square().mean())

    by_z = moved({z: exchanged(z) for z in every_z})
    by_x = 0.0
    if x_hat in seen.graph.descendants((seen.run.x_number,), without=every_z):
        by_x = moved({seen.run.x_number: exchanged(seen.run.x_number), **held})
    if by_x > 0:
        heads = [n for latent in latents for n in latent.heads]
        through = x_hat not in seen.graph.descendants((seen.run.x_number,), without=[*every_z, *heads])
        found.around = "through the heads of the posterior, not through z" if through else "by a way around z"
    found.follows_z = by_z / (by_z + by_x) if by_z > 0 else 0.0
    x = seen.run.x.double()
    between = float((x.roll(1, 0) - x).square().mean())
    if between > 0 and x.numel() == recorded.numel():
        found.moved_by_z = by_z / between


def _depict(seen: Recognition, found: Probed, asked: Sequence[int] | None) -> None:
    """Decode what pictures show, or say why there are none."""
    x = None if found.target is None else found.target
    if seen.x_hat is None or x is None or not seen.latents:
        found.unobserved.append("pictures: they take a reconstruction and a latent, which are not both seen")
        return
    shape = image_shape(x.shape[1:], asked)
    if shape is None or seen.run.tape.values[seen.x_hat].data.numel() != x.numel():
        found.unobserved.append(
            f"pictures: a sample of shape {tuple(x.shape[1:])} is no image of one channel or three; "
            "pictures=(1, 28, 28) says which it is"
        )
        return
    latents = [latent for latent in seen.latents if latent.second is not None]
    found.decoded = decode(seen, latents, found.kl, seen.x_hat, shape, standard_prior=not found.learned_prior)
    if "samples" not in found.decoded.rows:
        found.unobserved.append("pictures of samples: the prior is not N(0, I) of one latent")


def _reaches(x_hat: Tensor, locations: list[Tensor]) -> bool | None:
    """Whether the gradient of the reconstruction reaches any mu; None where nothing could be trained there."""
    trained = [mu for mu in locations if mu.requires_grad]
    if not trained:
        return None
    if not x_hat.requires_grad:
        return False
    slope = torch.ones_like(x_hat) + 0.1 * torch.arange(x_hat.numel(), device=x_hat.device).remainder(7).view_as(x_hat)
    found = torch.autograd.grad(x_hat, trained, slope.to(x_hat.dtype), retain_graph=True, allow_unused=True)
    return any(each is not None and float(each.abs().max()) > 0 for each in found)


# -------------------------------------------------------------------------------------------- a known loss


def _weights(seen: Recognition, kls: Sequence[KLMeasured | None]) -> tuple[float, float, Likelihood] | None:
    """The weights of the KL and of the error in a loss that the pass itself has, and what is summed in the error."""
    if seen.total is None or seen.loss.kl_alone or not kls:
        return None
    recon: ReconMeasured | None = measure_recon(seen)
    if recon is None or recon.kind is None or recon.weight is None:
        return None
    weights = []
    for kl in kls:
        if kl is None or kl.weight is None:
            return None
        weights.append(kl.weight)
    if any(not math.isclose(weight, weights[0], rel_tol=1e-2) for weight in weights):
        return None
    return weights[0], recon.weight, recon.kind
