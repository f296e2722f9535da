"""The lines that say what was recognised of a VAE, and what the source does not tell and an audit would."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.catalogue import Judgement
from vae_checked.facts import Facts
from vae_checked.reports.standing import lacking

# Each part of a VAE by the fact that stands for it.
_PARTS = (
    ("sampler", ("sampler.std", "sampler.noise", "sampler.timing", "sampler.gradient_reaches")),
    ("KL", ("kl.form", "kl.unread")),
    ("reconstruction", ("recon.kind", "recon.unread")),
    ("decoder's output", ("output.interval", "output.activations")),
    ("data", ("data.interval", "data.axis_order")),
)


def recognised(facts: Facts) -> str:
    """`model.py:VAE: sampler at model.py:27, KL at loss.py:42, ...`."""
    found = []
    for part, paths in _PARTS:
        places = (fact.origin.place for fact in map(facts.get, paths) if fact is not None)
        place = next((place for place in places if place is not None), None)
        if place is not None:
            found.append(f"{part} at {place}")
    return f"{facts.subject}: {', '.join(found)}"


def unobserved(facts: Facts, judgement: Judgement) -> Iterator[str]:
    """What kept some mistakes from being judged, with their codes, and the command that settles it."""
    yield from lacking(facts.subject, facts.of_function, judgement.undecided, (facts,))
