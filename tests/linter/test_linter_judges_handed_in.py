"""A network next to a VAE, whose class a function declares and which it is handed: it may have been trained before."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

from vae_checked.reports import all_examined

JUDGE = """

class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.low, self.high = nn.Linear(84, 9), nn.Linear(9, 3)

    def features(self, x):
        return self.low(x)

    def forward(self, x):
        return self.high(self.low(x))


class Likeness(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Judge()

    def forward(self, y, x):
        return F.mse_loss(self.net(y), self.net(x), reduction="sum")

"""
STEP = """
    for x in batches:
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss = loss + {apart}
        steps.zero_grad()
        loss.backward()
        steps.step()
"""
APART = 'F.mse_loss(judge(y), judge(x), reduction="sum")'
PLAIN = "\ndef fit(net: Net, judge: Judge, batches):\n    steps = torch.optim.Adam({held})" + STEP
HELD = "net.parameters()"
TRAINER = """
class Trainer:
    def __init__(self, net: Net, judge: Judge):
        self.net, self.judge = net, judge
        self.steps = torch.optim.Adam({held})

    def fit(self, batches):
        net, steps = self.net, self.steps
""" + STEP.replace("\n    ", "\n        ")


def scene(code: str, apart: str = APART, held: str = HELD, after: str = "") -> str:
    return HEAD + MODEL + FORWARD + JUDGE + code.format(apart=apart, held=held) + after


SIDE = STEP.replace(
    "        y, m, s", "        with torch.no_grad():\n            side = judge.features(x)\n        y, m, s"
)
PARTS = "[*net.trunk.parameters(), *net.to_m.parameters(), *net.to_s.parameters()]"


@pytest.mark.parametrize(
    "text",
    [
        scene(PLAIN),
        "from typing import Optional\n" + scene(PLAIN.replace("judge: Judge", "judge: Optional[Judge]")),
        scene(PLAIN.replace("judge: Judge", "judge: Judge | None")),
        scene(PLAIN.replace("judge: Judge", "judge: Likeness"), apart="judge(y, x)"),
        scene(TRAINER, apart=APART.replace("judge(", "self.judge(")),
        scene(PLAIN.replace(STEP, SIDE), apart="F.mse_loss(judge.features(y), side)"),
    ],
)
def test_a_judge_that_is_handed_in_is_not_named(tmp_path: Path, text: str) -> None:
    report = linted(tmp_path, {"net.py": text})
    assert "VAE602" not in codes(report)
    (vae,) = (each for each in all_examined(report) if each.is_vae)
    assert "VAE602" not in vae.clean


@pytest.mark.parametrize("judge", ['torch.load("judge")', 'torch.load("judge").eval()', 'got("judge")'])
def test_a_judge_that_another_file_loads_is_not_named(tmp_path: Path, judge: str) -> None:
    helper = "def got(path):\n    return torch.load(path)\n\n\n"
    main = (
        f"import torch\nfrom net import Net, fit\nfrom data import batches\n\n\n{helper}fit(Net(), {judge}, batches)\n"
    )
    assert "VAE602" not in codes(linted(tmp_path, {"net.py": scene(PLAIN), "main.py": main}))


@pytest.mark.parametrize(("code", "apart"), [(PLAIN, APART), (TRAINER, APART.replace("judge(", "self.judge("))])
@pytest.mark.parametrize("held", [PARTS, "net.trunk.parameters()"])
def test_a_decoder_left_out_beside_a_judge_is_named(tmp_path: Path, code: str, apart: str, held: str) -> None:
    (finding,) = linted(tmp_path, {"net.py": scene(code, apart, held)}).findings
    assert finding.code == "VAE602"
    assert "back" in finding.message
    assert "low" not in finding.message
    assert "high" not in finding.message


APART_HALVES = """

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.to_m, self.to_s = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)

    def forward(self, x):
        h = F.relu(self.trunk(x))
        return self.to_m(h), self.to_s(h)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.back = nn.Linear(7, 84)

    def forward(self, z):
        return self.back(z)


def fit(encoder: Encoder, decoder: Decoder, batches):
    steps = torch.optim.Adam({held})
    for x in batches:
        m, s = encoder(x)
        y = decoder(m + torch.exp(0.5 * s) * torch.randn_like(s))
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        steps.zero_grad()
        loss.backward()
        steps.step()
"""


@pytest.mark.parametrize(
    ("held", "expected"),
    [("encoder.parameters()", ["VAE602"]), ("[*encoder.parameters(), *decoder.parameters()]", [])],
)
def test_a_half_of_the_vae_that_is_handed_in_is_asked_for(held: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": HEAD + APART_HALVES.replace("{held}", held)})) == expected


def test_a_judge_that_is_made_and_held_by_none_is_named(tmp_path: Path) -> None:
    text = scene(PLAIN.replace("judge: Judge, ", "")).replace("\ndef fit", "\njudge = Judge()\n\n\ndef fit")
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE602"]
