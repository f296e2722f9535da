"""One observation: a recorded pass with its latents, its reconstruction and its loss found on the tape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae_checked.adapters import Inputs, Part, Role, Subject, role_of
from vae_checked.adapters.latent_dist import Sampled
from vae_checked.auditor.losses.arguments import Matched
from vae_checked.auditor.losses.loss import Loss, call_loss, dead_weights, run_by
from vae_checked.auditor.losses.settings import Setting, settings_of
from vae_checked.auditor.measure.recon import settled
from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recognition.join import Join, find_join
from vae_checked.auditor.recognition.latents import Latent, latents_of
from vae_checked.auditor.recognition.samples import find_samples
from vae_checked.auditor.recording.restore import Generators
from vae_checked.auditor.recording.run import Run, recording, run_model
from vae_checked.auditor.recording.tape import was_cut
from vae_checked.errors import ModelError


@dataclass(slots=True)
class Observation:
    """A run with what was recognised in it; numbers are those of the tape.

    `x_hat` is the reconstruction that the model returned, `join` where it meets its target, `total` the scalar that is
    minimised, `kl` the KL alone where the model gives no total. `recognised` and `unobserved` are lines for the report.
    """

    run: Run
    graph: Graph
    latents: list[Latent]
    roles: dict[str, Role]
    x_hat: int | None = None
    x_hat_declared: bool = False
    total: int | None = None
    kept_batch: bool = False
    loss_name: str = ""
    kl_alone: bool = False
    dead_weights: tuple[str, ...] | None = None
    supplied_weights: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    loss_takes_heads: bool = True
    join: Join | None = None
    recognised: tuple[str, ...] = ()
    unobserved: tuple[str, ...] = ()

    @property
    def batch(self) -> int:
        """The number of samples."""
        return int(self.run.x.shape[0])

    def settings_by(self, *roles: Role) -> tuple[Setting, ...]:
        """The settings of the loss that scale its gradient by outputs of these roles, and by nothing else."""
        of_roles = [part.tensor for part in self.run.parts if self.roles.get(part.path) in roles]
        return tuple(
            setting
            for setting in self.settings
            if all(any(tensor is part for part in of_roles) for tensor in setting.scales)
        )


def observe(
    subject: Subject, inputs: Inputs, loss: Loss | None, *, training: bool, generators: Generators | None = None
) -> Observation:
    """Run and recognise; ModelError for what cannot be run, or holds no tensor at all."""
    modules = () if loss is None else loss.modules
    if loss is not None and loss.runs(subject.model):
        subject = run_by(loss, subject)
    run = run_model(subject, inputs, training=training, others=modules, generators=generators)
    if not run.parts:
        raise ModelError(
            f"the forward of {type(subject.model).__name__} returned {_kind(run.output)}, which holds no tensor: "
            "give adapter= or a model whose forward returns its reconstruction"
        )
    graph = Graph(run.tape)
    outputs = _numbers(run, run.parts)
    samples, others = find_samples(run.tape, graph)
    latents = latents_of(graph, samples, outputs, None)
    seen = Observation(run, graph, latents, _roles(run, graph, latents), unobserved=tuple(others))
    if isinstance(run.output, Sampled) and run.output.unread:
        seen.unobserved += (run.output.unread,)
    if loss is not None and loss.runs(subject.model):
        _take_total(seen, run.output, loss, f"loss: {loss.name}, which runs the model itself")
    else:
        _find_total(seen, loss)
    seen.graph = Graph(run.tape)
    seen.latents = latents_of(seen.graph, samples, outputs, seen.total)
    reconstruction = [part for part in run.parts if seen.roles.get(part.path) is Role.RECONSTRUCTION]
    if reconstruction:
        seen.x_hat = run.number(reconstruction[0])
        seen.x_hat_declared = reconstruction[0].role is Role.RECONSTRUCTION
    if seen.total is not None and not seen.kl_alone:
        seen.join = settled(seen, find_join(run, seen.graph, seen.latents, seen.x_hat, seen.total))
    if training:
        _refuse_unrecognisable(seen, subject)
    return seen


def _refuse_unrecognisable(seen: Observation, subject: Subject) -> None:
    """ModelError for an output in which there is nothing of a VAE: no latent, no heads, nothing of the data's size."""
    if seen.latents or seen.join is not None or {Role.MU, Role.SECOND} & set(seen.roles.values()):
        return
    if any(part.tensor.numel() == seen.run.x.numel() for part in seen.run.parts):
        return
    shapes = ", ".join(f"{part.path} {tuple(part.tensor.shape)}" for part in seen.run.parts)
    raise ModelError(
        f"nothing of a VAE was recognised in what the forward of {type(subject.model).__name__} returned ({shapes}): "
        "no noise makes a z, and nothing has the size of the data; give adapter=, or loss= with what it needs"
    )


