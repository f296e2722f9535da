"""The grid of latents that a sampler begins with: its channels, and by how much it is smaller than the picture."""

from __future__ import annotations

import ast
import re

from vae_checked.facts import Fact
from vae_checked.latent_facts import LatentGrid
from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import SourceCell
from vae_checked.linter.symbols.expression import Expr, origin, walk

# Sizes of a picture, and no others.
_SIZE = re.compile(r"^(?:image_?|img_?)?(?:size|resolution|height|width|h|w)$", re.IGNORECASE)
_IMAGE_AXES = 4
_MAX_NESTED = 4


def grid(decoded: Expr) -> Fact[LatentGrid] | None:
    """The grid of the one noise of four axes that a latent is made from; None where it is not known."""
    noises = {id(node.site): node for node in walk(decoded) if node.op == "noise" and _axes(node) == _IMAGE_AXES}
    if len(noises) != 1:
        return None
    (noise,) = noises.values()
    shape = noise.get("shape")
    channels = shape[1] if isinstance(shape, tuple) and isinstance(shape[1], int) else None
    written = None if noise.site is None else noise.site.node
    sizes = _sizes(written) if isinstance(written, ast.Call) else []
    divisors = (
        {_divisor(size, noise.site.source) for size in sizes[-2:]}
        if noise.site and len(sizes) == _IMAGE_AXES
        else set()
    )
    divisor = divisors.pop() if len(divisors) == 1 else None
    return None if channels is None and divisor is None else Fact(LatentGrid(channels, divisor), origin(noise))


def _axes(noise: Expr) -> int:
    shape = noise.get("shape")
    return len(shape) if isinstance(shape, tuple) else 0


def _sizes(call: ast.Call) -> list[ast.expr]:
    """The sizes that a draw is called with."""
    given = next((each.value for each in call.keywords if each.arg == "size"), None)
    first = given or (call.args[0] if call.args else None)
    return first.elts if isinstance(first, (ast.Tuple, ast.List)) else list(call.args)


def _divisor(size: ast.expr, source: SourceCell, depth: int = 0) -> int | None:
    """By which number the size of a picture is divided, followed through one assignment of a name."""
    if depth > _MAX_NESTED:
        return None
    if isinstance(size, ast.Call) and isinstance(size.func, ast.Name) and size.func.id == "int" and size.args:
        return _divisor(size.args[0], source, depth + 1)
    if isinstance(size, ast.BinOp) and isinstance(size.op, (ast.FloorDiv, ast.Div)):
        of, by = size.left, size.right
        name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
        if isinstance(by, ast.Constant) and isinstance(by.value, int) and _SIZE.match(name):
            return by.value
        return None
    if isinstance(size, ast.Name):
        values: list[ast.expr] = [
            node.value
            for node in syntax.descendants(source.cell.tree)
            if isinstance(node, ast.Assign)
            and any(isinstance(to, ast.Name) and to.id == size.id for to in node.targets)
        ]
        return _divisor(values[0], source, depth + 1) if len(values) == 1 else None
    return None
