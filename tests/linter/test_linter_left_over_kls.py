"""An older formula of a KL that was left in the code, beside the one that stands in the loss."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, codes, linted

RIGHT = f"({KL}).mean()"
ANEW = "0.5 * (m**2 + torch.exp(s) - s - 1).sum(1).mean(0)"
OTHER = "(-s + m**2 / 2 + torch.exp(s) / 2).sum(1).mean(0)"
SCENE = (
    HEAD
    + LAYERS
    + """
    def loss(self, x):
        m, s = self.to_m(x), self.to_s(x)
        {first}
        kl = {kl}
        {older}
        z = m + {std} * torch.randn(m.shape)
        error = ((self.back(z) - x) ** 2).sum(1).mean(0)
        return {given}


def fit(net, steps, loader):
    for x in loader:
        loss = net.loss(x)
        steps.zero_grad()
        loss.backward()
        steps.step()
"""
)
TRAINED = """

net = Net()
fit(net, torch.optim.Adam(net.parameters()), DataLoader(torch.randn(50, 84), batch_size=5))
"""


def program(
    *, kl: str = RIGHT, first: str = "", older: str = "", std: str = "torch.exp(0.5 * s)", given: str = "error + kl"
) -> str:
    return SCENE.format(first=first, kl=kl, older=older, std=std, given=given)


@pytest.mark.parametrize("trained", ["", TRAINED], ids=["alone", "trained"])
@pytest.mark.parametrize("formula", [RIGHT, ANEW, OTHER], ids=["again", "anew", "of no Gaussian"])
@pytest.mark.parametrize("place", ["first", "older"], ids=["above", "below"])
def test_what_nothing_reads_says_nothing(place: str, formula: str, trained: str, tmp_path: Path) -> None:
    text = program(first=f"old = {formula}") if place == "first" else program(older=f"old = {formula}")
    report = linted(tmp_path, {"a.py": text + trained})
    assert codes(report) == []
    assert [vae.core_checked for vae in report.vaes] == [True]


def test_a_name_between_is_no_use(tmp_path: Path) -> None:
    older = "inner = -s + m**2 / 2 + torch.exp(s) / 2\n        old = inner.sum(1).mean(0)"
    assert codes(linted(tmp_path, {"a.py": program(older=older)})) == []


@pytest.mark.parametrize("trained", ["", TRAINED], ids=["alone", "trained"])
@pytest.mark.parametrize("formula", [RIGHT, ANEW, OTHER], ids=["again", "anew", "of no Gaussian"])
def test_the_kl_of_the_loss_is_compared_with_the_draw(formula: str, trained: str, tmp_path: Path) -> None:
    text = program(older=f"old = {formula}", std="torch.exp(s)")
    assert codes(linted(tmp_path, {"a.py": text + trained})) == ["VAE201"]


def test_a_wrong_formula_in_the_loss_is_named_beside_a_right_one(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"a.py": program(kl=OTHER, older=f"old = {RIGHT}")})) == ["VAE301"]


def test_a_wrong_formula_that_is_printed_is_named(tmp_path: Path) -> None:
    older = f"old = {OTHER}\n        print(old.item())"
    assert codes(linted(tmp_path, {"a.py": program(older=older)})) == ["VAE301"]


def test_two_kls_in_no_loss_are_unused(tmp_path: Path) -> None:
    text = program(older=f"old = {ANEW}", given="error")
    assert set(codes(linted(tmp_path, {"a.py": text}))) == {"VAE305"}
