"""Pictures of a training show what the decoder makes, in the range of the data, and disturb nothing."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from vae_checked import Monitor
from vae_checked.errors import UsageError
from vae_checked.monitor import Reading
from vae_checked.monitor.reading import Picture

C, H, W, L, B = 3, 4, 6, 2, 11


class Linear(nn.Module):
    """A VAE whose decoder is one matrix: what any z gives is known in closed form."""

    def __init__(self, flat: bool = False, labels: int = 0) -> None:
        super().__init__()
        self.flat = flat
        self.encoder = nn.Linear(C * H * W, 2 * L)
        self.decoder = nn.Linear(L + labels, C * H * W)
        self.labels = labels

    def decode(self, z: Tensor, y: Tensor | None) -> Tensor:
        given = z if y is None else torch.cat([z, F.one_hot(y, self.labels).to(z)], 1)
        x_hat = torch.sigmoid(self.decoder(given))
        return x_hat if self.flat else x_hat.view(-1, C, H, W)

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(x.flatten(1)).chunk(2, 1)
        return self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu), y), mu, logvar


def train(model: nn.Module, batches: list[tuple[Tensor, ...]], rows: int = 64, **options: Any) -> list[Reading]:
    """The readings as a function gets them, one a step."""
    seen: list[Reading] = []
    with Monitor(model, every=1, rows=rows, to=seen.append, **options) as monitor:
        for batch in batches:
            x_hat, mu, logvar = model(*batch)
            kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum()
            (F.mse_loss(x_hat, batch[0], reduction="sum") + kl).backward()
            monitor.step()
        assert all(reading.pictures == () for reading in monitor.readings)
    return seen


def named(reading: Reading) -> dict[str, Picture]:
    return {picture.name: picture for picture in reading.pictures}


def cells(picture: Picture, height: int = H, width: int = W) -> list[list[Tensor]]:
    """The samples of a picture as numbers from 0 to 1, (C, H, W) each, read back from its PNG."""
    image = Image.open(io.BytesIO(picture.png()))
    pixels = (
        torch.tensor(list(image.tobytes()), dtype=torch.float64).view(image.height, image.width, -1).permute(2, 0, 1)
    )
    assert (pixels.shape[2], pixels.shape[1], pixels.shape[0]) == (picture.width, picture.height, picture.channels)
    return [
        [pixels[:, top : top + height, left : left + width] / 255 for left in range(0, image.width, width + 2)]
        for top in range(0, image.height, height + 2)
    ]


def close(one: Tensor, other: Tensor) -> bool:
    return bool((one.double() - other.double()).abs().max() <= 1 / 255)


def test_reconstructions_stand_below_their_data() -> None:
    torch.manual_seed(0)
    x = torch.rand(B, C, H, W)
    (reading,) = train(Linear(), [(x,)], pictures=True)
    above, below = cells(named(reading)["reconstructions"])
    assert len(above) == len(below) == 8
    assert all(close(cell, x[number]) for number, cell in enumerate(above))
    assert not any(close(cell, x[number]) for number, cell in enumerate(below))


@pytest.mark.parametrize("rows", [B, 5])
def test_a_latent_is_moved_from_minus_3_to_3_and_the_other_stays(rows: int) -> None:
    torch.manual_seed(1)
    model = Linear()
    x = torch.rand(B, C, H, W)
    (reading,) = train(model, [(x,)], rows=rows, pictures=True)
    mean = model.encoder(x.flatten(1))[0, :L].detach()
    order = sorted(range(L), key=lambda place: -(reading.kl_per_latent or ())[place])
    found = cells(named(reading)["traversals"])
    assert [len(row) for row in found] == [7, 7]
    for place, row in zip(order, found, strict=True):
        for step, cell in zip((-3, -2, -1, 0, 1, 2, 3), row, strict=True):
            z = mean.clone()
            z[place] = step
            assert close(cell, model.decode(z[None], None)[0].detach())


def test_labels_of_a_moved_latent_are_those_of_the_first_sample() -> None:
    torch.manual_seed(2)
    model = Linear(labels=5)
    with torch.no_grad():
        model.decoder.weight[:, L:] *= 20
    x, y = torch.rand(B, C, H, W), torch.arange(B) % 5 + 0
    (reading,) = train(model, [(x, y)], pictures=True)
    mean = model.encoder(x.flatten(1))[0, :L].detach()
    place = max(range(L), key=lambda place: (reading.kl_per_latent or ())[place])
    z = mean.clone()
    z[place] = 2
    assert close(cells(named(reading)["traversals"])[0][5], model.decode(z[None], y[:1])[0].detach())


def test_samples_come_from_the_prior() -> None:
    torch.manual_seed(3)
    model = Linear()
    with torch.no_grad():  # the posterior is far from the prior, so that its samples would not do
        model.encoder.bias[:L] += 50
    (reading,) = train(model, [(torch.rand(B, C, H, W),)], pictures=True)
    (row,) = cells(named(reading)["samples"])
    z = torch.randn(B, L, generator=torch.Generator().manual_seed(0))
    assert all(close(cell, made.detach()) for cell, made in zip(row, model.decode(z, None), strict=False))


def test_a_flat_sample_is_a_picture_of_the_shape_that_is_given() -> None:
    torch.manual_seed(4)
    x = torch.rand(B, C * H * W)
    (reading,) = train(Linear(flat=True), [(x,)], pictures=(C, H, W))
    assert close(cells(named(reading)["reconstructions"])[0][1], x[1].view(C, H, W))
    (reading,) = train(Linear(flat=True), [(x,)], pictures=True)
    assert reading.pictures == ()
    assert "pictures: a sample of shape (72,) is no image of one channel or three" in " ".join(reading.unobserved)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (-2.0, 5.0)])
def test_white_is_where_the_data_end(low: float, high: float) -> None:
    torch.manual_seed(5)
    x = low + (high - low) * torch.rand(B, C, H, W)
    x[0, 0, 0, :2] = torch.tensor([low, high])
    (reading,) = train(Linear(), [(x,)], pictures=True)
    assert close(cells(named(reading)["reconstructions"])[0][2], (x[2] - low) / (high - low))


def test_logits_are_shown_as_what_they_mean() -> None:
    torch.manual_seed(6)

    class Logits(Linear):
        def decode(self, z: Tensor, y: Tensor | None) -> Tensor:
            return torch.logit(super().decode(z, y))

    model, x = Logits(), torch.rand(B, C, H, W)
    seen: list[Reading] = []
    with Monitor(model, to=seen.append, pictures=True) as monitor:
        x_logits, mu, logvar = model(x)
        recon = F.binary_cross_entropy_with_logits(x_logits, x, reduction="sum")
        (recon - 0.5 * (1 + logvar - mu.square() - logvar.exp()).sum()).backward()
        monitor.step()
    z = torch.randn(B, L, generator=torch.Generator().manual_seed(0))
    (row,) = cells(named(seen[0])["samples"])
    assert close(row[3], Linear.decode(model, z, None)[3].detach())


def test_a_large_picture_is_made_smaller() -> None:
    torch.manual_seed(7)

    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = nn.Linear(1 * 4 * 200, 4), nn.Linear(2, 800)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            mu, logvar = self.encoder(x.flatten(1)).chunk(2, 1)
            return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)).view_as(x), mu, logvar

    (reading,) = train(Wide(), [(torch.rand(5, 1, 4, 200),)], pictures=True)
    shown = named(reading)["reconstructions"]
    assert (shown.channels, shown.width, shown.height) == (1, 5 * (96 + 2) - 2, 2 * (2 + 2) - 2)


def test_training_with_pictures_is_the_same_to_the_bit() -> None:
    def trained(**options: Any) -> list[Tensor]:
        torch.manual_seed(8)
        model, batches = Linear(), [(torch.rand(B, C, H, W),) for _ in range(3)]
        train(model, batches, **options)
        return [torch.rand(3), *(parameter.grad for parameter in model.parameters() if parameter.grad is not None)]

    pairs = zip(trained(), trained(pictures=True), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("pictures", ["yes", (3,), (0, 4, 6), (1.0, 4, 6), 7])
def test_what_says_no_shape_is_refused(pictures: Any) -> None:
    with pytest.raises(UsageError, match=r"pictures is .*: give True, or the shape .* of a sample"):
        Monitor(Linear(), to=[], pictures=pictures)


def test_a_reading_without_the_wish_has_no_pictures() -> None:
    (reading,) = train(Linear(), [(torch.rand(B, C, H, W),)])
    assert reading.pictures == ()
