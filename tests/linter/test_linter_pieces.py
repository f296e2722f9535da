"""Heads that a model hands on in one tensor, and a loss takes apart again: each piece is the head that went in."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.torch_model.pieces import number_of_equal

LAYER = Expr("layer", (), (("kind", "Linear"), ("outputs", 28)))

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.to_m, self.to_s = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, {width})
        self.back = nn.Linear(7, 84)

    def forward(self, x):
        h = torch.relu(self.body(x))
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp({std}) * torch.randn_like(m)
        return self.back(z), {joined}


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        out, both = net(x)
        m, s = {taken}
        loss = F.mse_loss(out, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
FORMS = (
    ("torch.cat((m, s), dim=1)", "torch.chunk(both, 2, dim=1)"),
    ("torch.cat([m, s], -1)", "both.chunk(2, -1)"),
    ("torch.hstack((m, s))", "both.tensor_split(2, dim=1)"),
    ("torch.cat((m, s), dim=1)", "both.split(7, dim=1)"),
    ("torch.cat((m, s), dim=1).contiguous()", "both.split([7, 7], 1)"),
    ("torch.cat((m, s), dim=1)", "both[:, :7], both[:, 7:]"),
    ("torch.cat((m, s), dim=-1)", "both[..., :7], both[..., 7:]"),
    ("torch.stack((m, s))", "both"),
    ("torch.stack((m, s))", "both[0], both[-1]"),
    ("torch.stack((m, s), 1)", "both.unbind(1)"),
)
# What is taken is no head: features of both, samples, or steps.
MIXED = (
    (5, "torch.cat((m, s), dim=1)", "torch.chunk(both, 2, dim=1)"),
    (7, "torch.cat((m, s), dim=0)", "torch.chunk(both, 2, dim=1)"),
    (7, "torch.cat((m, s), dim=1)", "both.split([6, 8], 1)"),
    (7, "torch.cat((m, s), dim=1)", "both[:, :6], both[:, 6:]"),
    (7, "torch.cat((m, s), dim=1)", "both[:, :7], both[:, 7::2]"),
    (7, "torch.stack((m, s))", "both.unbind(1)"),
)


def read(folder: Path, std: str, forms: list[tuple[int, str, str]]) -> dict[str, set[str]]:
    """The codes that are found in each file, by the numbers of the forms."""
    texts = (NET.format(width=width, std=std, joined=joined, taken=taken) for width, joined, taken in forms)
    report = linted(folder, {f"net_{number}.py": text for number, text in enumerate(texts)})
    found = {str(number): set[str]() for number in range(len(forms))}
    for finding in report.findings:
        assert finding.place is not None
        found[Path(finding.place.path).stem.removeprefix("net_")].add(finding.code)
    return found


def test_a_piece_of_what_was_put_together_is_the_head_that_went_in(tmp_path: Path) -> None:
    forms = [(7, joined, taken) for joined, taken in FORMS]
    assert set(map(frozenset, read(tmp_path, "s", forms).values())) == {frozenset({"VAE201"})}
    assert set(map(frozenset, read(tmp_path, "0.5 * s", forms).values())) == {frozenset()}


def test_heads_that_come_back_in_the_other_order_are_swapped(tmp_path: Path) -> None:
    found = read(tmp_path, "0.5 * s", [(7, "torch.cat((s, m), dim=1)", "both.chunk(2, 1)")])
    assert "VAE205" in found["0"]


def test_pieces_of_other_lengths_or_axes_are_no_heads(tmp_path: Path) -> None:
    assert not {code for codes in read(tmp_path, "s", list(MIXED)).values() for code in codes} & {"VAE201", "VAE205"}


@pytest.mark.parametrize(
    ("x", "width", "axis", "expected"),
    [
        (LAYER, 7, -1, 4),
        (LAYER, 7, 1, 4),
        (LAYER, 8, 1, 4),
        (LAYER, 28, 1, 1),
        (LAYER, 7, 0, None),
        (LAYER, 0, 1, None),
        (Expr("layer", (), (("kind", "Conv2d"), ("outputs", 28))), 7, 1, None),
        (Expr("layer", (), (("kind", "Linear"), ("outputs", None))), 7, 1, None),
        (Expr("cat", (LAYER, LAYER), (("axis", 1),)), 28, 1, 2),
        (Expr("cat", (LAYER, LAYER), (("axis", 0),)), 28, 1, None),
        (Expr("cat", (LAYER, Expr("opaque")), (("axis", 1),)), 28, 1, None),
    ],
)
def test_how_many_equal_pieces_the_features_of_a_layer_make(
    x: Expr, width: float, axis: float, expected: int | None
) -> None:
    assert number_of_equal(x, width, axis) == expected
