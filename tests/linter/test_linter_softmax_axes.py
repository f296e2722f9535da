"""A softmax at the end of a decoder: what it shares 1 among, and what the loss makes of that."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, linted

from vae_checked.reports import all_examined

TEXT = (
    HEAD
    + LAYERS.replace("84", "784")
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        scores = self.back(m + torch.randn_like(m) * torch.exp(0.5 * s))
        return {end}, m, s


def fit():
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    data = torchvision.datasets.MNIST(".", transform=torchvision.transforms.ToTensor())
    for x, _ in DataLoader(data, 32, shuffle=True):
        x = x.flatten(1)
        y, m, s = net(x)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss = F.{loss}(y, x, reduction="sum") + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
OVER_SAMPLES = [
    "torch.softmax(scores, dim=0)",
    "F.softmax(scores, 0)",
    "scores.softmax(0)",
    "nn.Softmax(dim=0)(scores)",
]
OVER_PIXELS = [
    "torch.softmax(scores, dim=1)",
    "F.softmax(scores, -1)",
    "scores.softmax(1)",
    "nn.Softmax(dim=-1)(scores)",
]


def judged(folder: Path, end: str, loss: str) -> tuple[dict[str, int], set[str]]:
    """The lines of what is found by its code, and what is clean."""
    report = linted(folder, {"net.py": TEXT.format(end=end, loss=loss)})
    found = {each.code: each.place.line for each in report.findings if each.place is not None}
    return found, {code for one in all_examined(report) for code in one.clean}


@pytest.mark.parametrize("end", OVER_SAMPLES)
def test_a_softmax_over_the_batch_mixes_samples(end: str, tmp_path: Path) -> None:
    found, clean = judged(tmp_path, end, "binary_cross_entropy")
    line = TEXT.format(end=end, loss="").splitlines().index(f"        return {end}, m, s") + 1
    assert found == {"VAE106": line}
    assert "VAE402" not in clean


@pytest.mark.parametrize("end", OVER_PIXELS)
def test_a_softmax_over_pixels_is_no_range_of_each(end: str, tmp_path: Path) -> None:
    found, clean = judged(tmp_path, end, "binary_cross_entropy")
    assert found == {}
    assert "VAE402" not in clean
    assert "VAE404" in clean


def test_a_sigmoid_gives_each_pixel_its_own_probability(tmp_path: Path) -> None:
    found, clean = judged(tmp_path, "torch.sigmoid(scores)", "binary_cross_entropy")
    assert found == {}
    assert "VAE402" in clean


@pytest.mark.parametrize("end", [*OVER_SAMPLES, *OVER_PIXELS])
def test_a_softmax_before_a_loss_of_logits_is_named(end: str, tmp_path: Path) -> None:
    found, _ = judged(tmp_path, end, "binary_cross_entropy_with_logits")
    assert found.keys() - {"VAE106"} == {"VAE401"}
