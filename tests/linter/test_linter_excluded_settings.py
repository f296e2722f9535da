"""Settings that exclude each other: what stands under both is not run, by what they equal or because code raises."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

from vae_checked.linter.symbols.conditions import contradict
from vae_checked.linter.symbols.expression import Expr, atom, opaque

MODULE = """\
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader


class Tiles(nn.Module):
    def __init__(self, low=0.0):
        super().__init__()
        self.low = low

    def forward(self, x):
        return torch.relu(x - self.low)


class Model(nn.Module):
    def __init__(self, drawn=False, tiled=False):
        super().__init__()
        self.drawn = drawn
        self.enc, self.mean, self.dec = nn.Linear(784, 64), nn.Linear(64, 16), nn.Linear(16, 784)
        if tiled:
            self.act = LAYER
        else:
            self.act = nn.Identity()
        CHECK
        if self.drawn:
            self.std = nn.Linear(64, 16)

    def refuse(self, drawn, tiled):
        if drawn and tiled:
            raise ValueError("either")

    def forward(self, x):
        h = torch.tanh(self.enc(x))
        means = self.act(self.mean(h))
        if not self.drawn:
            return self.dec(means), means, None
        stds = self.std(h)
        return self.dec(means + stds * torch.randn_like(stds)), means, stds


def train(args):
    model = Model(MADE)
    optimizer = torch.optim.Adam(model.parameters())
    for x in DataLoader(records, 32):
        x_hat, mu, sigma = model(x)
        kl = -0.5 * (1 + torch.log(sigma ** 2) - mu ** 2 - sigma ** 2).sum(-1)
        loss = (F.mse_loss(x_hat, x, reduction="none").sum(-1) + kl).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
APART, FREE = 'args.kind == "drawn", args.kind == "tiled"', "args.drawn, args.tiled"
LAYERS = ("Tiles()", "nn.ReLU()")


def _found(layer: str, check: str, made: str, folder: Path) -> list[str]:
    text = MODULE.replace("LAYER", layer).replace("CHECK", check.replace("\n", "\n        ")).replace("MADE", made)
    return codes(linted(folder, {"model.py": text}))


@pytest.mark.parametrize("layer", LAYERS)
def test_one_setting_does_not_equal_two_texts(layer: str, tmp_path: Path) -> None:
    assert _found(layer, "pass", APART, tmp_path) == []


CHECKS = (
    "if self.drawn:\n    if tiled:\n        raise ValueError('either')",
    "if drawn and tiled:\n    raise ValueError('either')",
    "if tiled:\n    print('tiled')\n    if drawn:\n        print('drawn')\n        raise ValueError('either')",
    "if not (drawn and tiled):\n    pass\nelse:\n    raise ValueError('either')",
    "assert not (drawn and tiled), 'either'",
    "assert not drawn or not tiled",
    "if drawn:\n    assert not tiled",
    "try:\n    if drawn and tiled:\n        raise ValueError('either')\nfinally:\n    print('asked')",
    "self.refuse(drawn, tiled)",
)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("check", CHECKS)
def test_what_code_raises_for_is_not_run(check: str, layer: str, tmp_path: Path) -> None:
    assert _found(layer, check, FREE, tmp_path) == []


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    "check",
    [
        "pass",
        "if not drawn and tiled:\n    raise ValueError('only where it is drawn')",
        "if drawn and tiled and unsure():\n    raise ValueError('neither')",
        "if drawn and tiled:\n    print('both')",
        "try:\n    if drawn and tiled:\n        raise ValueError('either')\nexcept ValueError:\n    print('both')",
        "assert drawn or tiled",
    ],
)
def test_what_may_be_run_together_is_named(check: str, layer: str, tmp_path: Path) -> None:
    assert _found(layer, check, FREE, tmp_path) == ["VAE204"]


@pytest.mark.parametrize("layer", LAYERS)
def test_one_setting_may_choose_both(layer: str, tmp_path: Path) -> None:
    assert _found(layer, "pass", 'args.kind == "drawn", args.kind != "plain"', tmp_path) == ["VAE204"]
    assert _found(layer, "pass", 'args.kind == "drawn", args.kind == "drawn"', tmp_path) == ["VAE204"]


def test_an_activation_of_the_project_is_one_of_two(tmp_path: Path) -> None:
    text = MODULE.replace("CHECK", "pass").replace("MADE", "True, args.tiled").replace("LAYER", "Tiles()")
    (finding,) = linted(tmp_path, {"model.py": text}).findings
    assert finding.code == "VAE204"
    assert finding.message.endswith(", where args.tiled")


# ---------------------------------------------------------------- conditions themselves

KIND, A, B = atom("kind", None), atom("a", None), atom("b", None)


def _equals(text: str, negated: bool = False) -> Expr:
    constant = opaque(f"str:{text}", (), None)
    return opaque("compare:NotEq" if negated else "compare:Eq", (KIND, constant), None)


def _not(condition: Expr) -> Expr:
    return opaque("not", (condition,), None)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (((A, True), (B, True)), False),
        (((A, True), (A, False)), True),
        (((A, True), (_not(A), True)), True),
        (((A, True), (_not(A), False)), False),
        (((_equals("x"), True), (_equals("y"), True)), True),
        (((_equals("x"), True), (_equals("x", negated=True), True)), True),
        (((_equals("x"), True), (_equals("y", negated=True), True)), False),
        (((_equals("x"), False), (_equals("y"), False)), False),
        (((_equals("x", negated=True), False), (_equals("y"), True)), True),
        (((opaque("And", (A, B), None), True), (B, False)), True),
        (((opaque("And", (A, B), None), False), (B, False)), False),
        (((opaque("Or", (A, B), None), False), (B, True)), True),
        (((opaque("Or", (A, B), None), True), (B, False)), False),
    ],
)
def test_conditions_that_go_together(steps: tuple[tuple[Expr, bool], ...], expected: bool) -> None:
    assert contradict(steps) is expected
    assert contradict(reversed(steps)) is expected


def test_conditions_that_code_refuses_together() -> None:
    refused = [((A, True), (_equals("x"), True))]
    assert contradict(((A, True), (_equals("x"), True)), refused)
    assert contradict(((A, True), (_equals("x", negated=True), False)), refused)
    assert not contradict(((A, True), (_equals("y"), True)), refused)
    assert not contradict(((A, True),), refused)
    assert not contradict(((A, True),), [()])
