"""The likely cause of a mismatch in a VAE's terms: one small function each, tried in the order of `CAUSES`.

Each says nothing unless the values at hand bear it out: a guess that fits half of the time costs more than silence.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from vae_checked.contracts.binding import Kind, Mismatch


def likely_cause(mismatch: Mismatch) -> str:
    """One sentence with a remedy, or '' where nothing is likely enough."""
    return next((said for cause in CAUSES if (said := cause(mismatch))), "")


# ------------------------------------------------------------------------------------------------- not a tensor


def missing_return(m: Mismatch) -> str:
    """None where a tensor is declared to be returned."""
    if m.kind is Kind.TYPE and m.is_result and m.value is None:
        return "Is a `return` missing?"
    return ""


def distribution_for_tensor(m: Mismatch) -> str:
    """A distribution where its mean or a draw is meant."""
    if m.kind is not Kind.TYPE or not m.axes or not isinstance(m.value, torch.distributions.Distribution):
        return ""
    draw = "rsample" if m.value.has_rsample else "sample"
    return f"It is a distribution: take {m.where}.mean, or {m.where}.{draw}() for a draw"


def tensors_inside(m: Mismatch) -> str:
    """A container or an object in which tensors lie: `(mu, logvar)` where one of the two is meant."""
    if m.kind is not Kind.TYPE or not m.axes or isinstance(m.value, Tensor):
        return ""
    inside = [f"{m.where}{path}" for path, item in _parts(m.value) if isinstance(item, Tensor)]
    if isinstance(m.value, list) and inside and len(inside) == len(m.value):
        return f"It is a list of {len(inside)} tensors: torch.stack({m.where}) makes one of them"
    if inside:
        return f"It holds tensors: {', '.join(inside[:4])}; pass or return the one that is meant"
    return ""


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif dataclasses.is_dataclass(value):
        yield from ((f".{field.name}", getattr(value, field.name, None)) for field in dataclasses.fields(value))
    else:
        yield from ((f".{name}", item) for name, item in getattr(value, "__dict__", {}).items())


def array_for_tensor(m: Mismatch) -> str:
    """A numpy array."""
    if m.kind is Kind.TYPE and m.axes and type(m.value).__module__ == "numpy":
        return f"It is a numpy array: torch.from_numpy({m.where})"
    return ""


def number_for_tensor(m: Mismatch) -> str:
    """A Python number, as `loss.item()` gives it."""
    if m.kind is Kind.TYPE and m.axes and isinstance(m.value, (int, float)):
        return "It is a Python number: keep the tensor, `.item()` and float() end the gradient"
    return ""


# ------------------------------------------------------------------------------------------------------- dtype


def unscaled_pixels(m: Mismatch) -> str:
    """Bytes or other integers where floating point is declared."""
    if m.kind is not Kind.DTYPE or not str(m.expected).startswith("Float") or not isinstance(m.value, Tensor):
        return ""
    if m.value.dtype == torch.uint8:
        return f"Bytes 0..255 where scaled pixels are meant: {m.where}.float() / 255"
    if not m.value.dtype.is_floating_point and not m.value.dtype.is_complex:
        return f"Integers have no gradient and no unit scale: {m.where}.float(), divided by the largest value"
    return ""


def _is_floating(m: Mismatch) -> bool:
    return m.kind is Kind.DTYPE and isinstance(m.value, Tensor) and m.value.dtype.is_floating_point


def other_precision(m: Mismatch) -> str:
    """Floating point of another width than declared: float32 where float64 is meant."""
    if _is_floating(m) and str(m.expected)[:5] == "Float":
        wanted = str(m.expected).lower()
        return f"Another precision: {m.where}.to(torch.{wanted})" if hasattr(torch, wanted) else ""
    return ""


def scaled_too_early(m: Mismatch) -> str:
    """Floating point where the bytes of an image are declared."""
    if _is_floating(m) and m.expected == "UInt8":
        return "Bytes are meant: was it scaled before?"
    return ""


# ------------------------------------------------------------------------------------------------- per sample


def over_reduced(m: Mismatch) -> str:
    """One number for the whole batch where one for each sample is declared."""
    if m.kind is Kind.RANK and m.is_result and len(m.axes) == 1 and m.got == 0:
        return "Reduced over the batch as well: sum over the other axes only, .flatten(1).sum(dim=1)"
    return ""


def under_reduced(m: Mismatch) -> str:
    """A loss of each element where one number for each sample is declared."""
    if m.kind is not Kind.RANK or not m.is_result or len(m.axes) != 1 or not isinstance(m.got, int) or m.got < 2:
        return ""
    if m.wanted[0] is not None and m.shape[0] != m.wanted[0]:
        return ""
    reduction = ".sum(dim=1)" if m.got == 2 else ".flatten(1).sum(dim=1)"
    return f"Not reduced to one number per sample: {reduction} is missing"


def reduced_over_batch(m: Mismatch) -> str:
    """One number for each latent, or each pixel, where one for each sample is declared: summed over dim 0."""
    if m.kind is not Kind.SIZE or not m.is_result or len(m.axes) != 1 or m.axis != 0:
        return ""
    owners = [name for name, bound in m.bound.items() if bound.size == m.got and name != m.label]
    if len(owners) == 1:
        return f"{m.got} is {owners[0]}: summed over the batch (dim=0) and not over {owners[0]} (dim=1)"
    return ""


# ------------------------------------------------------------------------------------------------------ layout


def channels_last(m: Mismatch) -> str:
    """B H W C where B C H W is declared."""
    return _as_permuted(m, (0, 3, 1, 2), 3, "channels-last")


def channels_first(m: Mismatch) -> str:
    """B C H W where B H W C is declared."""
    return _as_permuted(m, (0, 2, 3, 1), 1, "channels-first")


def _as_permuted(m: Mismatch, order: tuple[int, ...], channel: int, name: str) -> str:
    target = order.index(channel)
    if m.kind is not Kind.SIZE or len(m.shape) != 4 or len(m.wanted) != 4 or m.wanted[target] is None:
        return ""
    if m.wanted[target] == m.shape[target] or not _fits(m.wanted, [m.shape[i] for i in order]):
        return ""
    call = f"{m.where}.permute{order}"
    return f"Axis {channel} is {m.shape[channel]}: looks {name}, try {call}"


def two_axes_swapped(m: Mismatch) -> str:
    """Two axes in each other's place: B C W H where B C H W is declared."""
    if m.kind is not Kind.SIZE or len(m.wanted) != len(m.shape):
        return ""
    for other in range(len(m.shape)):
        order = list(m.shape)
        order[m.axis], order[other] = order[other], order[m.axis]
        if m.wanted[other] is not None and order != list(m.shape) and _fits(m.wanted, order):
            first, second = sorted((m.axis, other))
            names = " and ".join(_name(m, index) for index in (first, second))
            return f"{names} look swapped, try {m.where}.transpose({first}, {second})"
    return ""


