"""Annotations that are evaluated on demand, as all are from Python 3.14 on, and kept as text before."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch

from vae_checked.errors import ContractError, UsageError
from vae_checked.signatures import signature_of

# What is in << >> may be written without quotes from Python 3.14 on.
SOURCE = """
import torch
from jaxtyping import Float
from torch import Tensor, nn
from vae_checked import checked

@checked
def scaled(x: Float[Tensor, "B L"], by: <<Missing | None>> = None) -> Float[Tensor, "B L"]:
    return 2 * x

@checked
def made(x: Float[Tensor, "B L"]) -> <<Later>>:
    return Later() if x.sum() else None

@checked
class Net(nn.Module):
    def forward(self, x: Float[Tensor, "B 3"]) -> Float[Tensor, "B 4"]:
        return torch.zeros(len(x), 4)

    def twin(self) -> <<Net>>:
        return self

@checked
def axes(x: <<Lost[Tensor, "B L"]>>) -> <<Later>>:
    return x

class Later:
    pass

def outer():
    class Inner:
        pass

    @checked
    def within(x: Float[Tensor, "B L"], held: <<Inner>>) -> <<Gone>>:
        return held

    return within, Inner

def loss(recon_x: <<Missing>>, x, *, beta: <<Missing>> = 1.0):
    return beta * (recon_x - x).pow(2).sum()
"""


@pytest.fixture
def lazy() -> ModuleType:
    quote = "" if sys.version_info >= (3, 14) else "'"
    module = ModuleType("lazy")
    text = SOURCE.replace("<<", quote).replace(">>", quote)
    exec(compile(text, "lazy.py", "exec", dont_inherit=True), module.__dict__)  # noqa: S102  the text above
    return module


def test_what_type_checkers_alone_know_leaves_the_rest_checked(lazy: ModuleType) -> None:
    assert lazy.scaled(torch.ones(2, 3), object()).shape == (2, 3)
    with pytest.raises(ContractError, match="scaled"):
        lazy.scaled(torch.ones(2))
    within, inner = lazy.outer()
    held = inner()
    assert within(torch.ones(2, 3), held) is held
    with pytest.raises(ContractError, match="within"):
        within(torch.ones(2), held)


def test_what_is_defined_later_is_checked(lazy: ModuleType) -> None:
    assert isinstance(lazy.made(torch.ones(2, 3)), lazy.Later)
    with pytest.raises(ContractError, match="made"):
        lazy.made(torch.zeros(2, 3))
    net = lazy.Net()
    assert net(torch.ones(5, 3)).shape == (5, 4)
    assert net.twin() is net
    with pytest.raises(ContractError, match="forward"):
        net(torch.ones(5, 7))


def test_an_annotation_with_axes_is_never_passed_over(lazy: ModuleType) -> None:
    with pytest.raises(UsageError, match="name 'Lost' is not defined"):
        lazy.axes(torch.ones(2, 3))


def test_parameters_are_known_whatever_their_annotations_name(lazy: ModuleType) -> None:
    assert list(signature_of(lazy.loss).parameters) == ["recon_x", "x", "beta"]
    assert signature_of(lazy.loss).parameters["beta"].default == 1.0
