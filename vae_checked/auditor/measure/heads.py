"""Whether the two heads are two."""

from __future__ import annotations

import torch

from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.observe import Observation
from vae_checked.auditor.recording.origins import origin_of
from vae_checked.facts import Fact, HeadSource


def head_source(seen: Observation, latent: Latent) -> Fact[HeadSource] | None:
    """Duplicated where both heads hold the same numbers; None without a second head."""
    if latent.second is None:
        return None
    tape = seen.run.tape
    mu, second = tape.values[latent.location], tape.values[latent.second]
    same = mu.number == second.number or (
        mu.tensor.numel() == second.tensor.numel() and torch.equal(mu.data.flatten(), second.data.flatten())
    )
    return Fact(HeadSource.DUPLICATED if same else HeadSource.DISTINCT, origin_of(tape, latent.second))
