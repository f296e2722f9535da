"""Latents that are scaled where they lie, once more at each use, and factors of a VAE that the code changes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from vae_checked.facts import Fact, Origin
from vae_checked.latent_facts import PretrainedVAE
from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import SourceCell
from vae_checked.linter.pretrained.vaes import LOADERS, first_given
from vae_checked.linter.symbols.values import Module

_FACTOR = re.compile(r"scal\w*_?factor|factor\w*_?scal|latents?_?(?:std|scale)|vae_?scal", re.IGNORECASE)
_IN_PLACE = frozenset(("mul_", "div_"))
# The factor of a VAE by a name that says so, changed where it stands.
_OWN_FACTOR = re.compile(r"(?:vae|autoencoder|first_stage)\w*(?:\.\w+)*[._]scal(?:ing|e)_factor\s*[*/]=", re.IGNORECASE)
# The factor of a VAE, set to another value: the end of it tells whether a text has one, and is looked for faster.
_SETS_ONE = re.compile(r"(?<=[\w.])\.config\.scaling_factor\s*=(?!=)")
_SETS = re.compile(r"[\w.]+\.config\.scaling_factor\s*=(?!=)")
# What a text without scales nothing where it lies.
_SCALES = re.compile(r"[*/]=|\.(?:mul|div)_\(")
# What hands out a fresh batch at each turn.
_FRESH = re.compile(r"load|dl$|_iter|stream|enumerate|tqdm|progress", re.IGNORECASE)


def scaled_in_place(module: Module) -> list[Fact[str | None]]:
    """Where a factor multiplies a latent that an argument, or a list that is gone through again, holds."""
    found: list[Fact[str | None]] = []
    for source in module.sources:
        text = source.cell.text
        if _SCALES.search(text) is None or _FACTOR.search(text) is None:
            continue
        for function in syntax.descendants(source.cell.tree):
            if isinstance(function, syntax.DEFINITIONS):
                found += _in_function(function, source)
    return found


def rescaled(module: Module) -> list[Fact[str]]:
    """Where the factor that belongs to a VAE is itself multiplied, or divided, by a number: the number as written."""
    found: list[Fact[str]] = []
    for source in module.sources:
        text = source.cell.text
        # The first two are cheap, and most files fail them.
        if ("*=" not in text and "/=" not in text) or "_factor" not in text.lower() or not _OWN_FACTOR.search(text):
            continue
        for node in syntax.descendants(source.cell.tree):
            if isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Mult, ast.Div)):
                number, target = node.value, source.segment(node.target)
                is_number = isinstance(number, ast.Constant) and isinstance(number.value, (int, float))
                if is_number and _OWN_FACTOR.search(f"{target} *=") is not None:
                    found.append(Fact(source.segment(node), Origin(source.segment(node), source.place(node))))
    return found


def factors_set(module: Module) -> Iterator[tuple[Fact[PretrainedVAE], Fact[float]]]:
    """Where the configuration of a VAE is given a number for its factor, with what the VAE was loaded from."""
    for source in module.sources:
        if _SETS_ONE.search(source.cell.text) is None:
            continue
        nodes = [node for node in syntax.descendants(source.cell.tree) if isinstance(node, ast.Assign)]
        for node in nodes:
            target, number = node.targets[0], node.value
            if not isinstance(number, ast.Constant) or not isinstance(number.value, float) or len(node.targets) > 1:
                continue
            written = source.segment(target)
            if _SETS.fullmatch(f"{written} =") is None:
                continue
            loaded = _loaded(written.removesuffix(".config.scaling_factor"), node, nodes, source)
            if loaded is not None:
                yield loaded, Fact(number.value, Origin(source.segment(node), source.place(node)))


def _loaded(name: str, before: ast.Assign, nodes: list[ast.Assign], source: SourceCell) -> Fact[PretrainedVAE] | None:
    """What a VAE of this name was loaded from last, an unknown one where that is not written; None for no loader."""
    known = [
        node
        for node in nodes
        if node.lineno < before.lineno and any(source.segment(target) == name for target in node.targets)
    ]
    call = max(known, key=lambda node: node.lineno).value if known else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr not in LOADERS:
        return None
    given = first_given(call)
    identity = given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else ""
    kind = source.segment(call.func.value).rpartition(".")[2]
    return Fact(PretrainedVAE(kind, identity), Origin(source.segment(call), source.place(call)))


def _in_function(function: syntax.Definition, source: SourceCell) -> Iterator[Fact[str | None]]:
    spec = function.args
    given = {arg.arg for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)} - {"self", "cls"}
    nodes = [node for node in syntax.descendants(function) if isinstance(node, ast.stmt)]
    for statement in nodes:
        changed = _changed(statement)
        if changed is None:
            continue
        name, factor = changed
        bound = _bound_before(name, statement, nodes)
        holder = None if bound is None else _holder(bound)
        if holder is not None and (holder in given or _is_gone_through_again(holder, statement, function, given)):
            yield Fact(source.segment(factor), Origin(source.segment(statement), source.place(statement)))


def _changed(statement: ast.stmt) -> tuple[str, ast.expr] | None:
    """The name whose value a statement scales where it lies, and the factor."""
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, (ast.Mult, ast.Div)):
        target: ast.expr = statement.target
        factor = statement.value
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and statement.value.args:
        method = statement.value.func
        if not isinstance(method, ast.Attribute) or method.attr not in _IN_PLACE:
            return None
        target, factor = method.value, statement.value.args[0]
    else:
        return None
    if not isinstance(target, ast.Name) or not isinstance(factor, (ast.Name, ast.Attribute)):
        return None
    last = factor.id if isinstance(factor, ast.Name) else factor.attr
    return (target.id, factor) if _FACTOR.search(last) else None


def _bound_before(name: str, statement: ast.stmt, nodes: list[ast.stmt]) -> ast.expr | None:
    """What a name was bound to last before a statement, None where that is not one assignment."""
    before = [node for node in nodes if node.lineno < statement.lineno and name in _targets(node)]
    last = max(before, key=lambda node: node.lineno, default=None)
    return last.value if isinstance(last, ast.Assign) and len(last.targets) == 1 else None


def _targets(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.Assign):
        targets: list[ast.expr] = statement.targets
    elif isinstance(statement, (ast.AugAssign, ast.AnnAssign, ast.For, ast.AsyncFor)):
        targets = [statement.target]
    else:
        return set()
    return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}


def _holder(value: ast.expr) -> str | None:
    """The name of what holds a value that is an item of it, and no copy."""
    if isinstance(value, ast.IfExp):
        return _holder(value.body) if isinstance(value.orelse, ast.Constant) else None
    if isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name):
        index = value.slice
        return value.value.id if isinstance(index, ast.Constant) and isinstance(index.value, str) else None
    return None


def _is_gone_through_again(holder: str, statement: ast.stmt, function: syntax.Definition, given: set[str]) -> bool:
    """Whether a loop over an argument, in another loop, hands out what holds the latent: a list of what is stored."""
    loops = [
        node
        for node in syntax.descendants(function)
        if isinstance(node, (ast.For, ast.While)) and node.lineno <= statement.lineno <= (node.end_lineno or 0)
    ]
    own = [loop for loop in loops if isinstance(loop, ast.For) and holder in _targets(loop)]
    if len(own) != 1 or len(loops) < 2 or loops.index(own[0]) == 0:
        return False
    over = own[0].iter
    return isinstance(over, ast.Name) and over.id in given and _FRESH.search(over.id) is None
