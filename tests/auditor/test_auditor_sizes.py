"""The letters of a specification: sizes that the model gives back, where it gives back any."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked.adapters import Inputs, Subject
from vae_checked.auditor import audit, stages
from vae_checked.auditor.check import put, stages_for
from vae_checked.auditor.losses.loss import Loss
from vae_checked.auditor.observe import observe
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.laws import LAWS
from vae_checked.laws import find as find_law


class Strided(nn.Module):
    """A VAE that halves each side twice, and returns what is a multiple of four."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.down = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.Tanh(), nn.Conv2d(8, 10, 4, 2, 1))
        self.up = nn.Sequential(nn.ConvTranspose2d(5, 8, 4, 2, 1), nn.Tanh(), nn.ConvTranspose2d(8, 3, 4, 2, 1))

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.down(x).chunk(2, dim=1)
        return self.up(mu + torch.exp(logvar / 2) * torch.randn_like(mu)), mu, logvar


def strided_loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = F.mse_loss(x_hat, x, reduction="none").sum(dim=(1, 2, 3))
    return (recon + 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=(1, 2, 3))).mean()


@pytest.mark.parametrize("loss", [None, strided_loss])
def test_letters_stand_for_sizes_that_the_model_gives_back(loss: Any) -> None:
    staged = stages_for(Strided(), "B 3 H W", loss)
    height, width = staged.event[1:]
    assert (height % 4, width % 4) == (0, 0)
    assert height != width
    found = {law.name: put(law, staged) for law in LAWS}
    assert [name for name, outcome in found.items() if outcome.violation is not None] == []
    held = {name for name, outcome in found.items() if outcome.reason is None}
    assert {"decoder-shape", "reconstruction-shape", "posterior-shape"} <= held
    report = audit(Strided(), "B 3 H W", loss)
    assert [finding.code for finding in report.findings] == []
    assert any("given back where H % 4 == 0 and W % 4 == 0" in line for line in report.recognised)


def test_a_model_that_gives_back_no_size_is_run_at_those_that_were_drawn() -> None:
    class Cut(Strided):
        def forward(self, x: Tensor) -> Any:
            x_hat, mu, logvar = super().forward(x)
            return x_hat[..., :-1], mu, logvar

    sizes = stages_for(Cut(), "B 3 H W").event[1:]
    assert len(set(sizes)) == 2
    assert all(size % 2 for size in sizes)


class Heads(nn.Module):
    """What the models below share: a sample of two heads, and a decoder of it."""

    encoder: nn.Module
    decoder: nn.Module

    def features(self, x: Tensor) -> Tensor:
        """What the heads are read from."""
        return self.encoder(x)

    def forward(self, x: Tensor) -> Any:
        """(x_hat, mu, logvar)."""
        mu, logvar = self.features(x).chunk(2, dim=1)
        return self.decoder(mu + torch.exp(logvar / 2) * torch.randn_like(mu)), mu, logvar

    def loss_function(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        """The negative ELBO, summed over all but the batch."""
        kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar)
        return (F.mse_loss(x_hat, x, reduction="sum") + kl.sum()) / len(x)


class Clip(Heads):
    """Frames by fours beside the first, rows by eights, columns by threes."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv3d(2, 10, (5, 8, 3), (4, 8, 3), (2, 0, 0))
        self.decoder = nn.ConvTranspose3d(5, 2, (5, 8, 3), (4, 8, 3), (2, 0, 0))


class Digits(Heads):
    """Pictures of 28 x 28 and no others."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10))
        self.decoder = nn.Sequential(nn.Linear(5, 28 * 28), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28)))


class Tiles(Heads):
    """Pictures of 40 x 40 and no others."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 2, 8, 8), nn.Tanh(), nn.Flatten(), nn.Linear(2 * 5 * 5, 10))
        self.decoder = nn.Sequential(nn.Linear(5, 3 * 40 * 40), nn.Unflatten(1, (3, 40, 40)))


class Stateful(Heads):
    """Six samples at a time and no others, for their state is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.zeros(6, 10))
        self.encoder, self.decoder = nn.GRUCell(4, 10), nn.Linear(5, 4)

    def features(self, x: Tensor) -> Tensor:
        return self.encoder(x, self.state)


class Pairs(Heads):
    """Samples in pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4, 10), nn.Linear(5, 4)

    def features(self, x: Tensor) -> Tensor:
        return self.encoder(x).view(len(x) // 2, 2, 10).flatten(0, 1)


@pytest.mark.parametrize(
    ("model", "spec", "words"),
    [
        (Clip, "B 2 T H W", "given back where T % 4 == 1 and H % 8 == 0 and W % 3 == 0"),
        (Digits, "B 1 H W", "given back where H == 28 and W == 28"),
        (Stateful, "B 4", "taken where B == 6"),
        (Tiles, None, "given back where H == 40 and W == 40"),
        (Pairs, "B 4", "taken where B % 2 == 0"),
    ],
)
def test_sizes_of_every_axis_are_those_that_shapes_knows(model: type[Heads], spec: str | None, words: str) -> None:
    torch.manual_seed(3)
    vae = model()
    report = audit(vae, spec)
    assert any(words in line for line in report.recognised)
    assert report.findings == ()
    assert {"VAE105", "VAE201", "VAE301", "VAE305"} <= set(report.judgements[0].clean)
    staged = stages_for(vae, spec)
    outcomes = {law.name: put(law, staged) for law in LAWS}
    assert [name for name, outcome in outcomes.items() if outcome.violation is not None] == []
    held = {name for name, outcome in outcomes.items() if outcome.reason is None}
    assert {"decoder-shape", "reconstruction-shape", "posterior-shape", "kl-closed-form"} <= held


@pytest.mark.parametrize(("model", "few"), [(Strided, [7, 1]), (Pairs, [2, 4])])
def test_few_batches_begin_with_the_one_that_is_recorded_by_now(
    model: type[nn.Module], few: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[int] = []

    def counted(subject: Subject, inputs: Inputs, loss: Loss | None, *, training: bool) -> Recognition:
        recorded.append(len(inputs.tensors()[0][1]))
        return observe(subject, inputs, loss, training=training)

    monkeypatch.setattr(stages, "observe", counted)
    staged = stages_for(model(), "B 4" if model is Pairs else "B 3 12 12")
    begun, (known, other) = len(recorded), staged.few_batches(4)
    assert [known, other] == few
    law = find_law("posterior-shape")
    assert law.check(staged.stages, staged.sizes(known), 3) is None
    assert len(recorded) == begun
    assert law.check(staged.stages, staged.sizes(other), 3) is None
    assert recorded[begun:] == [other]
