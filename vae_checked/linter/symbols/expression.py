"""Tensor expressions: what a value was computed from, as a graph whose nodes know where they are written."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import isnan
from typing import TYPE_CHECKING, TypeVar, cast

from vae_checked.facts import Origin
from vae_checked.finding import Place
from vae_checked.linter.symbols.structures import NUMBERS, UNUSED, once_per_structure
from vae_checked.mathematics.ops import Kind, names_of

if TYPE_CHECKING:
    from vae_checked.linter.files.source import SourceCell

Attrs = tuple[tuple[str, Hashable], ...]
V = TypeVar("V")


class Site:
    """A node of a parsed file: where an expression is written, and where the module was built that is applied there."""

    __slots__ = ("_origin", "_place", "built", "node", "source")

    def __init__(self, source: SourceCell, node: ast.AST, built: Site | None = None) -> None:
        self.source = source
        self.node = node
        self.built = built
        # Each is asked for some five times over, by every fact that stands there.
        self._place: Place | None = None
        self._origin: Origin | None = None

    @property
    def place(self) -> Place:
        """The node's place in its file or notebook."""
        if self._place is None:
            self._place = self.source.place(self.node)
        return self._place

    @property
    def origin(self) -> Origin:
        """The expression as it is written, and its place."""
        if self._origin is None:
            built = None if self.built is None else self.built.place
            self._origin = Origin(self.source.segment(self.node), self.place, built)
        return self._origin


def _exact(attrs: Attrs) -> Hashable:
    """Attributes that equal others only where a reader sees the same: True is no 1, and a NaN is a NaN."""
    for _, value in attrs:
        kind = value.__class__
        if kind in _AMBIGUOUS and (kind is not float or value != value) and _is_ambiguous(value):  # noqa: PLR0124  a NaN
            return tuple((name, _told_apart(value)) for name, value in attrs)
    return attrs


def _is_ambiguous(value: Hashable) -> bool:
    """Whether a value of one of the ambiguous classes equals something else, or not itself."""
    if not isinstance(value, tuple):
        return value.__class__ is bool or (isinstance(value, float) and isnan(value))
    for item in value:  # noqa: SIM110  a generator takes twice as long, for every node
        if item.__class__ in _AMBIGUOUS and _is_ambiguous(item):
            return True
    return False


def _told_apart(value: Hashable) -> Hashable:
    if isinstance(value, tuple):
        return tuple(map(_told_apart, value))
    return (value.__class__, str(value)) if value.__class__ in _AMBIGUOUS and _is_ambiguous(value) else value


_AMBIGUOUS = frozenset((bool, float, tuple))


