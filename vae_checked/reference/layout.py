"""Stage 1 of the seed: from the layout and range of a data source to those of a convolution."""

from __future__ import annotations

import torch

from vae_checked.contracts import Float, Shaped, Tensor, UInt8, checked
from vae_checked.errors import ContractError


@checked
def to_nchw(x_nhwc: Shaped[Tensor, "B H W C"]) -> Shaped[Tensor, "B C H W"]:
    """Bring the channels to where PyTorch's convolutions expect them, by moving elements and not by relabelling axes.

    x_nhwc: (B, H, W, C), any dtype. Returns (B, C, H, W), contiguous, same dtype and values.
    """
    return x_nhwc.permute(0, 3, 1, 2).contiguous()


@checked
def to_nhwc(x: Shaped[Tensor, "B C H W"]) -> Shaped[Tensor, "B H W C"]:
    """Undo `to_nchw`, as image files and plots want it.

    x: (B, C, H, W), any dtype. Returns (B, H, W, C), contiguous, same dtype and values.
    """
    return x.permute(0, 2, 3, 1).contiguous()


@checked
def to_unit(x: UInt8[Tensor, "*shape"] | Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Scale pixels to [0, 1]: bytes are divided by 255, floats must lie there already.

    x: any shape; uint8 in [0, 255] or float in [0, 1]. Returns the same shape in [0, 1]; uint8 becomes torch's default
    float. Raises ContractError for floats outside [0, 1], which are bytes that lost their dtype or data scaled to
    another interval (not looked at on the meta device and under `torch.compile`, where there are no values).

    """
    if not x.is_floating_point():
        return x.to(torch.get_default_dtype()) / 255
    if x.numel() and not x.is_meta and not torch.compiler.is_compiling():
        low, high = torch.aminmax(x)
        if not (low >= 0 and high <= 1):  # so written that NaN is refused as well
            raise ContractError(
                f"to_unit(x): x lies in [{low.item():.4g}, {high.item():.4g}], the contract says [0, 1] for floats: "
                "pass bytes as uint8, or scale the data to [0, 1] first"
            )
    return x


@checked
def to_symmetric(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Map [0, 1] onto [-1, 1], the range of a tanh decoder.

    x: any shape, in [0, 1]. Returns 2x - 1, same shape, in [-1, 1].
    """
    return 2 * x - 1


@checked
def from_images(x_nhwc: UInt8[Tensor, "B H W C"] | Float[Tensor, "B H W C"]) -> Float[Tensor, "B C H W"]:
    """Make the input `x` of the encoder out of images as they are stored.

    x_nhwc: (B, H, W, C), uint8 in [0, 255] or float in [0, 1]. Returns (B, C, H, W), contiguous, in [0, 1].
    Raises ContractError for floats outside [0, 1].
    """
    return to_unit(to_nchw(x_nhwc))
