"""Whether the two heads are two."""

from __future__ import annotations

import torch

from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import origin_of
from vae_checked.facts import Fact, HeadSource


def head_source(seen: Recognition, latent: Latent) -> Fact[HeadSource] | None:
    """Duplicated where both heads are the same function of the input; None without a head for std.

    Heads that no input moves yet, as zeros at the start of a training, may be equal by chance: None as well.
    """
    if latent.second is None:
        return None
    tape = seen.run.tape
    mu, second = tape.values[latent.mu], tape.values[latent.second]
    same = mu.number == second.number
    if not same and mu.tensor.numel() == second.tensor.numel():
        same = torch.equal(mu.data.flatten(), second.data.flatten())
        if same and torch.equal(mu.data, mu.data[:1].expand_as(mu.data)):
            return None
    return Fact(HeadSource.DUPLICATED if same else HeadSource.DISTINCT, origin_of(tape, latent.second))
