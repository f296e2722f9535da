"""Shifts that code asks a VAE for: the way on which none is applied is the one of VAEs that have none."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from vae_checked.linter.pretrained.defaults import around
from vae_checked.linter.pretrained.ends import Decoded, Encoded, Where
from vae_checked.linter.pretrained.pairs import End
from vae_checked.linter.symbols.values import Module

_ASKS = re.compile(r"\b(?:el)?if\b[^\n]*(?:shift|mean)")


class Asked:
    """The ends of a project at which latents are shifted, and which others are another way to the same."""

    def __init__(self, encoded: Iterable[Encoded], decoded: Iterable[Decoded], modules: Collection[Module]) -> None:
        ends: list[Encoded | Decoded] = [*encoded, *decoded]
        self._shifted = [each for each in ends if each.applied.shift]
        self._asking = [module for module in modules if any(_ASKS.search(cell.text) for cell in module.file.cells)]
        self._known: dict[Where, bool] = {}

    def others(self, ends: Iterable[End]) -> list[End]:
        """The ends less those ways that shift nothing, where on another one a shift is applied.

        To the same call, or in a function that asks whether there is a shift.
        """
        return [each for each in ends if each.applied.shift or not self._is_asked_for(each)]

    def _is_asked_for(self, end: Encoded | Decoded) -> bool:
        alike = [each for each in self._shifted if isinstance(each, type(end)) and each.owner.name == end.owner.name]
        if isinstance(end, Decoded) and any(isinstance(each, Decoded) and each.number == end.number for each in alike):
            return True
        if not any(each.where == end.where for each in alike):
            return False
        if end.where not in self._known:
            self._known[end.where] = _ASKS.search(around(end.call, self._asking)) is not None
        return self._known[end.where]
