"""Weights of the KL that are given and never used."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from vae_checked.facts import Fact, Origin
from vae_checked.linter.files import syntax
from vae_checked.linter.files.overwritten import is_replaced
from vae_checked.linter.roles.idle_weights import are_computed_for_nothing
from vae_checked.linter.roles.spent_weights import read_for_nothing, scales_beside
from vae_checked.linter.symbols.expression import Site
from vae_checked.linter.symbols.values import Class, Function
from vae_checked.mathematics.names import is_kl_weight
from vae_checked.mathematics.reductions import ChainStep, Number, Weight, is_weight

if TYPE_CHECKING:
    from vae_checked.linter.evaluations.evaluation import Evaluation
    from vae_checked.linter.symbols.values import Module


def without_effect(
    unread: Iterable[Fact[str]],
    chains: tuple[Sequence[ChainStep], Sequence[ChainStep], Sequence[ChainStep]],
    where: Origin,
    evaluation: Evaluation,
    functions: Iterable[Function],
) -> Fact[tuple[str, ...]] | None:
    """The weight of the KL among what its `functions` are given and never read; `where` is the loss of both terms.

    Empty where every number that they are given is read, None where one that is not may be a weight, where the code
    that calls them computes one for nothing, where one scales what is handed out beside the loss alone, and where one
    of the `chains`, above the KL, in its own term and above the error, has another: by what a function is given its
    caller may weigh what it gets back.
    """
    above, inside, of_recon = chains
    left = list(unread)
    if not left:
        weighed = any(isinstance(step, (Weight, Number)) for step in (*above, *of_recon)) or any(map(is_weight, inside))
        beside = not weighed and any(scales_beside(function.node) for function in functions)
        return None if beside or are_computed_for_nothing(evaluation) else Fact((), where)
    weights = [fact for fact in left if is_kl_weight(fact.value)]
    named = any(isinstance(step, Weight) or (isinstance(step, Number) and step.named) for step in of_recon)
    if not weights or named or any(isinstance(step, Weight) or is_weight(step) for step in (*above, *inside)):
        return None
    return Fact((weights[0].value,), weights[0].origin)


def unread_weights(function: Function, evaluation: Evaluation) -> Iterator[Fact[str]]:
    """What holds a weight by its name or a number and is never read: parameters, names, attributes of its class.

    Nor is it where it is read alone for what nothing is made of any more.
    """
    source = function.scope.module.source_of(function.node)
    known = function.scope.module.read_once(_by_function)
    if function.node not in known:
        nodes = list(syntax.descendants(function.node))
        assigned = [node for node in nodes if isinstance(node, ast.Assign) and not _is_neutral(node.value)]
        known[function.node] = frozenset(_read_names(nodes)), assigned
    read, assigned = known[function.node]
    weights = [name for name in read if is_kl_weight(name.removeprefix("."))]
    for name, spent in read_for_nothing(function.node, weights).items():
        if not _is_read_elsewhere(name, function, evaluation):
            yield Fact(name.removeprefix("."), Site(source, spent).origin)
    for item, default in _with_defaults(function.node.args):
        name, weight = item.arg, is_kl_weight(item.arg)
        if (name not in read and (weight or _is_number(default))) or (weight and is_replaced(name, function.node)):
            yield Fact(name, Site(source, item).origin)
    for node in assigned:
        named = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if len(named) == 1 and is_kl_weight(named[0]) and named[0] not in read:
            yield Fact(named[0], Site(source, node).origin)
    if function.owner is not None:
        yield from _stored_unread(function.owner, evaluation)


def _by_function(_: Module) -> dict[ast.AST, tuple[frozenset[str], list[ast.Assign]]]:
    """The names that functions of a file read, and what they give a value that is no neutral number.

    Of those that were asked for: most are run in several evaluations.
    """
    return {}


def _with_defaults(spec: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    positional = [*spec.posonlyargs, *spec.args]
    yield from zip(positional, [*[None] * (len(positional) - len(spec.defaults)), *spec.defaults], strict=True)
    yield from zip(spec.kwonlyargs, spec.kw_defaults, strict=True)


def _is_number(default: ast.expr | None) -> bool:
    return isinstance(default, ast.Constant) and type(default.value) in (int, float)


def _stored_unread(cls: Class, evaluation: Evaluation) -> Iterator[Fact[str]]:
    init = cls.names.get("__init__")
    if not isinstance(init, Function):
        return
    each = {module.path: module for module in (cls.scope.module, *evaluation.modules())}.values()
    read = frozenset().union(*(module.read_once(names_in) for module in each))
    defaults = {item.arg: default for item, default in _with_defaults(init.node.args)}
    for node in syntax.descendants(init.node):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Attribute):
            name = node.targets[0].attr
            given = defaults.get(node.value.id) if isinstance(node.value, ast.Name) else node.value
            # A whole number among the attributes of a model is a size.
            fraction = isinstance(given, ast.Constant) and isinstance(given.value, float)
            wanted = is_kl_weight(name) or fraction
            if wanted and f".{name}" not in read and (not _is_neutral(node.value) or _is_set(name, each)):
                yield Fact(name, Site(cls.scope.module.source_of(init.node), node).origin)


def _is_read_elsewhere(name: str, function: Function, evaluation: Evaluation) -> bool:
    """Whether an attribute is read by more than one node of the files that are run."""
    if not name.startswith("."):
        return False
    files = {module.path: module.file for module in (function.scope.module, *evaluation.modules())}.values()
    reads = (node for file in files for node in file.of(ast.Attribute) if isinstance(node.ctx, ast.Load))
    return sum(f".{node.attr}" == name for node in reads) > 1


def _is_neutral(value: ast.expr | None) -> bool:
    """Whether a number asks for no weight: 0, which one would begin with, or 1."""
    return isinstance(value, ast.Constant) and value.value in (0, 1)


def _is_set(name: str, modules: Iterable[Module]) -> bool:
    """Whether an attribute is set to more than such a number, as by a schedule that counts on an effect."""
    assignments = (
        node
        for module in modules
        for cell in module.file.cells
        for node in cell.nodes
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)) and not _is_neutral(node.value)
    )
    return any(
        isinstance(target, ast.Attribute) and target.attr == name
        for node in assignments
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    )


def names_in(module: Module) -> frozenset[str]:
    """Every name that a file reads, in all of its cells: `beta`, and `.beta` for an attribute."""
    return frozenset(name for kind in _NAMING for name in _read_names(module.file.of(kind)))


_NAMING: frozenset[type[ast.AST]] = frozenset(
    (ast.Name, ast.Attribute, ast.Constant, ast.keyword, ast.Global, ast.Nonlocal)
)


def _read_names(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that a piece of source reads, attributes with a dot before them; strings count as both."""
    names: set[str] = set()
    for node in nodes:
        # Every node of a file passes here, and most name nothing.
        if node.__class__ not in _NAMING:
            continue
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                names |= {node.value, f".{node.value}"}
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Store):
            names.add(f".{node.attr}")
        elif isinstance(node, ast.keyword) and node.arg is not None:
            names.add(node.arg)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            # Others read it.
            names.update(node.names)
    return names
