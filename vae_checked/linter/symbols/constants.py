"""Python's own numbers, texts and lists as far as they are followed: of ordinary size, and unknown beyond."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from math import isfinite

# Lists and texts that code doubles are not followed beyond this length, nor whole numbers beyond that size: a float
# holds the product of any two.
MAX_ITEMS, MAX_NUMBER = 1_000, 10**150
_CONTAINERS = (tuple, list, dict)


def is_followed(number: float) -> bool:
    """Whether arithmetic goes on with a number: a float always, a whole number where its square is a float."""
    return not isinstance(number, int) or -MAX_NUMBER <= number <= MAX_NUMBER


def whole(number: float | None) -> int | None:
    """The whole number that a number is cut to; None for what is not known, an infinity and NaN."""
    return int(number) if number is not None and isfinite(number) else None


def exactly_whole(number: float | None) -> int | None:
    """The whole number that a number is; None for any other."""
    cut = whole(number)
    return cut if cut == number else None


def counting(numbers: Sequence[int | None], most: int) -> list[int] | None:
    """The first `most` numbers of `range(*numbers)`; None where there is no such range, or it is not known."""
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers) or not 1 <= len(known) <= 3 or (len(known) == 3 and known[2] == 0):
        return None
    return list(range(*known)[:most])


def joined(pieces: Iterable[str]) -> str | None:
    """Texts as one; None where that is too long to be followed."""
    made, length = [], 0
    for piece in pieces:
        length += len(piece)
        if length > MAX_ITEMS:
            return None
        made.append(piece)
    return "".join(made)


def extent(value: object) -> int:
    """How many parts a list, tuple or dict has, those of its parts among them; MAX_ITEMS where there are more."""
    parts, stack = 0, [value] if isinstance(value, _CONTAINERS) else []
    while stack and parts < MAX_ITEMS:
        item = stack.pop()
        parts += len(item)
        inner = islice(item.values(), MAX_ITEMS) if isinstance(item, dict) else item[:MAX_ITEMS]
        # Most parts are no containers, and one is gone through for each call that it is handed to.
        stack += [each for each in inner if isinstance(each, _CONTAINERS)]
    return min(parts, MAX_ITEMS)
