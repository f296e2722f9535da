"""Samples that are cut from the decoder, and models that have a KL and draw nothing in training."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from small_vaes import spellings as zoo
from torch import Tensor

from vae_checked.auditor import AuditReport, audit


def kl_rows(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1)


def loss(out: Tensor, x: Tensor, first: Tensor, other: Tensor) -> Tensor:
    return F.mse_loss(out, x, reduction="sum") / len(x) + kl_rows(first, other).mean()


def found(model: zoo.Base, over: object = loss) -> list[str]:
    torch.manual_seed(4)
    report: AuditReport = audit(model, "B 3 8 12", over)  # type: ignore[arg-type]  # a loss or a method's name
    return [finding.code for finding in report.findings]


class CutBehind(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return super().sample(mu, logvar).detach()


class CutOnce(zoo.Base):
    """A second use of z is cut, as for a critic; the decoder's is not."""

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        z = super().sample(mu, logvar)
        self.kept = z.detach()
        return z


@pytest.mark.parametrize(("model", "codes"), [(CutBehind, ["VAE206"]), (CutOnce, [])])
def test_a_sample_that_is_cut_after_it_was_drawn_is_seen(model: type[zoo.Base], codes: list[str]) -> None:
    assert found(model()) == codes


class Constant(zoo.Base):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.ones(mu.shape) * torch.exp(0.5 * logvar)


class Forgotten(zoo.Base):
    """eps is drawn, and then left out."""

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        torch.randn_like(mu)
        return mu + torch.exp(0.5 * logvar)


class OutOfSight(zoo.Base):
    """eps is drawn, and used as numbers that no recorder follows."""

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        eps = torch.tensor(torch.randn_like(mu).tolist())
        return mu + torch.exp(0.5 * logvar) * eps


class OnlyInEvaluation(zoo.Base):
    """The modes exchanged, in a training step that returns nothing but the loss."""

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu if self.training else super().sample(mu, logvar)

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        x_hat, mu, logvar = self(batch[0])
        return loss(x_hat, batch[0], mu, logvar)


class Plain(zoo.Base):
    """No KL: an autoencoder with two outputs of one shape."""

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + logvar


def test_noise_that_is_a_constant_is_seen_where_no_name_tells_the_heads() -> None:
    assert found(Constant()) == ["VAE207"]


@pytest.mark.parametrize(("model", "codes"), [(Forgotten, ["VAE207"]), (OutOfSight, [])])
def test_noise_that_is_drawn_and_left_out_is_missed(model: type[zoo.Base], codes: list[str]) -> None:
    assert found(model()) == codes


def test_noise_in_evaluation_alone_is_seen_in_a_training_step() -> None:
    assert found(OnlyInEvaluation(), "training_step") == ["VAE207"]


def test_an_autoencoder_without_a_kl_is_no_vae_that_draws_nothing() -> None:
    def squares(out: Tensor, x: Tensor, first: Tensor, other: Tensor) -> Tensor:
        return F.mse_loss(out, x, reduction="sum") / len(x) + (first.square() + other.square()).sum(1).mean()

    assert found(Plain(), squares) == []
