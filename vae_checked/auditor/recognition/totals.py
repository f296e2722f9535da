"""Which of several tensors is the loss that is minimised: the one that has every term, else their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from vae_checked.adapters import Role, role_of
from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recording.run import Run, recording


def total_of(
    run: Run, found: Sequence[tuple[str, Tensor]], roles: Mapping[str, Role], latents: Sequence[Latent]
) -> tuple[Tensor, str, bool]:
    """The scalar among the labelled tensors `found`, how it was chosen, and whether it is a sum of several of them."""
    for label, tensor in found:
        if role_of(label) is Role.LOSS:
            return tensor, f"; its {label!r} is minimised", False
    scalars = [each for each in found if each[1].numel() == 1]
    # A number per sample may be a loss as well; a reconstruction or a head beside a scalar is none.
    found = scalars or [each for each in found if each[1].dim() == 1] or found
    if len(found) == 1:
        return found[0][1], "", False
    reach = terms_of(run, [tensor for _, tensor in found], roles, latents)
    everything = frozenset().union(*reach)
    whole = [tensor for (_, tensor), names in zip(found, reach, strict=True) if names and names == everything]
    if whole:
        return whole[0], f"; of the {len(found)} tensors it returns the first that has every term is minimised", False
    terms = [tensor for _, tensor in found if tensor.requires_grad] or [tensor for _, tensor in found]
    with recording(run.recorder):
        total = terms[0].sum()
        for term in terms[1:]:
            total = total + term.sum()
    why = f"; none of the {len(found)} tensors it returns has every term, so their sum is taken"
    return total, why, len(terms) > 1


def terms_of(
    run: Run, tensors: Sequence[Tensor], roles: Mapping[str, Role], latents: Sequence[Latent]
) -> list[frozenset[str]]:
    """Which terms each of `tensors` has: what follows from z, or the reconstruction, and from the heads beside it."""
    graph = Graph(run.tape)
    sources = _sources(run, roles, latents)
    numbers = [run.recorder.find(tensor) for tensor in tensors]
    return [
        frozenset(name for name, begins, cut in sources if number in graph.descendants(begins, without=cut))
        if number is not None
        else frozenset()
        for number in numbers
    ]


def _sources(run: Run, roles: Mapping[str, Role], latents: Sequence[Latent]) -> list[tuple[str, list[int], list[int]]]:
    if latents:
        samples = [z for latent in latents for z in latent.every_z]
        return [("z", samples, []), ("heads", [n for latent in latents for n in latent.heads], samples)]
    numbers = {role: n for p in run.parts if (role := roles.get(p.path)) and (n := run.number(p)) is not None}
    x_hat = [numbers[Role.RECONSTRUCTION]] if Role.RECONSTRUCTION in numbers else []
    heads = [numbers[role] for role in (Role.MU, Role.SECOND) if role in numbers]
    return [("x_hat", x_hat, []), ("heads", heads, x_hat)]
