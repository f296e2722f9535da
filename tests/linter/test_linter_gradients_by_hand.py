"""Gradients that are taken by hand, or in a way that is not read: whether they reach all that trains is open."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, OBJECTIVE, codes, linted

TRAINED = (
    "import helpers\nfrom helpers import backward, value_and_grad\n"
    + HEAD
    + MODEL
    + FORWARD
    + OBJECTIVE
    + """

def fit(loader, other):
    net = Net()
    held = list(net.back.parameters())
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        y, m, s = net(x)
        loss = objective(y, x, m, s)
        optimizer.zero_grad()
        {between}
        {stepped}
        total = loss.item()
"""
)
TAKING = (
    "grads = torch.autograd.grad(loss, net.parameters())",
    "for each, grad in zip(held, torch.autograd.grad(loss, held)):\n            each.grad = grad",
    "held = [each - 0.1 * grad for each, grad in zip(held, torch.autograd.grad(loss, held))]",
    "backward(loss)",
    "backward(loss, held)",
    "other.run_backward(loss, held)",
    "grads = value_and_grad(loss)",
    "other.minimize(loss, held)",
)
# By what is differentiated another loss is, as far as is known; or nothing is.
OTHERS = (
    "(y - x).abs().sum().backward()",
    "with helpers.scale_loss((y - x).pow(2).sum(), optimizer) as scaled:\n            scaled.backward()",
    "with helpers.scale_loss(loss, optimizer) as scaled:\n            print(scaled)",
)


@pytest.mark.parametrize(
    ("between", "stepped"),
    [*itertools.product(TAKING, ("optimizer.step()", "pass")), *((each, "optimizer.step()") for each in OTHERS)],
)
def test_gradients_that_are_taken_in_a_way_that_is_not_read_are_open(
    between: str, stepped: str, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": TRAINED.format(between=between, stepped=stepped)})
    assert codes(report) == []
    assert not any("VAE601" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize(
    "between",
    [
        "loss.backward()",
        "other.scale(loss).backward()",
        "with helpers.scale_loss(loss, optimizer) as scaled:\n            scaled.backward()",
        "torch.autograd.backward(loss)",
        "other.backward(loss)",
        "grads = torch.autograd.grad(loss, m, retain_graph=True)\n        loss.backward()",
    ],
)
def test_gradients_of_the_whole_loss_are_clean(between: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TRAINED.format(between=between, stepped="optimizer.step()")})
    assert codes(report) == []
    assert any("VAE601" in vae.clean for vae in report.vaes)
