"""Weights of the KL that are computed where a model is trained, and handed to nothing: VAE305 is not clean then."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

OBJECTIVE = f"""

def objective(y, x, m, s, kl_weight=1.0):
    return (F.mse_loss(y, x, reduction="none").sum(1) + kl_weight * {KL}).mean()
"""
TRAINING = """\
net = Net()
optimizer = torch.optim.Adam(net.parameters())
loader = DataLoader(Dataset(), batch_size=32)
for epoch in range(30):
    {weight}
    for x in loader:
        y, m, s = net(x)
        loss = objective(y, x, m, s{given})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    {after}
"""
BY_A_FUNCTION = """

def turn(net, loader, optimizer, kl_weight=1.0):
    for x in loader:
        y, m, s = net(x)
        loss = objective(y, x, m, s, kl_weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main():
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for epoch in range(30):
        kl_weight = min(1.0, epoch / 10)
        turn(net, DataLoader(Dataset(), batch_size=32), optimizer{given})


main()
"""
GROWN = "kl_weight = min(1.0, epoch / 10)"
IDLE = {
    "forgotten": (GROWN, "", "pass"),
    "printed": (GROWN, "", "print(kl_weight)"),
    "logged": (GROWN, "", 'log({"weight": kl_weight})'),
    "shown in a text": (GROWN, "", 'bar = f"{kl_weight:.2f}"'),
    "made of its last value": ("kl_weight = min(1.0, kl_weight + 0.1)", "", "pass"),
    "added to": ("kl_weight += float(epoch) / 99", "", "pass"),
    "with its type": ("kl_weight: float = min(1.0, epoch / 10)", "", "pass"),
    "another is given": (GROWN, ", kl_weight=0.3", "pass"),
    "by another name": ("beta = min(1.0, epoch / 10)", "", "pass"),
}
USED = {
    "given": (GROWN, ", kl_weight", "print(kl_weight)"),
    "given by its name": (GROWN, ", kl_weight=kl_weight", "pass"),
    "under another name": ("beta = min(1.0, epoch / 10)", ", kl_weight=beta", "pass"),
    "through another": (f"{GROWN}; w = 2 * kl_weight", ", w", "pass"),
    "none is computed": ("pass", "", "pass"),
    "no weight": ("rate = min(1.0, epoch / 10)", "", "pass"),
    "that of an optimizer": ("beta1 = min(0.9, epoch / 10)", "", "pass"),
    "a number that is written down": ("kl_weight = 1.0", "", "pass"),
    "set for others": ("net.kl_weight = min(1.0, epoch / 10)", ", net.kl_weight", "pass"),
}


def is_clean(folder: Path, written: str) -> bool:
    report = linted(folder, {"train.py": HEAD + MODEL + FORWARD + OBJECTIVE + written})
    assert codes(report) == []
    return any("VAE305" in each.clean for each in report.vaes)


def training(lines: tuple[str, str, str], where: str) -> str:
    weight, given, after = lines
    text = TRAINING.format(weight=weight, given=given, after=after)
    return f"\n\n{text}" if where == "in a script" else f"\n\ndef fit():\n{indent(text, '    ')}"


@pytest.mark.parametrize("where", ["in a script", "in a function"])
@pytest.mark.parametrize("lines", IDLE.values(), ids=IDLE)
def test_a_weight_that_is_computed_and_goes_nowhere_is_not_clean(
    lines: tuple[str, str, str], where: str, tmp_path: Path
) -> None:
    assert not is_clean(tmp_path, training(lines, where))


@pytest.mark.parametrize("where", ["in a script", "in a function"])
@pytest.mark.parametrize("lines", USED.values(), ids=USED)
def test_a_weight_that_weighs_is_clean(lines: tuple[str, str, str], where: str, tmp_path: Path) -> None:
    assert is_clean(tmp_path, training(lines, where))


@pytest.mark.parametrize(("given", "clean"), [("", False), (", kl_weight", True), (", kl_weight=kl_weight", True)])
def test_a_weight_is_computed_above_the_function_that_trains(given: str, clean: bool, tmp_path: Path) -> None:
    assert is_clean(tmp_path, BY_A_FUNCTION.format(given=given)) is clean


def test_a_weight_of_a_script_that_a_function_reads_is_used(tmp_path: Path) -> None:
    text = training((GROWN, "", "pass"), "in a script")
    assert is_clean(tmp_path, "\n\ndef weighed(kl):\n    return kl_weight * kl\n" + text)


def test_a_name_of_a_function_of_its_own_reads_no_weight_of_a_script(tmp_path: Path) -> None:
    text = training((GROWN, "", "pass"), "in a script")
    assert not is_clean(tmp_path, "\n\ndef weighed(kl, kl_weight):\n    return kl_weight * kl\n" + text)
