"""The role of each part of a model's output: measured where the noise tells, declared by its convention otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vae_checked.adapters import Part, Role
from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recording.run import Run


def roles_of(run: Run, graph: Graph, latents: Sequence[Latent]) -> dict[str, Role]:
    """The roles of the output's parts by their paths; where none is the reconstruction, the likeliest part is."""
    roles: dict[str, Role] = {}
    for part in run.parts:
        role = _measured(run, graph, latents, part) or part.role
        if role is Role.MU and role in roles.values() and any(latent.second == latent.mu for latent in latents):
            role = Role.SECOND  # one value in the place of both heads
        if role is not None:
            roles[part.path] = role
    if Role.RECONSTRUCTION not in roles.values():
        likeliest = _likeliest_reconstruction(run, roles)
        if likeliest is not None:
            roles[likeliest.path] = Role.RECONSTRUCTION
    return roles


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
    """Whether a value is the second head of a latent, or computed from it in its shape."""
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


def _likeliest_reconstruction(run: Run, roles: Mapping[str, Role]) -> Part | None:
    """The part that looks like x and follows from noise and parameters, else from parameters alone."""
    free = [part for part in run.parts if part.path not in roles and part.tensor.numel() == run.x.numel()]
    for drawn in (True, False):
        for part in free:
            number = run.number(part)
            if number is not None and run.tape.drawn(number) is drawn:
                return part
    alike = [p for p in run.parts if p.path not in roles and p.tensor.shape[:1] == run.x.shape[:1]]
    # One number per sample is a term of the loss, and no reconstruction of several.
    return next((p for p in alike if p.tensor.is_floating_point() and (p.tensor.dim() > 1 or run.x.dim() == 1)), None)
