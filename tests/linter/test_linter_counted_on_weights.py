"""Weights that training counts on by itself: what code begins with is the weight of its first step alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, LAYERS_FORWARD, codes, linted

from vae_checked.mathematics.effective_beta import rendered

FIT = (
    HEAD
    + LAYERS
    + LAYERS_FORWARD
    + f"""

def fit(loader, rate):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    total = 0.0
    {{begun}}
    for epoch in range(31):
        for x, _ in loader:
            y, m, s = net(x)
            error = (y - x).pow(2).sum(dim=1).mean()
            kl = ({KL}).mean()
            {{weight}}
            loss = {{loss}}
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            {{moved}}
"""
)
# What a weight begins with, how the loss is made of it, what it is later, and the effective beta of every step.
WEIGHTS = {
    "a step": ("step = 3", "pass", "error + kl * step / 6000", "step += 1", "0.0001667 * step"),
    "a step by a name": (
        "step = 3",
        "share = step / (30 * 200)",
        "error + share * kl",
        "step += 1",
        "0.0001667 * step",
    ),
    "a step of itself": (
        "step = 3",
        "share = step / 6000",
        "error + share * kl",
        "step = step + 1",
        "0.0001667 * step",
    ),
    "by a number": ("beta = 0.01", "pass", "error + beta * kl", "beta += 0.02", "beta"),
    "by a name": ("beta = 0.01", "pass", "error + beta * kl", "beta += rate", "beta"),
    "from 0": ("beta = 0.0", "pass", "error + beta * kl", "beta += 0.02", "beta"),
    "down": ("beta = 4.0", "pass", "error + beta * kl", "beta *= 0.99", "beta"),
    "to an end": ("beta = 0.01", "pass", "error + beta * kl", "beta = min(1.0, beta + 0.02)", "beta"),
    "by a function": ("beta = 0.0", "pass", "error + beta * kl", "beta = grown(beta)", "beta"),
    "by a table": ("beta = 0.0", "pass", "error + beta * kl", "beta = rate[epoch]", "beta"),
    "at once": ("beta = 0.0", "pass", "error + beta * kl", "beta = 0.5 if epoch > 3 else 0.0", "beta"),
    "in a list": ("beta = [0.0]", "pass", "error + beta[0] * kl", "beta[0] += 0.02", "beta[0]"),
    "in a list, to an end": (
        "beta = [0.01]",
        "pass",
        "error + beta[0] * kl",
        "beta[0] = min(1.0, beta[0] + rate)",
        "beta[0]",
    ),
    "in a table": ("now = {'beta': 0.01}", "pass", "error + now['beta'] * kl", "now['beta'] *= 1.1", "now['beta']"),
    "in an object": ("net.beta = 0.01", "pass", "error + net.beta * kl", "net.beta += 0.02", "net.beta"),
    "a power": ("step = 3", "pass", "error + (1 - 0.5**step) * kl", "step += 1", "(1 - 0.5 ** step)"),
}


def read(text: str, tmp_path: Path) -> tuple[list[str], set[str], list[str]]:
    """The mistakes that are found, what is clean, and the effective beta as it is written."""
    report = linted(tmp_path, {"net.py": text})
    (vae,) = report.vaes
    betas = [facts.objective.effective_beta for facts in report.facts]
    return codes(report), set(vae.clean), [rendered(beta.value) for beta in betas if beta is not None]


@pytest.mark.parametrize(("begun", "weight", "loss", "moved", "beta"), WEIGHTS.values(), ids=WEIGHTS)
def test_no_number_of_the_first_step_is_that_of_all(
    begun: str, weight: str, loss: str, moved: str, beta: str, tmp_path: Path
) -> None:
    text = FIT.format(begun=begun, weight=weight, loss=loss, moved=moved)
    found, clean, betas = read(text, tmp_path)
    assert found == []
    assert betas == [beta]
    assert {"VAE301", "VAE302", "VAE305", "VAE505"} <= clean
    # The sign is that of every step.
    assert read(text.replace("error +", "error -"), tmp_path)[0] == ["VAE302"]


@pytest.mark.parametrize(
    ("begun", "weight", "loss", "beta"),
    [
        ("beta = 0.5", "pass", "error + beta * kl", "0.5"),
        ("beta = [0.5]", "pass", "error + beta[0] * kl", "0.5"),
        ("beta = [0.5, 0.25]", "beta[1] = 0.75", "error + beta[0] * kl", "0.5"),
        ("net.beta = 0.5", "net.other = net.beta + 1", "error + net.beta * kl", "0.5"),
        # It is given its number before it weighs, in every turn.
        ("beta = 0.0", "beta = 0.5", "error + beta * kl", "0.5"),
        # What is counted weighs nothing.
        ("step = 3", "print(step * 100)", "error + 0.5 * kl", "0.5"),
        # A sum of losses is divided, and is no weight.
        ("seen = 0", "print(total / 5)", "error + 0.5 * kl", "0.5"),
    ],
)
def test_a_number_that_stays_is_that_of_all(begun: str, weight: str, loss: str, beta: str, tmp_path: Path) -> None:
    moved = "step += 1" if begun.startswith("step") else "pass"
    found, clean, betas = read(FIT.format(begun=begun, weight=weight, loss=loss, moved=moved), tmp_path)
    assert found == []
    assert [each.partition(" ")[0] for each in betas] == [beta]
    assert {"VAE301", "VAE302", "VAE305"} <= clean


def test_losses_that_are_added_up_are_still_terms(tmp_path: Path) -> None:
    text = FIT.format(begun="held = 0.0", weight="held = held + error + kl", loss="held / 4", moved="held = 0.0")
    found, clean, _ = read(text, tmp_path)
    assert found == []
    assert {"VAE301", "VAE302", "VAE305", "VAE505"} <= clean
