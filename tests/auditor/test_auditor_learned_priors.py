"""KLs to a prior that the model learns, or that follows from a condition or earlier steps: judged as two Gaussians."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit
from vae_checked.facts import Parametrisation, Reduction

FEATURES, LATENTS, CONDITION, STEPS = 12, 3, 5, 4

OfTwo = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def of_two(mu: Tensor, logvar: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    return 0.5 * (logvar_p - logvar + (logvar.exp() + (mu - mu_p) ** 2) / logvar_p.exp() - 1)


class Conditional(nn.Module):
    def __init__(self, kl: OfTwo, std: Callable[[Tensor], Tensor] = lambda s: (0.5 * s).exp()) -> None:
        super().__init__()
        self.kl, self.std = kl, std
        self.encoder = nn.Linear(FEATURES + CONDITION, 2 * LATENTS)
        self.prior = nn.Linear(CONDITION, 2 * LATENTS)
        self.decoder = nn.Linear(LATENTS + CONDITION, FEATURES)

    def forward(self, x: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        mu, logvar = self.encoder(torch.cat([x, c], 1)).chunk(2, 1)
        mu_p, logvar_p = self.prior(c).chunk(2, 1)
        z = mu + self.std(logvar) * torch.randn_like(mu)
        return self.decoder(torch.cat([z, c], 1)), mu, logvar, mu_p, logvar_p

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
        return (x_hat - x).square().sum(1).mean() + self.kl(mu, logvar, mu_p, logvar_p)


def conditional(kl: OfTwo, std: Callable[[Tensor], Tensor] = lambda s: (0.5 * s).exp()) -> AuditReport:
    torch.manual_seed(3)
    model = Conditional(kl, std)
    return audit(model, f"x: B {FEATURES}, c: B {CONDITION}", "loss")


def test_a_conditional_prior_is_judged_as_a_pair_of_gaussians() -> None:
    report = conditional(lambda *heads: of_two(*heads).sum(1).mean())
    (facts,) = report.facts
    assert [finding.code for finding in report.findings] == []
    assert facts.kl.form is not None
    assert facts.kl.form.value.learned
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR
    assert facts.kl.reduced is not None
    assert (facts.kl.reduced.value.batch, facts.kl.reduced.value.event) == (Reduction.MEAN, Reduction.SUM)


BAD: dict[str, tuple[OfTwo, str]] = {
    "subtracted": (lambda *heads: -of_two(*heads).sum(1).mean(), "VAE302"),
    "summed over the batch": (lambda *heads: of_two(*heads).sum(), "VAE504"),
    "averaged over the latents": (lambda *heads: of_two(*heads).mean(), "VAE503"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_in_the_kl_to_a_conditional_prior_is_named(name: str) -> None:
    kl, code = BAD[name]
    assert [finding.code for finding in conditional(kl).findings] == [code]


def test_a_sampler_that_disagrees_with_the_kl_to_a_learned_prior_is_named() -> None:
    report = conditional(lambda *heads: of_two(*heads).sum(1).mean(), torch.exp)
    assert [finding.code for finding in report.findings] == ["VAE201"]


UNDECIDED: dict[str, OfTwo] = {
    "free bits": lambda *heads: of_two(*heads).sum(1).mean().clamp(min=2.0),
    "the other way round": lambda m, s, mp, sp: of_two(mp, sp, m, s).sum(1).mean(),
    "another distance": lambda m, s, mp, sp: ((m - mp).square() + (s - sp).square()).sum(1).mean(),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_what_is_no_kl_to_a_learned_prior_is_left_undecided(name: str) -> None:
    report = conditional(UNDECIDED[name])
    assert [finding.code for finding in report.findings] == []
    assert not {"VAE303", "VAE304"} & {code for each in report.examined for code in each.clean}


class Recurrent(nn.Module):
    """A sample a step, the prior of each from what was drawn before; the heads written into one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(FEATURES + LATENTS, 2 * LATENTS)
        self.prior = nn.Linear(LATENTS, 2 * LATENTS)
        self.decoder = nn.Linear(LATENTS, FEATURES)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        batch = x.shape[0]
        mu, logvar = torch.zeros(batch, STEPS, LATENTS), torch.zeros(batch, STEPS, LATENTS)
        z, before = torch.zeros(batch, LATENTS), torch.zeros(batch, STEPS, LATENTS)
        drawn = torch.zeros(batch, STEPS, LATENTS)
        for t in range(STEPS):
            before[:, t] = z
            mu_t, logvar_t = self.encoder(torch.cat([x[:, t], z], 1)).chunk(2, 1)
            z = mu_t + (0.5 * logvar_t).exp() * torch.randn_like(mu_t)
            mu[:, t], logvar[:, t], drawn[:, t] = mu_t, logvar_t, z
        mu_p, logvar_p = self.prior(before).chunk(2, -1)
        return self.decoder(drawn), mu, logvar, mu_p, logvar_p

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
        return ((x_hat - x).square().sum() + of_two(mu, logvar, mu_p, logvar_p).sum()) / len(x)


