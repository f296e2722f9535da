"""Finds the scalar that is minimised: what the loss returns, else the model's own loss, else the posterior's KL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from vae_checked.adapters import Part, Role
from vae_checked.auditor.losses.arguments import Matched
from vae_checked.auditor.losses.loss import Called, Loss, call_loss, dead_weights
from vae_checked.auditor.losses.settings import settings_of
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Minimised
from vae_checked.auditor.recognition.totals import DATA, Total, terms_of, total_of
from vae_checked.auditor.recording.operations import was_cut
from vae_checked.auditor.recording.run import Run, recording
from vae_checked.errors import ModelError
from vae_checked.facts import Origin


@dataclass(frozen=True, slots=True)
class FoundLoss:
    """The loss of a run, lines about it for the report, and roles of the output that its parameters' names declare."""

    loss: Minimised = field(default_factory=Minimised)
    roles: Mapping[str, Role] = field(default_factory=dict)
    recognised: tuple[str, ...] = ()
    unobserved: tuple[str, ...] = ()


def minimised_by(run: Run, roles: Mapping[str, Role], latents: Sequence[Latent], loss: Loss) -> FoundLoss:
    """The scalar that a loss returned which ran the model itself: it is the output of the run."""
    line = f"loss: {loss.name}, which runs the model itself{loss.circumstances}"
    found = _found(run, run.output, loss, line, roles, latents)
    found = replace(found, loss=replace(found.loss, is_step=loss.is_step))
    if loss.is_step or not loss.weights:
        return found
    minimised = replace(found.loss, supplied_weights=(*found.loss.supplied_weights, *loss.weights))
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
    if loss is not None and not loss.is_forward and (loss.given or returned is None):
        try:
            called = call_loss(loss, run, roles)
        except ModelError as error:
            if loss.given or loss.bind:
                raise
            # What the model returns beside a loss of its own are terms of that.
            found = _returned(run, roles, latents, named=True)
            return replace(found, unobserved=(f"the loss: {error}", *found.unobserved))
        else:
            return _called(run, roles, latents, loss, called)
    found = _returned(run, roles, latents)
    if loss is not None and loss.is_forward and found.loss.number is None:
        raise ModelError(f"the forward of {type(run.model).__name__} returns no number that could be a loss")
    return found


def _returned(run: Run, roles: Mapping[str, Role], latents: Sequence[Latent], *, named: bool = False) -> FoundLoss:
    """The loss that the model itself returns: by its name, else, unless it must be `named`, the numbers that follow
    from what the loss has.
    """
    parts = [p for p in run.parts if run.number(p) is not None]
    for role in (Role.LOSS, Role.KL):
        of_role = [p for p in parts if roles.get(p.path) is role]
        if role is Role.KL and any(_is_error(p, roles) for p in parts):
            continue  # a term beside another
        if of_role and (role is Role.KL or of_role[0].tensor.numel() == 1):
            minimised, endless = _scalar(run, of_role[0].tensor, of_role[0].path)
            return FoundLoss(
                replace(minimised, kl_alone=role is Role.KL),
                recognised=(f"{role}: {of_role[0].path}, which the model returns",),
                unobserved=endless,
            )
    if named:
        return FoundLoss()
    likely = [(p.path, p.tensor) for p in parts if _may_be_a_term(run, p, roles)]
    having = terms_of(run, [tensor for _, tensor in likely], roles, latents)
    terms = [each for each, names in zip(likely, having, strict=True) if names]
    everything = frozenset().union(*having)
    # A head, or another head's, is made of the heads as a KL is; what is compared with the data is a term for sure.
    if not terms or not everything & {"z", "x_hat"}:
        return FoundLoss()
    chosen = total_of(run, terms, roles, latents)
    minimised, endless = _scalar(run, chosen.tensor, terms[0][0])
    names = ", ".join(path for path, _ in terms)
    weights = tuple(f"the weight of {path}" for path, _ in terms[1:]) if chosen.is_sum else ()
    told = ("the weights: they are as the model returns its terms, and what training makes of these is not seen",)
    if latents and DATA not in everything:
        # A KL that z estimates, as well: the error of the reconstruction is added where the model is trained.
        return FoundLoss(
            replace(minimised, supplied_weights=weights, kl_alone=True),
            recognised=(
                f"a term of the loss: {names}, which the model returns{chosen.why}; the data take no part in it",
            ),
            unobserved=endless,
        )
    heads = {Role.MU, Role.SECOND} & {roles.get(p.path) for p in run.parts}
    takes_heads = not chosen.one_of_two and ("heads" in everything or not heads)
    return FoundLoss(
        replace(minimised, supplied_weights=weights, takes_heads=takes_heads),
        recognised=(f"loss: {names}, which the model returns{chosen.why}",),
        unobserved=(*endless, *(told if chosen.is_sum else ())),
    )


def _is_error(part: Part, roles: Mapping[str, Role]) -> bool:
    return roles.get(part.path) is Role.RECONSTRUCTION_ERROR


def _may_be_a_term(run: Run, part: Part, roles: Mapping[str, Role]) -> bool:
    """Whether a part of the output is a number, or one per sample, that training could minimise."""
    tensor = part.tensor
    if not tensor.is_floating_point() or not tensor.requires_grad:
        return False
    if roles.get(part.path) not in (None, Role.KL, Role.RECONSTRUCTION_ERROR):
        return False
    return tensor.numel() == 1 or (tensor.dim() == 1 and tensor.shape[0] == run.x.shape[0] and run.x.dim() > 1)


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
        supplied_weights=(*found.loss.supplied_weights, *matched.supplied),
        settings=settings_of(loss, matched),
        bindings=matched.bindings,
        exchanged=Origin(loss.name, loss.place) if matched.exchanged else None,
        readings=called.others,
        takes_heads=found.loss.takes_heads and (not loss.given or _takes_heads(run, {**roles, **named}, matched, loss)),
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
    chosen = _total(run, result, loss, roles, latents)
    minimised, unobserved = _scalar(run, chosen.tensor, loss.name)
    if chosen.is_sum:
        # What stands beside the first is added elsewhere, with a weight that is not seen.
        minimised = replace(minimised, supplied_weights=tuple(f"the weight of {label}" for label in chosen.beside))
    if chosen.one_of_two:
        minimised = replace(minimised, takes_heads=False)
    if any(was_cut(run.tape, step) for step in run.tape.steps):
        refused = "binary_cross_entropy: all elements of input should be between 0 and 1"
        unobserved += (f"{loss.name} raises on this model ({refused}): measured as if they were cut to that",)
    return FoundLoss(minimised, recognised=(words + chosen.why,), unobserved=unobserved)


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


def _total(run: Run, result: object, loss: Loss, roles: Mapping[str, Role], latents: Sequence[Latent]) -> Total:
    """The scalar in what a loss returned."""
    if isinstance(result, Tensor):
        return Total(result)
    found = _tensors_of(result)
    if not found:
        kind = "nothing" if result is None else f"a {type(result).__name__}"
        raise ModelError(
            f"the loss {loss.name} returned {kind}, which holds no tensor: let it return the loss to minimise"
        )
    return total_of(run, found, roles, latents)


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
