"""Noise that is drawn once and kept: outside of the steps that train, or where there is none yet."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache

from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell
from vae_checked.linter.roles import batch_sizes, seeds
from vae_checked.linter.roles.samplers import SamplerSite

_MAKING = ("__init__", "__post_init__")
# What of a decorator's name says that a function's result is kept: `lru_cache`, `cached_property`, `memoize`.
_CACHING = ("cache", "memo")
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
# What sets an attribute by its name, and the place of that name among what it is given.
_SETTERS = {"setattr": 1, "register_buffer": 0}
# What has the value of one of its parts.
_CHOOSING = (ast.IfExp, ast.BoolOp)


def may_be_kept(site: SamplerSite) -> bool:
    """Whether each step may draw around the heads by the noise of the first: it is kept beyond the step."""
    noise, drawn = site.noise.site, site.z.site
    if noise is None or drawn is None or not isinstance(noise.node, ast.expr):
        return False
    cell = noise.source.cell
    function = batch_sizes.function_around(noise.node, cell)
    is_near = drawn.source.cell is cell
    if _is_before_the_steps(noise.node, drawn.node if is_near else None, function, cell):
        return True
    if function is None:
        return _is_of_the_file(noise.node, cell) and _is_in_a_function(drawn.node, drawn.source.cell)
    if function.name in _MAKING:
        # What makes an object of the heads may draw by them, each time anew.
        return not (is_near and seeds.holds(function, drawn.node))
    if any(_is_caching(item) for item in function.decorator_list) or _is_a_default(noise.node, function):
        return True
    return _is_drawn_where_there_is_none(noise.node, drawn.node if is_near else None, function, cell)


def _is_before_the_steps(
    noise: ast.expr, drawn: ast.AST | None, function: syntax.Definition | None, cell: Cell
) -> bool:
    """Whether noise is drawn in code that trains by a loop, but in no turn of it."""
    if function is None and drawn is None:
        return False
    of_steps = cell.read_once(_loops_of_steps)
    if function is not None:
        of_steps = [loop for loop in of_steps if seeds.holds(function, loop)]
    elif drawn is not None:
        # By what a file is run for alone.
        of_steps = [loop for loop in of_steps if seeds.holds(loop, drawn)]
    return bool(of_steps) and not any(seeds.holds(loop, noise) for loop in of_steps)


def _loops_of_steps(cell: Cell) -> list[ast.stmt]:
    """The innermost loops of a file that differentiate: what has steps alone may be a game's."""
    trained: list[ast.stmt] = [loop for kind in _LOOPS for loop in cell.of(kind) if _differentiates(loop)]
    return [loop for loop in trained if not any(one is not loop and seeds.holds(loop, one) for one in trained)]


def _differentiates(loop: ast.AST) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == "backward" for node in syntax.descendants(loop))


def _is_of_the_file(noise: ast.expr, cell: Cell) -> bool:
    """Whether noise has a name in a file, and is drawn in no loop of it."""
    loops = (loop for kind in _LOOPS for loop in cell.of(kind))
    is_named = any(_stands_around(each, noise) for each in cell.of(ast.Assign))
    return is_named and not any(_stands_around(each, noise) for each in loops)


def _is_in_a_function(drawn: ast.AST, cell: Cell) -> bool:
    return isinstance(drawn, (ast.expr, ast.stmt)) and batch_sizes.function_around(drawn, cell) is not None