def _kind(output: Any) -> str:
    return "nothing" if output is None else f"a {type(output).__name__}"


def _numbers(run: Run, parts: tuple[Part, ...]) -> list[int]:
    found = [run.number(part) for part in parts]
    return [number for number in found if number is not None]


# ---------------------------------------------------------------------------------------------- roles


def _roles(run: Run, graph: Graph, latents: list[Latent]) -> dict[str, Role]:
    """The role of each part: measured where the noise tells, declared by the convention otherwise."""
    roles: dict[str, Role] = {}
    for part in run.parts:
        role = _measured(run, graph, latents, part) or part.role
        if role is not None:
            roles[part.path] = role
    if Role.RECONSTRUCTION not in roles.values():
        likeliest = _likeliest_reconstruction(run, roles)
        if likeliest is not None:
            roles[likeliest.path] = Role.RECONSTRUCTION
    return roles


def _measured(run: Run, graph: Graph, latents: list[Latent], part: Part) -> Role | None:
    number = run.number(part)
    if number is None:
        return None
    if number == run.x_number or _same(part.tensor, run.x):
        return Role.INPUT
    for latent in latents:
        if number == latent.z or _same(part.tensor, run.tape.values[latent.z].tensor):
            return Role.LATENT
        if number in latent.means:
            return Role.MU
        # A layer that is run twice in the place of two heads makes the same numbers.
        if _is_second(run, graph, latent, number):
            return Role.SECOND
        if any(_same(part.tensor, run.tape.values[mean].data) for mean in latent.means):
            return Role.MU
    return None


def _is_second(run: Run, graph: Graph, latent: Latent, number: int) -> bool:
    """Whether a value is the second head of a latent, or computed from it in its shape."""
    if latent.std is None or latent.root is None:
        return False
    past, _ = graph.elementwise_past(latent.std)
    if number in past:
        return True
    ahead = {latent.root, *(n for n in graph.descendants((latent.root,)) if not run.tape.drawn(n))}
    values = run.tape.values
    return number in ahead and values[number].tensor.numel() == values[latent.root].tensor.numel()


def _same(a: Tensor, b: Tensor) -> bool:
    return a.numel() == b.numel() and a.numel() > 1 and torch.equal(a.detach().flatten(), b.detach().flatten())


def _likeliest_reconstruction(run: Run, roles: Mapping[str, Role]) -> Part | None:
    """The part that looks like x and follows from noise and parameters, else from parameters alone."""
    free = [part for part in run.parts if part.path not in roles and part.tensor.numel() == run.x.numel()]
    for drawn in (True, False):
        for part in free:
            number = run.number(part)
            if number is not None and run.tape.drawn(number) is drawn:
                return part
    return next((p for p in run.parts if p.path not in roles and p.tensor.shape[:1] == run.x.shape[:1]), None)


# ----------------------------------------------------------------------------------------------- loss


def _find_total(seen: Observation, loss: Loss | None) -> None:
    """The scalar to minimise: what the loss returns, else the model's own loss, else the posterior's KL."""
    run = seen.run
    returned = next((p for p in run.parts if seen.roles.get(p.path) is Role.LOSS and p.tensor.numel() == 1), None)
    if loss is not None and (loss.given or returned is None):
        try:
            result, matched = call_loss(loss, run, seen.roles)
        except ModelError as error:
            if loss.given:
                raise
            seen.unobserved += (f"the loss: {error}",)
        else:
            for path, role in matched.named.items():
                if path not in seen.roles and role not in seen.roles.values():
                    seen.roles[path] = role
            seen.dead_weights = dead_weights(loss, matched)
            seen.supplied_weights = matched.supplied
            seen.settings = settings_of(loss, matched)
            seen.loss_takes_heads = not loss.given or _takes_heads(seen, matched, loss)
            words = ", ".join(matched.words)
            _take_total(seen, result, loss, f"loss: {loss.name} ({loss.reason}), called with {words}")
            seen.unobserved += tuple(
                f"the weights: {loss.name} was called with {name} = 1.0, since nobody gave it: "
                f"give loss=functools.partial(..., {name}=...)"
                for name in matched.supplied
            )
            return
    for role in (Role.LOSS, Role.KL):
        parts = [p for p in run.parts if seen.roles.get(p.path) is role and run.number(p) is not None]
        if parts and (role is Role.KL or parts[0].tensor.numel() == 1):
            _take(seen, parts[0].tensor, parts[0].path)
            seen.kl_alone = role is Role.KL
            seen.recognised += (f"{role}: {parts[0].path}, which the model returns",)
            return


