"""Layers kept next to the copies that were made of them have no gradient: no mistake, as a spare layer is one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from small_vaes import spellings as zoo
from torch import Tensor, nn

from vae_checked.auditor import audit


class Encodes(zoo.Base):
    """Its features go through layers of their own on the way to the heads."""

    def __init__(self) -> None:
        super().__init__()
        self.width = self.fc_mu.in_features

    def further(self, h: Tensor) -> Tensor:
        return h

    def encode(self, x: Tensor) -> Any:
        h = self.further(self.encoder(x))
        return self.fc_mu(h), self.fc_logvar(h)


class OfTorch(Encodes):
    def __init__(self, anew: bool = False) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(self.width, 1, 7, batch_first=True, dropout=0.0)
        self.layers = nn.TransformerEncoder(self.layer, 2, enable_nested_tensor=False)
        for parameter in self.parameters() if anew else ():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def further(self, h: Tensor) -> Tensor:
        return self.layers(h.unsqueeze(1)).squeeze(1)


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, h: Tensor) -> Tensor:
        return h + self.second(self.first(h).relu())


class Cloned(Encodes):
    def __init__(self) -> None:
        super().__init__()
        self.block = Block(self.width)
        self.blocks = nn.ModuleList([copy.deepcopy(self.block) for _ in range(2)])

    def further(self, h: Tensor) -> Tensor:
        for block in self.blocks:
            h = block(h)
        return h


class Forgotten(Encodes):
    """Two blocks of one class that were started apart, of which the second is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = Block(self.width), Block(self.width)

    def further(self, h: Tensor) -> Tensor:
        return self.one(self.one(h))


class Unused(Encodes):
    """A layer that torch would copy, and nobody does."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(self.width, 1, 7, batch_first=True)


def codes(model: nn.Module) -> list[str]:
    torch.manual_seed(4)
    return [finding.code for finding in audit(model, "B 3 8 12", zoo.standard_loss).findings]


@pytest.mark.parametrize("make", [OfTorch, lambda: OfTorch(anew=True), Cloned])
def test_a_layer_of_which_the_copies_are_trained_is_not_named(make: Any) -> None:
    assert "VAE601" not in codes(make())


@pytest.mark.parametrize("make", [Forgotten, Unused])
def test_a_layer_that_nobody_uses_is_named(make: Any) -> None:
    assert "VAE601" in codes(make())
