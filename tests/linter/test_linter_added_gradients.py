"""Terms that are differentiated one after another: their gradients are added up until a step, as of their sum."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, codes, joined, linted

TEXT = f"""{HEAD}
{LAYERS}
{LAYERS_FORWARD}

def fit(loader, plain, judge):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        error = {{error}}
        kl = {{kl}}
        {{steps}}
"""
SUMS = "F.mse_loss(y, x, reduction='sum') / len(x)"
KL = "(-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)).mean()"
STEP, CLEAR = "optimizer.step()", "optimizer.zero_grad()"
TOGETHER = {
    "kl first": (CLEAR, "kl.backward(retain_graph=True)", "error.backward()", STEP),
    "error first": (CLEAR, "error.backward(retain_graph=True)", "kl.backward()", STEP),
    "cleared afterwards": ("error.backward(retain_graph=True)", "kl.backward()", STEP, CLEAR),
    "as a list": (CLEAR, "torch.autograd.backward([error, kl])", STEP),
    "of a sum": (CLEAR, "torch.autograd.backward(error + kl)", STEP),
    "weighted": (CLEAR, "error.backward(retain_graph=True)", "(1 * kl).backward()", STEP),
    "a third": (
        CLEAR,
        "kl.backward(retain_graph=True)",
        "y.abs().mean().backward(retain_graph=True)",
        "error.backward()",
        STEP,
    ),
}
APART = {
    "a step between": (CLEAR, "kl.backward(retain_graph=True)", STEP, "error.backward()", STEP),
    "cleared between": (CLEAR, "kl.backward(retain_graph=True)", CLEAR, "error.backward()", STEP),
    "either": (CLEAR, "if plain:\n            error.backward()\n        else:\n            kl.backward()", STEP),
}


def _text(steps: tuple[str, ...], error: str = SUMS, kl: str = KL) -> dict[str, str]:
    return {"net.py": TEXT.format(error=error, kl=kl, steps="\n        ".join(steps))}


# By what is wrong of the loss: the error, the KL, and the code.
WRONG = {
    "a mean": ("F.mse_loss(y, x)", KL, "VAE502"),
    "the batch summed": ("F.mse_loss(y, x, reduction='sum')", KL, "VAE504"),
    "the sign": (SUMS, KL.replace("-0.5", "0.5"), "VAE302"),
}


@pytest.mark.parametrize("name", TOGETHER)
@pytest.mark.parametrize("wrong", WRONG)
def test_the_loss_is_the_sum_of_what_is_differentiated_before_a_step(wrong: str, name: str, tmp_path: Path) -> None:
    error, kl, code = WRONG[wrong]

    assert codes(linted(tmp_path, _text(TOGETHER[name], error, kl))) == [code]


@pytest.mark.parametrize("name", TOGETHER)
def test_a_right_sum_is_read_and_clean(name: str, tmp_path: Path) -> None:
    report = linted(tmp_path, _text(TOGETHER[name]))

    assert codes(report) == []
    assert any(facts.kl.sign is not None for facts in joined(report))


@pytest.mark.parametrize("name", APART)
def test_terms_with_steps_of_their_own_are_no_sum(name: str, tmp_path: Path) -> None:
    report = linted(tmp_path, _text(APART[name], error="F.mse_loss(y, x)"))

    assert codes(report) == []


def test_an_error_in_both_is_read_in_the_one_with_the_kl(tmp_path: Path) -> None:
    fooled = "F.binary_cross_entropy_with_logits(judge(y), torch.ones(len(x), 1))"
    steps = (CLEAR, "(error + kl).backward(retain_graph=True)", f"(error + {fooled}).backward()", STEP)

    assert codes(linted(tmp_path, _text(steps, error="F.mse_loss(y, x, reduction='sum')"))) == ["VAE504"]
