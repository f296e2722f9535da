"""The role of each part of a model's output: measured where the noise tells, declared by its convention otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vae_checked.adapters import Part, Role
from vae_checked.adapters.distributions import ADAPTER as DISTRIBUTIONS
from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recording.run import Run


def roles_of(run: Run, graph: Graph, latents: Sequence[Latent]) -> dict[str, Role]:
    """The roles of the output's parts by their paths; where none is the reconstruction, the likeliest part is."""
    roles: dict[str, Role] = {}
    denied = _denied(run, graph)
    measured = {part.path: _measured(run, graph, latents, part) for part in run.parts}
    posterior_seen = any(measured[part.path] is Role.MU and _is_of_distribution(part) for part in run.parts)
    for part in run.parts:
        declared = None if _parent(part) in denied else part.role
        if declared is not None and _is_of_distribution(part) and declared is not Role.RECONSTRUCTION:
            # Another than q(z|x) is a prior, or the likelihood around the reconstruction.
            declared = None if posterior_seen or not _may_be_posterior(run, graph, latents, part) else declared
        role = measured[part.path] or declared
        if role is Role.INPUT and _is_made(run, graph, part):
            role = None  # called as the data are, and made by the model: its reconstruction, as the size tells
        if role is Role.MU and role in roles.values() and any(latent.second == latent.mu for latent in latents):
            role = Role.SECOND  # one value in the place of both heads
        if role is not None:
            roles[part.path] = role
    for path in _of_other_sizes(run, roles):
        del roles[path]
    if Role.RECONSTRUCTION not in roles.values():
        likeliest = _likeliest_reconstruction(run, graph, latents, roles)
        if likeliest is not None:
            roles[likeliest.path] = Role.RECONSTRUCTION
    return roles


def _of_other_sizes(run: Run, roles: Mapping[str, Role]) -> list[str]:
    """The parts that are called a reconstruction and have not the size of the data, where another part has it.

    `logits` are those of a class as well.
    """
    called = {part.path: part.tensor.numel() for part in run.parts if roles.get(part.path) is Role.RECONSTRUCTION}
    sizes = [*called.values(), *(part.tensor.numel() for part in run.parts if part.path not in roles)]
    if run.x.numel() not in sizes:
        return []
    return [path for path, size in called.items() if size != run.x.numel()]


def _parent(part: Part) -> tuple[str, str]:
    """The entry of the output that a convention took apart into this part and others."""
    return part.convention, part.path[: max(part.path.rfind("."), part.path.rfind("["))]


def _denied(run: Run, graph: Graph) -> set[tuple[str, str]]:
    """The entries that a convention read by their places alone, and of which the model itself made what is the input's.

    A list of several tensors of one shape looks as the list [reconstruction, input, ...] of a collection does.
    """
    return {
        _parent(part)
        for part in run.parts
        if part.role is Role.INPUT and part.path.endswith("[1]") and _is_made(run, graph, part)
    }


def _is_of_distribution(part: Part) -> bool:
    return part.convention == DISTRIBUTIONS.name


def _may_be_posterior(run: Run, graph: Graph, latents: Sequence[Latent], part: Part) -> bool:
    """Whether a parameter of a distribution may be that of q(z|x): it follows from the input, and from no z before it.

    Of what was not seen on its way nothing is known but that it is none of the latents'.
    """
    number = run.number(part)
    if number is None:
        return not latents
    after_z = graph.descendants([z for latent in latents for z in latent.every_z])
    return number not in after_z and graph.depends_on_input(number)


def _is_made(run: Run, graph: Graph, part: Part) -> bool:
    """Whether parameters of the model take part in a part."""
    number = run.number(part)
    return number is not None and number != run.x_number and graph.depends_on_parameters(number)


def _measured(run: Run, graph: Graph, latents: Sequence[Latent], part: Part) -> Role | None:
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
    """Whether a value is the head for std of a latent, or computed from it in its shape."""
    if latent.std is None or latent.root is None:
        return False
    past, _ = graph.elementwise_past(latent.std)
    if number in past:
        return True
    ahead = {latent.root, *(n for n in graph.descendants((latent.root,)) if not run.tape.drawn(n))}
    values = run.tape.values
    if number in graph.descendants((latent.mu,)) and latent.mu not in graph.ancestors(latent.root):
        return False  # made of both heads, as the KL of each latent is
    return number in ahead and values[number].tensor.numel() == values[latent.root].tensor.numel()


def _same(a: Tensor, b: Tensor) -> bool:
    return a.numel() == b.numel() and a.numel() > 1 and torch.equal(a.detach().flatten(), b.detach().flatten())


def _likeliest_reconstruction(
    run: Run, graph: Graph, latents: Sequence[Latent], roles: Mapping[str, Role]
) -> Part | None:
    """The part that looks like x and follows from z and parameters, else from parameters alone.

    One that is as large as x comes first, then several of its samples, then one of another size.
    """
    after_z = graph.descendants([z for latent in latents for z in latent.every_z])
    after_z = after_z or {n for part in run.parts if (n := run.number(part)) is not None and run.tape.drawn(n)}
    free = [part for part in run.parts if part.path not in roles and part.tensor.is_floating_point()]
    size, event = run.x.numel(), run.x.shape[1:]
    as_large = [part for part in free if part.tensor.numel() == size]
    several = [p for p in free if p.tensor.numel() % size == 0 and event and p.tensor.shape[-len(event) :] == event]
    for likely in (as_large, several):
        for follows in (True, False):
            for part in likely:
                number = run.number(part)
                if number is not None and (number in after_z) is follows:
                    return part
    # One number per sample is a term of the loss, and no reconstruction of several.
    alike = [p for p in free if p.tensor.shape[:1] == run.x.shape[:1] and (p.tensor.dim() > 1 or run.x.dim() == 1)]
    return next((part for part in alike if not after_z or run.number(part) in after_z), None)
