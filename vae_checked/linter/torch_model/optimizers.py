"""Optimizers as they are built: which layers' parameters they are given, and where else parameters are asked for."""

from __future__ import annotations

import ast

from vae_checked.linter.files.iterators import Left, block_around
from vae_checked.linter.symbols.expression import TRANSPARENT, Expr, Site
from vae_checked.linter.symbols.observations import Optimizer, Spot, spot_of
from vae_checked.linter.symbols.registered import serials
from vae_checked.linter.symbols.values import Value
from vae_checked.linter.torch_model.evaluator import Evaluator

NAMES = frozenset(
    "Adam AdamW SGD RMSprop Adamax Adagrad Adadelta NAdam RAdam SparseAdam Rprop ASGD LBFGS Lion AdaBelief Adafactor "
    "FusedAdam Adam8bit AdamW8bit Ranger Lamb LAMB Prodigy".split()
)
# What differentiates a loss: a method of its own, or of a trainer or an accelerator that is handed it.
BACKWARD = frozenset(("backward", "manual_backward"))
# Calls that hand on all that they are given.
_HANDING_ON = ("sequence", "dict", "filter", "list", "chain", "from_iterable", "iter", "tuple")


def is_schedule(owner: ast.expr) -> bool:
    """Whether what is stepped is called a schedule of the learning rate: it moves no parameter."""
    return "sched" in ast.unparse(owner).lower()


def asked_for(evaluator: Evaluator, owner: Value, method: str, site: Site) -> Expr:
    """`owner.parameters()`, or another method that names each beside it."""
    held = serials(owner)
    evaluator.project_observations.note_parameters(spot_of(site), held)
    return Expr("parameters", (), (("of", id(owner)), ("held", held), ("named", method != "parameters")), site)


def note(evaluator: Evaluator, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> None:
    """Take note of an optimizer, if a name is one of those."""
    if dotted.rpartition(".")[2] in NAMES:
        contents = _Contents(site)
        contents.read(args[0] if args else kwargs.get("params"))
        evaluator.project_observations.note_optimizer(contents.optimizer(site))


def added(evaluator: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> None:
    """`optimizer.add_param_group(group)`: some optimizer holds what the group has, as far as is known."""
    contents = _Contents(site)
    contents.read(args[0] if args else kwargs.get("param_group"))
    evaluator.project_observations.note_parameters(spot_of(site), contents.optimizer(site).perhaps)


class _Contents:
    """What an optimizer is given: layers that it surely holds, those that it may hold, and whether all was read."""

    def __init__(self, site: Site) -> None:
        self._left = _left(site)
        self._surely: set[int] = set()
        self._perhaps: set[int] = set()
        self._spent: set[int] = set()
        self._spots: set[Spot] = set()
        self._open = False

    def optimizer(self, site: Site) -> Optimizer:
        """The optimizer that is built at `site`."""
        held = frozenset(self._surely), frozenset(self._surely | self._perhaps)
        return Optimizer(site, *held, frozenset(self._spots), self._open, frozenset(self._spent))

    def read(self, given: Value) -> None:
        """Take in what is given: parameters, lists of them, and groups."""
        stack = [given]
        while stack:
            value = stack.pop()
            if isinstance(value, (list, tuple)):
                stack.extend(value)
            elif isinstance(value, dict) and "params" in value:
                stack.append(value["params"])
            elif isinstance(value, Expr):
                self._read_expression(value)
            else:
                self._open = True

    def _read_expression(self, given: Expr) -> None:
        stack = [(given, True)]
        while stack:
            node, surely = stack.pop()
            name = str(node.get("name"))
            if node.op == "parameters":
                self._take(node, surely)
            elif node.op == "weight":
                layer = node.get("layer")
                self._perhaps |= {layer} if isinstance(layer, int) else set()
            elif node.op == "phi":
                stack.extend((arg, False) for arg in node.args[1:])
            elif node.op in ("spread", "item") or node.op in TRANSPARENT:
                stack.append((node.args[0], surely))
            elif node.op == "add" or (node.op == "opaque" and name.rpartition(".")[2] in _HANDING_ON):
                stack.extend((arg, surely) for arg in node.args)
            elif node.op == "parameter":
                number = node.get("serial")
                self._perhaps |= {number} if isinstance(number, int) else set()
            elif node.op != "const" and not name.startswith("Function:"):
                self._open = True

    def _take(self, node: Expr, surely: bool) -> None:
        held = node.get("held")
        assert isinstance(held, frozenset)  # noqa: S101  `asked_for` alone makes such nodes
        spot = None if node.site is None else spot_of(node.site)
        left = Left.ALL if spot is None else self._left.get(spot, Left.ALL)
        if left is Left.NOTHING:
            self._spent |= held
        else:
            # Whoever is given the names may pick some of them.
            is_whole = surely and left is Left.ALL and not node.get("named")
            (self._surely if is_whole else self._perhaps).update(held)
        if spot is not None:
            self._spots.add(spot)


def is_given_less(site: Site) -> bool:
    """Whether something may have gone before through parameters that a call is given by a name."""
    return any(left is not Left.ALL for left in _left(site).values())


def _left(site: Site) -> dict[Spot, Left]:
    """What is left of the parameters that a call is given, where something may have gone through them before."""
    if not isinstance(site.node, ast.Call):
        return {}
    source = site.source
    left = block_around(site.node, source.cell, NAMES).left(site.node)
    return {(source.path, source.cell.number, *place): each for place, each in left.items()}
