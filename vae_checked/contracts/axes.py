"""One axis string, `"B C=3 H W//2"`, as plain values.

jaxtyping judges; this reading of the same string serves the memo (is the verdict a function of the shapes?) and the
messages (which axis, called what).
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import CodeType
from typing import Any

_BUILTINS = {"__builtins__": builtins}


@dataclass(frozen=True, slots=True)
class Axis:
    """One word of an axis string.

    Exactly one of `name`, `size`, `expression` is set, or none for an axis of any size. `label` is what a message may
    call the axis, also where it binds nothing (`C=3`, `_C`).
    """

    text: str
    label: str = ""
    name: str | None = None
    size: int | None = None
    expression: str | None = None
    variadic: bool = False
    broadcastable: bool = False
    per_leaf: bool = False

    @property
    def template(self) -> bool:
        """The expression takes values of arguments: `{n}`, `{self.latent_dim}`."""
        return self.expression is not None and "{" in self.expression

    def size_from(self, sizes: Mapping[str, int], arguments: Mapping[str, Any]) -> int | float | str | None:
        """The size that the contract asks for, or None where it is not known yet; text for what is no number."""
        if self.size is not None:
            return self.size
        if self.name is not None:
            return None if self.variadic else sizes.get(self.name)
        if self.expression is None:
            return None
        try:
            text = fill(self.expression, arguments) if self.template else self.expression
            value = eval(text, _BUILTINS, sizes)  # noqa: S307  the contract's own arithmetic
        except Exception:  # whatever it is, it is reported where jaxtyping meets it
            return None
        return value if isinstance(value, (int, float)) else repr(value)


@lru_cache(maxsize=1024)
def parse_axes(text: str) -> tuple[Axis, ...]:
    """The axes of a string that jaxtyping has accepted."""
    return tuple(_parse_axis(word) for word in text.split())


def _parse_axis(word: str) -> Axis:
    if word == "...":
        return Axis(word, variadic=True)
    rest, flags, label = word, set[str](), ""
    while rest:
        if rest[0] in "#*_?":
            flags.add(rest[0])
            rest = rest[1:]
        elif rest.count("=") == 1:
            label, rest = rest.split("=")
        else:
            break
    axis = Axis(word, label, variadic="*" in flags, broadcastable="#" in flags, per_leaf="?" in flags)
    if "_" in flags:
        return replace(axis, label=rest)
    if not rest or rest.isidentifier():
        return replace(axis, name=rest, label=rest)
    try:
        return replace(axis, size=int(rest))
    except ValueError:
        return replace(axis, expression=rest)


# ------------------------------------------------------------------------------------------------ expressions

_PURE_CALLS = frozenset({"abs", "divmod", "int", "len", "max", "min", "pow", "round", "sum"})
_PURE_NODES = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Constant,
    ast.Name,
    ast.Call,
    ast.Tuple,
    ast.List,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
    ast.expr_context,
)


@lru_cache(maxsize=1024)
def is_pure(expression: str) -> bool:
    """Whether the value depends on the names in it and on nothing else: arithmetic, comparisons, min, max and such."""
    try:
        tree = ast.parse(expression, mode="eval")
    except SyntaxError:
        return False
    return all(
        isinstance(node, _PURE_NODES)
        and (not isinstance(node, ast.Call) or (isinstance(node.func, ast.Name) and node.func.id in _PURE_CALLS))
        for node in ast.walk(tree)
    )


def fill(template: str, arguments: Mapping[str, Any]) -> str:
    """The template with the arguments' values put in, as jaxtyping does it; raises what reading them raises."""
    text: str = eval(_f_string(template), _BUILTINS, arguments)  # noqa: S307  the contract's own f-string
    return text


@lru_cache(maxsize=1024)
def _f_string(template: str) -> CodeType:
    return compile(f"f'{template}'", "<axis>", "eval")
