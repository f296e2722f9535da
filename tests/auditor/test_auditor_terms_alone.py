"""What a model returns of its loss with a reconstruction: a KL alone is no loss, and need not reach the decoder."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal

from vae_checked.auditor import AuditReport, audit


class Sampled(nn.Module):
    """Returns the reconstruction, and what is asked of it: the KL that z estimates, an error, or both."""

    def __init__(self, *returned: str, sign: float = 1.0) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(12, 8), nn.Linear(4, 12)
        self.returned, self.sign = returned, sign

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mu, logvar = self.encoder(x).chunk(2, 1)
        std = torch.exp(0.5 * logvar)
        q, p = Normal(mu, std), Normal(torch.zeros_like(mu), torch.ones_like(std))
        z = q.rsample()
        x_hat = self.decoder(z)
        terms = {
            "kl": self.sign * (q.log_prob(z) - p.log_prob(z)).sum(1),
            "error": (x_hat - x).square().sum(1),
        }
        return (x_hat, *(terms[name] for name in self.returned))


def named(report: AuditReport) -> list[str]:
    return [finding.code for finding in report.findings]


def test_a_kl_that_z_estimates_is_no_loss_of_the_decoder() -> None:
    report = audit(Sampled("kl"), "B 12")
    assert named(report) == []
    clean = {code for judgement in report.judgements for code in judgement.clean}
    assert clean >= {"VAE201", "VAE302", "VAE304"}
    assert not clean & {"VAE305", "VAE601", "VAE501"}
    assert any("a term of the loss: output[1]" in line for line in report.recognised)


def test_its_sign_is_still_judged_with_the_error() -> None:
    assert named(audit(Sampled("kl", "error"), "B 12")) == []
    assert named(audit(Sampled("kl", "error", sign=-1.0), "B 12")) == ["VAE302"]


@pytest.mark.parametrize("unused", [True, False])
def test_a_layer_that_no_returned_term_reaches_is_named(unused: bool) -> None:
    model = Sampled("kl", "error")
    if unused:
        model.other = nn.Linear(3, 3)
    assert named(audit(model, "B 12")) == (["VAE601"] if unused else [])
