"""What weighs a KL that is none of a diagonal Gaussian to N(0, I): a categorical one, and one to a learned prior."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from both_observers.plain import standing
from torch import Tensor, nn

from vae_checked.auditor import audit

FEATURES, VARIABLES, CLASSES, LATENTS = 30, 8, 5, 7
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


class Categorical(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(FEATURES, VARIABLES * CLASSES), nn.Linear(VARIABLES * CLASSES, FEATURES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.encoder(x).view(-1, VARIABLES, CLASSES)
        z = F.gumbel_softmax(logits, tau=0.7, dim=-1)
        return torch.sigmoid(self.decoder(z.flatten(1))), logits


def error(x_hat: Tensor, x: Tensor) -> Tensor:
    return F.binary_cross_entropy(x_hat, x, reduction="none").sum(1)


def right(x_hat: Tensor, x: Tensor, logits: Tensor) -> Tensor:
    q = logits.softmax(-1)
    kl = (q * (q.log() - math.log(1 / CLASSES))).sum((1, 2))
    return (error(x_hat, x) + kl).mean()


def weighed(x_hat: Tensor, x: Tensor, logits: Tensor) -> Tensor:
    q = logits.softmax(-1)
    kl = (q * (q.log() - math.log(1 / CLASSES))).sum((1, 2))
    return (error(x_hat, x) + 2 * kl).mean()


def half_of_both(x_hat: Tensor, x: Tensor, logits: Tensor) -> Tensor:
    return 0.5 * right(x_hat, x, logits)


def added_twice(x_hat: Tensor, x: Tensor, logits: Tensor) -> Tensor:
    q = logits.softmax(-1)
    kl = (q * (q.log() - math.log(1 / CLASSES))).sum((1, 2))
    loss = error(x_hat, x) + kl
    return (loss + kl).mean()  # here


def doubled(x_hat: Tensor, x: Tensor, logits: Tensor) -> Tensor:
    q = logits.softmax(-1)
    kl = (2 * q * (q.log() - math.log(1 / CLASSES))).sum((1, 2))  # here
    return (error(x_hat, x) + kl).mean()


def taken_away(x_hat: Tensor, x: Tensor, logits: Tensor) -> Tensor:
    q = logits.softmax(-1)
    kl = (q * (q.log() - math.log(1 / CLASSES))).sum((1, 2))
    return (error(x_hat, x) - kl).mean()  # here


def bound(x_hat: Tensor, x: Tensor, logits: Tensor) -> Tensor:
    return -right(x_hat, x, logits)


def added_anew(x_hat: Tensor, x: Tensor, logits: Tensor) -> Tensor:
    q = logits.softmax(-1)
    kl = (q * (q.log() - math.log(1 / CLASSES))).sum((1, 2))
    return (error(x_hat, x) + kl + 0.1 * kl).mean()


CATEGORICAL: list[tuple[Loss, str]] = [
    (right, "clean"),
    (half_of_both, "clean"),
    (weighed, "weighted"),
    (added_twice, "found"),
    (doubled, "found"),
]


@pytest.mark.parametrize(("loss", "expected"), CATEGORICAL)
def test_a_weight_of_a_categorical_kl_is_none_of_its_formula(loss: Loss, expected: str) -> None:
    torch.manual_seed(3)
    report = audit(Categorical(), f"B {FEATURES}", loss, data_range=(0, 1))
    assert standing(report.judgements[0], "VAE303") == expected
    for finding in report.findings:
        assert finding.place is not None
        assert finding.place.text.endswith("# here")
        assert ("2 times" in finding.message) is (expected == "found")


def test_a_categorical_kl_that_is_taken_away_is_placed_at_its_minus() -> None:
    torch.manual_seed(3)
    (finding,) = audit(Categorical(), f"B {FEATURES}", taken_away, data_range=(0, 1)).findings
    assert finding.code == "VAE302"
    assert finding.place is not None
    assert finding.place.text.endswith("# here")


@pytest.mark.parametrize(
    ("loss", "codes", "path", "reason"),
    [
        (bound, ("VAE302", "VAE505"), "kl.sign", "a bound that is maximised elsewhere"),
        (added_anew, ("VAE303",), "kl.factor", "each time with another weight"),
    ],
)
def test_what_a_categorical_kl_leaves_open_has_a_reason(
    loss: Loss, codes: tuple[str, ...], path: str, reason: str
) -> None:
    torch.manual_seed(3)
    report = audit(Categorical(), f"B {FEATURES}", loss, data_range=(0, 1))
    assert report.findings == ()
    assert {standing(report.judgements[0], code) for code in codes} == {"open"}
    assert reason in report.facts[0].unobserved[path]


class Learned(nn.Module):
    """Two latents, the prior of the first made of the second."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = nn.Linear(FEATURES, 2 * LATENTS), nn.Linear(FEATURES, 2 * 4)
        self.prior, self.decoder = nn.Linear(4, 2 * LATENTS), nn.Linear(LATENTS, FEATURES)

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        m2, s2 = self.high(x).chunk(2, 1)
        z2 = m2 + torch.exp(0.5 * s2) * torch.randn_like(m2)
        m1, s1 = self.low(x).chunk(2, 1)
        z1 = m1 + torch.exp(0.5 * s1) * torch.randn_like(m1)
        pm, ps = self.prior(z2).chunk(2, 1)
        high = -0.5 * torch.sum(1 + s2 - m2.pow(2) - s2.exp(), dim=1)
        low = 0.5 * torch.sum(ps - s1 + (s1.exp() + (m1 - pm).pow(2)) / ps.exp() - 1, dim=1)
        return error(torch.sigmoid(self.decoder(z1)), x), low, high

    def loss(self, x: Tensor) -> Tensor:
        recon, low, high = self.terms(x)
        return (recon + low + high).mean()


