"""A KL that is held back by a weight of 0 for a while: what is said of it is said of the time when it counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, NAMED, NAMED_FORWARD, linted

from vae_checked.mathematics.effective_beta import rendered

FIT = (
    HEAD
    + NAMED
    + NAMED_FORWARD
    + """

def fit(loader, {epochs}, most=1.0):
    net = Net()
    steps = torch.optim.Adam(net.parameters())
    warm = int(epochs * 0.2)
    for epoch in range({first}epochs):
        {weight}
        for x, _ in loader:
            y, mu, logvar = net(x)
            mse = F.mse_loss(y, x, reduction="sum") / x.size(0)
            kl = 0.5 * torch.mean(torch.sum(torch.exp(logvar) + mu**2 - 1.0 - logvar, dim=1))
            loss = mse {sign} beta * kl
            steps.zero_grad()
            loss.backward()
            steps.step()
"""
)
RISING = "most * min(1.0, (epoch - warm) / (epochs - warm))"
# The weight as it is written, and the effective beta.
WEIGHTS = {
    "0 first": (f"beta = 0.0 if epoch <= warm else {RISING}", "(min(1.0, (epoch - warm) / (epochs - warm))) (most 1)"),
    "0 last": (f"beta = {RISING} if epoch > warm else 0.0", "(min(1.0, (epoch - warm) / (epochs - warm))) (most 1)"),
    "0 in the first epochs": ("beta = 0.0 if epoch < 5 else 0.5", "0.5 (beta 0.5)"),
    "two numbers": ("beta = 0.1 if epoch <= warm else 0.5", "beta"),
    "one number": ("beta = 0.1", "0.1"),
}


def _written(weight: str, epochs: str, sign: str = "+") -> str:
    return FIT.format(weight=weight, epochs=epochs, first="1, " if "warm" in weight else "", sign=sign)


@pytest.mark.parametrize("epochs", ["epochs=50", "epochs"])
@pytest.mark.parametrize(("weight", "text"), WEIGHTS.values(), ids=WEIGHTS)
def test_a_kl_that_is_held_back_is_read_when_it_counts(weight: str, text: str, epochs: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": _written(weight, epochs)})
    found = [facts.objective.effective_beta for facts in report.facts]
    assert not report.findings
    assert [rendered(beta.value) for beta in found if beta is not None] == [text]
    assert all(facts.kl.factor is not None and facts.kl.factor.value.value > 0.0 for facts in report.facts)
    assert report.vaes[0].core_checked


@pytest.mark.parametrize("weight", [weight for weight, _ in WEIGHTS.values()], ids=WEIGHTS)
def test_the_sign_of_a_kl_that_is_held_back_is_seen(weight: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": _written(weight, "epochs", sign="-")})
    assert [finding.code for finding in report.findings] == ["VAE302"]
