"""Weights of the KL that scale a term when the loss that it is in stands already, or what nothing is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, LAYERS_FORWARD, linted

TRAINED = (
    HEAD
    + LAYERS
    + LAYERS_FORWARD
    + """

def fit(loader, {given}):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    shown = 0.0
    kept = []
    for x in loader:
        y, m, s = net(x)
        error = F.mse_loss(y, x, reduction="none").sum(1).mean()
        kl = (KL).mean()
        {lines}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        {end}
    return shown
""".replace("KL", KL)
)
BEHIND = {
    "in place": "kl *= beta",
    "the error, in place": "error *= beta",
    "divided": "error /= beta",
    "by its method": "kl.mul_(beta)",
    "made anew": "kl = beta * kl",
    "of a sum that nobody reads": "weighed = error + beta * kl",
}
READ = {
    "before the sum": ("kl *= beta\n        loss = error + kl", "pass"),
    "by another sum": ("loss = error + kl\n        kl *= beta\n        loss = error + kl", "pass"),
    "in a list": ("loss = error + kl\n        kl *= beta", "kept.append(kl)"),
    "given back": ("loss = error + kl\n        kl *= beta", "return loss, kl"),
    "in the loss as well": ("loss = error + beta * kl\n        kl *= beta", "pass"),
    "a running mean": ("loss = error + kl\n        shown = beta * shown + loss.item()", "pass"),
    "shown itself": ("loss = error + kl\n        kl *= beta", "print(beta)"),
}


def named(folder: Path, lines: str, end: str = "pass", given: str = "beta=4.0") -> list[tuple[str, str]]:
    text = TRAINED.format(lines=lines, end=end, given=given)
    found = linted(folder, {"net.py": text}).findings
    assert all(each.place is not None for each in found)
    return [(each.code, text.splitlines()[each.place.line - 1].strip()) for each in found if each.place is not None]


@pytest.mark.parametrize("end", ["pass", "shown += kl.item() + error.item()"])
@pytest.mark.parametrize("line", BEHIND.values(), ids=BEHIND)
def test_a_weight_behind_the_loss_moves_nothing(line: str, end: str, tmp_path: Path) -> None:
    assert named(tmp_path, f"loss = error + kl\n        {line}", end) == [("VAE305", line)]


def test_a_weight_that_is_made_there_moves_nothing_either(tmp_path: Path) -> None:
    lines = "loss = error + kl\n        beta = 3 * share\n        kl *= beta"
    assert named(tmp_path, lines, given="share") == [("VAE305", "kl *= beta")]


@pytest.mark.parametrize(("lines", "end"), READ.values(), ids=READ)
def test_a_weight_of_what_is_read_later_is_not_named(lines: str, end: str, tmp_path: Path) -> None:
    assert named(tmp_path, lines, end) == []


def test_a_number_by_another_name_is_no_weight(tmp_path: Path) -> None:
    assert named(tmp_path, "loss = error + kl\n        error *= pixels", given="pixels=84") == []


STORED = """

class Trainer:
    def __init__(self, loader, beta):
        self.loader, self.net = loader, Net()
        self.beta = beta
        self.optimizer = torch.optim.Adam(self.net.parameters())

    def turn(self):
        for x in self.loader:
            y, m, s = self.net(x)
            error = F.mse_loss(y, x, reduction="none").sum(1).mean()
            kl = (KL).mean()
            {lines}
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
{more}
""".replace("KL", KL)
ELSEWHERE = """
    def tell(self):
        print(self.beta)
"""


@pytest.mark.parametrize(
    ("lines", "more", "expected"),
    [
        ("loss = error + kl\n            kl *= self.beta", "", ["VAE305"]),
        ("kl *= self.beta\n            loss = error + kl", "", []),
        ("loss = error + kl\n            kl *= self.beta", ELSEWHERE, []),
    ],
)
def test_a_weight_that_an_object_keeps(lines: str, more: str, expected: list[str], tmp_path: Path) -> None:
    text = HEAD + LAYERS + LAYERS_FORWARD + STORED.format(lines=lines, more=more)
    assert [each.code for each in linted(tmp_path, {"net.py": text}).findings] == expected
