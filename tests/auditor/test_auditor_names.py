"""The words of a finding are those of the user: the names that the loss has for its arguments."""

from __future__ import annotations

import torch
from small_vaes import spellings as zoo
from torch import Tensor

from vae_checked.auditor import audit


def test_the_remedy_of_an_audit_is_written_in_the_names_of_the_loss() -> None:
    def loss(recon_x: Tensor, x: Tensor, latent_mean: Tensor, log_sigma: Tensor) -> Tensor:
        kl = -0.5 * (1 + log_sigma - latent_mean.abs() - log_sigma.exp())
        return (recon_x - x).square().flatten(1).sum(1).mean() + kl.sum(1).mean()

    torch.manual_seed(4)
    (finding,) = audit(zoo.Base(), "B 3 8 12", loss).findings
    assert finding.code == "VAE301"
    assert "1 + log_sigma - latent_mean.pow(2) - log_sigma.exp()" in finding.fix
    assert "latent_mean = " in finding.evidence


def test_a_head_without_a_name_is_called_what_it_is_read_as() -> None:
    class OfStd(zoo.Base):
        def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
            mu, logvar = super().encode(x)
            return mu, (0.5 * logvar).exp()

        def sample(self, mu: Tensor, std: Tensor) -> Tensor:
            return mu + std * torch.randn_like(std)

    def loss(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
        kl = 0.5 * (c.square() + d.square() - 1 - d.log())
        return (a - b).square().flatten(1).sum(1).mean() + kl.sum(1).mean()

    torch.manual_seed(4)
    model = OfStd()
    (finding,) = audit(model, "B 3 8 12", loss, bind="a=output[0],b=input,c=output[1],d=output[2]").findings
    assert finding.code == "VAE301"
    assert "std.pow(2) - 1 - 2 * std.log()" in finding.fix
