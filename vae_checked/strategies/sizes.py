"""The sizes of one VAE's tensors, pairwise distinct: with B = L or H = W a swap of axes stays invisible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from vae_checked.errors import UsageError

Bounds = int | tuple[int, int]


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