class Expr:
    """One node of a tensor expression.

    `uid` identifies the structure: two expressions that compute the same thing in the same way have one uid, wherever
    they are written. Noise and other draws carry a serial number among their attributes, so that each stays itself.
    `bits` says which kinds of operations stand in it, so that most questions need no walk (`NOISE` and the others).
    """

    __slots__ = ("_attrs", "args", "bits", "op", "site", "uid")

    def __init__(self, op: str, args: tuple[Expr, ...] = (), attrs: Attrs = (), site: Site | None = None) -> None:
        self.op = op
        self.args = args
        self._attrs = attrs
        self.site = site
        number = len(args)
        if number == 1:
            bits = args[0].bits
            key: Hashable = (op, attrs and _exact(attrs), args[0].uid)
        elif number == 2:
            one, other = args
            bits = one.bits | other.bits
            key = (op, attrs and _exact(attrs), one.uid, other.uid)
        else:
            bits = 0
            for arg in args:
                bits |= arg.bits
            key = (op, attrs and _exact(attrs), *[arg.uid for arg in args])
        uid = NUMBERS.get(key)
        if uid is None:
            uid = NUMBERS[key] = next(UNUSED)
        self.uid: int = uid
        rule = _RULES.get(op)
        if rule is None:
            self.bits: int = bits & _OF_OTHERS
        else:
            self.bits = bits & rule[0] | rule[1] | (rule[3] if bits & rule[2] else 0)
            if bits & CARRIED and number == 2 and (args[0].op == "const" or args[1].op == "const"):
                # Noise that a number is added to is noise of another mean.
                self.bits |= CARRIED
            if self.bits & DRAWN and args:
                # A function of noise is noise of another law, and so is one of noise and numbers.
                if number == 1 or op == "noise" or all(arg.bits & DRAWN or _is_number(arg) for arg in args):
                    self.bits |= CARRIED
                else:
                    self.bits &= ~DRAWN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expr) and self.uid == other.uid

    def __hash__(self) -> int:
        return self.uid

    def get(self, name: str) -> Hashable:
        """The attribute of this name, None when it has none."""
        for key, value in self._attrs:
            if key == name:
                return value
        return None

    @property
    def attrs(self) -> Attrs:
        """All attributes, as pairs."""
        return self._attrs

    @property
    def value(self) -> float:
        """The number that a `const` node holds."""
        number = self.get("value")
        assert isinstance(number, (int, float))  # noqa: S101  only called on const nodes, whose constructor sees to it
        return float(number)

    def at(self, site: Site | None) -> Expr:
        """The same structure, written at another place."""
        moved = Expr.__new__(Expr)
        moved.op, moved.args, moved._attrs, moved.uid = self.op, self.args, self._attrs, self.uid
        moved.bits, moved.site = self.bits, site
        return moved

    def __repr__(self) -> str:
        inside = ", ".join([*map(repr, self.args), *(f"{key}={value!r}" for key, value in self._attrs)])
        return f"{self.op}({inside})"


def const(value: float, site: Site | None = None) -> Expr:
    """A number."""
    return Expr("const", (), (("value", value),), site)


def atom(name: str, site: Site | None = None, serial: Hashable = None) -> Expr:
    """Something that is not known further: a parameter, an input, a result of code that was not read."""
    return Expr("atom", (), (("name", name), ("serial", serial)), site)


def opaque(name: str, args: tuple[Expr, ...], site: Site | None = None) -> Expr:
    """A call that is not understood: equal for equal arguments."""
    return Expr("opaque", args, (("name", name),), site)


def walk(*exprs: Expr) -> Iterator[Expr]:
    """Every distinct node below and with some expressions, parents first, one expression after the other."""
    seen: set[int] = set()
    stack = [*reversed(exprs)]
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        yield node
        stack.extend(reversed(node.args))


