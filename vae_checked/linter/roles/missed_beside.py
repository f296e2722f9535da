"""Layers beside a VAE that its loss has a gradient by, as of a classifier of its latents, and no optimizer holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from vae_checked.finding import Place
from vae_checked.linter.symbols.observations import ProjectObservations


def layers(own: frozenset[int], reached: frozenset[int], observed: ProjectObservations) -> frozenset[int]:
    """Such layers of a VAE whose loss reaches some; `own` are those of the VAE itself.

    What is handed in from outside, and is no part of the VAE, may have been trained before.
    """
    handed = (part for part in observed.handed() if part.isdisjoint(own))
    return _unheld(own, reached, observed).difference(*handed)


def _unheld(own: frozenset[int], reached: frozenset[int], observed: ProjectObservations) -> frozenset[int]:
    """Those layers, with what is handed in: of that neither is known, whether it is trained or kept as it is.

    What is filled with weights, or asked for its parameters by anything, may be kept as it is on purpose.
    """
    held = frozenset[int]().union(*(each.perhaps for each in observed.optimizers()))
    return reached - own - held.union(*observed.parameters().values(), *observed.loaded())


def optimizers(
    trained: Iterable[tuple[frozenset[int], frozenset[int]]], observed: ProjectObservations
) -> Iterator[Place | None]:
    """Where the optimizers of a VAE are built whose loss reaches such layers; `trained` are those of it, and all."""
    for own, reached in trained:
        if _unheld(own, reached, observed):
            yield from (each.site.origin.place for each in observed.optimizers() if each.perhaps & own)


def names_of(lost: frozenset[int], among: frozenset[int], names: Mapping[str, frozenset[int]]) -> tuple[str, ...]:
    """The names of what holds lost layers alone, of those `among` which some are, of the largest such parts."""
    found: list[str] = []
    told: frozenset[int] = frozenset()
    for name, held in sorted(names.items(), key=lambda item: -len(item[1])):
        if held & among <= lost and not held & lost <= told:
            found.append(name)
            told |= held
    return tuple(sorted(found)) if lost <= told else ()