def _name(m: Mismatch, index: int) -> str:
    axis = m.axes[index]
    return axis.label or f"axis {index}"


def _fits(wanted: tuple[int | float | str | None, ...], shape: list[int]) -> bool:
    return all(size is None or size == got for size, got in zip(wanted, shape, strict=True))


def missing_batch(m: Mismatch) -> str:
    """A single sample without the batch's axis."""
    if m.kind is Kind.RANK and len(m.axes) == len(m.shape) + 1 and _is_batch(m) and len(m.shape) > 1:
        return f"One sample without a batch axis? {m.where}.unsqueeze(0)" if _rest_fits(m, m.shape) else ""
    return ""


def _is_batch(m: Mismatch) -> bool:
    return m.axes[0].label.lower() in ("b", "batch", "n", "batch_size")


def _rest_fits(m: Mismatch, shape: tuple[int, ...]) -> bool:
    return len(m.wanted) == len(shape) + 1 and _fits(m.wanted[1:], list(shape))


def squeezed_batch(m: Mismatch) -> str:
    """A batch of one sample whose axis a `squeeze()` has taken away."""
    if m.kind is not Kind.RANK or not m.is_result or m.bound.get(m.axes[0].label if m.axes else "") is None:
        return ""
    ones = m.bound[m.axes[0].label].size == 1 and len(m.shape) < len(m.axes)
    if ones and list(m.shape) == [size for size in m.wanted if size != 1]:
        return "The batch has one sample, and a squeeze() took its axis away: name the axis, squeeze(dim)"
    return ""


def flattened_image(m: Mismatch) -> str:
    """B D where B C H W is declared, D a multiple of the sizes that are known."""
    if m.kind is not Kind.RANK or len(m.shape) != 2 or len(m.axes) != 4:
        return ""
    pixels = [size for size in m.wanted[1:] if isinstance(size, int)]
    if not pixels or m.shape[1] % math.prod(pixels):
        return ""
    sizes = ", ".join(_name(m, i) if m.wanted[i] is None else str(m.wanted[i]) for i in (1, 2, 3))
    return f"Looks like flattened images, try {m.where}.view(-1, {sizes})"


