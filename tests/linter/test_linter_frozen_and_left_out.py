"""Parts that no optimizer holds: left out on purpose where they are frozen, and forgotten where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

SCENE = (
    HEAD
    + "from parts import freeze_weights\n\n\n"
    + "def held_back(part):\n    for each in part.parameters():\n        each.requires_grad = False\n"
    + MODEL
    + FORWARD
    + """

def train(batches):
    net = Net()
    {before}
    optimizer = torch.optim.Adam({given})
    for x in batches:
        y, m, s = net(x)
        loss = F.binary_cross_entropy(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
LEFT_OUT = "[*net.trunk.parameters(), *net.to_m.parameters(), *net.back.parameters()]"
WHOLE = "net.parameters()"


def _scene(before: str, given: str) -> dict[str, str]:
    return {"train.py": SCENE.format(before=before.replace("\n", "\n    "), given=given)}


@pytest.mark.parametrize(
    "before",
    [
        "held_back(net.to_s)",
        "freeze_weights(net.to_s)",
        "for each in net.parameters():\n    each.requires_grad = False\nnet.back.requires_grad_(True)",
        "net.requires_grad_(False)\nnet.back.requires_grad_(True)",
    ],
)
def test_what_is_frozen_is_left_out_on_purpose(before: str, tmp_path: Path) -> None:
    assert "VAE602" not in codes(linted(tmp_path, _scene(before, LEFT_OUT)))


@pytest.mark.parametrize("before", ["pass", "unfreeze_weights(net.to_s)", "freeze_weights(net.disc)"])
def test_what_is_not_frozen_is_forgotten(before: str, tmp_path: Path) -> None:
    scene = {
        path: text.replace("part.parameters", "part.disc.parameters") for path, text in _scene(before, LEFT_OUT).items()
    }
    report = linted(tmp_path, scene)
    (finding,) = report.findings
    assert (finding.code, finding.message) == ("VAE602", "no optimizer holds to_s")


@pytest.mark.parametrize(
    ("before", "given", "is_clean"),
    [
        ("pass", WHOLE, True),
        ("pass", f"list({WHOLE})", True),
        ("pass", f"list({WHOLE})[:]", True),
        ("pass", f"list({WHOLE})[:4]", False),
        (f"some = list({WHOLE})", "some[-2:]", False),
        (f"some = list({WHOLE})[2:]", "some", False),
        ("pass", "Net().parameters()", False),
    ],
)
def test_an_optimizer_of_some_parameters_does_not_hold_all(
    before: str, given: str, is_clean: bool, tmp_path: Path
) -> None:
    report = linted(tmp_path, _scene(before, given))
    assert codes(report) == []
    assert any("VAE602" in vae.clean for vae in report.vaes) is is_clean
