"""Pictures behind `decode`: by what they are scaled, and what takes them for pictures in [0, 1]."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable

from vae_checked.facts import SYMMETRIC_UNIT, Fact, Interval
from vae_checked.latent_facts import AffineMap
from vae_checked.linter.pretrained.ends import Scaled, Shown
from vae_checked.linter.pretrained.moving import moves
from vae_checked.linter.pretrained.places import Places
from vae_checked.linter.pretrained.quantities import factor_of
from vae_checked.linter.pretrained.vaes import Owner
from vae_checked.linter.symbols.expression import Expr, origin
from vae_checked.linter.symbols.intervals import interval_of
from vae_checked.mathematics import affine_maps
from vae_checked.mathematics.affine_maps import IDENTITY
from vae_checked.record import dataclass, replace

_BYTES = 255.0
# What the number is called by which latents are scaled.
_OF_LATENTS = re.compile(r"scal|factor|magnitude|latent", re.IGNORECASE)
# What writes pictures in [0, 1], if it is not asked to normalise them first.
_WRITERS = frozenset(("save_image", "make_grid", "to_pil_image", "numpy_to_pil"))
# What makes another kind of number of what it is given.
_CASTS = frozenset(("astype", "to", "type"))
_NORMALISING = frozenset(("normalize", "scale_each", "range", "value_range"))


@dataclass(frozen=True, slots=True)
class _Picture:
    owner: Owner
    call: Expr
    applied: AffineMap


class Pictures:
    """The pictures that the calls of `decode` in one evaluation give, seen node by node, children before parents."""

    def __init__(self, places: Places) -> None:
        self.scaled: list[Scaled] = []
        self.shown: list[Shown] = []
        self._places = places
        self._pictures: dict[int, _Picture] = {}

    def note(self, call: Expr, owner: Owner) -> None:
        """Take note of a call of `decode`."""
        self._pictures[call.uid] = _Picture(owner, call, IDENTITY)

    def follow(self, node: Expr, comes_back: Callable[[Expr], bool]) -> None:
        """Take note of what a node makes of a picture.

        `comes_back` is whether a call of `decode` gives a picture that was encoded, and may have been in [0, 1]: it
        comes back so, whatever the VAE was trained on. It is not kept: it holds the latents, which hold these pictures.
        """
        picture = next((known for arg in node.args if (known := self._pictures.get(arg.uid)) is not None), None)
        if picture is None:
            return
        if _makes_bytes(node):
            self._show(node, picture, Interval(0.0, _BYTES), comes_back)
        elif node.op in ("attribute", "item") or moves(node) or str(node.get("name")).startswith("attribute:"):
            self._pictures[node.uid] = picture
        elif node.op in ("mul", "div", "add", "sub") and len(node.args) == 2:
            self._scale(node, picture)
        elif node.op == "clamp":
            self._show(node, picture, interval_of(node), comes_back)
        elif _writes_unit(node):
            self._show(node, picture, Interval(0.0, 1.0), comes_back)

    def _scale(self, node: Expr, picture: _Picture) -> None:
        first = node.args[0].uid in self._pictures
        factor = factor_of(node, 1 if first else 0)
        if factor is None or (node.op == "div" and not first):
            return
        if any(term.powers for term in factor):
            alone = affine_maps.applied(node.op, IDENTITY, factor, True)
            # A mean and a standard deviation may be those of the data.
            if node.op in ("mul", "div") and alone is not None and any(map(_OF_LATENTS.search, alone.names)):
                self.scaled.append(Scaled(alone, origin(node), self._places.of(picture.call)))
            return
        applied = affine_maps.applied(node.op, picture.applied, factor, first)
        if applied is not None:
            self._pictures[node.uid] = replace(picture, applied=applied)

    def _show(self, node: Expr, picture: _Picture, taken: Interval | None, comes_back: Callable[[Expr], bool]) -> None:
        """Take note of where a picture lies that something takes for one in [0, 1], or for bytes."""
        if taken is None or taken.low != 0 or taken.high not in (1.0, _BYTES):
            return
        lies = _image(picture.applied)
        if lies is None or comes_back(picture.call):
            return
        unit = taken.high
        shown = Fact(Interval(lies.low / unit, lies.high / unit), origin(node))
        self.shown.append(Shown(picture.owner, origin(picture.call), shown, self._places.of(picture.call)))


def _image(applied: AffineMap) -> Interval | None:
    """Where a map takes [-1, 1]; None where its coefficients are no numbers."""
    terms = (*applied.scale, *applied.shift)
    if any(term.powers for term in terms):
        return None
    scale, shift = (math.fsum(term.coefficient for term in each) for each in (applied.scale, applied.shift))
    ends = sorted(scale * end + shift for end in (SYMMETRIC_UNIT.low, SYMMETRIC_UNIT.high))
    return Interval(ends[0], ends[1])


def _makes_bytes(node: Expr) -> bool:
    """Whether an operation makes bytes of what it is given, as it lies."""
    call = None if node.site is None or node.op not in ("cast", "call", "opaque") else node.site.node
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return False
    given = [*call.args, *(each.value for each in call.keywords)]
    is_named = any("uint8" in (getattr(each, "attr", None), getattr(each, "value", None)) for each in given)
    return call.func.attr == "byte" or (call.func.attr in _CASTS and is_named)


def _writes_unit(node: Expr) -> bool:
    """Whether a call writes a picture that it takes to lie in [0, 1]."""
    if node.op != "opaque" or str(node.get("name")).rpartition(".")[2] not in _WRITERS:
        return False
    written = None if node.site is None else node.site.node
    return isinstance(written, ast.Call) and not any(each.arg in _NORMALISING for each in written.keywords)
