"""A z that is drawn, and that the loss has nowhere: its decoder takes the mean, and another method takes the draw."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, linted

NET = (
    HEAD
    + MODEL.replace("settings=None", "error=None")
    .replace("self.settings = settings", "self.error = error")
    .replace("self.to_m =", "self.other = nn.Linear(7, 3)\n        self.to_m =")
    + """
    def drawn(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(s)

    def again(self, x):
        return self.back(self.drawn(*self.encode(x)))

    def forward(self, x):
        m, s = self.encode(x)
        z = self.drawn(m, s)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return {loss}
"""
)
UNREAD = "self.error(self.back({of}), x) + kl"
READ = 'F.binary_cross_entropy(self.back({of}), x, reduction="sum") + kl'


@pytest.mark.parametrize("loss", [UNREAD, READ], ids=["an error from outside", "an error that is read"])
def test_a_draw_that_the_loss_has_not_is_not_clean(loss: str, tmp_path: Path) -> None:
    (tmp_path / "right").mkdir()
    right = linted(tmp_path / "right", {"net.py": NET.format(loss=loss.format(of="z"))})
    assert any("VAE207" in vae.clean for vae in right.vaes)
    assert not right.findings
    (tmp_path / "wrong").mkdir()
    wrong = linted(tmp_path / "wrong", {"net.py": NET.format(loss=loss.format(of="m"))})
    assert wrong.vaes
    assert not any("VAE207" in vae.clean for vae in wrong.vaes)


def test_a_mean_that_something_beside_takes_leaves_the_draw_clean(tmp_path: Path) -> None:
    for loss in ("self.other(m).sum() + " + READ.format(of="z"), UNREAD.format(of="z") + " + self.other(m).mean()"):
        report = linted(tmp_path, {"net.py": NET.format(loss=loss)})
        assert any("VAE207" in vae.clean for vae in report.vaes)


UNREAD_NETS = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self, nets, error):
        super().__init__()
        self.trunk, self.back, self.error = nets.trunk(84), nets.back(7), error

    def encode(self, x):
        return self.trunk(x).chunk(2, dim=1)

    def drawn(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(s)

    def again(self, picture):
        return self.back(self.drawn(*self.encode(picture)))

    def forward(self, x):
        m, s = self.encode(x)
        z = self.drawn(m, s)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return self.error(self.back({of}), x) + kl
"""
)


@pytest.mark.parametrize(("of", "clean"), [("z", True), ("m", False)])
def test_networks_that_are_not_read_may_decode_the_mean(of: str, clean: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": UNREAD_NETS.format(of=of)})
    assert report.vaes
    assert any("VAE207" in vae.clean for vae in report.vaes) is clean
