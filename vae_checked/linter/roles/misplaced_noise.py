"""A z of mean, std and noise that is none of mean + std * eps: noise takes part, and not as the posterior has it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterator

from vae_checked.facts import Misplaced, Parametrisation
from vae_checked.linter.roles import chosen_draws, gradients
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.symbols.expression import ELEMENTWISE, NOISE, TRANSPARENT, Expr, strip, walk
from vae_checked.linter.symbols.numeric import Program, close, leaves
from vae_checked.mathematics.gaussians import std_at

_MEANS = (-0.8, 0.3, 1.1)
# Head for stds, above 0 as a std is, of which no parametrisation makes 1 or what another one does.
_HEADS = (0.4, 0.9, 1.7)
_DRAWS = (-1.2, 0.5, 0.7)
_PASSED = ELEMENTWISE | TRANSPARENT
_FORMS: dict[Misplaced, Callable[[float, float, float], float]] = {
    Misplaced.STD_ADDED: lambda m, std, eps: m + std + eps,
    Misplaced.MEAN_SCALED: lambda m, std, eps: m * std + eps,
    Misplaced.BOTH_SCALED: lambda m, std, eps: (m + eps) * std,
    Misplaced.NO_MEAN: lambda m, std, eps: std * eps,
    Misplaced.NO_STD: lambda m, std, eps: m + eps,
    Misplaced.EXCHANGED: lambda m, std, eps: std + m * eps,
}


# What stands where eps should, of a mean, a std and the head for it.
_IN_ITS_PLACE: tuple[Callable[[float, float, float], float], ...] = (
    lambda m, std, s: m,
    lambda m, std, s: std,
    lambda m, std, s: s,
)


def find(kl: Divergence, recon: Reconstruction, losses: Losses) -> tuple[Misplaced, Expr] | None:
    """What is decoded to what a reconstruction compares, where the heads of a KL and one draw alone make it.

    None for a sample, and where a head reaches the decoder in another way as well: that noise may be another one than
    the posterior's. So it is of a way of drawing that is none of a Gaussian where a setting chooses it.
    """
    if not _are_minimised(kl, recon, losses):
        return None
    sides = [side for side in (recon.first, recon.second) if side.bits & NOISE]
    drawn = [node for side in sides for node in walk(side) if node.op == "noise"]
    made = {z.uid: z for z in _decoded(sides[0], drawn[0], losses)} if len(drawn) == 1 else {}
    if len(made) != 1:
        return None
    (z,) = made.values()
    means, heads = ({each.uid, strip(each).uid} for each in (kl.location, kl.head))
    if leaves(z, (*means, *heads, drawn[0].uid), most=0) or _reaches_beside(sides[0], z, means | heads):
        return None
    form = _form(Program(z, (*means, *heads, drawn[0].uid)), means, heads, drawn[0].uid)
    if form is Misplaced.OTHERWISE and chosen_draws.is_one_of_several(z, drawn[0], losses.evaluation):
        return None
    return None if form is None else (form, z)


def without_noise(kl: Divergence, recon: Reconstruction, losses: Losses) -> Expr | None:
    """What is decoded where it is mu + std * mu, or has std or its head where eps should be; None for all else.

    Those of `find` apart: nothing random takes part in it, and both heads reach the decoder in no other way.
    """
    if not _are_minimised(kl, recon, losses):
        return None
    sides = [side for side in (recon.first, recon.second) if losses.graph.holds(side, strip(kl.location).uid)]
    if len(sides) != 1 or sides[0].bits & NOISE:
        return None
    made = {z.uid: z for z in _decoded(sides[0], strip(kl.location), losses)}
    if len(made) != 1:
        return None
    (z,) = made.values()
    means, heads = ({each.uid, strip(each).uid} for each in (kl.location, kl.head))
    if leaves(z, (*means, *heads), most=0) or _reaches_beside(sides[0], z, means | heads):
        return None
    program = Program(z, (*means, *heads))
    points = [*itertools.product(_MEANS, _HEADS)]
    values = [program({**dict.fromkeys(means, m), **dict.fromkeys(heads, s)}) for m, s in points]
    for placed, kind, sign in itertools.product(_IN_ITS_PLACE, Parametrisation, (1.0, -1.0)):
        stds = [std_at(kind, s) for _, s in points]
        scaled = [m + sign * std * placed(m, std, s) for (m, s), std in zip(points, stds, strict=True)]
        if all(map(close, values, scaled)):
            return z
    return None


def _are_minimised(kl: Divergence, recon: Reconstruction, losses: Losses) -> bool:
    """Whether a KL to N(0, I) and a reconstruction stand in one loss, and not only where a model is tested."""
    if kl.parametrisation is None or kl.prior or losses.of(kl, recon) is None:
        return False
    return not (gradients.is_tested(kl.term, losses) and gradients.is_tested(recon.term, losses))


def _decoded(side: Expr, start: Expr, losses: Losses) -> Iterator[Expr]:
    """What is computed from a draw or a head element by element, as something else is applied to it."""
    made = losses.graph.holding_through((start.uid,), lambda node: node.op in _PASSED)
    for node in walk(side):
        if node.uid not in made:
            yield from (strip(arg) for arg in node.args if arg.uid in made)


def _reaches_beside(side: Expr, z: Expr, heads: Collection[int]) -> bool:
    """Whether a head stands in what is decoded at another place than in z."""
    stack, seen = [side], {z.uid}
    while stack:
        node = stack.pop()
        if node.uid in heads:
            return True
        if node.uid not in seen:
            seen.add(node.uid)
            stack.extend(node.args)
    return False


def _form(program: Program, means: Collection[int], heads: Collection[int], noise: int) -> Misplaced | None:
    """How z follows from heads and a draw; None for a mean with noise that the head scales, and for a draw alone."""

    def z(m: float, s: float, eps: float) -> float:
        return program({**dict.fromkeys(means, m), **dict.fromkeys(heads, s), noise: eps})

    points = [*itertools.product(_MEANS, _HEADS, _DRAWS)]
    values = [z(*at) for at in points]
    if not all(map(math.isfinite, values)) or len({round(z(m, s, 1.0), 9) for m, s, _ in points}) == 1:
        return None
    for (form, follows), kind, sign in itertools.product(_FORMS.items(), Parametrisation, (1.0, -1.0)):
        made = [follows(m, std_at(kind, s), sign * eps) for m, s, eps in points]
        if all(map(close, values, made)):
            return form
    return None if all(_is_of_mean(z, m, s) for m, s, _ in points) else Misplaced.OTHERWISE


def _is_of_mean(z: Callable[[float, float, float], float], m: float, s: float) -> bool:
    """Whether z is its mean without a draw, and what a draw adds is the same whatever the mean is."""
    moved, beside = z(m, s, 1.0) - m, z(2.0 * m, s, 1.0) - 2.0 * m
    return close(z(m, s, 0.0), m) and close(moved, beside)
