"""The sizes of one VAE's tensors, pairwise distinct: with B = L or H = W a swap of axes stays invisible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from vae_checked.errors import UsageError

if TYPE_CHECKING:
    from vae_checked.shapes import ModelShapes

Bounds = int | tuple[int, int]
_FEW = 8


@dataclass(frozen=True, slots=True)
class Sizes:
    """B samples of C channels, H rows and W columns, and L latents; unpacks in this order."""

    B: int
    C: int
    H: int
    W: int
    L: int

    def __iter__(self) -> Iterator[int]:
        return iter((self.B, self.C, self.H, self.W, self.L))

    @property
    def batch(self) -> int:
        """B."""
        return self.B

    @property
    def event(self) -> tuple[int, int, int]:
        """The axes of one sample, (C, H, W)."""
        return (self.C, self.H, self.W)

    @property
    def latent(self) -> tuple[int]:
        """The axes of one sample's latent, (L,)."""
        return (self.L,)


def sizes(
    *,
    B: Bounds = (1, 8),
    C: Bounds = (1, 4),
    H: Bounds = (1, 16),
    W: Bounds = (1, 16),
    L: Bounds = (1, 16),
    multiple_of: int = 1,
    distinct: bool = True,
) -> st.SearchStrategy[Sizes]:
    """Sizes for which axes cannot be confused.

    Each bound is a number or an inclusive range. H and W are multiples of `multiple_of` (what strides ask for). With
    `distinct` a size that is drawn differs from all others; fixed ones may agree, as a square image's do. Examples
    shrink towards the smallest sizes that fail. Raises UsageError where the bounds leave no choice.
    """
    if multiple_of < 1:
        raise UsageError(f"multiple_of={multiple_of}: give 1 or more")
    steps = {"H": multiple_of, "W": multiple_of}
    named = named_sizes({"B": B, "C": C, "H": H, "W": W, "L": L}, steps=steps, distinct=distinct)
    return named.map(lambda drawn: Sizes(**drawn))


def accepted_sizes(
    shapes: ModelShapes, *, bounds: Mapping[str, Bounds] | None = None, distinct: bool = True
) -> st.SearchStrategy[dict[str, int]]:
    """Sizes for the letters of a model's input, as `shapes.infer` knows them, that the model takes and gives back.

    `bounds` holds a number or an inclusive range for a letter; without one B is at most 8, and another letter one of
    the eight smallest sizes. With `distinct` a size that is drawn differs from all others, where the model takes more
    than one. Raises UsageError where no size is left.

    Example: `@given(accepted_sizes(infer(VAE(), "B 3 H W")))` draws `{"B": 1, "H": 8, "W": 16}` and its like.
    """
    from vae_checked.shapes import accepted_choices, accepts  # noqa: PLC0415  who draws plain sizes needs no shapes

    letters = {letter: accepted_choices(shapes, letter) for letter in shapes.accepted}
    chosen: dict[str, list[int]] = {}
    for letter, known in letters.items():
        bound = (bounds or {}).get(letter)
        if bound is None:
            chosen[letter] = known[:_FEW]
            continue
        low, high = (bound, bound) if isinstance(bound, int) else bound
        chosen[letter] = [size for size in known if low <= size <= high]
        if not chosen[letter]:
            raise UsageError(f"{letter}={bound}: the model takes and gives back no such size, {shapes.constraint}")
    single = {letter: values[0] for letter, values in chosen.items() if len(values) == 1}
    free = {letter: values for letter, values in chosen.items() if letter not in single}
    if distinct:
        free = {letter: [v for v in values if v not in single.values()] for letter, values in free.items()}
        if not _possible(free, set()):
            raise UsageError("no pairwise distinct sizes are left: widen the bounds, or pass distinct=False")
        drawn = _distinct(free)
    else:
        drawn = st.fixed_dictionaries({letter: st.sampled_from(values) for letter, values in free.items()})
    return drawn.map(lambda sizes: {**single, **sizes}).filter(lambda sizes: accepts(shapes, sizes))


def named_sizes(
    bounds: Mapping[str, Bounds], *, steps: Mapping[str, int] | None = None, distinct: bool = True
) -> st.SearchStrategy[dict[str, int]]:
    """One size for each name within its bounds, a multiple of its step; see `sizes`."""
    choices = {name: _choices(name, bound, (steps or {}).get(name, 1)) for name, bound in bounds.items()}
    if not distinct:
        return st.fixed_dictionaries({name: st.sampled_from(values) for name, values in choices.items()})
    fixed = {name: values[0] for name, values in choices.items() if isinstance(bounds[name], int)}
    taken = set(fixed.values())
    free = {name: [v for v in values if v not in taken] for name, values in choices.items() if name not in fixed}
    if not _possible(free, set()):
        given = ", ".join(f"{name}={bound}" for name, bound in bounds.items())
        raise UsageError(f"no pairwise distinct sizes with {given}: widen the bounds, or pass distinct=False")
    return _distinct(free).map(lambda drawn: {**fixed, **drawn})


def _choices(name: str, bound: Bounds, step: int) -> list[int]:
    low, high = (bound, bound) if isinstance(bound, int) else bound
    values = [size for size in range(max(low, 1), high + 1) if size % step == 0]
    if not values:
        of = f" that {step} divides" if step > 1 else ""
        raise UsageError(f"{name}={bound}: no positive size{of} lies there")
    return values


@st.composite
def _distinct(draw: st.DrawFn, choices: Mapping[str, Sequence[int]]) -> dict[str, int]:
    drawn: dict[str, int] = {}
    for name, values in choices.items():
        used = set(drawn.values())
        rest = {other: choices[other] for other in choices if other not in drawn and other != name}
        drawn[name] = draw(st.sampled_from([v for v in values if v not in used and _possible(rest, {*used, v})]))
    return drawn


def _possible(choices: Mapping[str, Sequence[int]], used: set[int]) -> bool:
    """Whether distinct values remain for all: augmenting paths, where there are few enough for it to be a question."""
    if all(len(values) >= len(used) + len(choices) for values in choices.values()):
        return True
    owner: dict[int, str] = {}

    def place(name: str, tried: set[int]) -> bool:
        for value in choices[name]:
            if value not in used and value not in tried:
                tried.add(value)
                if value not in owner or place(owner[value], tried):
                    owner[value] = name
                    return True
        return False

    return all(place(name, set()) for name in choices)
