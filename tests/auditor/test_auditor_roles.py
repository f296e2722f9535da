"""Which part of an output is the reconstruction: told by names, by what the loss compares, and by size, in turn."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import distributions as D

from vae_checked.adapters import Role
from vae_checked.auditor import AuditReport, audit

FEATURES, LATENTS, CONDITION, SAMPLES = 12, 3, 5, 4


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1).mean()


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(FEATURES, 2 * LATENTS), nn.Linear(LATENTS, FEATURES)

    def parts(self, x: Tensor, samples: tuple[int, ...] = ()) -> tuple[Tensor, ...]:
        mu, logvar = self.encoder(x.flatten(1)).chunk(2, 1)
        z = mu + (0.5 * logvar).exp() * torch.randn(*samples, *mu.shape)
        return self.decoder(z), mu, logvar, z


def roles(report: AuditReport) -> dict[str, str]:
    lines = [line.partition(": ")[2] for line in report.recognised if " is " in line and "output" in line]
    return dict(line.split(" is ", 1) for line in lines if line.startswith("output"))


def clean(report: AuditReport) -> set[str]:
    return {code for each in report.examined for code in each.clean}


def test_a_reconstruction_that_is_called_as_the_data_are_is_no_input() -> None:
    class Named(Small):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            x_hat, mu, logvar, _ = self.parts(x)
            return {"mean": mu, "log_variance": logvar, "image": x_hat}

    def loss(output: dict[str, Tensor], im: Tensor) -> Tensor:
        return (output["image"] - im).square().sum(1).mean() + kl(output["mean"], output["log_variance"])

    torch.manual_seed(0)
    report = audit(Named(), f"B {FEATURES}", loss)
    assert roles(report)["output['image']"] == Role.RECONSTRUCTION
    assert {"VAE105", "VAE106"} <= clean(report)


def test_heads_of_a_prior_in_the_first_place_are_no_reconstruction() -> None:
    class WithPrior(Small):
        def __init__(self) -> None:
            super().__init__()
            self.prior = nn.Linear(CONDITION, 2 * LATENTS)

        def forward(self, x: Tensor, c: Tensor) -> tuple[Tensor, ...]:
            x_hat, mu, logvar, z = self.parts(x, (SAMPLES,))
            return (*self.prior(c).chunk(2, 1), mu, logvar, z, x_hat)

    def loss(x: Tensor, mu_p: Tensor, logvar_p: Tensor, mu_q: Tensor, logvar_q: Tensor, x_mu: Tensor) -> Tensor:
        of_two = logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).square()) / logvar_p.exp() - 1
        return (x - x_mu).square().mean(0).sum(1).mean() + 0.5 * of_two.sum(1).mean()

    torch.manual_seed(0)
    report = audit(WithPrior(), f"x: B {FEATURES}, c: B {CONDITION}", loss)
    assert roles(report)["output[5]"] == Role.RECONSTRUCTION
    assert [finding.code for finding in report.findings] == []


def test_a_list_of_columns_of_z_is_not_read_as_a_collection_has_its_lists() -> None:
    class Columns(Small):
        def forward(self, x: Tensor) -> tuple[Any, ...]:
            x_hat, mu, logvar, z = self.parts(x)
            moved = [self.encoder.bias[place] + column for place, column in enumerate(z.chunk(LATENTS, 1))]
            return mu, logvar, [*moved, moved[0] * 2.0], x_hat

    def loss(x: Tensor, output: tuple[Any, ...]) -> Tensor:
        mu, logvar, _, x_hat = output
        assert isinstance(x_hat, Tensor)
        return (x_hat - x).square().sum(1).mean() + kl(mu, logvar)

    torch.manual_seed(0)
    report = audit(Columns(), f"B {FEATURES}", loss)
    assert [path for path, role in roles(report).items() if role == Role.RECONSTRUCTION] == ["output[3]"]
    assert [finding.code for finding in report.findings] == []


class Stepping(Small):
    """Its loss runs the model itself, and nothing but the loss comes out."""

    mixes = False

    def forward(self, x: Tensor) -> Tensor:
        return self.parts(x)[0]

    def get_loss(self, x: Tensor) -> Tensor:
        x_hat, mu, logvar, _ = self.parts(x)
        if self.mixes:
            x_hat = x_hat.view(FEATURES, -1).t()
        return F.mse_loss(x_hat, x, reduction="sum") / len(x) + kl(mu, logvar)


def test_what_a_loss_that_runs_the_model_compares_is_its_reconstruction() -> None:
    torch.manual_seed(0)
    assert {"VAE105", "VAE106"} <= clean(audit(Stepping(), f"B {FEATURES}", "get_loss"))


def test_samples_that_are_mixed_inside_such_a_loss_are_seen() -> None:
    torch.manual_seed(0)
    model = Stepping()
    model.mixes = True
    assert [finding.code for finding in audit(model, f"B {FEATURES}", "get_loss").findings] == ["VAE106"]


def test_only_the_posterior_among_distributions_has_the_heads() -> None:
    class Distributions(Small):
        def __init__(self) -> None:
            super().__init__()
            self.of_condition = nn.Linear(CONDITION, 2 * LATENTS)

        def forward(self, x: Tensor, condition: Tensor) -> dict[str, D.Distribution]:
            mu, logvar = self.encoder(x).chunk(2, 1)
            posterior = D.Normal(mu, (0.5 * logvar).exp())
            centre, spread = self.of_condition(condition).chunk(2, 1)
            return {
                "prior": D.Normal(torch.zeros_like(mu), torch.ones_like(mu)),
                "given_condition": D.Normal(centre, F.softplus(spread)),
                "likelihood": D.Normal(self.decoder(posterior.rsample()), 0.5),
                "posterior": D.Independent(posterior, 1),
            }

    report = audit(Distributions(), f"x: B {FEATURES}, condition: B {CONDITION}")
    assert roles(report) == {
        "output['likelihood'].loc": str(Role.RECONSTRUCTION),
        "output['posterior'].base_dist.loc": str(Role.MU),
        "output['posterior'].base_dist.scale": str(Role.SECOND),
    }
