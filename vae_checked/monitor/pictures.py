"""Pictures of what a VAE does while it trains: reconstructions, samples of the prior, latents moved one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.replay import replay
from vae_checked.facts import SYMMETRIC_UNIT, UNIT, Interval, Likelihood
from vae_checked.monitor.reading import Picture

COLUMNS = 8
"""Samples that are shown of a batch, and latents that are moved."""
STEPS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""Where a latent is moved to, in standard deviations of the prior N(0, I)."""
_GAP, _LARGEST = 2, 96


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the decoder made, in its own units: per picture the rows of samples, and what they are.

    `shape` is (C, H, W) of a sample, `target` the data of the first samples.
    """

    shape: tuple[int, int, int]
    target: Tensor
    rows: Mapping[str, Sequence[Tensor]]
    captions: Mapping[str, str]


def image_shape(sample: Sequence[int], asked: Sequence[int] | None) -> tuple[int, int, int] | None:
    """(C, H, W) of one sample: as `asked`, or as an image has it, of one channel or three; None for anything else."""
    shape = tuple(sample if asked is None else asked)
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) != 3 or shape[0] not in (1, 3) or torch.Size(shape).numel() != torch.Size(sample).numel():
        return None
    return shape[0], shape[1], shape[2]


def decode(
    seen: Recognition,
    latents: Sequence[Latent],
    kls: Sequence[float],
    x_hat: int,
    shape: tuple[int, int, int],
    *,
    standard_prior: bool,
) -> Decoded:
    """Reconstructions of the first samples, samples of N(0, I) where that is the prior, and moved latents.

    kls: the KL of each latent, in the order of `latents`. All is decoded as the step does it, in training mode.
    """
    tape, run = seen.run.tape, seen.run
    target = (run.x if seen.join is None else tape.values[seen.join.target].data).detach()
    count = min(COLUMNS, seen.batch)
    rows: dict[str, list[Tensor]] = {"reconstructions": [tape.values[x_hat].data[:count]]}
    captions = {"reconstructions": "data above, reconstructions below"}
    recorded = {z: tape.values[z].data for latent in latents for z in latent.every_z}

    def decoded(chosen: Mapping[int, Tensor]) -> Tensor:
        with torch.no_grad():
            return replay(tape, {**recorded, **chosen}, (x_hat,))[x_hat].detach()

    if standard_prior and len(latents) == 1:
        generator = torch.Generator().manual_seed(0)
        drawn = {z: torch.randn(value.shape, generator=generator).to(value) for z, value in recorded.items()}
        rows["samples"] = [decoded(drawn)[:count]]
        captions["samples"] = "samples of the prior: z from N(0, I)"
    moved = _moved(seen, latents, kls)
    if moved:
        rows["traversals"] = _traversals(seen, latents, moved, decoded)
        names = ", ".join(str(number) for number, _, _ in moved)
        captions["traversals"] = f"the first sample, one latent a row from -3 to 3, those that carry most: {names}"
    return Decoded(shape, target[:count], rows, captions)


def _moved(seen: Recognition, latents: Sequence[Latent], kls: Sequence[float]) -> list[tuple[int, Latent, int]]:
    """The latents that carry most, the most first: their number, their posterior and their place in it."""
    values = seen.run.tape.values
    if any(values[latent.location].data.shape != values[z].data.shape for latent in latents for z in latent.every_z):
        return []  # z is repeated for several samples
    units = [(latent, place) for latent in latents for place in range(values[latent.z].data.shape[1])]
    if len(units) != len(kls):
        return []
    order = sorted(range(len(units)), key=lambda number: -kls[number])[:COLUMNS]
    return [(number, *units[number]) for number in order]


def _traversals(
    seen: Recognition,
    latents: Sequence[Latent],
    moved: Sequence[tuple[int, Latent, int]],
    decoded: Callable[[Mapping[int, Tensor]], Tensor],
) -> list[Tensor]:
    """A row of samples per latent that is moved, the other latents at the mean of the first sample."""
    tape, size = seen.run.tape, seen.batch

    def first_row(number: int) -> Tensor:
        value = tape.values[number].data
        return value[:1].expand_as(value).clone()

    # Labels, and what else reaches the decoder beside z, are those of the first sample as well.
    inputs = [
        number
        for number in seen.run.recorder.input_numbers.values()
        if tape.values[number].data.dim() and len(tape.values[number].data) == size
    ]
    cells = [(latent, place, step) for _, latent, place in moved for step in STEPS]
    made = []
    for start in range(0, len(cells), size):
        chosen = {number: first_row(number) for number in inputs}
        chosen |= {z: first_row(latent.location) for latent in latents for z in latent.every_z}
        some = cells[start : start + size]
        for row, (latent, place, step) in enumerate(some):
            for z in latent.every_z:
                chosen[z][row, place] = step
        made.append(decoded(chosen)[: len(some)])
    whole, wide = torch.cat(made), len(STEPS)
    return [whole[start : start + wide] for start in range(0, len(whole), wide)]


def drawn(decoded: Decoded, likelihood: Likelihood | None) -> tuple[Picture, ...]:
    """The pictures, in the data's units: of logits the sigmoid, and white where the data end."""
    interval = _interval(decoded.target)
    pictures = []
    for name, rows in decoded.rows.items():
        made = [row.float().sigmoid() if likelihood is Likelihood.BCE_WITH_LOGITS else row.float() for row in rows]
        shown = [decoded.target.float(), *made] if name == "reconstructions" else made
        pictures.append(_picture(name, decoded.captions[name], shown, decoded.shape, interval))
    return tuple(pictures)


def _interval(data: Tensor) -> Interval:
    """The usual interval that the data lie in; else their own."""
    low, high = (float(number) for number in torch.aminmax(data.float()))
    measured = Interval(low, high if high > low else low + 1.0)
    return next((usual for usual in (UNIT, SYMMETRIC_UNIT) if usual.contains(measured, 0.0)), measured)


def _picture(
    name: str, caption: str, rows: Sequence[Tensor], shape: tuple[int, int, int], interval: Interval
) -> Picture:
    """The rows below each other, their samples side by side, a gap between them."""
    channels, height, width = shape
    scale = min(1.0, _LARGEST / max(height, width))
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    wide = max(len(row) for row in rows)
    sheet = torch.full((channels, len(rows) * (height + _GAP) - _GAP, wide * (width + _GAP) - _GAP), 128.0)
    for line, row in enumerate(rows):
        images = (row.detach().cpu().reshape(len(row), *shape) - interval.low) / (interval.high - interval.low)
        if scale < 1.0:
            images = F.interpolate(images, (height, width), mode="area")
        for column, image in enumerate(images.nan_to_num().clamp(0.0, 1.0)):
            top, left = line * (height + _GAP), column * (width + _GAP)
            sheet[:, top : top + height, left : left + width] = image * 255.0
    pixels = sheet.round().to(torch.uint8).permute(1, 2, 0).contiguous()
    return Picture(name, caption, pixels.shape[1], pixels.shape[0], channels, bytes(pixels.flatten().tolist()))
