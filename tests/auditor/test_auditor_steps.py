"""Training steps as Lightning has them: the log and the trainer that they ask for, and the batches that they take."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_vaes import spellings as zoo
from torch import Tensor

from vae_checked.auditor import AuditReport, audit, check_vae
from vae_checked.errors import ModelError
from vae_checked.facts import Likelihood, Parametrisation


class LightningModule(zoo.Base):
    """What of Lightning's a step meets: no trainer, and a log that one without results refuses."""

    _trainer: Any = None

    @property
    def trainer(self) -> Any:
        if self._trainer is None:
            raise RuntimeError("not attached to a trainer")
        return self._trainer

    @trainer.setter
    def trainer(self, trainer: Any) -> None:
        self._trainer = trainer

    @property
    def current_epoch(self) -> int:
        return 0 if self._trainer is None else int(self._trainer.current_epoch)

    def log(self, name: str, value: Any, **options: Any) -> None:
        if self.trainer.results is None:
            raise RuntimeError("no results to log to")


class WarmingUp(LightningModule):
    """A weight of the KL that begins at 0, a batch of pairs, and a log."""

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int, optimizer_idx: int) -> Tensor:
        x, _ = batch
        x_hat, mu, logvar = self(x)
        weight = min(1.0, (self.current_epoch + self.trainer.current_epoch) / 20)
        self.log("weight", weight, prog_bar=True)
        kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1).mean()
        return (x_hat - x).square().flatten(1).sum(1).mean() + weight * kl


class OfMappings(zoo.Base):
    """A batch that is a mapping, and no number of it."""

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        x_hat, mu, logvar = self(batch["picture"])
        return {"loss": zoo.standard_loss(x_hat, batch["picture"], mu, logvar)}


def decided(report: AuditReport) -> None:
    facts = report.facts[0]
    assert [finding.code for finding in report.findings] == []
    assert facts.kl.form is not None
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR
    assert facts.recon.kind is not None
    assert facts.recon.kind.value is Likelihood.MSE


def test_a_step_is_taken_without_a_trainer_when_its_warm_up_is_over() -> None:
    torch.manual_seed(4)
    model = WarmingUp()
    report = audit(model, "B 3 8 12", data_range=(0, 1))
    decided(report)
    line = "training_step, which runs the model itself, as at epoch 997 and step 99991: no trainer is attached"
    assert any(line in each for each in report.recognised)
    beta = report.facts[0].objective.effective_beta
    assert beta is not None
    assert beta.value.value == pytest.approx(1.0, rel=1e-6)
    # The model is as it was: its own log, and no trainer.
    assert "log" not in vars(model)
    assert model._trainer is None
    decided(check_vae(model, "B 3 8 12", data_range=(0, 1)))


def test_a_batch_that_is_a_mapping_is_given_as_one() -> None:
    torch.manual_seed(4)
    decided(audit(OfMappings(), "{picture: B 3 8 12, label: int<10> B}", data_range=(0, 1)))
    report = audit(OfMappings(), "B 3 8 12", data_range=(0, 1))
    said = "takes 'picture' out of its batch: give a mapping as input, such as '{picture: B 3 8 12}'"
    assert any(said in each for each in report.unobserved)
    assert report.facts[0].sampler.std is not None


def test_a_trainer_that_is_attached_stays() -> None:
    class Trainer:
        current_epoch, results = 5, True

    model = WarmingUp()
    model.trainer = trainer = Trainer()
    report = audit(model, "B 3 8 12", data_range=(0, 1))
    assert model.trainer is trainer
    beta = report.facts[0].objective.effective_beta
    assert beta is not None
    assert beta.value.value == pytest.approx(0.5, rel=1e-6)


class Starred(zoo.Base):
    """A loss of `*args`, and a weight that it takes out of its keywords; the KL comes with what forward returns."""

    def forward(self, x: Tensor) -> Any:
        x_hat, mu, logvar = super().forward(x)
        return [x_hat, x, 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1)]

    def loss_function(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        recon = (args[0] - args[1]).square().flatten(1).sum(1).mean()
        return {"loss": recon + kwargs["M_N"] * args[2].mean()}


def test_what_is_bound_for_the_keywords_of_a_loss_reaches_it() -> None:
    torch.manual_seed(4)
    report = audit(Starred(), "B 3 8 12", data_range=(0, 1), bind="M_N=0.25")
    decided(report)
    beta = report.facts[0].objective.effective_beta
    assert beta is not None
    assert beta.value.value == pytest.approx(0.25, rel=1e-6)
    # A weight that is none: the loss cannot be called, and its KL alone is not taken for it.
    with pytest.raises(ModelError, match="the loss loss_function raised"):
        audit(Starred(), "B 3 8 12", data_range=(0, 1), bind="other=0.25, M_N=None")


def test_a_term_is_not_the_loss_of_a_model_whose_own_cannot_be_called() -> None:
    class Refusing(Starred):
        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encode(x)
            z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
            return [self.decode(z), x, 0.5 * (z.square() - (z - mu).square() / logvar.exp() - logvar).sum(1)]

        def loss_function(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
            raise RuntimeError("needs a data set")

    torch.manual_seed(4)
    report = audit(Refusing(), "B 3 8 12", data_range=(0, 1))
    assert "VAE601" not in [finding.code for finding in report.findings]
    assert any("needs a data set" in line for line in report.unobserved)
