"""Branches that a default leaves out and in which a VAE encodes or decodes: whoever sets it otherwise runs them."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.values import Class, Function, Module, Scope

# A call of a VAE that is handed over or held, by its name; a method of the same object is evaluated with it.
_LATENTS = re.compile(
    r"(?:vae|ae|auto_?encoder|first_stage|\.module)\w*(?:\.\w+|\(\w+\))*\.(?:tiled_)?(?:encode|decode)(?:_stage_2_\w+)?\(",
    re.IGNORECASE,
)


# What encodes or decodes, whoever it belongs to, or may hold a VAE.
_CODES = re.compile(r"\.(?:tiled_)?(?:en|de)code\w*\(|vae|autoencoder|first_stage", re.IGNORECASE)


def is_shut(cls: Class) -> bool:
    """Whether a class is a model that neither encodes nor decodes, nor holds what does."""
    if not isinstance(cls.find("forward"), Function) or any(cls.find(name) for name in ("encode", "decode")):
        return False
    return not any(
        _CODES.search(line)
        for each in cls.mro()
        for line in each.scope.module.source_of(each.node).cell.lines[each.node.lineno - 1 : each.node.end_lineno]
    )


def is_left_out(context: Context, node: ast.If, truth: bool, rest: Sequence[ast.stmt], scope: Scope) -> bool:
    """Whether the branch of an `if` that is not run, for all that is known of its condition, holds such a call.

    `rest` are the statements behind it, which are not run either where the other branch ends in a return.
    """
    module = scope.module
    if not module.read_once(_has_latents) or isinstance(node.test, ast.Constant):
        return False
    lines = context.site(node).source.cell.lines
    run, other = (node.body, node.orelse) if truth else (node.orelse, node.body)
    return _holds(other, lines) or (bool(run) and isinstance(run[-1], ast.Return) and _holds(rest, lines))


def _has_latents(module: Module) -> bool:
    return any(_is_call_of_vae(line) for cell in module.file.cells for line in cell.text.split("\n"))


def _holds(statements: Sequence[ast.stmt], lines: list[str]) -> bool:
    if not statements:
        return False
    first, last = statements[0].lineno, statements[-1].end_lineno or 0
    return any(map(_is_call_of_vae, lines[first - 1 : last]))


def _is_call_of_vae(line: str) -> bool:
    # Most lines have none of the letters that both names end with.
    return "code" in line.lower() and _LATENTS.search(line) is not None
