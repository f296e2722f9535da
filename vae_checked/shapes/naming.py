"""Names for axes within one signature: what its own arguments do not bind must not stand in it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence

from vae_checked.shapes.law import NOT_A_LAW, evaluate, symbols_in


class Naming:
    """Axes as jaxtyping writes them in a signature whose arguments have `axes`; `letters` are all that occur in it.

    A letter that is an axis by itself is bound and stays. `H//8`, where H is not bound, becomes a name, and what is
    made of the same step is written in that name: `8*(H//8)` is `8*h`. jaxtyping checks an expression only when its
    names are bound before it, so what can not be written in bound names is a name of its own. An axis that follows
    one law in one call and another in the next is a name as well.
    """

    def __init__(self, axes: Sequence[str], letters: Iterable[str]) -> None:
        self._bound = {axis for axis in axes if axis.isidentifier()}
        self._letters = frozenset(letters)
        self._names: dict[str, str] = {}
        self._several: dict[tuple[str, ...], str] = {}
        self._given: set[str] = set()
        self._spent: set[str] = set()

    @contextlib.contextmanager
    def uncertain(self) -> Iterator[None]:
        """In the block an argument is named that may be absent: what it alone binds, nothing later may use."""
        names, several, given = dict(self._names), dict(self._several), set(self._given)
        yield
        self._spent |= {*self._names.values(), *self._several.values()}
        self._names, self._several, self._given = names, several, given

    def name(self, laws: Sequence[str]) -> str:
        """The axis whose law in each of several calls is given, as it is written at its place.

        Places are to be asked for in the order in which jaxtyping looks at them.
        """
        if NOT_A_LAW in laws:
            return "_"
        if len(set(laws)) == 1:
            return self._of_one(laws[0])
        return self._several.setdefault(tuple(laws), self._fresh("N"))

    def _of_one(self, axis: str) -> str:
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
        usable = {**{letter: letter for letter in self._given}, **{name: law for law, name in self._names.items()}}
        affine = (_affine(axis, law, name) for name, law in usable.items() if symbols_in(law) == symbols_in(axis))
        written = (each for each in (text, *affine) if each is not None)
        return next((each for each in written if symbols_in(each) <= usable.keys() and _same(each, axis, usable)), None)

    def _fresh(self, letter: str) -> str:
        taken = {*self._names.values(), *self._several.values(), *self._bound, *self._letters, *self._spent}
        base, count = letter.lower(), 1
        while base in taken:
            count += 1
            base = f"{letter.lower()}{count}"
        return base


def _places(letters: Iterable[str]) -> list[dict[str, int]]:
    """Sizes at which two expressions that are not the same are told apart."""
    ordered = sorted(letters)
    drawn = random.Random(0)  # noqa: S311  sizes are no secret
    return [{letter: drawn.randrange(1, 20_000) for letter in ordered} for _ in range(64)]


def _same(text: str, axis: str, laws: Mapping[str, str]) -> bool:
    """Whether `text`, in names that stand for `laws`, is the law `axis`."""
    names = symbols_in(text)
    letters = symbols_in(axis).union(*(symbols_in(laws[name]) for name in names))
    return all(
        evaluate(text, {name: evaluate(laws[name], sizes) for name in names}) == evaluate(axis, sizes)
        for sizes in _places(letters)
    )


def _affine(axis: str, law: str, name: str) -> str | None:
    """`a*name+d` through two of the places; None where no whole numbers do."""
    first, *_, last = _places(symbols_in(axis))
    rise, run = evaluate(axis, last) - evaluate(axis, first), evaluate(law, last) - evaluate(law, first)
    if not rise or not run or rise % run:
        return None
    a = rise // run
    d = evaluate(axis, first) - a * evaluate(law, first)
    return f"{name if a == 1 else f'{a}*{name}'}{f'{d:+d}' if d else ''}"
