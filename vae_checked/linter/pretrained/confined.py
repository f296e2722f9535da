"""Latents that are confined to the range of pixels behind `encode`: what is made of them may need what lies beyond."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.facts import SYMMETRIC_UNIT, Fact, Facts, Latents
from vae_checked.linter.pretrained.flow import Flow
from vae_checked.linter.symbols.expression import Graph, origin
from vae_checked.linter.symbols.intervals import interval_of
from vae_checked.record import replace

_CLAMPED = "latents.clamped"


def behind_encode(flow: Flow, graph: Graph) -> Iterator[Facts]:
    """That it is open of a VAE whether its latents are clamped, where they are so before they are trained on.

    Nobody knows of a VAE whose latents lie there, nor whether a model that was trained on these makes others.
    """
    for node in graph.having("clamp"):
        ends = interval_of(node)
        if ends is None or not SYMMETRIC_UNIT.contains(ends):
            continue
        latents = (flow.latent_of(chain.leaf) for chain in flow.chains(node.args[0]))
        latent = next((each for each in latents if each is not None and each.drawn), None)
        if latent is not None:
            at = origin(node)
            reason = f"latents are clamped to {ends} behind encode, by {at.source}, and may lie beyond"
            known = Latents(vae=Fact(latent.owner.model, origin(latent.call)), clamped=Fact(None, at))
            for where in {flow.places.of(node).subject: None, flow.places.of(latent.call).subject: None}:
                yield replace(Facts(where, latents=known), elsewhere={_CLAMPED: reason})