def _is_caching(decorator: ast.expr) -> bool:
    name = syntax.last(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return any(each in name for each in _CACHING)


def _is_a_default(noise: ast.expr, function: syntax.Definition) -> bool:
    """Whether noise is drawn where a function is defined: what an argument is that is left out."""
    given = (*function.args.defaults, *filter(None, function.args.kw_defaults))
    return any(noise is node for each in given for node in ast.walk(each))


def _is_drawn_where_there_is_none(
    noise: ast.expr, drawn: ast.AST | None, function: syntax.Definition, cell: Cell
) -> bool:
    """Whether noise is kept on one way alone, and drawn by where it was drawn before on others.

    `if self.eps is None: self.eps = noise`, `self.eps = self.eps or noise`, `kept.setdefault("eps", noise)`.
    """
    around = list(_around(function, noise))
    if any(isinstance(each, ast.Call) and syntax.called(each) == "setdefault" for each in around):
        return True
    kept = set(_keeping(around, function))
    if not kept:
        return False
    for branch in around:
        if isinstance(branch, ast.If) and not (drawn is not None and seeds.holds(branch, drawn)):
            own = branch.body if any(seeds.holds(each, noise) for each in branch.body) else branch.orelse
            other = branch.orelse if own is branch.body else branch.body
            set_there = {name for each in other for node in syntax.descendants(each) for name in _set_by(node)}
            if not _asks_for_training(branch.test) and not kept & set_there:
                return True
    asked = [each.test if isinstance(each, ast.IfExp) else each for each in around if isinstance(each, _CHOOSING)]
    if any(isinstance(each, ast.Try) for each in around) or any(kept & set(_named(each)) for each in asked):
        return True
    return _is_called_in_a_branch(function, cell)


def _around(function: syntax.Definition, noise: ast.expr) -> Iterator[ast.stmt | ast.expr]:
    """The nodes of a function that stand around noise, or on its lines."""
    left = syntax.children(function)
    while left:
        node = left.pop()
        if not isinstance(node, (ast.stmt, ast.expr)):
            left += syntax.children(node)
        elif _stands_around(node, noise):
            yield node
            left += syntax.children(node)


def _stands_around(node: ast.stmt | ast.expr, noise: ast.expr) -> bool:
    return node.lineno <= noise.lineno <= (node.end_lineno or 0)


def _asks_for_training(test: ast.expr) -> bool:
    return "training" in _named(test)


def _is_called_in_a_branch(function: syntax.Definition, cell: Cell) -> bool:
    """Whether a function that keeps noise is called where a condition holds."""
    return function.name in cell.read_once(_called_in_branches)


def _called_in_branches(cell: Cell) -> frozenset[str]:
    return frozenset(
        syntax.called(node)
        for branch in cell.of(ast.If)
        if not _asks_for_training(branch.test)
        for each in branch.body
        for node in syntax.descendants(each)
        if isinstance(node, ast.Call)
    )


def _keeping(around: Sequence[ast.AST], function: syntax.Definition) -> Iterator[str]:
    """The attributes, keys and names of the file by which a function keeps what the nodes `around` hold."""
    for each in around:
        yield from _set_by(each)
        for target in each.targets if isinstance(each, ast.Assign) else ():
            yield from _kept_as(function).get(getattr(target, "id", ""), ())


@lru_cache(maxsize=64)
def _kept_as(function: syntax.Definition) -> Mapping[str, Collection[str]]:
    """By the names of a function, as what it keeps their values; one that is of the file keeps it by itself."""
    found: dict[str, set[str]] = {}
    for node in syntax.descendants(function):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            for name in node.names:
                found.setdefault(name, set()).add(name)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            found.setdefault(node.value.id, set()).update(_set_by(node))
    return found


def _set_by(node: ast.AST) -> Iterator[str]:
    """The attributes that a statement or a call sets, and the keys of what it sets an entry of, as they are written."""
    for target in node.targets if isinstance(node, ast.Assign) else ():
        if isinstance(target, ast.Attribute):
            yield target.attr
        elif isinstance(target, ast.Subscript):
            yield _key(target.slice)
    place = _SETTERS.get(syntax.called(node)) if isinstance(node, ast.Call) else None
    if place is not None and isinstance(node, ast.Call) and len(node.args) > place:
        yield _key(node.args[place])


def _key(written: ast.expr) -> str:
    return str(written.value) if isinstance(written, ast.Constant) else ast.unparse(written)


def _named(test: ast.expr) -> Iterator[str]:
    """What a condition asks for; by `hasattr(self, "eps")` and `"eps" in self.kept` as well."""
    for node in ast.walk(test):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
