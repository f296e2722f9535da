"""Draws from the prior for generation: noise that goes where z goes in training must be N(0, I) as well."""

from __future__ import annotations

import ast
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import NamedTuple

from vae_checked.facts import Fact, Facts, Noise, NoiseLaw, Sampler
from vae_checked.linter.files.test_code import is_of_a_test
from vae_checked.linter.roles.probes import is_a_probe
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import (
    NOISE,
    TRANSPARENT,
    Built,
    Expr,
    Graph,
    built_at,
    contains,
    origin,
    strip,
    walk,
)


def _is_a_test_input(noise: Expr) -> bool:
    """Whether a test draws it: what a test feeds to a decoder is an input of the right shape, whatever its law."""
    return noise.site is not None and is_of_a_test(noise.site.source, noise.site.node)


def _is_optimised(noise: Expr) -> bool:
    """Whether a gradient by the draw itself is asked for: it is where a search for a latent starts."""
    call = None if noise.site is None else noise.site.node
    given = call.keywords if isinstance(call, ast.Call) else []
    return any(
        word.arg == "requires_grad" and isinstance(word.value, ast.Constant) and word.value.value for word in given
    )


def _is_meant(noise: Expr, given: Expr) -> bool:
    """Whether a draw is the input of a test or of a search, tries out a shape, or is `given` with other numbers."""
    return _is_a_test_input(noise) or _is_optimised(noise) or is_a_probe(noise) or _is_written_over(given)


def _is_uniform(node: Expr) -> bool:
    return node.op == "noise" and node.get("law") is NoiseLaw.UNIFORM


def _is_written_over(value: Expr) -> bool:
    """Whether entries of a draw are given other numbers before it is decoded: it is where a walk through z starts."""
    node = value
    while node.args and node.op in TRANSPARENT | {"written"}:
        if node.op == "written":
            return True
        node = node.args[0]
    return False


def may_draw(values: Iterable[Expr]) -> bool:
    """Whether noise that is not normal stands anywhere in some values: they share most of what they are made of."""
    stack = [value for value in values if value.bits & NOISE]
    seen = {value.uid for value in stack}
    while stack:
        node = stack.pop()
        if _is_uniform(node):
            return True
        for arg in node.args:
            if arg.bits & NOISE and arg.uid not in seen:
                seen.add(arg.uid)
                stack.append(arg)
    return False


class _Draw(NamedTuple):
    """Noise that a layer is handed, at which place: where that is built, its width, and the layers that come behind."""

    subject: str
    noise: Expr
    place: int
    built: Built
    inputs: Hashable
    onward: frozenset[Built]
    # Whether a loss is made of it, as of what a discriminator tells from z.
    is_trained_with: bool


def _handed(given: Expr) -> list[tuple[int, Expr]]:
    """The pieces of what a layer is handed, by their places: z by itself is the first, a condition may come behind."""
    if given.op == "cat" and not given.get("filled"):
        return [(place, strip(piece)) for place, piece in enumerate(given.args)]
    return [(0, given)]


def _built_behind(graph: Graph, roots: set[int]) -> frozenset[Built]:
    """Where the layers are built that are given something made of one of these values."""
    behind, found = set(roots), set()
    for node in graph.nodes:  # arguments come before what is made of them
        if any(arg.uid in behind for arg in node.args):
            behind.add(node.uid)
            if node.op == "layer" and (built := built_at(node)) is not None:
                found.add(built)
    return frozenset(found)


