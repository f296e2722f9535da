"""A VAE with one latent a step, whose later heads and priors follow from earlier samples: one KL, at one line."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked.auditor import audit

STEPS, FEATURES, HIDDEN, LATENTS = 3, 7, 8, 4


class Recurrent(nn.Module):
    def __init__(self, sign: float) -> None:
        super().__init__()
        self.sign = sign
        self.encoder, self.prior = nn.Linear(FEATURES + HIDDEN, 2 * LATENTS), nn.Linear(HIDDEN, 2 * LATENTS)
        self.decoder = nn.Linear(LATENTS + HIDDEN, FEATURES)
        self.cell = nn.GRUCell(FEATURES + LATENTS, HIDDEN)

    def kl(self, q: Tensor, p: Tensor) -> Tensor:
        (mu, logvar), (mean, width) = q.chunk(2, 1), p.chunk(2, 1)
        each = width - logvar + (logvar.exp() + (mu - mean).pow(2)) / width.exp() - 1
        return self.sign * 0.5 * each.sum()  # where the KL gets its sign

    def loss(self, x: Tensor) -> Tensor:
        h, error, kl = torch.zeros(len(x), HIDDEN), torch.zeros(()), torch.zeros(())
        for step in x.unbind(1):
            q, p = self.encoder(torch.cat([step, h], 1)), self.prior(h)
            mu, logvar = q.chunk(2, 1)
            z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
            error = error + F.mse_loss(self.decoder(torch.cat([z, h], 1)), step, reduction="sum")
            kl = kl + self.kl(q, p)
            h = self.cell(torch.cat([step, z], 1), h)
        return (error + kl) / len(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.loss(x)


def test_the_wrong_sign_of_every_step_is_one_finding_at_the_kl() -> None:
    torch.manual_seed(3)
    report = audit(Recurrent(-1.0), f"B {STEPS} {FEATURES}", "loss")
    assert [finding.code for finding in report.findings] == ["VAE302"]
    place = report.findings[0].place
    assert place is not None
    assert Path(place.path).read_text().splitlines()[place.line - 1].endswith("# where the KL gets its sign")


def test_the_right_sign_of_every_step_is_none() -> None:
    torch.manual_seed(3)
    assert audit(Recurrent(1.0), f"B {STEPS} {FEATURES}", "loss").findings == ()
