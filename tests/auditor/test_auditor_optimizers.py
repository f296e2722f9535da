"""Which parameters an optimizer holds, of those that a training would use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_vaes import spellings as zoo
from torch import nn

from vae_checked.auditor import AuditReport, audit
from vae_checked.errors import ModelError, UsageError


def audited(model: nn.Module, optimizer: Any = None) -> AuditReport:
    return audit(model, "B 3 8 12", zoo.standard_loss, data_range=(0, 1), optimizer=optimizer)


def adam(*modules: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam([p for module in modules for p in module.parameters()], lr=1e-3)


HELD: dict[str, tuple[Callable[[Any], Any], list[str]]] = {
    "all": (adam, []),
    "two optimizers": (lambda m: [adam(m.encoder, m.fc_mu, m.fc_logvar), adam(m.decoder)], []),
    "with schedules": (lambda m: ([adam(m)], []), []),
    "in a dictionary": (lambda m: {"optimizer": adam(m), "monitor": "loss"}, []),
    "the decoder alone": (lambda m: adam(m.decoder), ["VAE602"]),
    "a head forgotten": (lambda m: adam(m.encoder, m.fc_mu, m.decoder), ["VAE602"]),
}


@pytest.mark.parametrize("name", HELD)
def test_what_no_optimizer_holds_is_named(name: str) -> None:
    make, expected = HELD[name]
    report = audited(zoo.Base(), make)
    assert [finding.code for finding in report.findings] == expected
    assert ("VAE602" in report.judgements[0].clean) is (expected == [])


def test_an_optimizer_may_be_given_itself() -> None:
    model = zoo.Base()
    (finding,) = audited(model, adam(model.encoder, model.fc_mu, model.decoder)).findings
    assert "fc_logvar.weight" in finding.message
    assert "fc_mu" not in finding.message


def test_the_models_own_optimizers_are_looked_at() -> None:
    class Trained(zoo.Base):
        def configure_optimizers(self) -> Any:
            return adam(self.encoder, self.fc_mu, self.fc_logvar)

    class NeedsATrainer(zoo.Base):
        def configure_optimizers(self) -> Any:
            raise RuntimeError("no trainer")

    assert [finding.code for finding in audited(Trained()).findings] == ["VAE602"]
    report = audited(NeedsATrainer())
    assert report.findings == ()
    assert any("no trainer" in line for line in report.unobserved)


def test_without_an_optimizer_nothing_is_said() -> None:
    assert audited(zoo.Base()).facts[0].training.without_optimizer is None


def test_frozen_parameters_need_no_optimizer() -> None:
    model = zoo.Base()
    model.encoder.requires_grad_(False)
    report = audited(model, lambda m: adam(m.fc_mu, m.fc_logvar, m.decoder))
    assert report.findings == ()


def test_what_makes_no_optimizer_is_refused() -> None:
    with pytest.raises(UsageError, match=r"holds no torch\.optim\.Optimizer"):
        audited(zoo.Base(), lambda m: m)
    with pytest.raises(ModelError, match="raised KeyError"):
        audited(zoo.Base(), lambda m: {}["lr"])


def test_the_line_that_makes_the_optimizer_is_the_place() -> None:
    class Trained(zoo.Base):
        def configure_optimizers(self) -> Any:
            heads = [*self.fc_mu.parameters(), *self.fc_logvar.parameters()]
            return {"optimizer": torch.optim.SGD([*self.encoder.parameters(), *heads], lr=0.1)}  # own

    def of_the_decoder(model: Any) -> torch.optim.Optimizer:
        # Adam(model.parameters()) would be all.
        if False:
            return torch.optim.Adam(model.parameters())
        return torch.optim.Adam(model.decoder.parameters())  # given

    for report, mark in ((audited(Trained()), "# own"), (audited(zoo.Base(), of_the_decoder), "# given")):
        (finding,) = report.findings
        assert finding.place is not None
        assert finding.place.path.endswith("test_auditor_optimizers.py")
        assert finding.place.text.endswith(mark)
    model = zoo.Base()
    (finding,) = audited(model, adam(model.decoder)).findings
    assert finding.place is None, "an optimizer that was made elsewhere has no line of its own"
