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
# A batch of pictures, and of videos, whose frames stand behind the channels.
_IMAGE_AXES, _VIDEO_AXES, _FRAMES = 4, 5, 2
_ALL_AXES = (_IMAGE_AXES, _VIDEO_AXES)
_LENGTH = re.compile(r"^(?:num_?|n_?|video_?|total_?)?(?:frames?|length|t)(?:_num|_count)?$", re.IGNORECASE)
_MAX_NESTED = 4


def grid(decoded: Expr) -> Fact[LatentGrid] | None:
    """The grid of the one noise, of pictures or of a video, that a latent is made from; None where it is not known."""
    noises = {id(node.site): node for node in walk(decoded) if node.op == "noise" and _axes(node) in _ALL_AXES}
    if len(noises) != 1:
        return None
    (noise,) = noises.values()
    axes = _axes(noise)
    shape = noise.get("shape")
    channels = shape[1] if isinstance(shape, tuple) and isinstance(shape[1], int) else None
    written = None if noise.site is None else noise.site.node
    sizes = _sizes(written) if isinstance(written, ast.Call) else []
    divisors = (
        {_divisor(size, noise.site.source) for size in sizes[-2:]} if noise.site and len(sizes) == axes else set()
    )
    divisor = divisors.pop() if len(divisors) == 1 else None
    frames = _frames(sizes[_FRAMES], noise.site.source) if noise.site and len(sizes) == axes == _VIDEO_AXES else None
    found = LatentGrid(channels, divisor, frames)
    return None if found == LatentGrid() else Fact(found, origin(noise))


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
        name = syntax.last(of)
        if isinstance(by, ast.Constant) and isinstance(by.value, int) and _SIZE.match(name):
            return by.value
        return None
    if isinstance(size, ast.Name):
        value = _assigned(size, source)
        return None if value is None else _divisor(value, source, depth + 1)
    return None


def _frames(size: ast.expr, source: SourceCell) -> str | None:
    """The frames of a noise, where they are those of the video divided and the first is not taken apart."""
    value = (_assigned(size, source) or size) if isinstance(size, ast.Name) else size
    if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.FloorDiv):
        return None
    of = value.left
    name = syntax.last(of)
    return source.segment(value) if _LENGTH.match(name) else None


def _assigned(name: ast.Name, source: SourceCell) -> ast.expr | None:
    """What a name is assigned, where that happens once in its file."""
    values = [
        node.value
        for node in syntax.descendants(source.cell.tree)
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name.id for to in node.targets)
    ]
    return values[0] if len(values) == 1 else None
