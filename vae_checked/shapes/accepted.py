"""Sizes at which a model runs and gives back what it takes, chosen among those that are known to be accepted."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence

from vae_checked.input_spec import parse_spec
from vae_checked.shapes.constraint import ALWAYS, NEVER, UNKNOWN
from vae_checked.shapes.formula import NO_FORMULA, evaluate, symbols_in
from vae_checked.shapes.model import RANK_VARIES, ModelShapes

# Wide enough that a stride, a kernel and a swap of axes leave traces, narrow enough to cost little.
_WIDE = 9
_CHOICES = 8
_REACH = 64


def accepts(shapes: ModelShapes, sizes: Mapping[str, int]) -> bool:
    """Whether each of `sizes` is one that the model takes, and the reconstruction then has the shape of the input.

    Of the letters that `sizes` has no size for nothing is asked. A model that gives back no size, or of which no
    reconstruction is known, is asked only whether it takes them. Raises KeyError for a letter that the input has not.
    """
    return all(size in accepted_range(shapes, letter) for letter, size in sizes.items()) and all(
        evaluate(wanted, sizes) == evaluate(got, sizes)
        for wanted, got in _conditions(shapes)
        if symbols_in(wanted) | symbols_in(got) <= sizes.keys()
    )


def accepted_range(shapes: ModelShapes, letter: str) -> range:
    """The sizes of one letter that the model takes, as far as is looked at; KeyError where the input has no such."""
    low, high, step = shapes.accepted[letter]
    return range(low, (max(low, _WIDE) + _REACH * step if high is None else high) + 1, step)


def accepted_choices(shapes: ModelShapes, letter: str) -> list[int]:
    """The sizes of one letter that the model takes and, as far as this letter decides it, gives back, smallest first.

    Raises KeyError where the input has no such letter.
    """
    return [size for size in accepted_range(shapes, letter) if accepts(shapes, {letter: size})]


def distinct_sizes(shapes: ModelShapes, taken: Collection[int] = ()) -> Iterator[dict[str, int]]:
    """Accepted sizes for the letters of a sample's axes, those first whose axes are least easily confused.

    `taken` are sizes of other axes. The axes of the latent are kept distinct as well, as far as the model lets them.
    """
    batch = parse_spec(shapes.input).batch
    letters = [letter for letter in shapes.accepted if letter != batch]
    choices = [_wide(accepted_choices(shapes, letter)) for letter in letters]
    fixed = [*taken, *(axis for axis in parse_spec(shapes.input).inputs[0].axes if isinstance(axis, int))]
    latent = [axis for axis in shapes.latent.split() if axis not in (NO_FORMULA, *RANK_VARIES)]
    ranked: list[tuple[int, int, tuple[int, ...]]] = []
    for chosen in itertools.product(*choices):
        sizes = dict(zip(letters, chosen, strict=True))
        if accepts(shapes, sizes):
            inner = [evaluate(axis, sizes) for axis in latent if symbols_in(axis) <= sizes.keys()]
            confused = _coincidences([*fixed, *chosen]) + _coincidences(inner) + sum(size == 1 for size in inner)
            ranked.append((confused, sum(chosen), chosen))
    for _, _, chosen in sorted(ranked):
        yield dict(zip(letters, chosen, strict=True))


def condition(shapes: ModelShapes) -> str:
    """Which sizes are given back, `H % 8 == 0`; empty where all are, none is, or it is not known."""
    return "" if shapes.constraint.startswith((ALWAYS, NEVER, UNKNOWN)) else shapes.constraint


def _conditions(shapes: ModelShapes) -> Iterator[tuple[str, str]]:
    """Pairs of axes, of the input and of the reconstruction, that are to be equal."""
    x_hat = shapes.reconstruction.split()
    if shapes.constraint.startswith((NEVER, UNKNOWN)):
        return
    for wanted, got in zip(data_axes(shapes), x_hat, strict=True):
        if got not in (NO_FORMULA, *RANK_VARIES):
            yield wanted, got


def data_axes(shapes: ModelShapes) -> Sequence[str]:
    """The axes of the data among the inputs: of the first that holds no labels."""
    inputs = parse_spec(shapes.input).inputs
    return tuple(map(str, next((each for each in inputs if each.labels is None), inputs[0]).axes))


def _wide(sizes: Sequence[int]) -> Sequence[int]:
    """A few of these sizes, the wide ones where there are such."""
    wide = [size for size in sizes if size >= _WIDE]
    return wide[:_CHOICES] or sizes[-_CHOICES:]


def _coincidences(sizes: Sequence[int]) -> int:
    return len(sizes) - len(set(sizes))
