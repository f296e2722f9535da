"""Terms of a sum that take each other away: `hard - soft.detach() + soft` has the value of `hard`."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.mathematics.graph import N

_SAME_VALUE = frozenset(("detach", "contiguous"))
_MAX_TERMS = 8


def left_of(total: N) -> N | None:
    """The one term of a sum that is left once terms that are added and taken away are gone; None where there is none.

    As in a straight-through estimator, which adds the gradient of what is soft to the value of what is hard.
    """
    terms = list(_terms(total, 1))
    left: list[tuple[int, N]] = []
    for sign, term in terms:
        other = next((each for each in left if each[0] == -sign and each[1].uid == term.uid), None)
        if other is None:
            left.append((sign, term))
        else:
            left.remove(other)
    return left[0][1] if len(left) == 1 < len(terms) and left[0][0] > 0 else None


def _terms(total: N, sign: int) -> Iterator[tuple[int, N]]:
    """What is added to or taken off a total, each with its sign, without what only cuts a gradient."""
    waiting, count = [(sign, total)], 0
    while waiting:
        turned, node = waiting.pop()
        while node.op in _SAME_VALUE and node.args:
            node = node.args[0]
        if node.op in ("add", "sub") and len(node.args) == 2 and count < _MAX_TERMS:
            count += 1
            one, other = node.args
            waiting += [(turned, one), (-turned if node.op == "sub" else turned, other)]
        elif node.op == "neg" and node.args:
            waiting.append((-turned, node.args[0]))
        else:
            yield turned, node
