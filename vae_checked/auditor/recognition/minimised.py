"""Finds the scalar that is minimised: what the loss returns, else the model's own loss, else the posterior's KL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from vae_checked.adapters import Role, role_of
from vae_checked.auditor.losses.arguments import Matched
from vae_checked.auditor.losses.loss import Called, Loss, call_loss, dead_weights
from vae_checked.auditor.losses.settings import settings_of
from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Minimised
from vae_checked.auditor.recording.operations import was_cut
from vae_checked.auditor.recording.run import Run, recording
from vae_checked.errors import ModelError


@dataclass(frozen=True, slots=True)
class FoundLoss:
    """The loss of a run, lines about it for the report, and roles of the output that its parameters' names declare."""

    loss: Minimised = field(default_factory=Minimised)
    roles: Mapping[str, Role] = field(default_factory=dict)
    recognised: tuple[str, ...] = ()
    unobserved: tuple[str, ...] = ()


def minimised_by(run: Run, roles: Mapping[str, Role], latents: Sequence[Latent], loss: Loss) -> FoundLoss:
    """The scalar that a loss returned which ran the model itself: it is the output of the run."""
    found = _found(run, run.output, loss, f"loss: {loss.name}, which runs the model itself", roles, latents)
    if loss.is_step or not loss.weights:
        return found
    minimised = replace(found.loss, supplied_weights=loss.weights)
    return replace(found, loss=minimised, unobserved=found.unobserved + _supplied(loss, loss.weights))


def _supplied(loss: Loss, names: Sequence[str]) -> tuple[str, ...]:
    """Lines on the weights that a loss asks for and nobody gave."""
    return tuple(
        f"the weights: {loss.name} was called with {name} = 1.0, since nobody gave it: "
        f"give loss=functools.partial(..., {name}=...)"
        for name in names
    )


def find_minimised(run: Run, roles: Mapping[str, Role], latents: Sequence[Latent], loss: Loss | None) -> FoundLoss:
    """The scalar to minimise; raises ModelError when a loss that the user named cannot be called."""
    returned = next((p for p in run.parts if roles.get(p.path) is Role.LOSS and p.tensor.numel() == 1), None)
    unobserved: tuple[str, ...] = ()
    if loss is not None and (loss.given or returned is None):
        try:
            called = call_loss(loss, run, roles)
        except ModelError as error:
            if loss.given:
                raise
            unobserved = (f"the loss: {error}",)
        else:
            return _called(run, roles, latents, loss, called)
    for role in (Role.LOSS, Role.KL):
        parts = [p for p in run.parts if roles.get(p.path) is role and run.number(p) is not None]
        if parts and (role is Role.KL or parts[0].tensor.numel() == 1):
            minimised, endless = _scalar(run, parts[0].tensor, parts[0].path)
            return FoundLoss(
                replace(minimised, kl_alone=role is Role.KL),
                recognised=(f"{role}: {parts[0].path}, which the model returns",),
                unobserved=unobserved + endless,
            )
    return FoundLoss(unobserved=unobserved)


def _called(run: Run, roles: Mapping[str, Role], latents: Sequence[Latent], loss: Loss, called: Called) -> FoundLoss:
    matched = called.matched
    named = {path: role for path, role in matched.named.items() if path not in roles and role not in roles.values()}
    dead = dead_weights(loss, matched)
    words = f"loss: {loss.name} ({loss.reason}), called with {', '.join(matched.words)}"
    if matched.guessed:
        words += f"; {', '.join(matched.guessed)} by order and shape, as no name says"
    found = _found(run, called.result, loss, words, {**roles, **named}, latents)
    minimised = replace(
        found.loss,
        dead_weights=dead,
        supplied_weights=matched.supplied,
        settings=settings_of(loss, matched),
        bindings=matched.bindings,
        readings=called.others,
        takes_heads=not loss.given or _takes_heads(run, {**roles, **named}, matched, loss),
    )
    return replace(found, loss=minimised, roles=named, unobserved=found.unobserved + _supplied(loss, matched.supplied))


def _takes_heads(run: Run, roles: Mapping[str, Role], matched: Matched, loss: Loss) -> bool:
    """Whether more than reconstruction and data was handed to the loss, or it may know more by itself."""
    if loss.modules:
        return True
    plain = [p.tensor for p in run.parts if roles.get(p.path) is Role.RECONSTRUCTION]
    plain += [tensor for _, tensor in run.inputs.tensors()]
    given = (*matched.args, *matched.kwargs.values())
    return any(all(value is not each for each in plain) for value in given if not isinstance(value, (int, float)))


