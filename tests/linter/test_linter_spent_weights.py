"""Weights of the KL that scale a term when the loss that it is in stands already, or what nothing is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, LAYERS_FORWARD, codes, linted

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


OWN_LOSS = (
    HEAD
    + LAYERS
    + LAYERS_FORWARD
    + """
    def loss(self, x, beta={given}):
        y, m, s = self(x)
        error = F.mse_loss(y, x, reduction="none").sum(1).mean()
        kl = (KL).mean()
        {lines}


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        loss = net.loss(x)[0]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""".replace("KL", KL)
)
ADDED = "loss = error + kl\n        "
HANDED_OUT = {
    "in place": f"{ADDED}kl *= beta\n        return loss, kl",
    "behind a sum in place": "loss = error\n        loss += kl\n        kl *= beta\n        return loss, kl",
    "by another name": f"{ADDED}shown = kl\n        shown *= beta\n        return loss, shown",
    "by its method": f"{ADDED}kl.mul_(beta)\n        return loss, kl",
    "made anew": f"{ADDED}kl = kl * beta\n        return loss, kl",
    "as it is handed out": f'{ADDED}return loss, {{"kl": beta * kl}}',
}
IN_THE_LOSS = {
    "a product": "loss = error + beta * kl\n        return loss, kl",
    "in place": "kl *= beta\n        loss = error + kl\n        return loss, kl",
    "by its method": "kl.mul_(beta)\n        loss = error + kl\n        return loss, kl",
    "as it is handed out": "loss = error + beta * kl\n        return loss, beta * kl",
    "of the error": "loss = error / beta + kl\n        return loss, kl",
}


@pytest.mark.parametrize("given", ["0.5", "1.0"])
@pytest.mark.parametrize("lines", HANDED_OUT.values(), ids=HANDED_OUT)
def test_a_weight_of_what_is_handed_out_beside_the_loss_is_open(lines: str, given: str, tmp_path: Path) -> None:
    """Whoever asks for it may add it; that the loss has it is not called clean."""
    report = linted(tmp_path, {"net.py": OWN_LOSS.format(lines=lines, given=given)})
    assert codes(report) == []
    assert not any("VAE305" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize("given", ["0.5", "1.0"])
@pytest.mark.parametrize("lines", IN_THE_LOSS.values(), ids=IN_THE_LOSS)
def test_a_weight_that_the_loss_has_is_clean(lines: str, given: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": OWN_LOSS.format(lines=lines, given=given)})
    assert codes(report) == []
    assert any("VAE305" in vae.clean for vae in report.vaes)


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
