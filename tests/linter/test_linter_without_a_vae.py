"""Models that are trained on noise, or by an error alone: of what is no VAE nothing is said to be clean."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, LAYERS_FORWARD, codes, linted

from vae_checked.reports import render

NET = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 3, 3, padding=1)

    def forward(self, x, t):
        return {out}
"""
TRAIN = """
KEPT = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        noise, t = torch.randn_like(x), torch.randint(0, 1000, (len(x),))
        kept = KEPT[t].view(-1, 1, 1, 1)
        loss = {loss}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_PLAIN = "self.up(torch.relu(self.down(x)) + t.view(-1, 1, 1, 1))"
_NOISY = "kept.sqrt() * x + (1 - kept).sqrt() * noise"
LOSSES = {
    "the noise": f"F.mse_loss(net({_NOISY}, t), noise)",
    "the picture": f"F.mse_loss(net({_NOISY}, t), x)",
    "a direction": "F.mse_loss(net((1 - kept) * noise + kept * x, t), x - noise)",
    "no noise": "F.mse_loss(net(x, t), x)",
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_nothing_is_said_to_be_clean_of_what_is_no_vae(loss: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": HEAD + NET.format(out=_PLAIN) + TRAIN.format(loss=loss)})
    assert codes(report) == []
    assert report.vaes == []
    assert "checked and clean" not in render(report, "text", verbose=True)
    assert "VAE401" not in render(report, "junit")


def test_its_mistakes_are_named_all_the_same(tmp_path: Path) -> None:
    text = NET.format(out=f"torch.sigmoid({_PLAIN})") + TRAIN.format(
        loss=f"F.binary_cross_entropy_with_logits(net({_NOISY}, t), x)"
    )
    assert codes(linted(tmp_path, {"net.py": HEAD + text})) == ["VAE401"]


def test_a_vae_beside_it_is_said_to_be_clean(tmp_path: Path) -> None:
    beside = HEAD + NET.format(out=_PLAIN) + TRAIN.format(loss=LOSSES["the noise"])
    report = linted(tmp_path, {"net.py": beside, "vae.py": HEAD + LAYERS + LAYERS_FORWARD + FIT})
    text = render(report, "text", verbose=True)
    (line,) = [line for line in text.split("checked and clean:\n")[1].split("\n\n")[0].splitlines() if "VAE" in line]
    assert "vae.py" in line
