"""Names for axes within one signature: what its own arguments do not bind must not stand in it."""

from __future__ import annotations

from collections.abc import Sequence

from vae_checked.shapes.law import symbols_in


class Naming:
    """Axes as jaxtyping writes them in a signature whose arguments have `axes`, in their order.

    A letter that is an axis by itself is bound and stays. `H//8`, where H is not bound, becomes a name, and what is
    made of the same step is written in that name: `8*(H//8)` is `8*h`. jaxtyping checks an expression only when its
    names are bound before it, so what can not be written in bound names is a name of its own.
    """

    def __init__(self, axes: Sequence[str]) -> None:
        self._bound = {axis for axis in axes if axis.isidentifier()}
        self._names: dict[str, str] = {}
        self._given: set[str] = set()

    def name(self, axis: str) -> str:
        """The axis as it is written at its place; places are to be asked for in their order."""
        letters = symbols_in(axis)
        if axis.isidentifier() or not letters:
            self._given |= letters
            return axis
        if letters <= self._bound and letters <= self._given:
            return axis
        if axis in self._names:
            return self._names[axis]
        written = self._rewritten(axis)
        if written is not None:
            return written
        made = self._fresh(sorted(letters)[0])
        self._names[axis] = made
        return made

    def _rewritten(self, axis: str) -> str | None:
        """The axis in names that stand for its steps; None when one of its letters is left."""
        text = axis
        for step, name in self._names.items():
            text = text.replace(f"({step})", name).replace(step, name)
        made = set(self._names.values())
        return text if symbols_in(text) <= made | self._given else None

    def _fresh(self, letter: str) -> str:
        taken = {*self._names.values(), *self._bound}
        base = letter.lower() if letter.lower() not in taken else f"{letter.lower()}2"
        count = 2
        while base in taken:
            count += 1
            base = f"{letter.lower()}{count}"
        return base