class Graph:
    """All nodes of some expressions, children before parents, each once.

    `rewritten` are the nodes that were put in the places of other nodes, by the uids of these.
    """

    def __init__(self, values: Iterable[Expr], rewritten: Mapping[int, Expr] | None = None) -> None:
        self.rewritten: Mapping[int, Expr] = rewritten or {}
        self.values = list(values)
        self.nodes: list[Expr] = []
        self._holding: dict[int, frozenset[int]] = {}
        self._parents: dict[int, list[Expr]] | None = None
        self._by_op: dict[str, list[Expr]] | None = None
        self._having: dict[tuple[str, ...], list[Expr]] = {}
        self._taking: dict[tuple[str, ...], dict[int, list[Expr]]] = {}
        self._read: dict[Callable[[Graph], object], object] = {}
        # What stands in values that are not of this graph, of those that were asked about more than once.
        self._outside: dict[int, frozenset[int] | None] = {}
        seen = self._known = set[int]()
        for value in self.values:
            # None stands above the arguments of a node, the last of those that wait for theirs.
            stack: list[Expr | None] = [value]
            waiting: list[Expr] = []
            while stack:
                node = stack.pop()
                if node is None:
                    self.nodes.append(waiting.pop())
                elif node.uid not in seen:
                    seen.add(node.uid)
                    if node.args:
                        waiting.append(node)
                        stack.append(None)
                        stack += node.args
                    else:
                        self.nodes.append(node)

    def __contains__(self, node: Expr) -> bool:
        return node.uid in self._known

    def read_once(self, reader: Callable[[Graph], V]) -> V:
        """What `reader` finds in this graph: asked for by each of its samplers, read once."""
        if reader not in self._read:
            self._read[reader] = reader(self)
        return cast("V", self._read[reader])

    def having(self, *ops: str) -> Sequence[Expr]:
        """The nodes with one of these operations, those of one operation together and children first."""
        if self._by_op is None:
            self._by_op = {}
            for node in self.nodes:
                self._by_op.setdefault(node.op, []).append(node)
        if ops not in self._having:
            self._having[ops] = [node for op in ops for node in self._by_op.get(op, ())]
        return self._having[ops]

    def taking(self, value: Expr, *ops: str) -> Sequence[Expr]:
        """Those of `having(*ops)` with an argument that is `value` but for transparent operations around both."""
        if ops not in self._taking:
            taking = self._taking[ops] = dict[int, list[Expr]]()
            for node in self.having(*ops):
                for uid in {strip(arg).uid for arg in node.args}:
                    taking.setdefault(uid, []).append(node)
        return self._taking[ops].get(strip(value).uid, ())

    def above(self, node: Expr) -> Sequence[Expr]:
        """The nodes that have this one among their arguments."""
        return self._known_parents().get(node.uid, ())

    def _known_parents(self) -> Mapping[int, Sequence[Expr]]:
        if self._parents is None:
            self._parents = {}
            for node in self.nodes:
                for arg in node.args:
                    self._parents.setdefault(arg.uid, []).append(node)
        return self._parents

    def holding(self, wanted: int) -> frozenset[int]:
        """The uids of the nodes that have the node `wanted` in them, itself included."""
        if wanted not in self._holding:
            self._holding[wanted] = frozenset(self.holding_any((wanted,)))
        return self._holding[wanted]

    def holding_any(self, wanted: Iterable[int]) -> set[int]:
        """The uids of the nodes that have one of some nodes in them, these included."""
        parents, found = self._known_parents(), set(wanted)
        above = found
        while above:
            above = {parent.uid for uid in above for parent in parents.get(uid, ())} - found
            found |= above
        return found

    def holding_through(self, wanted: Iterable[int], passes: Callable[[Expr], bool]) -> set[int]:
        """The uids of the nodes that lead to one of some nodes by nodes that all pass, these included."""
        parents, found = self._known_parents(), set(wanted)
        stack = [*found]
        while stack:
            for parent in parents.get(stack.pop(), ()):
                if parent.uid not in found and passes(parent):
                    found.add(parent.uid)
                    stack.append(parent.uid)
        return found

    def standing_in(self, marked: Iterable[Expr]) -> dict[int, int]:
        """Per node of the graph which of some nodes stand in it, itself included: a bit for each of them, in order."""
        bits = {node.uid: 1 << place for place, node in enumerate(marked)}
        for node in self.nodes:
            found = bits.get(node.uid, 0)
            for arg in node.args:
                found |= bits[arg.uid]
            bits[node.uid] = found
        return bits

    def towards(self, outer: Expr, inner: int) -> Iterator[Expr]:
        """The nodes of `outer` that have the node `inner` in them, itself included, in the order of `walk`."""
        seen: set[int] = set()
        stack = [outer]
        while stack:
            node = stack.pop()
            if node.uid not in seen and self.holds(node, inner):
                seen.add(node.uid)
                yield node
                stack.extend(reversed(node.args))

    def holds(self, outer: Expr, inner: int) -> bool:
        """Whether the node `inner` is part of `outer`: `contains`, answered from memory where it can be."""
        if outer.uid in self._known:
            return outer.uid in self.holding(inner)
        if outer.uid not in self._outside:
            self._outside[outer.uid] = None
            return contains(outer, inner)
        inside = self._outside[outer.uid]
        if inside is None:
            inside = self._outside[outer.uid] = frozenset(node.uid for node in walk(outer))
        return inner in inside


