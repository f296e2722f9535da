"""What tells a thing that code takes from outside, in whose place a model of the project can stand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TypeAlias

from vae_checked.linter.symbols.expression import Expr, strip, walk

# A parameter or an attribute and its name, or a call that is not understood, its place and the class it is of, if any.
Taken: TypeAlias = tuple[str, object]
# The method by which it is called, empty where it is called itself, with how many arguments (None: not known), and the
# names by which some of these are handed over.
Call: TypeAlias = tuple[str, int | None, frozenset[str]]

_NAMED = frozenset(("atom", "attribute", "item"))
_MAX_NAMES = 8
# How functions of other libraries are called that make an object from a configuration or a file.
_MAKES = re.compile(r"instantiate|build|create|make|load|from_pretrained|get_model")
_LOADS, _CHOOSES = re.compile(r"\b(_?[A-Z]\w*)\.(?:from_pretrained|load_from_checkpoint)$"), re.compile(r"AutoModel")


def taken(value: Expr) -> Taken | None:
    """What tells a thing from others wherever it is used; None where it is no such thing."""
    node = strip(value)
    if node.op in ("atom", "attribute"):
        return node.op, node.get("name")
    if node.op == "item":
        index = node.get("index")
        return (node.op, index) if isinstance(index, str) and index != "any" else None
    if node.site is None or not _is_made(node):
        return None
    return "made", (f"{node.site.place} {_configured(node)}", _class_in(str(node.get("name"))))


def class_of(what: Taken) -> str:
    """The class that makes a thing, as `UNet.from_pretrained` makes a UNet; empty where none is named."""
    return str(what[1][1]) if what[0] == "made" and isinstance(what[1], tuple) else ""


def _class_in(dotted: str) -> str:
    """The class that loads an object of its own; one that chooses a class itself, as `AutoModel` does, is none."""
    found = _LOADS.search(dotted)
    return "" if found is None or _CHOOSES.match(found[1]) else found[1]


def _is_made(node: Expr) -> bool:
    """Whether a value is what a factory from outside makes."""
    if node.op != "opaque":
        return False
    name = str(node.get("name"))
    if name == "call":
        maker = strip(node.args[0]) if node.args else node
        return maker.op in ("atom", "attribute") or _is_chosen_by_name(maker)
    return _MAKES.search(name.rpartition(".")[2]) is not None


def _is_chosen_by_name(maker: Expr) -> bool:
    """Whether a class is asked for by a name that is not known; what torch has under any name is a layer."""
    if maker.get("name") != "builtins.getattr" or not maker.args:
        return False
    owner = strip(maker.args[0])
    return owner.op != "opaque" or str(owner.get("name")).partition(".")[0] != "torch"


def _configured(node: Expr) -> str:
    """The names by which a factory knows what to make: one factory makes many things."""
    names = {str(each.get("name") or each.get("index")) for each in walk(node) if each.op in _NAMED}
    return " ".join(sorted(names)[:_MAX_NAMES])


def called(node: Expr) -> tuple[Taken, Call] | None:
    """The thing that a node is a call of, and how it is called.

    What a call has made, or what a container has for a key, may be a tensor: it is a model where it is called itself.
    """
    directly = node.op == "opaque" and node.get("name") == "call"
    if not node.args or not (directly or node.op == "call"):
        return None
    owner = taken(node.args[0])
    if owner is None or (owner[0] in ("made", "item") and not directly):
        return None
    given = None if any(arg.op == "spread" for arg in node.args) else len(node.args) - 1
    return owner, ("" if directly else str(node.get("name")), given, _names(node))


def _names(call: Expr) -> frozenset[str]:
    """The names by which a call hands over arguments, as it is written."""
    written = None if call.site is None else call.site.node
    keywords = written.keywords if isinstance(written, ast.Call) else ()
    return frozenset(keyword.arg for keyword in keywords if keyword.arg is not None)


def holders(value: Expr) -> Iterator[tuple[Taken, str]]:
    """The things whose parts a value is, each with the part: of `agent.model.decoder` the model and the agent."""
    node = strip(value)
    while node.op == "attribute" and node.args:
        part, node = str(node.get("name")), strip(node.args[0])
        what = taken(node)
        if what is not None:
            yield what, part
