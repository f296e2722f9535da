"""Operators answered from memory against the operators themselves, on the meta device and with data."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from preloaded import run_python
from torch import Tensor, nn
from torch.nn import functional as F

from vae_checked.shapes.operators import _KEEPING, Operators

ERRORS = (F.mse_loss, F.binary_cross_entropy, F.binary_cross_entropy_with_logits)
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.complex64)
REFUSALS = (RuntimeError, TypeError, ValueError, NotImplementedError)
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
        lambda x: F.linear(x, torch.empty(3, x.shape[-1])),
        lambda x: F.linear(x.flatten(1), torch.empty(3, x[0].numel()), torch.empty(3)),
        lambda x: torch.addmm(torch.empty(1), x.flatten(1), torch.empty(x[0].numel(), 3), beta=2),
        lambda x: [
            x.mean(-1),
            x.mean((1, -2), True),
            x.mean([]),
            x.mean(),
            x.double().mean(0),
            x.mean(2, dtype=torch.double),
        ],
        lambda x: [part * part.exp() for part in (*x.chunk(2, 1), x[:, :, 1:, :2], x[:, :, ::2], x.transpose(1, 2))],
        lambda x: [
            x[:, 1:] * x[:, 1:, :1, :1],
            x.permute(0, 2, 3, 1) * x.permute(0, 2, 3, 1)[:, :1],
            x.expand(2, *x.shape) * x,
        ],
        lambda x: [
            torch.cat([x[:, :, :2], x.exp()], 2),
            torch.cat([x.permute(0, 2, 3, 1)] * 2),
            x[:, ::2].mean((0, 2)),
        ],
        lambda x: [F.mse_loss(x[:, 1:], x[:, 1:], reduction=how) for how in ("none", "mean")],
        lambda x: F.adaptive_avg_pool2d(x, 1),
        lambda x: [torch.cat([x, x[:, :2]], 1), torch.cat([x, x.double()], -1), torch.cat([x, torch.empty(0)])],
        lambda x: [error(x, x, reduction=how) for error in ERRORS for how in ("none", "mean", "sum")],
        lambda x: [error(x, x) for error in ERRORS],
        lambda x: F.binary_cross_entropy(x, x, x, reduction="none"),
        lambda x: [torch.randn_like(x), torch.rand_like(x[:, 1:]), torch.rand_like(x, dtype=torch.float64)],
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


def given_to(op: Any, x: Tensor) -> list[tuple[Any, ...]]:
    """What an operator may be given beside `x`: its numbers, or another tensor of each dtype."""
    others = len([each for each in op._schema.arguments if each.default_value is None and not each.kwarg_only]) - 1
    numbers = [(x, *[number] * others) for number in (2, 0.5)]
    tensors = [
        (x, torch.empty(sizes, dtype=dtype)) for dtype in DTYPES for sizes in (x.shape, (), (2, 1), (3,), (4, 2, 3))
    ]
    return numbers + tensors if op._overloadname == "Tensor" else numbers


@pytest.mark.parametrize("op", sorted(_KEEPING, key=str), ids=str)
def test_what_is_answered_without_a_try_is_what_is_computed(op: Any) -> None:
    compared = 0
    for dtype in DTYPES:
        with torch.no_grad(), torch.device("meta"):
            for given in given_to(op, torch.empty(2, 3, dtype=dtype)):
                try:
                    expected = parts(op(*given))
                except REFUSALS:
                    with Operators(), pytest.raises(REFUSALS):
                        op(*given)
                    continue
                with Operators():
                    assert parts(op(*given)) == expected
                compared += 1
    assert compared >= 8


WITHOUT_THE_COMPILER = """
import sys
import torch
from torch import nn
from torch.nn import functional as F
from vae_checked.shapes import infer


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU())
        self.encoder = nn.Sequential(self.first, nn.Conv2d(4, 6, 3, 2, 1))
        self.heads = nn.Conv2d(6, 10, 1)
        self.gate = nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 5), nn.Sigmoid())
        self.up = nn.Sequential(nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.GroupNorm(2, 4), nn.SiLU())
        self.out = nn.ConvTranspose2d(4, 3, 4, 2, 1)

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.heads(h).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        z = z * self.gate(h.mean((2, 3)))[:, :, None, None]
        return torch.tanh(self.out(self.up(torch.cat([z, mu[:, :3]], 1)))), mu, logvar

    def loss_function(self, x_hat, x, mu, logvar):
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)
        return F.mse_loss(x_hat, x, reduction="none").sum((1, 2, 3)).mean() + kl.mean()


print(infer(VAE(), "B 3 H W").how, "torch._dynamo" in sys.modules)
"""


def test_a_usual_model_is_probed_without_importing_the_compiler() -> None:
    done = run_python("-P", "-c", WITHOUT_THE_COMPILER, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.stdout == "meta False\n", done.stderr


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
