"""The scale of what the encoder's first layers take, beside that of the data which the loss compares with."""

from __future__ import annotations

import math
from collections.abc import Iterator

from vae_checked.facts import Fact
from vae_checked.layout_facts import Entering
from vae_checked.linter.symbols.expression import TRANSPARENT, Expr, contains, origin
from vae_checked.linter.symbols.given import is_given

_JOINED = frozenset(("cat", "stack"))
_NORMALISATIONS = frozenset(
    f"{kind}{rank}" for kind in ("BatchNorm", "InstanceNorm") for rank in ("1d", "2d", "3d")
) | {"SyncBatchNorm", "LayerNorm", "GroupNorm", "RMSNorm"}
_APART = 1e-3


def entering(mean: Expr | None, target: Expr | None) -> Fact[Entering] | None:
    """How what the layers below `mean` take follows from what `target` is made of; None unless all take it alike."""
    if mean is None or target is None:
        return None
    root, of_target, _ = _scaled(target)
    if not is_given(root) or not of_target or root.op == "written":
        return None
    found: list[tuple[float, Expr, Expr]] = []
    for layer in _first_layers(mean, root):
        for part in _parts(layer.args[0], root):
            base, scale, last = _scaled(part)
            if base.uid != root.uid:
                return None
            found.append((scale, last or layer, layer))
    if not found:
        return None
    scale, where, _ = found[0]
    if not all(math.isclose(each, scale, rel_tol=_APART) for each, _, _ in found):
        return None
    layers = {layer.uid for _, _, layer in found}
    return Fact(Entering(scale / of_target, scale == 1.0, _is_normalised(mean, layers)), origin(where))


def _first_layers(mean: Expr, root: Expr) -> Iterator[Expr]:
    """The layers that take something made of `root`, which no layer was run on before."""
    made, passed = {root.uid}, set[int]()
    # Arguments have smaller numbers than what is made of them.
    for node in sorted(_made_after(mean, root), key=lambda each: each.uid):
        if made.isdisjoint(arg.uid for arg in node.args):
            continue
        made.add(node.uid)
        if node.op == "layer":
            passed.add(node.uid)
            if node.args[0].uid in made and node.args[0].uid not in passed:
                yield node
        elif not passed.isdisjoint(arg.uid for arg in node.args):
            passed.add(node.uid)


def _made_after(expr: Expr, root: Expr) -> list[Expr]:
    """The nodes below and with `expr` that may be made of `root`, each once."""
    seen: dict[int, Expr] = {}
    stack = [expr]
    while stack:
        node = stack.pop()
        if node.uid > root.uid and node.uid not in seen:
            seen[node.uid] = node
            stack.extend(node.args)
    return [*seen.values()]


def _parts(given: Expr, root: Expr) -> Iterator[Expr]:
    """What a value is joined from that is made of `root`, as pixels beside a condition; itself where it is not."""
    bare = given
    while bare.op in TRANSPARENT and bare.args:
        bare = bare.args[0]
    if bare.op not in _JOINED:
        yield given
        return
    for each in bare.args:
        if contains(each, root.uid):
            yield from _parts(each, root)


def _scaled(value: Expr) -> tuple[Expr, float, Expr | None]:
    """What a value is a straight line of, by which factor, and the last scaling by a number on the way."""
    node, scale, last = value, 1.0, None
    while node.args and not is_given(node):
        if node.op in TRANSPARENT or node.op == "move":
            node = node.args[0]
            continue
        if node.op not in ("add", "sub", "mul", "div", "neg"):
            break
        varying = [arg for arg in node.args if arg.op != "const"]
        numbers = [arg.value for arg in node.args if arg.op == "const"]
        if len(varying) != 1 or (node.op == "div" and node.args[0] is not varying[0]):
            break
        if node.op in ("mul", "div") and not (math.isfinite(numbers[0]) and numbers[0]):
            break
        if node.op in ("mul", "div"):
            last = last or node
            scale = scale * numbers[0] if node.op == "mul" else scale / numbers[0]
        node = varying[0]
    while node.args and is_given(node) and node.op != "written":
        node = node.args[0]
    return node, abs(scale), last


def _is_normalised(mean: Expr, layers: set[int]) -> bool:
    """Whether every way from the first layers to `mean` leads through a layer that takes the scale out."""
    stack, seen = [mean], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen or node.get("kind") in _NORMALISATIONS:
            continue
        if node.uid in layers:
            return False
        seen.add(node.uid)
        stack.extend(node.args)
    return True