def _found(
    run: Run, result: object, loss: Loss, words: str, roles: Mapping[str, Role], latents: Sequence[Latent]
) -> FoundLoss:
    tensor, why = _total(run, result, loss, roles, latents)
    minimised, unobserved = _scalar(run, tensor, loss.name)
    if any(was_cut(run.tape, step) for step in run.tape.steps):
        refused = "binary_cross_entropy: all elements of input should be between 0 and 1"
        unobserved += (f"{loss.name} raises on this model ({refused}): measured as if they were cut to that",)
    return FoundLoss(minimised, recognised=(words + why,), unobserved=unobserved)


def _scalar(run: Run, tensor: Tensor, name: str) -> tuple[Minimised, tuple[str, ...]]:
    """The scalar of this tensor, and a line where it is not finite."""
    kept_batch = tensor.numel() != 1
    if kept_batch:
        with recording(run.recorder):
            tensor = tensor.sum()
    found = Minimised(run.recorder.find(tensor), tensor, name, kept_batch)
    if torch.isfinite(tensor).all():
        return found, ()
    value = float(tensor.detach().sum())
    return found, (f"the loss is {value} on the drawn input, and what follows from it unknown",)


def _total(
    run: Run, result: object, loss: Loss, roles: Mapping[str, Role], latents: Sequence[Latent]
) -> tuple[Tensor, str]:
    """The scalar in what a loss returned, and how it was chosen."""
    if isinstance(result, Tensor):
        return result, ""
    found = _tensors_of(result)
    if not found:
        kind = "nothing" if result is None else f"a {type(result).__name__}"
        raise ModelError(
            f"the loss {loss.name} returned {kind}, which holds no tensor: let it return the loss to minimise"
        )
    for label, tensor in found:
        if role_of(label) is Role.LOSS:
            return tensor, f"; its {label!r} is minimised"
    if len(found) == 1:
        return found[0][1], ""
    graph = Graph(run.tape)
    ends = {index: run.recorder.find(tensor) for index, (_, tensor) in enumerate(found)}
    sources = _sources(run, roles, latents)
    reach = {
        index: frozenset(name for name, begins, cut in sources if number in graph.descendants(begins, without=cut))
        for index, number in ends.items()
        if number is not None
    }
    everything = frozenset().union(*reach.values()) if reach else frozenset()
    whole = [index for index, names in reach.items() if names == everything]
    if whole:
        chosen = found[whole[0]][1]
        return chosen, f"; of the {len(found)} tensors it returns the first that has every term is minimised"
    terms = [tensor for _, tensor in found if tensor.requires_grad]
    with recording(run.recorder):
        total = terms[0].sum()
        for term in terms[1:]:
            total = total + term.sum()
    return total, f"; none of the {len(found)} tensors it returns has every term, so their sum is taken"


def _sources(run: Run, roles: Mapping[str, Role], latents: Sequence[Latent]) -> list[tuple[str, list[int], list[int]]]:
    """What a total loss follows from: z, or the reconstruction, and the heads by a way that avoids it."""
    if latents:
        samples = [z for latent in latents for z in latent.every_z]
        return [("z", samples, []), ("heads", [n for latent in latents for n in latent.heads], samples)]
    numbers = {role: n for p in run.parts if (role := roles.get(p.path)) and (n := run.number(p)) is not None}
    x_hat = [numbers[Role.RECONSTRUCTION]] if Role.RECONSTRUCTION in numbers else []
    heads = [numbers[role] for role in (Role.MU, Role.SECOND) if role in numbers]
    return [("x_hat", x_hat, []), ("heads", heads, x_hat)]


def _tensors_of(result: object) -> list[tuple[str, Tensor]]:
    """The tensors of a tuple or mapping that a loss returned, each with its key or place."""
    pairs: list[tuple[str, object]]
    if isinstance(result, Mapping):
        pairs = [(str(key), value) for key, value in result.items()]
    elif isinstance(result, (tuple, list)):
        pairs = [(str(place), value) for place, value in enumerate(result)]
    else:
        pairs = list(vars(result).items()) if hasattr(result, "__dict__") else []
    return [(label, value) for label, value in pairs if isinstance(value, Tensor) and value.is_floating_point()]
