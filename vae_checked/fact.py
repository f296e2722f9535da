"""One thing that was observed, with where it was observed: what all facts are made of."""

from __future__ import annotations

from typing import Generic, TypeVar

from vae_checked.finding import Place, Provenance
from vae_checked.record import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a fact comes from: the expression as it is written and its place, or the module or tensor measured.

    `built` is where a module was built that is applied at `place`, `how` the way in which the fact came to be known.
    """

    source: str = ""
    place: Place | None = None
    built: Place | None = None
    how: Provenance = Provenance.READ


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """A value that was read or measured, and where."""

    value: T
    origin: Origin = Origin()
