"""Formulas that few sizes cannot tell apart or that hold of pieces, and models that work piece by piece."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vae_checked.shapes import infer
from vae_checked.shapes.fit import candidates
from vae_checked.shapes.formula import Quotient, roughness


def test_a_long_stride_is_told_from_its_neighbours() -> None:
    # At these sizes T//2048 and (T-7)//2038 are equal, and so are many between.
    points = [{"T": size} for size in (2044, 2048, 4080, 4096, 6120, 6144)]
    values = [point["T"] // 2048 for point in points]
    assert values == [(point["T"] - 7) // 2038 for point in points]
    assert str(candidates(points, values, ["T"])[0]) == "T//2048"


@pytest.mark.parametrize(
    ("least", "quotient", "most", "rival"), [(64, 32, 1024, Quotient("H", -2, 31)), (16, 16, 96, Quotient("H", 0, 14))]
)
def test_where_only_multiples_are_accepted_the_divisor_is_the_round_one(
    least: int, quotient: int, most: int, rival: Quotient
) -> None:
    points = [{"H": size} for size in range(least, most + 1, quotient)]
    values = [point["H"] // quotient for point in points]
    assert values == [rival.at(point) for point in points]
    assert str(candidates(points, values, ["H"])[0]) == f"H//{quotient}"


def test_a_law_without_a_constant_is_the_simpler_one() -> None:
    points = [{"H": 28}, {"H": 56}]
    assert [point["H"] // 32 + 1 for point in points] == [1, 2]
    assert candidates(points, [1, 2], ["H"])[0].constant == 0


def test_the_largest_prime_factor_is_the_roughness() -> None:
    assert [roughness(n) for n in (1, 2, 14, 15, 16, 2038, 2048)] == [1, 2, 7, 5, 2, 1019, 2]


def test_what_is_made_of_pairs_has_the_law_of_a_step_and_its_half() -> None:
    # Latents in pairs of which each gives 8 frames, but the first, which gives 1 when their number is odd.
    points = [{"D": size, "H": height} for size in (1, 2, 6, 9, 16, 17, 18, 29, 33, 47) for height in (8, 24)]
    latents = [(point["D"] + 3) // 4 for point in points]
    values = [4 * z - 3 * (z % 2) for z in latents]
    found = candidates(points, values, ["D", "H"], {"D": {Quotient("D", 3, 4)}})[0]
    far = [{"D": size, "H": 8} for size in range(1, 200)]
    expected = [4 * ((point["D"] + 3) // 4) - 3 * (((point["D"] + 3) // 4) % 2) for point in far]
    assert [found.at(point) for point in far] == expected


class Dropping(nn.Module):
    """Frames go through in pieces of 8, and a last piece of fewer than 3 frames is dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv3d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        pieces = list(x.split(8, 2))
        if len(pieces) > 1 and pieces[-1].shape[2] < 3:
            pieces = pieces[:-1]
        return torch.cat([self.layer(piece) for piece in pieces], 2)


class Refusing(nn.Module):
    """Frames go through in pieces of 8, of which the last cannot be of 5."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv3d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        pieces = x.split(8, 2)
        if pieces[-1].shape[2] == 5:
            raise ValueError("a last piece of 5 frames")
        return torch.cat([self.layer(piece) for piece in pieces], 2)


def test_a_piece_that_is_dropped_is_noticed() -> None:
    shapes = infer(Dropping(), "B 3 D H W")
    assert shapes.outputs[0].axes == ("B", "3", "?", "H", "W")
    assert shapes.constraint.startswith("unknown: axis 2 is ?")


def test_a_size_that_a_piece_refuses_is_told() -> None:
    shapes = infer(Refusing(), "B 3 D H W")
    assert shapes.outputs[0].axes == ("B", "3", "D", "H", "W")
    assert "D == 13: forward: a last piece of 5 frames" in shapes.crashes


def test_a_forward_that_differentiates_can_be_probed() -> None:
    class Penalised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(7, 3)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = self.layer(x)
            (slope,) = torch.autograd.grad(y.sum(), self.layer.weight, create_graph=True)
            return y, slope

    model = Penalised()
    shapes = infer(model, "B 7")
    assert [each.axes for each in shapes.outputs] == [("B", "3"), ("3", "7")]
    assert shapes.how == "meta"
    assert model.layer.weight.grad is None


def test_a_message_that_names_a_type_of_meta_tensors_is_about_shapes() -> None:
    class Expanding(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.expand(3, 4) if x.shape[1] % 4 else x

    shapes = infer(Expanding(), "B H W")
    assert shapes.how == "meta"
    assert any(crash.startswith("H % 4 != 0: forward: ") for crash in shapes.crashes)


def test_what_works_in_tiles_is_not_probed_where_both_sides_are_large() -> None:
    seen: list[tuple[int, int]] = []

    class Tiled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, 3, 3, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            seen.append((x.shape[2], x.shape[3]))
            rows = [[self.layer(tile) for tile in row.split(128, 3)] for row in x.split(128, 2)]
            return torch.cat([torch.cat(row, 3) for row in rows], 2)

    shapes = infer(Tiled(), "B 3 H W")
    assert shapes.outputs[0].axes == ("B", "3", "H", "W")
    assert max(h for h, _ in seen) > 900
    assert max(min(h, w) for h, w in seen) < 400
