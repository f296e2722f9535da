"""What two formulas have in common that differ in their leaves alone: what is identified by values is so in both."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

from vae_checked.linter.roles.samplers import is_scalar
from vae_checked.linter.symbols.expression import MAX_FORMULA, PASSED, REDUCTIONS, TRANSPARENT, Expr
from vae_checked.linter.symbols.numeric import FOLLOWED

Form = tuple[Hashable, ...]
_INNER = PASSED | FOLLOWED
_HANDING_ON = TRANSPARENT | REDUCTIONS
# Inner nodes that can be a head by themselves.
CUTS = frozenset(("softplus", "exp", "sqrt", "clamp", "sigmoid", "add", "elu", "relu", "tanh"))


def form(expr: Expr, marked: Mapping[int, Sequence[int]], pairs: Iterable[tuple[Expr, Expr]], most: int) -> Form | None:
    """The operations of a formula in order, its leaves by number and kind, with what is marked and paired in it.

    `marked` are inner nodes to take for leaves, each with its places in the order in which they are tried: the first
    `most` of these in the formula, then others of it that can be. None where it is too large for a formula.
    """
    numbers: dict[int, int] = {}
    steps: list[Hashable] = []
    stack = [expr]
    marks: list[tuple[int, int]] = []
    cuts = 0
    while stack:
        node = stack.pop()
        uid = node.uid
        if uid in numbers:
            steps.append(numbers[uid])
            continue
        if len(numbers) > 2 * MAX_FORMULA:
            return None
        numbers[uid] = len(numbers)
        if uid in marked:
            if steps and node.op in _INNER:
                marks += [(place, numbers[uid]) for place in marked[uid]]
        elif node.op in CUTS:
            cuts += bool(steps)
        if node.op in _INNER and node.args:
            # What reduces or reshapes hands its values on as they are, over whatever axes and to whatever sizes.
            steps.append((node.op, () if node.op in _HANDING_ON else node.attrs, len(node.args)))
            stack += node.args
        elif node.op == "const":
            steps.append(node.attrs)
        else:
            steps.append((node.op, is_scalar(node), node.get("law")))
    tried = sorted(marks)[:most]
    steps += sorted({number for _, number in tried})
    steps.append(("cuts", min(cuts, most - len(tried))))
    steps += [(numbers[one.uid], numbers.get(other.uid)) for one, other in pairs if one.uid in numbers]
    return tuple(steps)