def test_a_prior_made_of_earlier_samples_accuses_no_step() -> None:
    torch.manual_seed(5)
    report = audit(Recurrent(), f"B {STEPS} {FEATURES}", "loss")
    assert len(report.facts) == STEPS
    assert [finding.code for finding in report.findings] == []


class Twins(nn.Module):
    """Two posteriors; the second one's KL is taken with the log variance of the first."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(FEATURES, 2 * LATENTS), nn.Linear(FEATURES, 2 * LATENTS)
        self.decoder = nn.Linear(2 * LATENTS, FEATURES)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mu_a, logvar_a = self.first(x).chunk(2, 1)
        mu_b, logvar_b = self.second(x).chunk(2, 1)
        z = [mu + (0.5 * s).exp() * torch.randn_like(mu) for mu, s in ((mu_a, logvar_a), (mu_b, logvar_b))]
        return self.decoder(torch.cat(z, 1)), mu_a, logvar_a, mu_b, logvar_a

    def loss(self, x_hat: Tensor, x: Tensor, mu_a: Tensor, logvar_a: Tensor, mu_b: Tensor, logvar_b: Tensor) -> Tensor:
        zero = torch.zeros_like(mu_a)
        kls = of_two(mu_a, logvar_a, zero, zero) + of_two(mu_b, logvar_b, zero, zero)
        return ((x_hat - x).square().sum() + kls.sum()) / len(x)


def test_heads_whose_kl_takes_another_head_are_not_called_clean() -> None:
    torch.manual_seed(5)
    report = audit(Twins(), f"B {FEATURES}", "loss")
    (second,) = (each for each in report.examined if each.subject.endswith("2 of 2)"))
    assert "VAE205" not in second.clean


class OfTopics(nn.Module):
    """Its prior has a mean and a variance of its own, which start at those of a Dirichlet's Laplace approximation."""

    def __init__(self, sign: float = 1.0) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(FEATURES, 2 * LATENTS), nn.Linear(LATENTS, FEATURES)
        self.prior_mean = nn.Parameter(torch.zeros(LATENTS))
        self.prior_variance = nn.Parameter(torch.full((LATENTS,), 1.0 - 1.0 / LATENTS))
        self.sign = sign

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mu, logvar = self.encoder(x).chunk(2, 1)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        return self.decoder(z.softmax(1)), mu, logvar

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        spread = (logvar.exp() / self.prior_variance).sum(1)
        far = ((self.prior_mean - mu) ** 2 / self.prior_variance).sum(1)
        kl = 0.5 * (spread + far - LATENTS + self.prior_variance.log().sum() - logvar.sum(1))
        return ((x_hat - x).square().sum(1) + self.sign * kl).sum()


def test_a_mean_and_a_variance_for_all_samples_are_a_learned_prior() -> None:
    report = audit(OfTopics(), f"B {FEATURES}", "loss")
    (facts,) = report.facts
    assert report.findings == ()
    assert facts.kl.form is not None
    assert facts.kl.form.value.learned
    assert facts.kl.reduced is not None
    assert (facts.kl.reduced.value.batch, facts.kl.reduced.value.event) == (Reduction.SUM, Reduction.SUM)
    assert not any("free bits" in line for line in report.unobserved)


def test_its_sign_is_judged_as_that_of_any_prior() -> None:
    assert [finding.code for finding in audit(OfTopics(-1.0), f"B {FEATURES}", "loss").findings] == ["VAE302"]
