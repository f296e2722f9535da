"""The lines that say what was recognised of a VAE, and what the source does not tell and an audit would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from vae_checked.catalogue import Judgement
from vae_checked.facts import Facts

# Each part of a VAE by the fact that stands for it.
_PARTS = (
    ("sampler", ("sampler.std", "sampler.noise", "sampler.timing", "sampler.gradient_reaches")),
    ("KL", ("kl.form",)),
    ("reconstruction", ("recon.kind",)),
    ("decoder's output", ("output.interval", "output.activations")),
    ("data", ("data.interval", "data.axis_order")),
)
_MISSING = {
    "sampler.std": "how std follows from the second head",
    "sampler.noise": "the noise",
    "sampler.shared_over": "the shape of the noise",
    "sampler.gradient_reaches": "the gradient through the sample",
    "sampler.timing": "when the noise is on",
    "heads.mu": "the range of mu",
    "heads.second": "the range of the second head",
    "heads.source": "the layers of the heads",
    "heads.overflow": "where the second head overflows",
    "kl.form": "the KL",
    "kl.factor": "the factor of the KL",
    "kl.sign": "the sign of the KL",
    "kl.reduced": "the axes the KL is reduced over",
    "kl.in_loss": "whether the KL reaches the loss",
    "output.interval": "the range of the output",
    "output.activations": "the output's activation",
    "output.shape": "the output's shape",
    "output.batch_mixing": "whether samples mix",
    "recon.kind": "the reconstruction loss",
    "recon.swapped": "the order of the loss's arguments",
    "recon.sign": "the sign of the reconstruction",
    "recon.reduced": "the axes the reconstruction is reduced over",
    "recon.ignored_attribute": "attributes set on the loss",
    "data.interval": "the range of the data",
    "data.axis_order": "the axis order of the data",
    "objective.effective_beta": "the effective beta",
    "objective.dead_weights": "weights without effect",
    "training.without_gradient": "parameters without gradient",
    "training.without_optimizer": "parameters without optimizer",
    "training.always_on_dropout": "dropout in evaluation",
    "training.hidden_nan": "hidden NaNs",
}


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
    lacking: dict[str, list[str]] = {}
    for code, verdict in judgement.undecided.items():
        for path in verdict.missing:
            lacking.setdefault(path, []).append(code.removeprefix("VAE"))
    if not lacking:
        return
    parts = [f"{_MISSING.get(path, path)} ({' '.join(sorted(codes))})" for path, codes in sorted(lacking.items())]
    yield f"{facts.subject}: not seen in the source: {', '.join(parts)}; {_audit(facts.subject)} measures it"


def _audit(subject: str) -> str:
    path, _, name = subject.rpartition(":")
    file = PurePath(path)
    if not name.isidentifier() or file.suffix != ".py" or not name[:1].isupper() or file.is_absolute():
        return "vae-checked audit package.module:Class"
    parts = [part for part in file.with_suffix("").parts if part != "__init__"]
    if not parts or not all(part.isidentifier() for part in parts):
        return "vae-checked audit package.module:Class"
    return f"vae-checked audit {'.'.join(parts)}:{name}"