class Weighed(Learned):
    def loss(self, x: Tensor) -> Tensor:
        recon, low, high = self.terms(x)
        return (recon + 2 * low + high).mean()


class AddedTwice(Learned):
    def loss(self, x: Tensor) -> Tensor:
        recon, low, high = self.terms(x)
        return (recon + low + high + low).mean()  # here


class BothTwice(Learned):
    def loss(self, x: Tensor) -> Tensor:
        recon, low, high = self.terms(x)
        kl = low + high
        loss = recon + kl
        return (loss + kl).mean()  # here


def test_a_sum_of_kls_that_is_added_twice_is_named_once() -> None:
    torch.manual_seed(3)
    (finding,) = audit(BothTwice(), f"B {FEATURES}", "loss", data_range=(0, 1)).findings
    assert "added to the loss 2 times" in finding.message
    assert finding.place is not None
    assert finding.place.text.endswith("# here")


@pytest.mark.parametrize(("kind", "expected"), [(Learned, "clean"), (Weighed, "weighted"), (AddedTwice, "found")])
def test_a_weight_of_a_kl_to_a_learned_prior_is_none_of_its_formula(kind: type[Learned], expected: str) -> None:
    torch.manual_seed(3)
    report = audit(kind(), f"B {FEATURES}", "loss", data_range=(0, 1))
    first, second = report.judgements
    assert {standing(first, "VAE303"), standing(second, "VAE303")} == {"clean", expected}
    for finding in report.findings:
        assert finding.place is not None
        assert finding.place.text.endswith("# here")


class Deep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        return torch.sigmoid(self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))), mu, logvar


def deep(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = (mu.pow(2) + logvar.exp() - 1 - logvar).flatten(1).sum(1)
    return (F.binary_cross_entropy(x_hat, x, reduction="none").flatten(1).sum(1) + kl).mean()


def test_the_remedy_of_a_kl_of_feature_maps_keeps_the_samples_apart() -> None:
    torch.manual_seed(3)
    (finding,) = audit(Deep(), "B 1 8 12", deep, data_range=(0, 1)).findings
    assert finding.fix == "kl = -0.5 * torch.sum((1 + logvar - mu.pow(2) - logvar.exp()).flatten(1), dim=1)"
