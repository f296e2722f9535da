"""Operators answered from memory against the operators themselves, on the meta device and with data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_checked.shapes.operators import Operators

SIZES = ((2, 6, 5, 4), (2, 6, 9, 7), (3, 6, 9, 7), (1, 6, 1, 1))


def parts(output: Any) -> list[tuple[Any, ...]]:
    tensors = [output] if isinstance(output, Tensor) else list(output)
    # The stride of an axis of one element says nothing.
    strides = [[s for s, size in zip(each.stride(), each.shape, strict=True) if size > 1] for each in tensors]
    return [(tuple(each.shape), found, each.dtype) for each, found in zip(tensors, strides, strict=True)]


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x + x,
        lambda x: x * 2 + 1.5,
        lambda x: x + x[:1],
        lambda x: x.int() / 3,
        lambda x: x > 0,
        lambda x: torch.where(x > 0, x, x.double()),
        lambda x: x.double() + torch.ones((), dtype=torch.float32),
        lambda x: x.permute(0, 2, 3, 1) * 2,
        lambda x: x.to(memory_format=torch.channels_last).relu(),
        lambda x: F.leaky_relu(x.flatten(1)),
        lambda x: F.gelu(x).clamp(-1, 1),
        lambda x: x.sum((1, 2)).mean(),
        lambda x: torch.var_mean(x, 1, keepdim=True),
        lambda x: F.group_norm(x, 3),
        lambda x: F.layer_norm(x, x.shape[2:]),
        lambda x: F.batch_norm(x, torch.zeros(6), torch.ones(6)),
        lambda x: F.scaled_dot_product_attention(x, x, x),
        lambda x: torch.cat([x, x], 2).chunk(2, 1),
        torch.frexp,
        lambda x: x.bool().all(1),
        lambda x: F.interpolate(x, scale_factor=2.0),
    ],
)
def test_what_is_answered_is_what_is_computed(compute: Callable[[Tensor], Any]) -> None:
    operators = Operators()
    # Twice at each size, so that what was remembered answers both for the same size and for another.
    for sizes in (*SIZES, *SIZES):
        with torch.no_grad(), torch.device("meta"):
            expected = parts(compute(torch.empty(sizes)))
            with operators:
                assert parts(compute(torch.empty(sizes))) == expected
    shapes = [tuple(each.shape) for each in outputs(compute(torch.rand(2, 6, 9, 7)))]
    with torch.no_grad(), torch.device("meta"), operators:
        assert [tuple(each.shape) for each in outputs(compute(torch.empty(2, 6, 9, 7)))] == shapes


def outputs(output: Any) -> list[Tensor]:
    return [output] if isinstance(output, Tensor) else list(output)


@pytest.mark.parametrize(
    ("compute", "accepted", "refused"),
    [
        (lambda x: F.group_norm(x, 4), (2, 8, 5), (2, 6, 5)),
        (lambda x: F.layer_norm(x, (5,)), (2, 3, 5), (2, 3, 4)),
        (lambda x: F.batch_norm(x, torch.zeros(6), torch.ones(6)), (2, 6, 5), (2, 7, 5)),
        (lambda x: x + torch.empty(1, 3, 5), (2, 3, 5), (2, 4, 5)),
        (lambda x: x @ torch.empty(5, 2), (3, 5), (3, 4)),
    ],
)
def test_what_is_not_accepted_is_refused_after_something_was(
    compute: Callable[[Tensor], Any], accepted: tuple[int, ...], refused: tuple[int, ...]
) -> None:
    with torch.no_grad(), torch.device("meta"), Operators():
        compute(torch.empty(accepted))
        with pytest.raises((RuntimeError, ValueError)):
            compute(torch.empty(refused))


def test_every_operator_is_counted_and_tensors_with_data_keep_it() -> None:
    operators = Operators()
    x = torch.rand(3, 4)
    with torch.no_grad(), operators:
        total = x + x
        again = x + x
    assert operators.count == 2
    assert torch.equal(total, again)
    assert torch.equal(total, 2 * x)
    layer = nn.Conv1d(2, 3, 3)
    with torch.no_grad(), operators:
        before = layer.weight.clone()
        nn.init.zeros_(layer.weight)
    assert not torch.equal(before, layer.weight)


def test_what_a_real_transposed_convolution_refuses_is_refused() -> None:
    up, sizes = nn.ConvTranspose2d(6, 5, 3), (2, 7, 5, 4)
    with pytest.raises(RuntimeError) as real:
        up(torch.rand(sizes))
    with torch.no_grad(), torch.device("meta"), Operators(), pytest.raises(RuntimeError) as without_data:
        up.to("meta")(torch.empty(sizes))
    assert "to have 6 channels, but got 7 channels instead" in str(real.value)
    assert str(without_data.value) == str(real.value)
