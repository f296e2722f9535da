"""Names for axes within one signature: what its own arguments do not bind must not stand in it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from vae_checked.shapes.formula import NO_FORMULA, evaluate, symbols_in


class Naming:
    """Axes as jaxtyping writes them in a signature whose arguments have `axes`; `letters` are all that occur in it.

    A letter that is an axis by itself is bound and stays. `H//8`, where H is not bound, becomes a name, and what is
    made of the same step is written in that name: `8*(H//8)` is `8*h`. jaxtyping checks an expression only when its
    names are bound before it, so what can not be written in bound names is a name of its own. An axis that follows
    one formula in one call and another in the next is a name as well, but for one that `attribute` knows by a name of
    the object's own.
    """

    def __init__(
        self,
        axes: Sequence[str],
        letters: Iterable[str],
        attribute: Callable[[Sequence[str]], str | None] = lambda formulas: None,
    ) -> None:
        self.attribute = attribute
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

    def name(self, formulas: Sequence[str]) -> str:
        """The axis whose formula in each of several calls is given, as it is written at its place.

        Places are to be asked for in the order in which jaxtyping looks at them.
        """
        if NO_FORMULA in formulas:
            return "_"
        if len(set(formulas)) == 1:
            return self._of_one(formulas[0])
        attribute = self.attribute(formulas)
        if attribute is not None:
            return attribute
        return self._several.setdefault(tuple(formulas), self._fresh("N"))

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
        usable = {
            **{letter: letter for letter in self._given},
            **{name: formula for formula, name in self._names.items()},
        }
        affine = (
            _affine(axis, formula, name) for name, formula in usable.items() if symbols_in(formula) == symbols_in(axis)
        )
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
    """Sizes at which two expressions that are not the same differ."""
    ordered = sorted(letters)
    drawn = random.Random(0)  # noqa: S311  sizes are no secret
    return [{letter: drawn.randrange(1, 20_000) for letter in ordered} for _ in range(64)]


def _same(text: str, axis: str, formulas: Mapping[str, str]) -> bool:
    """Whether `text`, in names that stand for `formulas`, is the formula `axis`."""
    names = symbols_in(text)
    letters = symbols_in(axis).union(*(symbols_in(formulas[name]) for name in names))
    return all(
        evaluate(text, {name: evaluate(formulas[name], sizes) for name in names}) == evaluate(axis, sizes)
        for sizes in _places(letters)
    )


def _affine(axis: str, formula: str, name: str) -> str | None:
    """`a*name+d` through two of the places; None where no whole numbers do."""
    first, *_, last = _places(symbols_in(axis))
    rise, run = evaluate(axis, last) - evaluate(axis, first), evaluate(formula, last) - evaluate(formula, first)
    if not rise or not run or rise % run:
        return None
    a = rise // run
    d = evaluate(axis, first) - a * evaluate(formula, first)
    return f"{name if a == 1 else f'{a}*{name}'}{f'{d:+d}' if d else ''}"
