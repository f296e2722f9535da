"""The two halves of a posterior's parameters, the mean and the log variance, and the affine maps they go through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from vae_checked.facts import Fact
from vae_checked.latent_facts import AffineMap
from vae_checked.linter.pretrained.quantities import quantity
from vae_checked.linter.symbols.expression import TRANSPARENT, Expr, origin
from vae_checked.mathematics import affine_maps
from vae_checked.mathematics.affine_maps import IDENTITY
from vae_checked.record import dataclass

_GAUSSIAN = "DiagonalGaussianDistribution"


class _Drawn(Protocol):
    @property
    def drawn(self) -> bool:
        """Whether it is a latent, and not the parameters of one."""


@dataclass(frozen=True, slots=True)
class _Half:
    """A value that is half of some parameters, `index` 0 or 1, and the map from these."""

    of: int
    index: int
    applied: AffineMap
    at: Expr


class Halves:
    """The halves of parameters in one evaluation, seen node by node, children before parents."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._half: dict[int, _Half] = {}
        self._mapped: dict[tuple[int, int], list[_Half]] = {}
        # Where both halves are put together again.
        self._joined: dict[int, Expr] = {}
        # The parameters that are those of a posterior.
        self._told: set[int] = set()

    def look(self, node: Expr, latents: Mapping[int, _Drawn]) -> None:
        """Take note of what one node makes of a half."""
        if node.op == "part" and node.args and node.get("of") == 2 and node.get("index") in (0, 1):
            parameters = node.args[0]
            self._half[node.uid] = _Half(parameters.uid, 0 if node.get("index") == 0 else 1, IDENTITY, node)
            source = latents.get(_source(parameters).uid)
            if source is not None and not source.drawn:
                self._told.add(parameters.uid)
            return
        if node.op == "opaque" and str(node.get("name")).rpartition(".")[2] == _GAUSSIAN and node.args:
            joined = node.args[0]
            held = [self._half.get(arg.uid) for arg in joined.args] if joined.op == "cat" else []
            for half in held:
                if half is not None:
                    self._told.add(half.of)
                    self._joined[half.of] = joined
            return
        half = next((known for arg in node.args if (known := self._half.get(arg.uid)) is not None), None)
        if half is None:
            return
        if node.op in TRANSPARENT:
            self._half[node.uid] = half
        elif node.op in ("mul", "div", "add", "sub") and len(node.args) == 2:
            self._scaled(node, half)

    def _scaled(self, node: Expr, half: _Half) -> None:
        left, right = node.args
        first = self._half.get(left.uid) is half
        other = quantity(right if first else left)
        if other is None or (node.op == "div" and not first):
            return
        made = affine_maps.applied(node.op, half.applied, other, first)
        if made is not None:
            self._half[node.uid] = _Half(half.of, half.index, made, node)
            self._mapped.setdefault((half.of, half.index), []).append(self._half[node.uid])

    def pairs(self) -> Iterator[tuple[str, Fact[AffineMap], Fact[AffineMap]]]:
        """The subject, and the maps of the mean and of the log variance, of parameters of which both are mapped."""
        for (source, index), found in self._mapped.items():
            mean = found[-1]
            if index != 0 or source not in self._told or not mean.applied.shift:
                continue
            others = self._mapped.get((source, 1), [])
            # What a log variance goes through on the way to its std comes after what it shares with the mean.
            shared = next((half for half in others if half.applied == mean.applied), None)
            second = shared or (others[-1] if others else None)
            applied, at = (IDENTITY, mean.at) if second is None else (second.applied, second.at)
            where = origin(at)
            if second is not None and where == origin(mean.at):
                # One function maps both: what calls it for the second half is where they are put together.
                where = origin(self._joined.get(source, at))
            yield self._subject, Fact(mean.applied, origin(mean.at)), Fact(applied, where)


def _source(value: Expr) -> Expr:
    """What the parameters are of: a posterior, or the call that gave it."""
    node = value
    while node.op in ("attribute", *TRANSPARENT) and node.args:
        if node.op == "attribute" and node.get("name") != "parameters":
            break
        node = node.args[0]
    return node