class PriorDraws:
    """The modules that take z in training, and the noise that other code hands to them; over all evaluations."""

    def __init__(self) -> None:
        # By the place where they are built how wide the input is of the layers there, None where that is not known.
        self._takes_z: dict[Built, set[Hashable]] = {}
        self._makes_z: dict[Built, set[Hashable]] = {}
        # At which places of what a layer there is handed z stands.
        self._places_of_z: dict[Built, set[int]] = {}
        # Where they are built that are handed a z whose posterior a KL holds to a normal prior.
        self._of_kl: set[Built] = set()
        self._behind_z: set[Built] = set()
        self._drawn: list[_Draw] = []
        # Layers of one place that a draw goes through one after the other, of an encoder and a decoder it may be.
        self._repeated: set[Built] = set()
        # The modules that each draw is handed to, by where they are built and by themselves.
        self._given: dict[int, set[tuple[Built, Hashable]]] = {}

    def read(
        self, subject: str, graph: Graph, found: list[SamplerSite], of_kl: Collection[int], ends: Sequence[Expr]
    ) -> None:
        """Take note of where an evaluation's z and its bare noise go.

        `of_kl` are the z whose posterior a KL reads, `ends` the losses.
        """
        latents = {site.z.uid for site in found}
        heads = list(walk(*(head for site in found for head in (site.location, site.scale))))
        for node in heads:
            if node.op == "layer" and (built := built_at(node)) is not None:
                self._makes_z.setdefault(built, set()).add(node.get("inputs"))
        if latents:
            self._behind_z.update(_built_behind(graph, latents))
        # What heads are made of is encoded, though one function may build the encoder and the decoder alike.
        encoded = {node.uid for node in heads if node.op == "noise"}
        for node in graph.nodes:
            built = built_at(node) if node.op == "layer" and node.args else None
            if built is None:
                continue
            for place, given in _handed(strip(node.args[0])):
                if given.uid in latents:
                    self._takes_z.setdefault(built, set()).add(node.get("inputs"))
                    self._places_of_z.setdefault(built, set()).add(place)
                    if given.uid in of_kl:
                        self._of_kl.add(built)
                elif _is_uniform(given) and given.uid not in encoded and not _is_meant(given, node.args[0]):
                    onward = _built_behind(graph, {node.uid})
                    trained = any(contains(end, given.uid) for end in ends)
                    self._drawn.append(_Draw(subject, given, place, built, node.get("inputs"), onward, trained))
                    self._note_layer(node, given, built, graph)

    def _note_layer(self, layer: Expr, noise: Expr, built: Built, graph: Graph) -> None:
        self._given.setdefault(noise.uid, set()).add((built, layer.get("serial")))
        others = (other for other in graph.having("layer") if other is not layer and built_at(other) == built)
        if any(contains(other, layer.uid) for other in others):
            self._repeated.add(built)

    def facts(self) -> list[Facts]:
        """The draws that are handed to a module which was trained on samples of a Gaussian posterior.

        What another module is given as well, as an encoder may be in a branch, is a picture of noise and no latent.
        """
        return [
            Facts(draw.subject, sampler=Sampler(noise=Fact(Noise(NoiseLaw.UNIFORM, 0.5, 12**-0.5), origin(draw.noise))))
            for draw in self._drawn
            if self._is_taken_for_z(draw.noise)
        ]

    def _is_taken_for_z(self, noise: Expr) -> bool:
        given = self._given[noise.uid]
        places = {built for built, _ in given}
        return len(places) == len(given) and all(self._is_for_z(draw) for draw in self._drawn if draw.noise is noise)

    def _is_for_z(self, draw: _Draw) -> bool:
        """Whether the layer that takes a draw takes z: where one class builds the encoder too, by what else is known.

        Its width says which of the two it is, or else where the draw goes on to: the encoder leads to the heads.
        """
        takes, makes = self._takes_z.get(draw.built), self._makes_z.get(draw.built)
        if takes is None or draw.place not in self._places_of_z[draw.built]:
            return False
        if draw.is_trained_with and draw.built not in self._of_kl:
            # A discriminator, or what learns against one, may hold z to just this prior.
            return False
        if makes is None:
            return True
        is_known = None not in takes | makes | {draw.inputs}
        if is_known and (draw.inputs in takes) != (draw.inputs in makes):
            return draw.inputs in takes
        decoding = self._behind_z - self._makes_z.keys()
        encoding = self._makes_z.keys() - self._behind_z
        goes_on = not draw.onward.isdisjoint(decoding) and draw.onward.isdisjoint(encoding)
        return goes_on and draw.built not in self._repeated
