"""`shapes annotate` and the other configurations of a model: what is written holds for the class."""

from __future__ import annotations

from typing import Any

import torch
from test_shapes_annotate import HEAD, annotated, load, with_others

from vae_checked.shapes import annotate, infer
from vae_checked.shapes.configurations import configurations

__all__ = ["load"]  # a fixture, which pytest finds by its name

WIDTHS = (
    HEAD
    + """class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.line = nn.Linear(11, width)

    def forward(self, h):
        return self.line(h)


class VAE(nn.Module):
    def __init__(self, latent_dim=4, features=10, *, pairs=2, hidden=None, linked=False):
        super().__init__()
        self.count, self.latent_dim, self.features = latent_dim, latent_dim, features
        self.first = nn.Linear(features, pairs * 11 // 2)
        self.body = Block(13)
        self.heads = nn.Linear(13, 2 * latent_dim)
        self.back = nn.Linear(latent_dim, sum(hidden or [6]))
        self.out = nn.Linear(sum(hidden or [6]), features)
        self.twice = pairs != 2

    def encode(self, x):
        h = self.first(x)
        return self.both(self.body(h[:, :11]))

    def both(self, h):
        return self.heads(h)

    def widen(self, z):
        return self.back(z)

    def forward(self, x):
        return self.out(self.widen(self.encode(x)[:, : self.latent_dim]))
"""
)


def test_a_size_of_an_instance_becomes_an_attribute_or_a_name(load: Any) -> None:
    result = with_others(load(WIDTHS.encode()), "B 10")
    assert result.signatures == (
        'def forward(self, x: Float[Tensor, "B {self.features}"]) -> Float[Tensor, "B {self.features}"]: ...',
        # By the name that the constructor has for it, and not by another of the same value.
        'def encode(self, x: Float[Tensor, "B {self.features}"]) -> Float[Tensor, "B 2*{self.latent_dim}"]: ...',
        'def both(self, h: Float[Tensor, "B 13"]) -> Float[Tensor, "B 2*{self.latent_dim}"]: ...',
        # What stands for None in `hidden` is a size of the class's own choice.
        'def widen(self, z: Float[Tensor, "B {self.latent_dim}"]) -> Float[Tensor, "B n"]: ...',
        'def Block.forward(self, h: Float[Tensor, "B ..."]) -> Float[Tensor, "B ..."]: ...',
    )
    assert result.notes == ("Block.forward was seen with one width alone: sizes that may follow from it are left open",)


def test_a_number_in_the_place_of_none_leaves_sizes_open(load: Any) -> None:
    text = WIDTHS.replace("linked=False):", "linked=False, taken=None, unused=None):")
    text = text.replace("nn.Linear(latent_dim, sum", "nn.Linear(taken or latent_dim, sum")
    result = with_others(load(text.encode()), "B 10")
    # A subclass may give its decoder more than it encodes, and `taken` is not what is given to the encoder.
    assert 'def widen(self, z: Float[Tensor, "B _"]) -> Float[Tensor, "B n"]: ...' in result.signatures
    assert any(note == "widen: a size of 4 may follow from taken as well: left open" for note in result.notes)
    assert 'def forward(self, x: Float[Tensor, "B {self.features}"])' in result.signatures[0]
    # Beside a number that no other could be put for.
    fixed = text.replace("self.first = nn", "assert features == 10\n        self.first = nn")
    result = with_others(load(fixed.encode()), "B 10")
    assert 'def widen(self, z: Float[Tensor, "B ..."]) -> Float[Tensor, "B ..."]: ...' in result.signatures
    assert not any("unused" in note for note in result.notes)


def test_the_model_is_built_as_it_was_and_left_so(load: Any) -> None:
    model = load(WIDTHS.encode())
    kinds = {type(each): vars(type(each))["__init__"] for each in (model, model.body)}
    seed = torch.random.get_rng_state()
    found = configurations(type(model), "B 10", infer)
    assert torch.equal(seed, torch.random.get_rng_state())
    assert {kind: vars(kind)["__init__"] for kind in kinds} == kinds
    assert [each.changed for each in found.others] == [
        "latent_dim=8",
        "features=20",
        "pairs=4",
        "hidden=[6, 10]",
        "linked=True",
    ]


def test_of_an_instance_that_nobody_saw_built_sizes_are_left_open(load: Any) -> None:
    model = load(WIDTHS.encode())
    result = annotate(model, infer(model, "B 10"))
    assert 'def both(self, h: Float[Tensor, "B ..."]) -> Float[Tensor, "B ..."]: ...' in result.signatures
    said = "both was seen with one latent_dim, features, pairs, hidden, linked alone"
    assert f"{said}: sizes that may follow from it are left open" in result.notes


def test_what_a_subclass_inherits_is_left_as_it_is(load: Any) -> None:
    heir = "\n\nclass Narrow(VAE):\n    def both(self, h):\n        return self.heads(h)[:, :3]\n"
    result = with_others(load((WIDTHS + heir).encode()), "B 10")
    assert [each.partition("(")[0] for each in result.signatures] == ["def both", "def Block.forward"]
    assert "widen is inherited by Narrow, which was not looked at: left as it is" in result.notes


FOREIGN = WIDTHS.replace("def both(self, h):", "def both(self, h) -> tuple[int]:").replace(
    "def widen(self, z):", "def widen(self, z: Tensor, *rest: list[str], by: int | None = None):"
)


def test_an_annotation_that_stood_there_comes_under_no_contract_unseen(load: Any) -> None:
    source = FOREIGN.replace("return self.heads(h)", "return [self.heads(h)]")
    source = source.replace("self.encode(x)[:,", "self.encode(x)[0][:,").replace("nn\n", "nn, Tensor\n", 1)
    text, notes = annotated(load(source.encode()), "B 10", checked=True)
    assert "both: whether tuple[int] holds was not looked at: not decorated" in notes
    assert "widen: whether list[str] holds was not looked at: not decorated" in notes
    assert text.count("@checked") == 3  # forward, encode, and Block as a whole
    assert load(text.encode())(torch.rand(3, 10)).shape == (3, 10)


FLAT = (
    HEAD
    + """class VAE(nn.Module):
    def __init__(self, shape=(2, 6, 5)):
        super().__init__()
        self.line = nn.Linear(torch.Size(shape).numel(), 4)

    def encode(self, x):
        return self.line(x.flatten(1))

    def forward(self, x):
        return self.encode(x)
"""
)


def test_a_network_that_flattens_takes_any_axes(load: Any) -> None:
    result = with_others(load(FLAT.encode()), "B 2 6 5")
    assert result.signatures[1] == 'def encode(self, x: Float[Tensor, "..."]) -> Float[Tensor, "B 4"]: ...'


KINDS = (
    HEAD
    + """class VAE(nn.Module):
    def __init__(self, axes=2, width=7):
        super().__init__()
        self.width = width
        self.down = {2: nn.Conv2d, 3: nn.Conv3d}[axes](3, width, 3, padding=1)
        self.up = {2: nn.Conv2d, 3: nn.Conv3d}[axes](width, 3, 1)

    def encode(self, x):
        return self.down(x)

    def forward(self, x):
        return self.up(self.encode(x))
"""
)


def test_what_decides_the_number_of_axes_leaves_them_open(load: Any) -> None:
    result = with_others(load(KINDS.encode()), "B 3 H W")
    first = 'def encode(self, x: Float[Tensor, "B ..."]) -> Float[Tensor, "B {self.width} ..."]: ...'
    assert result.signatures[1] == first