def contains(expr: Expr, wanted: int) -> bool:
    """Whether a node with this uid is part of `expr`."""
    seen: set[int] = set()
    stack = [expr]
    while stack:
        node = stack.pop()
        if node.uid == wanted:
            return True
        # Numbers are given out in order, and to arguments first: below a smaller one there is no larger one.
        if node.uid > wanted and node.uid not in seen:
            seen.add(node.uid)
            stack.extend(node.args)
    return False


def is_made_from(expr: Expr, wanted: int) -> bool:
    """Whether the values of `expr` follow from the node with this uid: by more than its sizes."""
    seen: set[int] = set()
    stack = [expr]
    while stack:
        node = stack.pop()
        if node.uid == wanted:
            return True
        if node.uid > wanted and node.uid not in seen and node.op not in ("size", "shape"):
            seen.add(node.uid)
            stack.extend(node.args)
    return False


def standing_in(expr: Expr, wanted: Collection[int], up_to: Collection[int] = ()) -> set[int]:
    """The uids among the `wanted` ones of nodes that are part of `expr`, not looking into those of `up_to`."""
    found: set[int] = set()
    seen: set[int] = set()
    lowest = min(wanted, default=0)
    stack = [expr] if wanted else []
    while stack:
        node = stack.pop()
        # As in `contains`.
        if node.uid >= lowest and node.uid not in seen and node.uid not in up_to:
            seen.add(node.uid)
            if node.uid in wanted:
                found.add(node.uid)
            stack.extend(node.args)
    return found


# Each element of the result depends on the elements at the same position of the arguments only.
ELEMENTWISE = names_of(lambda operation: operation.elementwise)
# How a detach came about that stands for a block under torch.no_grad.
NO_GRAD = "no_grad"
# What hands on its first argument's elements: another shape, device, dtype or graph, the same numbers.
TRANSPARENT = names_of(lambda operation: operation.kind in (Kind.COPY, Kind.RESHAPE))
REDUCTIONS = frozenset(("sum", "mean"))
PASSED = ELEMENTWISE | REDUCTIONS | TRANSPARENT

# Bits of an expression: an operation of this kind stands somewhere in it ...
NOISE, PHI, LOSS, ERROR, LOGS, PRODUCTS, SUMS, SAMPLE = (1 << index for index in range(8))
_ANYWHERE = (1 << 8) - 1
# ... or not below a layer, where LOSS and ERROR are one ...
NEAR_LOSS, NEAR_LOGS, NEAR_PRODUCTS = (1 << index for index in range(14, 17))
_NEAR = NEAR_LOSS | NEAR_LOGS | NEAR_PRODUCTS
# ... or in what is computed element by element, reduced or reshaped at its top ...
OWN_LOGS, OWN_PRODUCTS, OWN_SUMS, OWN_DIFFERENCES, OWN_SAMPLE = (1 << index for index in range(8, 13))
# ... or it is noise itself, scaled, shifted by a number and reshaped ...
CARRIED = 1 << 13
# ... or what is made of draws and numbers alone, element by element.
DRAWN = 1 << 17
KL, OWN_KL = LOGS | PRODUCTS | SUMS, OWN_LOGS | OWN_PRODUCTS | OWN_SUMS
CARRIERS = frozenset(("mul", "div", "neg", "detach")) | TRANSPARENT
_KINDS = {
    "noise": NOISE | CARRIED | DRAWN, "phi": PHI, "loss": LOSS | NEAR_LOSS, "layer": 0,
    **dict.fromkeys(("log", "exp", "log1p"), LOGS | NEAR_LOGS | OWN_LOGS),
    **dict.fromkeys(("mul", "square", "pow"), PRODUCTS | NEAR_PRODUCTS | OWN_PRODUCTS),
    "add": SUMS | OWN_SUMS, "sub": SUMS | OWN_SUMS | OWN_DIFFERENCES,
}  # fmt: skip


