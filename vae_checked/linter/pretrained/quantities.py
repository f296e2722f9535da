"""The numbers by which latents are scaled and shifted: written out, of the VAE's configuration, or by a name."""

from __future__ import annotations

import ast
import re

from vae_checked.facts import Origin
from vae_checked.linter.symbols.expression import Expr, strip, walk
from vae_checked.mathematics import affine_maps
from vae_checked.mathematics.affine_maps import MOST_TERMS, Terms

# What the configuration of a VAE calls them.
OF_A_VAE = frozenset(("scaling_factor", "shift_factor", "latents_mean", "latents_std"))
_NAME = re.compile(r"scal|factor|shift|mean|std|bias|magnitude", re.IGNORECASE)
# Scales of something else: guidance, schedules, losses, the sizes of pictures and of steps.
_OF_ANOTHER = re.compile(
    r"guidance|cfg|lora|sigma|timestep|loss|noise|alpha|cond|control|adapter|resid|grad|strength|image_?(?:mean|std)"
    r"|vae_scale|spatial|temporal|down|up_?s|rope|attn|time|ip_|pixel|video_scale|size|ratio|resolution|scheduler|patch",
    re.IGNORECASE,
)
# Numbers that turn a factor about, and are none.
_COMMON = frozenset((-1.0, 0.0, 0.5, 1.0, 2.0))
_MAX_DEPTH = 10
# The sign of a name that is a list of numbers written out.
VECTOR = "("


def quantity(value: Expr, depth: int = 0) -> Terms | None:
    """What a latent is scaled or shifted by as a sum of products; None where it is no such number."""
    node = strip(value)
    if depth > _MAX_DEPTH:
        return None
    if node.op == "const":
        return affine_maps.number(node.value)
    if node.op == "opaque":
        return _opaque(node, depth)
    if node.op in ("attribute", "item", "atom"):
        name = node.get("index") if node.op == "item" else node.get("name")
        if node.op == "item" and not isinstance(name, str):
            # One number of several that an affine map has, as `scale[0]` for the mean and `scale[1]` for 1 / std.
            return None
        if not _tells(name):
            return None
        # What a function is handed under the name of a setting may be its inverse.
        return affine_maps.named(f"{name} (argument)" if node.op == "atom" and name in OF_A_VAE else str(name))
    if node.op == "phi":
        return _either(node, depth)
    if node.op == "neg":
        inner = quantity(node.args[0], depth + 1)
        return None if inner is None else affine_maps.negative(inner)
    if node.op not in ("mul", "div", "add", "sub") or len(node.args) != 2:
        return None
    left, right = (quantity(arg, depth + 1) for arg in node.args)
    if left is None or right is None:
        return None
    return combined(node.op, left, right)


def factor_of(node: Expr, place: int) -> Terms | None:
    """What the argument at `place` of an operation scales or shifts the other by.

    A setting whose default is 1 is known by its name: who uses it gives it another value.
    """
    found = quantity(node.args[place])
    if found != affine_maps.ONE or node.site is None:
        return found
    written = node.site.node
    if not isinstance(written, ast.BinOp):
        return found
    operand = written.left if place == 0 else written.right
    if isinstance(operand, ast.BinOp) and isinstance(operand.op, ast.Div) and getattr(operand.left, "value", None) == 1:
        # One over such a setting, as `1.0 / self.scale_factor * z` has it.
        under = _setting(operand.right)
        return found if under is None else affine_maps.inverse(affine_maps.named(under))
    name = _setting(operand)
    return found if name is None else affine_maps.named(name)


def _setting(operand: ast.expr) -> str | None:
    """The name of a setting that an operand is; None for anything else."""
    name = operand.attr if isinstance(operand, ast.Attribute) else getattr(operand, "id", None)
    return str(name) if _tells(name) else None


def written_elsewhere(factor: Expr, operation: Expr) -> Origin | None:
    """Where a number stands that a factor is made of, if that is not the line of the operation."""
    at = None if operation.site is None else operation.site.place
    for node in walk(factor):
        if node.op == "const" and node.site is not None and node.value not in _COMMON:
            place = node.site.place
            return None if at is not None and (place.path, place.line) == (at.path, at.line) else node.site.origin
    return None


def combined(op: str, left: Terms, right: Terms) -> Terms | None:
    """Two numbers added, subtracted, multiplied or divided; None where that is no sum of a few products."""
    if op in ("add", "sub"):
        made: Terms | None = affine_maps.plus(left, right if op == "add" else affine_maps.negative(right))
    else:
        factor = right if op == "mul" else affine_maps.inverse(right)
        made = None if factor is None else affine_maps.times(left, factor)
    return None if made is None or len(made) > MOST_TERMS else made


def _tells(name: object) -> bool:
    """Whether a name is that of a latent's scale or shift."""
    if not isinstance(name, str):
        return False
    return name in OF_A_VAE or (_NAME.search(name) is not None and _OF_ANOTHER.search(name) is None)


def _opaque(node: Expr, depth: int) -> Terms | None:
    name = str(node.get("name"))
    if name == "sequence" and node.args:
        numbers = [strip(arg) for arg in node.args]
        if any(each.op != "const" for each in numbers):
            return None
        values = [each.value for each in numbers]
        if len(set(values)) == 1:
            return affine_maps.number(values[0])
        return affine_maps.named(f"({', '.join(f'{value:.8g}' for value in values)})")
    if name in ("torch.tensor", "torch.as_tensor", "torch.FloatTensor") and node.args:
        return quantity(node.args[0], depth + 1)
    if name.startswith("attribute:"):
        part = name.removeprefix("attribute:")
        return affine_maps.named(part) if _tells(part) else None
    if name == "Or":
        known = [quantity(arg, depth + 1) for arg in node.args]
        return next((each for each in known if each and each[0].powers), None)
    return None


def _either(node: Expr, depth: int) -> Terms | None:
    """The quantity of a configuration where another branch has the number that stands for it where it is missing."""
    known = [quantity(arg, depth + 1) for arg in node.args[1:]]
    if any(each is None for each in known):
        return None
    of_names = [each for each in known if each and each[0].powers]
    if len({*known}) == 1:
        return known[0]
    return of_names[0] if len(of_names) == 1 else None
