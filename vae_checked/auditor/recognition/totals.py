"""Which of several tensors is the loss that is minimised: the one that has every term, else their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from vae_checked.adapters import Role, role_of
from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recording.run import Run, recording

DATA = "data"
_ONE_FACTOR = 1e-4


@dataclass(frozen=True, slots=True)
class Total:
    """The tensor that is minimised, how it was chosen, whether it is a sum of several.

    `one_of_two`: it is a multiple of another that was returned, and which of them is minimised is not known, nor what
    stands beside it. `beside` are the labels of those that were added to the first.
    """

    tensor: Tensor
    why: str = ""
    is_sum: bool = False
    one_of_two: bool = False
    beside: tuple[str, ...] = ()


def total_of(
    run: Run, found: Sequence[tuple[str, Tensor]], roles: Mapping[str, Role], latents: Sequence[Latent]
) -> Total:
    """The scalar among the labelled tensors `found`."""
    for label, tensor in found:
        if role_of(label) is Role.LOSS:
            return Total(tensor, f"; its {label!r} is minimised")
    scalars = [each for each in found if each[1].numel() == 1]
    # A number per sample may be a loss as well; a reconstruction or a head beside a scalar is none.
    found = scalars or [each for each in found if each[1].dim() == 1] or found
    if len(found) == 1:
        return Total(found[0][1])
    reach = terms_of(run, [tensor for _, tensor in found], roles, latents)
    everything = frozenset().union(*reach)
    whole = [tensor for (_, tensor), names in zip(found, reach, strict=True) if names and names == everything]
    if whole:
        return Total(whole[0], f"; of the {len(found)} tensors it returns the first that has every term is minimised")
    none_has = f"; none of the {len(found)} tensors it returns has every term, so "
    added = [each for each in found if each[1].requires_grad] or list(found)
    terms = [tensor for _, tensor in added]
    errors = [t for (_, t), names in zip(found, reach, strict=True) if DATA in names and t.requires_grad]
    twice = next((one for one, other in combinations(errors, 2) if _is_multiple(run, one, other)), None)
    if twice is not None:
        return Total(twice, f"{none_has}two are one error, and the first of them is taken", one_of_two=True)
    with recording(run.recorder):
        total = terms[0].sum()
        for term in terms[1:]:
            total = total + term.sum()
    return Total(total, f"{none_has}their sum is taken", len(terms) > 1, beside=tuple(label for label, _ in added[1:]))


def _is_multiple(run: Run, one: Tensor, other: Tensor) -> bool:
    """Whether the gradients of two tensors by all parameters differ by one factor."""
    leaves = [each for each in run.model.parameters() if each.requires_grad]
    if not leaves:
        return False
    try:
        gradients = [torch.autograd.grad(t.sum(), leaves, retain_graph=True, allow_unused=True) for t in (one, other)]
    except RuntimeError:
        return False
    a, b = (
        torch.cat(
            [(torch.zeros_like(p) if g is None else g).flatten().double() for p, g in zip(leaves, of, strict=True)]
        )
        for of in gradients
    )
    size = float(b.norm())
    if size == 0 or not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        return False
    return float((a - (a @ b) / size**2 * b).norm()) <= _ONE_FACTOR * float(a.norm())


def terms_of(
    run: Run, tensors: Sequence[Tensor], roles: Mapping[str, Role], latents: Sequence[Latent]
) -> list[frozenset[str]]:
    """Which terms each of `tensors` has: what follows from z, or the reconstruction, and from the heads beside it.

    What follows from z may be compared with the data, or be a KL that z estimates: it has the data where these take
    part in it by another way than the latent.
    """
    graph = Graph(run.tape)
    sources = _sources(run, roles, latents)
    numbers = [run.recorder.find(tensor) for tensor in tensors]
    cut = {n for latent in latents for n in (*latent.heads, *latent.every_z)}
    by_data = graph.descendants(set(run.recorder.input_numbers.values()), without=cut) if latents else set()
    found = []
    for number in numbers:
        names = {
            name
            for name, begins, closed in sources
            if number is not None and number in graph.descendants(begins, closed)
        }
        found.append(frozenset(names | {DATA} if names & {"z"} and number in by_data else names))
    return found


def _sources(run: Run, roles: Mapping[str, Role], latents: Sequence[Latent]) -> list[tuple[str, list[int], list[int]]]:
    if latents:
        samples = [z for latent in latents for z in latent.every_z]
        return [("z", samples, []), ("heads", [n for latent in latents for n in latent.heads], samples)]
    numbers = {role: n for p in run.parts if (role := roles.get(p.path)) and (n := run.number(p)) is not None}
    x_hat = [numbers[Role.RECONSTRUCTION]] if Role.RECONSTRUCTION in numbers else []
    heads = [numbers[role] for role in (Role.MU, Role.SECOND) if role in numbers]
    return [("x_hat", x_hat, []), ("heads", heads, x_hat)]