def _takes_heads(seen: Observation, matched: Matched, loss: Loss) -> bool:
    """Whether more than reconstruction and data was handed to the loss, or it may know more by itself."""
    if loss.modules:
        return True
    plain = [p.tensor for p in seen.run.parts if seen.roles.get(p.path) is Role.RECONSTRUCTION]
    plain += [tensor for _, tensor in seen.run.inputs.tensors()]
    given = (*matched.args, *matched.kwargs.values())
    return any(all(value is not each for each in plain) for value in given if not isinstance(value, (int, float)))


def _take_total(seen: Observation, result: Any, loss: Loss, words: str) -> None:
    tensor, why = _total(seen, result, loss)
    _take(seen, tensor, loss.name)
    seen.recognised += (words + why,)
    if any(was_cut(seen.run.tape, step) for step in seen.run.tape.steps):
        refused = "binary_cross_entropy: all elements of input should be between 0 and 1"
        seen.unobserved += (f"{loss.name} raises on this model ({refused}): measured as if they were cut to that",)


def _take(seen: Observation, tensor: Tensor, name: str) -> None:
    run = seen.run
    if tensor.numel() != 1:
        seen.kept_batch = True
        with recording(run.recorder):
            tensor = tensor.sum()
    run.loss = tensor
    run.loss_name = seen.loss_name = name
    seen.total = run.recorder.find(tensor)
    if not torch.isfinite(tensor).all():
        seen.unobserved += (
            f"the loss is {float(tensor.detach().sum())} on the drawn input, and what follows from it unknown",
        )


def _total(seen: Observation, result: Any, loss: Loss) -> tuple[Tensor, str]:
    """The scalar in what a loss returned, and how it was chosen."""
    if isinstance(result, Tensor):
        return result, ""
    found = seen_parts(result)
    if not found:
        raise ModelError(
            f"the loss {loss.name} returned {_kind(result)}, which holds no tensor: let it return the loss to minimise"
        )
    for label, tensor in found:
        if role_of(label) is Role.LOSS:
            return tensor, f"; its {label!r} is minimised"
    if len(found) == 1:
        return found[0][1], ""
    graph = Graph(seen.run.tape)
    ends = {index: seen.run.recorder.find(tensor) for index, (_, tensor) in enumerate(found)}
    reach = {
        index: frozenset(
            name for name, begins, cut in _sources(seen) if number in graph.descendants(begins, without=cut)
        )
        for index, number in ends.items()
        if number is not None
    }
    everything = frozenset().union(*reach.values()) if reach else frozenset()
    whole = [index for index, names in reach.items() if names == everything]
    if whole:
        return found[whole[0]][
            1
        ], f"; of the {len(found)} tensors it returns the first that has every term is minimised"
    terms = [tensor for _, tensor in found if tensor.requires_grad]
    with recording(seen.run.recorder):
        total = terms[0].sum()
        for term in terms[1:]:
            total = total + term.sum()
    return total, f"; none of the {len(found)} tensors it returns has every term, so their sum is taken"


def _sources(seen: Observation) -> list[tuple[str, list[int], list[int]]]:
    """What a total loss follows from: z, or the reconstruction, and the heads by a way that avoids it."""
    heads = [n for latent in seen.latents for n in latent.heads]
    samples = [z for latent in seen.latents for z in latent.every_z]
    if seen.latents:
        return [("z", samples, []), ("heads", heads, samples)]
    numbers = {
        role: n for p in seen.run.parts if (role := seen.roles.get(p.path)) and (n := seen.run.number(p)) is not None
    }
    x_hat = [numbers[Role.RECONSTRUCTION]] if Role.RECONSTRUCTION in numbers else []
    heads = [numbers[role] for role in (Role.MU, Role.SECOND) if role in numbers]
    return [("x_hat", x_hat, []), ("heads", heads, x_hat)]


def seen_parts(result: Any) -> list[tuple[str, Tensor]]:
    """The tensors of a tuple or mapping that a loss returned, each with its key or place."""
    if isinstance(result, Mapping):
        pairs = [(str(key), value) for key, value in result.items()]
    elif isinstance(result, (tuple, list)):
        pairs = [(str(place), value) for place, value in enumerate(result)]
    else:
        pairs = list(vars(result).items()) if hasattr(result, "__dict__") else []
    return [(label, value) for label, value in pairs if isinstance(value, Tensor) and value.is_floating_point()]
