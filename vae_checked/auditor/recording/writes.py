"""Which values of a storage are no longer what a step made, since others wrote there through views of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

# Where a tensor lies in its storage: the offset, the shape and the strides.
Lie = tuple[int, tuple[int, ...], tuple[int, ...]]
# The storage of a tensor, and where in it the tensor lies.
ViewKey = tuple[int, int, tuple[int, ...], tuple[int, ...]]

_MOST_ELEMENTS = 65_536


class Writes:
    """The writes to each storage in their order, and how many of them each value has in it."""

    def __init__(self) -> None:
        self.written: dict[int, list[tuple[int, ViewKey]]] = {}
        self._has: dict[int, int] = {}

    def note(self, number: int, view: ViewKey) -> None:
        """A step wrote to this place, and the value `number` is what stands there since."""
        log = self.written.setdefault(view[0], [])
        log.append((number, view))
        self._has[number] = len(log)

    def note_view(self, made: int, taken: int) -> None:
        """The value `made` is a view of the value `taken`: it has the same writes in it."""
        if taken in self._has:
            self._has[made] = self._has[taken]

    def note_read(self, number: int, view: ViewKey) -> None:
        """The value `number` was read after all writes to its storage that there are."""
        self._has[number] = len(self.written[view[0]])

    def since(self, number: int, view: ViewKey) -> list[int]:
        """What was written to elements of a value after it was read; where the last wrote just these, that alone."""
        log = self.written.get(view[0])
        if log is None:
            return []
        had = self._has.get(number, 0)
        if had == len(log):
            return []
        found = [other for other in log[had:] if meet(view[1:], other[1][1:])]
        if not found:
            self._has[number] = len(log)
        last = found[-1:]
        return [made for made, _ in (last if last and last[0][1] == view else found)]


@lru_cache(maxsize=65_536)
def meet(one: Lie, other: Lie) -> bool:
    """Whether two tensors of one storage have an element in common; where that would take long to find, they may."""
    if one[0] > _last(other) or other[0] > _last(one):
        return False
    small, large = sorted((one, other), key=_count)
    dims = _dims(large)
    if _count(small) > _MOST_ELEMENTS or not _apart(dims):
        return True
    return any(_holds(place - large[0], dims) for place in _places(small[0], _dims(small)))


def cover(view: ViewKey, others: Sequence[ViewKey]) -> bool:
    """Whether every element of a tensor stands in one of the others too; where that would take long to find, not."""
    lies = [each[1:] for each in (view, *others)]
    if sum(map(_count, lies)) > _MOST_ELEMENTS:
        return False
    wanted, *found = ({*_places(lie[0], _dims(lie))} for lie in lies)
    return wanted <= set().union(*found)


def _dims(lie: Lie) -> tuple[tuple[int, int], ...]:
    """The strides and sizes of the axes along which places differ, the widest first."""
    return tuple(sorted(((s, n) for n, s in zip(lie[1], lie[2], strict=True) if n != 1 and s != 0), reverse=True))


def _count(lie: Lie) -> int:
    count = 1
    for _, size in _dims(lie):
        count *= size
    return count


def _last(lie: Lie) -> int:
    return lie[0] + sum(stride * (size - 1) for stride, size in _dims(lie))


def _apart(dims: tuple[tuple[int, int], ...]) -> bool:
    """Whether no two elements stand at one place."""
    reach = 0
    for stride, size in reversed(dims):
        if stride <= reach:
            return False
        reach += stride * (size - 1)
    return True


def _holds(place: int, dims: tuple[tuple[int, int], ...]) -> bool:
    for stride, size in dims:
        place -= stride * max(0, min(size - 1, place // stride))
    return place == 0


def _places(offset: int, dims: tuple[tuple[int, int], ...]) -> Iterator[int]:
    if not dims:
        yield offset
        return
    (stride, size), *others = dims
    for step in range(size):
        yield from _places(offset + stride * step, tuple(others))
