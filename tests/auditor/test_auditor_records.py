"""What an audit has recorded serves the laws of the same model, and they say the same as without it."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked.adapters import Inputs, Subject
from vae_checked.auditor import stages
from vae_checked.auditor.audit import audit_into
from vae_checked.auditor.check import put, stages_for
from vae_checked.auditor.losses.loss import Loss
from vae_checked.auditor.observe import observe
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.records import Records
from vae_checked.auditor.stages import Staged
from vae_checked.catalogue import find
from vae_checked.errors import ModelError
from vae_checked.laws import LAWS, InapplicableError

SPEC = "B 12"
# Of a batch that the audit records, of one that the laws record themselves.
SAME, OTHER = 7, 2


class Plain(nn.Module):
    """The mean in evaluation."""

    noisy = False

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.out = nn.Linear(12, 5), nn.Linear(12, 5), nn.Linear(5, 12)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Any:
        mu, logvar = self.first(x), self.second(x)
        z = mu
        if self.training or self.noisy:
            z = mu + self.std(logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.out(z if y is None else z + y[:, :5])), mu, logvar

    def std(self, logvar: Tensor) -> Tensor:
        return (0.5 * logvar).exp()


class Noisy(Plain):
    """A sample in evaluation as well."""

    noisy = True


class Wrong(Plain):
    """exp(logvar) as std."""

    def std(self, logvar: Tensor) -> Tensor:
        return logvar.exp()


class Counting(Plain):
    """A normalisation, whose statistics each run in training moves."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(12, 5), nn.BatchNorm1d(5))


def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()
    return (F.mse_loss(x_hat, x, reduction="sum") + kl) / len(x)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """Batch and mode of every pass that is recorded for the laws alone."""
    seen: list[tuple[int, bool]] = []

    def noted(subject: Subject, inputs: Inputs, loss: Loss | None, *, training: bool) -> Recognition:
        seen.append((len(inputs.tensors()[0][1]), training))
        return observe(subject, inputs, loss, training=training)

    monkeypatch.setattr(stages, "observe", noted)
    return seen


def said(staged: Staged, *batches: int) -> dict[str, str]:
    """What each law says of the model, at these batches."""
    found = {}
    for law in LAWS:
        for batch in batches:
            try:
                found[f"{law.name} at {batch}"] = str(law.check(staged.stages, staged.sizes(batch), 4))
            except (InapplicableError, ModelError) as error:
                found[f"{law.name} at {batch}"] = str(error)
    return found


def both(model: nn.Module, inputs: Any, loss: Any) -> tuple[Staged, Staged]:
    """The stages after an audit, with what it has recorded and without."""
    records = Records()
    audit_into(records, model, inputs, loss)
    return stages_for(model, inputs, loss, records=records), stages_for(model, inputs, loss)


@pytest.mark.parametrize("kind", [Plain, Noisy, Wrong, Counting])
def test_laws_say_the_same_with_the_records_of_the_audit(kind: Callable[[], nn.Module]) -> None:
    shared, alone = both(kind(), SPEC, loss)
    assert shared.recorded_batch == alone.recorded_batch == SAME
    assert (shared.event, shared.latent, shared.unobserved) == (alone.event, alone.latent, alone.unobserved)
    assert shared.places == alone.places
    found = said(shared, SAME, OTHER)
    assert found == said(alone, SAME, OTHER)
    assert any("the law says" in line for line in found.values()) is (kind is Wrong)


@pytest.mark.parametrize("code", ["VAE106", "VAE201", "VAE202", "VAE203", "VAE204", "VAE301", "VAE302", "VAE404"])
def test_laws_break_on_planted_mistakes_with_the_records_as_without(code: str) -> None:
    module = types.ModuleType("planted")
    sys.modules["planted"] = module
    exec(compile(find(code).bad, "planted", "exec"), module.__dict__)  # noqa: S102  the catalogue's own example
    torch.manual_seed(0)
    shared, alone = both(module.VAE(), module.INPUT, module.loss_function)
    put_to = [{law.name: str(put(law, staged)) for law in LAWS} for staged in (shared, alone)]
    assert put_to[0] == put_to[1]
    assert said(shared, SAME) == said(alone, SAME)


@pytest.mark.parametrize(
    ("kind", "inputs", "again"),
    [
        (Plain, SPEC, []),
        # What is drawn in evaluation depends on what was drawn before.
        (Noisy, SPEC, [(SAME, False)]),
        # The laws hand the same second input to all samples.
        (Plain, "B 12, y: B 12", [(SAME, True), (SAME, False)]),
        (Plain, torch.linspace(0, 1, 60).reshape(5, 12), []),
        # As many as this are not needed.
        (Plain, torch.linspace(0, 1, 768).reshape(64, 12), [(5, True), (5, False)]),
    ],
    ids=["drawn", "noise in evaluation", "two inputs", "given", "many given"],
)
def test_a_pass_is_recorded_again_where_it_would_be_another_one(
    kind: Callable[[], nn.Module], inputs: Any, again: list[tuple[int, bool]], recorded: list[tuple[int, bool]]
) -> None:
    model, records = kind(), Records()
    audit_into(records, model, inputs, loss)
    assert recorded == []
    stages_for(model, inputs, loss, records=records)
    assert recorded == again


def test_no_pass_of_another_loss_is_taken(recorded: list[tuple[int, bool]]) -> None:
    class Raising(Plain):
        def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
            raise RuntimeError("not yet")

    model, records = Raising(), Records()
    report = audit_into(records, model, SPEC, None)
    assert any("not yet" in line for line in report.unobserved)
    with pytest.raises(ModelError, match="not yet"):
        stages_for(model, SPEC, None, records=records)
    assert recorded == [(SAME, True)]
