"""Weights that are entries of an array or a list of numbers, one for each epoch: what sign they have, they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, LAYERS_FORWARD, codes, linted

from vae_checked.reports import all_examined

TEXT = (
    HEAD
    + LAYERS
    + LAYERS_FORWARD
    + f"""

{{made}}
net = Net()
optimizer = torch.optim.Adam(net.parameters())
for epoch in range(epochs):
    for x in loader:
        y, m, s = net(x)
        error = F.mse_loss(y, x, reduction="none").sum(1).mean()
        loss = error + betas[epoch] * ({KL}).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
FILLED = "betas = {begun}\nbetas[: epochs // 2] = {rest}"
SET = """
def cycles(low, high, count):
    values = np.ones(count)
    step = (high - low) / (count * 0.5)
    for cycle in range(4):
        value, turn = low, 0
        while value <= high:
            values[int(turn + cycle * count)] = value
            value, turn = value + step, turn + 1
    return values


betas = cycles(0.0, 1.0, epochs)
"""
SCHEDULES = {
    "counted off": "betas = torch.linspace(0, 1, epochs)",
    "counted by NumPy": "betas = np.linspace(0, 1, epochs)",
    "scaled": "betas = 0.5 * torch.linspace(0, 1, epochs) / 3",
    "counted in steps": "betas = torch.arange(19) / 19",
    "filled": FILLED.format(begun="torch.zeros(19)", rest="0.001 * torch.linspace(0, 1, epochs // 2)"),
    "filled by its shape": FILLED.format(begun="np.ones(shape=epochs)", rest="np.linspace(0, 1, num=9)"),
    "put together": "betas = torch.cat([torch.linspace(0, 1, 9), torch.ones(11)])",
    "set one by one": SET,
    "listed": "betas = [0.0, 0.1, 0.4, 1.0]",
    "made in a list": "betas = [0.05 * each for each in range(19)]",
}
NEGATIVE = {
    "counted off": "betas = -torch.linspace(0, 1, epochs)",
    "scaled": "betas = torch.linspace(0, 1, epochs) * -0.5",
    "filled": FILLED.format(begun="torch.zeros(19)", rest="-0.001 * torch.linspace(0, 1, epochs // 2)"),
    "put together": "betas = torch.cat([-torch.linspace(0, 1, 9), -1 * torch.ones(11)])",
    "listed": "betas = [0.0, -0.1, -0.4]",
}
OF_BOTH_SIGNS = {
    "counted off": "betas = torch.linspace(-1, 1, epochs)",
    "filled": FILLED.format(begun="torch.ones(19)", rest="-0.001 * torch.linspace(0, 1, epochs // 2)"),
    "listed": "betas = [0.5, -0.5, 0.25]",
    "drawn": "betas = torch.randn(19)",
}


@pytest.mark.parametrize("made", SCHEDULES.values(), ids=SCHEDULES)
def test_a_weight_of_a_schedule_is_a_number(made: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": TEXT.format(made=made)})
    (vae,) = all_examined(report)
    assert not codes(report)
    assert vae.core_checked
    assert "VAE302" in vae.clean


@pytest.mark.parametrize("made", NEGATIVE.values(), ids=NEGATIVE)
def test_a_schedule_of_negative_weights_is_named(made: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"train.py": TEXT.format(made=made)})) == ["VAE302"]


@pytest.mark.parametrize("made", OF_BOTH_SIGNS.values(), ids=OF_BOTH_SIGNS)
def test_weights_of_both_signs_are_left_open(made: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": TEXT.format(made=made)})
    (vae,) = all_examined(report)
    assert not codes(report)
    assert "VAE302" not in vae.clean
