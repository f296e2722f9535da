"""The latents of which one goes on: by a condition, by a mask, or as a mixture of both."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.linter.pretrained.affine_steps import LINEAR
from vae_checked.linter.pretrained.mixtures import mixed
from vae_checked.linter.symbols.expression import Expr, strip, walk


def ways_on(node: Expr) -> tuple[Expr, ...]:
    """The latents of which one goes on, element by element or as a whole; none of an operation that makes another.

    Where a condition asks for the number that a latent is scaled or shifted by, as for 0 or None, the way without it is
    that of a number that changes nothing.
    """
    if node.op not in ("phi", "where"):
        return mixed(node)
    condition, *latents = node.args
    if node.op == "phi":
        asked = {each.uid for each in walk(condition)}
        scaled = [each for each in latents if not asked.isdisjoint(_numbers_on(each, latents))]
        if len(scaled) == 1:
            return tuple(scaled)
    return tuple(latents)


def _numbers_on(latent: Expr, ways: list[Expr]) -> set[int]:
    """What scales or shifts a latent on its way from another of several."""
    others = {strip(each).uid for each in ways if each is not latent}
    node, numbers = strip(latent), set[int]()
    while node.op in LINEAR:
        inner = next((arg for arg in node.args if any(each.uid in others for each in walk(arg))), None)
        if inner is None:
            break
        numbers.update(*(_made_of(arg) for arg in node.args if arg is not inner))
        node = strip(inner)
    return numbers if node.uid in others else set()


def _made_of(number: Expr) -> Iterator[int]:
    """A number and those that it is a product, a quotient or a sum of, but for what is written down."""
    node = strip(number)
    if node.op in LINEAR:
        for arg in node.args:
            yield from _made_of(arg)
    if node.op != "const":
        yield node.uid