def _rule(op: str) -> tuple[int, int, int, int]:
    """What an operation hands on of its arguments' bits, its own bits, and those it has if an argument has others."""
    kept = _ANYWHERE if op == "layer" else _ANYWHERE | _NEAR
    if op in PASSED:
        kept |= OWN_KL | OWN_DIFFERENCES | OWN_SAMPLE
    if op in ELEMENTWISE | TRANSPARENT:
        kept |= DRAWN
    if op == "phi":
        kept |= OWN_SAMPLE
    if op in CARRIERS or op == "phi":
        kept |= CARRIED
    own = _KINDS.get(op, 0)
    if op in ("add", "sub"):
        return kept, own, CARRIED, OWN_SAMPLE | SAMPLE
    if op in ("square", "pow", "abs", *REDUCTIONS):
        return kept, own, OWN_DIFFERENCES, ERROR | NEAR_LOSS
    return kept, own, 0, 0


_OF_OTHERS = _ANYWHERE | _NEAR
_RULES = {op: _rule(op) for op in (*PASSED, *_KINDS)}


def _is_number(expr: Expr) -> bool:
    """Whether a value is a number that is written, or a function of one, as math.sqrt(2) is."""
    return expr.op == "const" or (len(expr.args) == 1 and expr.args[0].op == "const")


def called_name(expr: Expr) -> str:
    """The last part of what a call or attribute is named: `median` of `torch.median` and of a method."""
    return str(expr.get("name")).replace(":", ".").rpartition(".")[2]


def strip(expr: Expr) -> Expr:
    """`expr` without the transparent operations around it."""
    while expr.op in TRANSPARENT and expr.args:
        expr = expr.args[0]
    return expr


def written(expr: Expr) -> Expr:
    """The node below transparent ones that has a text of its own."""
    while expr.op in TRANSPARENT and expr.args and expr.op not in ("view", "reshape"):
        expr = expr.args[0]
    return expr


# The place where a layer was built and the classes of the models that it is a part of, outermost first: what tells it
# from others in every evaluation.
Built = tuple[str, int | None, int, int, Hashable]


def built_at(expr: Expr) -> Built | None:
    """Where the layer was built that is applied here, None for what is no layer's result."""
    if expr.site is None or expr.site.built is None:
        return None
    place = expr.site.built.place
    return place.path, place.cell, place.line, place.column, expr.get("within")


def origin(expr: Expr) -> Origin:
    """Where an expression is written."""
    return expr.site.origin if expr.site is not None else Origin()


def elementwise(expr: Expr, given: Collection[int] = ()) -> Iterator[Expr]:
    """The nodes of `expr` above its leaves: what is computed element by element, reduced or reshaped.

    Nodes whose uids are `given` are leaves too.
    """
    stack, seen = [expr], set(given)
    while stack:
        node = stack.pop()
        if node.uid not in seen and node.op in PASSED:
            seen.add(node.uid)
            yield node
            stack.extend(node.args)


# Above its leaves a formula has fewer nodes than this; what has more is a network.
MAX_FORMULA = 120


def is_square(node: Expr) -> bool:
    """Whether a node is the square of a value, written as a power of it or as a product with itself."""
    if node.op == "mul":
        return strip(node.args[0]).uid == strip(node.args[1]).uid
    return node.op == "square" or (node.op == "pow" and node.args[1].op == "const" and node.args[1].value == 2.0)


@once_per_structure
def is_formula(expr: Expr) -> bool:
    """Whether an expression is small enough for a formula that somebody wrote: a KL, a penalty."""
    return sum(1 for _ in islice(elementwise(expr), MAX_FORMULA + 1)) <= MAX_FORMULA