def image_for_vectors(m: Mismatch) -> str:
    """B C H W where B D is declared."""
    if m.kind is Kind.RANK and len(m.axes) == 2 and len(m.shape) > 2 and m.wanted[0] in (None, m.shape[0]):
        wanted = m.wanted[1]
        if wanted is None or wanted == math.prod(m.shape[1:]):
            return f"Not flattened: {m.where}.flatten(1)"
    return ""


def extra_axis_of_one(m: Mismatch) -> str:
    """One axis too many, of size 1, as `keepdim=True` leaves it."""
    if m.kind is Kind.RANK and len(m.shape) == len(m.axes) + 1 and m.shape.count(1) == 1:
        index = m.shape.index(1)
        if _fits(m.wanted, [size for i, size in enumerate(m.shape) if i != index]):
            return f"Axis {index} has size 1, try {m.where}.squeeze({index})"
    return ""


# ------------------------------------------------------------------------------------------- posterior, decoder


def both_heads_in_one(m: Mismatch) -> str:
    """Twice the latents: both heads still in one tensor."""
    if m.kind is Kind.SIZE and isinstance(m.expected, int) and m.got == 2 * m.expected and m.axis == 1:
        return f"Twice {m.expected}: mu and logvar still in one tensor? mu, logvar = h.chunk(2, dim=1)"
    return ""


def one_noise_for_all(m: Mismatch) -> str:
    """A batch of 1 where that of the input is declared: one row of noise for every sample."""
    if m.kind is Kind.SIZE and m.axis == 0 and m.got == 1 and len(m.shape) == 2:
        return f"One row for the whole batch: every sample would share it; draw one row each, {m.expected} in all"
    return ""


def _sides(m: Mismatch) -> tuple[int, int] | None:
    if m.kind is not Kind.SIZE or not m.is_result or len(m.shape) != 4 or m.axis < 2:
        return None
    return (m.got, m.expected) if isinstance(m.got, int) and isinstance(m.expected, int) else None


def upsamplings_miscounted(m: Mismatch) -> str:
    """Height or width wrong by a power of two: as many upsamplings by 2 are missing, or too many."""
    got, expected = _sides(m) or (0, 0)
    small, large = sorted((got, expected))
    steps = next((k for k in range(1, 8) if small and small * 2**k == large), 0)
    if not steps:
        return ""
    times = "one upsampling" if steps == 1 else f"{steps} upsamplings"
    return f"A factor of {2**steps}: {times} by 2 {'missing' if got < expected else 'too many'}"


def output_padding_missing(m: Mismatch) -> str:
    """Height or width short by 2^k - 1, as k transposed convolutions without output padding leave it."""
    got, expected = _sides(m) or (0, 0)
    layers = next((k for k in range(1, 8) if expected - got == 2**k - 1 and expected % 2**k == 0), 0)
    if not layers:
        return ""
    one = "a ConvTranspose2d of stride 2 loses" if layers == 1 else f"{layers} ConvTranspose2d of stride 2 lose"
    return f"{expected - got} less is what {one} without output_padding=1"


def rounded_by_strides(m: Mismatch) -> str:
    """Height or width at the multiple of a stride next to the declared size."""
    got, expected = _sides(m) or (0, 0)
    step = next((2**k for k in range(1, 8) if 0 < abs(got - expected) < 2**k and got % 2**k == 0), 0)
    if not step:
        return ""
    side = "above" if got > expected else "below"
    return (
        f"{got} is the multiple of {step} next {side} {expected}: strides round; "
        "take sizes that the strides divide, or pad and crop"
    )


CAUSES: tuple[Callable[[Mismatch], str], ...] = (
    missing_return,
    distribution_for_tensor,
    tensors_inside,
    array_for_tensor,
    number_for_tensor,
    unscaled_pixels,
    scaled_too_early,
    other_precision,
    over_reduced,
    under_reduced,
    reduced_over_batch,
    channels_last,
    channels_first,
    two_axes_swapped,
    squeezed_batch,
    missing_batch,
    flattened_image,
    extra_axis_of_one,
    image_for_vectors,
    both_heads_in_one,
    one_noise_for_all,
    upsamplings_miscounted,
    output_padding_missing,
    rounded_by_strides,
)
