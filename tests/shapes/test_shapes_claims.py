"""What `infer` says of a model, one claim after another, against what real passes of the same model show."""

from __future__ import annotations

import itertools
import math
import random

import pytest
import torch
from torch import Tensor, nn

from vae_checked.shapes import evaluate, infer, listing


class Blocks(nn.Module):
    """Three blocks of one kind and one of another, called in another order than they are defined in."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Conv2d(4, 3, 1)
        self.blocks = nn.ModuleList(nn.ModuleDict({"norm": nn.BatchNorm2d(4), "act": nn.SiLU()}) for _ in range(3))
        self.first = nn.Conv2d(3, 4, 3, 2, 1)
        self.register_buffer("scale", torch.ones(7, dtype=torch.float64), persistent=False)
        self.unused = nn.Parameter(torch.zeros(2, 5))

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        for block in self.blocks:
            h = block["act"](block["norm"](h))
        out: Tensor = self.last(h)
        return out


def real_calls(model: nn.Module, x: Tensor) -> list[tuple[str, str, tuple[int, ...], tuple[int, ...], torch.dtype]]:
    """Each call of a leaf module in a real pass: name, type, shape that went in and came out, dtype that came out."""
    calls: list[tuple[str, str, tuple[int, ...], tuple[int, ...], torch.dtype]] = []
    for name, module in model.named_modules():
        if not list(module.children()):
            module.register_forward_hook(
                lambda module, args, output, name=name: calls.append(
                    (name, type(module).__name__, tuple(args[0].shape), tuple(output.shape), output.dtype)
                )
            )
    model.eval()(x)
    return calls


def test_layers_are_told_in_running_order_with_shapes_and_dtypes() -> None:
    shapes = infer(Blocks(), "B 3 H W")
    sizes = {"B": 2, "H": 13, "W": 22}
    expected = real_calls(Blocks(), torch.rand(2, 3, 13, 22))
    said = [
        (each.key, each.type, each.takes[0].at(sizes), each.gives[0].at(sizes), getattr(torch, each.gives[0].dtype))
        for each in shapes.layers
    ]
    assert len(said) == 8
    assert said == expected


def test_repeated_blocks_are_written_once_where_the_first_of_them_runs() -> None:
    page = listing(infer(Blocks(), "B 3 H W"))
    rows = [line.split()[0] for line in page.partition("layers:\n")[2].partition("\n\n")[0].splitlines()]
    assert rows == ["first", "blocks.{0..2}.norm", "blocks.{0..2}.act", "last"]


def test_every_parameter_and_buffer_is_told_used_or_not() -> None:
    model = Blocks()
    shapes = infer(model, "B 3 H W")
    for told, real in ((shapes.parameters, model.named_parameters()), (shapes.buffers, model.named_buffers())):
        assert dict(told) == {
            key: f"{str(tensor.dtype).removeprefix('torch.')}[{' '.join(map(str, tensor.shape))}]"
            for key, tensor in real
        }
    assert shapes.parameters["unused"] == "float32[2 5]"
    assert shapes.buffers["scale"] == "float64[7]"


def test_dtypes_are_those_of_a_real_pass() -> None:
    class Mixed(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return x.half(), x > 0, x.argmax(1), x.double().mean(1), torch.complex(x, x), x.to(torch.bfloat16)

    shapes = infer(Mixed(), "B 4")
    real = Mixed()(torch.rand(3, 4))
    assert [each.dtype for each in shapes.outputs] == [str(each.dtype).removeprefix("torch.") for each in real]


@pytest.mark.parametrize(
    "layers",
    [
        (nn.Conv2d(1, 1, 4, 2, 1), nn.ConvTranspose2d(1, 1, 4, 2, 1)),
        (nn.Conv2d(1, 1, 5, 3), nn.ConvTranspose2d(1, 1, 5, 3)),
        (nn.Conv2d(1, 1, 3), nn.MaxPool2d(2), nn.ConvTranspose2d(1, 1, 4, 2)),
        (nn.Conv2d(1, 1, 3, 2), nn.ConvTranspose2d(1, 1, 3, 2)),
        (nn.Conv2d(1, 1, 4, 4), nn.Upsample(scale_factor=5)),
        (nn.AdaptiveAvgPool2d(12), nn.Conv2d(1, 1, 3, 1, 1)),
        (nn.Conv2d(1, 1, 3), nn.ConvTranspose2d(1, 1, 4)),
        (nn.Conv2d(1, 1, 3, 1, 1), nn.Conv2d(1, 1, 5, 1, 2)),
    ],
)
def test_the_constraint_and_the_smallest_size_are_those_of_real_passes(layers: tuple[nn.Module, ...]) -> None:
    model = nn.Sequential(*layers)
    shapes = infer(model, "B 1 H W=29")
    accepted, kept = set(), set()
    for height in range(1, 33):
        try:
            passed = model(torch.zeros(1, 1, height, 29))
        except RuntimeError:
            continue
        accepted.add(height)
        if passed.shape[2] == height:
            kept.add(height)
    smallest = dict(part.split("=") for part in shapes.smallest.split())
    assert int(smallest["H"]) == min(accepted)
    low, high, step = shapes.accepted["H"]
    assert accepted == {height for height in range(1, 33) if height >= low and (height - low) % step == 0}
    assert high is None
    if shapes.constraint.startswith("never"):
        assert kept == set()
        return
    conditions = [part for part in shapes.constraint.split(" and ") if not part.startswith("W ")]
    names = {"__builtins__": {}}
    said = {
        height
        for height in accepted
        if shapes.constraint == "always" or all(eval(part, names, {"H": height}) for part in conditions)  # noqa: S307  what the library wrote
    }
    assert said == kept


def test_a_product_has_factors_that_are_shifted() -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.valid, self.down = nn.Conv3d(1, 2, 3), nn.Conv2d(1, 2, 3)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.valid(x).flatten(2), self.down(x[:, :, 0]).flatten(1)

    shapes = infer(Flat(), "B 1 D H W")
    model = Flat()
    drawn = random.Random(5)  # noqa: S311  sizes are no secret
    for _ in range(6):
        d, h, w = drawn.sample(range(4, 19), 3)
        real = [tuple(each.shape) for each in model(torch.zeros(2, 1, d, h, w))]
        assert [each.at({"B": 2, "D": d, "H": h, "W": w}) for each in shapes.outputs] == real
    assert shapes.outputs[0].axes == ("B", "2", "(D-2)*(H-2)*(W-2)")
    assert shapes.outputs[1].axes == ("B", "2*(H-2)*(W-2)")


def test_what_is_no_law_is_shown_as_the_sizes_that_were_seen() -> None:
    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, :, : math.isqrt(x.shape[2])]

    shapes = infer(Root(), "B 3 T")
    assert shapes.outputs[0].axes == ("B", "3", "?")
    table = shapes.without_formula["forward output axis 2"]
    # The batch plays no part.
    rows = [row.removeprefix("T=").split(": ") for row in table.split("; ")]
    lengths = [int(length) for length, _ in rows]
    assert len(rows) >= 6
    assert lengths == sorted(set(lengths))
    assert [int(size) for _, size in rows] == [math.isqrt(length) for length in lengths]
    assert f"forward output axis 2: {table}" in listing(shapes)


def test_several_inputs_have_letters_of_their_own_and_in_common() -> None:
    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.image, self.sound = nn.Conv2d(3, 4, 2, 2), nn.Conv1d(7, 4, 3, 3, 1)

        def forward(self, image: Tensor, *, sound: Tensor, level: Tensor) -> dict[str, Tensor]:
            pooled = self.image(image).mean((2, 3))
            return {"z": pooled + level, "sound": self.sound(sound) + pooled[:, :, None], "image": self.image(image)}

    shapes = infer(Joined(), "B 3 H W, sound: B 7 T, level: B 4")
    model = Joined()
    for b, h, w, t in itertools.product((2,), (5, 8), (9, 12), (7, 11)):
        real = model(torch.rand(b, 3, h, w), sound=torch.rand(b, 7, t), level=torch.rand(b, 4))
        told = {each.path: each.at({"B": b, "H": h, "W": w, "T": t}) for each in shapes.outputs}
        assert told == {f"output[{key!r}]": tuple(value.shape) for key, value in real.items()}
    assert evaluate(shapes.entry("sound").gives[0].axes[2], {"T": 10}) == 4
