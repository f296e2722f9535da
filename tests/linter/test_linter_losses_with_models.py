"""A model and its loss that one setting chooses together: the loss of the one is not held against the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MADE_LOOP, codes, linted

NET = """

class {name}(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)
        self.back = nn.Sequential(nn.Linear(7, {wide}), nn.ReLU(), nn.Linear({wide}, 84), {last})

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s
"""
LOSS = """

def {name}(y, x, m, s):
    error = F.{error}(y, x, reduction="sum"){share}
    return error - 0.5 * (1 + s - m.pow(2) - s.exp()).sum(1).mean()
"""
BUILD = """

def build(kind):
    if kind == "near":
        return Near(), {near}
    return Far(), {far}
"""
CALLED = "loss = criterion(y, x, m, s)"
CHOSEN = {
    "in one branch": (
        (
            'if options.kind == "near":\n        net, criterion = Near(), {near}\n'
            "    else:\n        net, criterion = Far(), {far}"
        ),
        CALLED,
    ),
    "in two branches": (
        (
            'if options.kind == "near":\n        net = Near()\n    else:\n        net = Far()\n'
            '    if options.kind == "near":\n        criterion = {near}\n    else:\n        criterion = {far}'
        ),
        CALLED,
    ),
    "in one line each": (
        (
            'net = Near() if options.kind == "near" else Far()\n'
            '    criterion = {near} if options.kind == "near" else {far}'
        ),
        CALLED,
    ),
    "over a default": (
        'net, criterion = Near(), {near}\n    if options.kind == "far":\n        net, criterion = Far(), {far}',
        CALLED,
    ),
    "by a function": ("net, criterion = build(options.kind)", CALLED),
    "where it is called": (
        'net = Near() if options.kind == "near" else Far()',
        (
            'if options.kind == "near":\n            loss = {near}(y, x, m, s)\n'
            "        else:\n            loss = {far}(y, x, m, s)"
        ),
    ),
}


def trained(
    choice: str, near: str = "of_probabilities", far: str = "of_scores", shares: tuple[str, str] = ("", "")
) -> str:
    made, loss = (each.format(near=near, far=far) for each in CHOSEN[choice])
    nets = NET.format(name="Near", wide=33, last="nn.Sigmoid()") + NET.format(name="Far", wide=47, last="nn.Identity()")
    losses = LOSS.format(name="of_probabilities", error="binary_cross_entropy", share=shares[0])
    losses += LOSS.format(name="of_scores", error="binary_cross_entropy_with_logits", share=shares[1])
    fit = MADE_LOOP.format(given="loader, options", made=made, loss=loss, differentiated="loss.backward()")
    return HEAD + nets + losses + BUILD.format(near=near, far=far) + fit


AVERAGED = (" / len(x)", " / len(x)")


@pytest.mark.parametrize("choice", CHOSEN)
def test_a_loss_that_goes_with_its_model_is_not_accused(choice: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": trained(choice, shares=AVERAGED)})) == []


# Which of two models is the one that is read is up to what is set last.
@pytest.mark.parametrize("choice", sorted(CHOSEN.keys() - {"over a default"}))
def test_a_loss_of_scores_for_both_models_is_named(choice: str, tmp_path: Path) -> None:
    text = trained(choice, near="of_scores", shares=AVERAGED)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE401"]


@pytest.mark.parametrize("choice", CHOSEN)
@pytest.mark.parametrize("shares", [(" / len(x)", ""), ("", " / len(x)")], ids=["second", "first"])
def test_a_sum_over_the_batch_in_one_of_two_losses_is_named(
    shares: tuple[str, str], choice: str, tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"net.py": trained(choice, shares=shares)})) == ["VAE504"]
