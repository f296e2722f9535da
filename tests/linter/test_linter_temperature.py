"""A scale of eps that is an argument: what one call asks for is no mistake where another draws from N(0, 1)."""

from __future__ import annotations

from pathlib import Path

from small_vaes.fragments import HEAD, KL, MODEL, codes, linted

CALLS = (
    HEAD
    + MODEL
    + f"""
    def sample(self, x, scale=1.0):
        m, s = self.encode(x)
        eps = torch.empty_like(m).normal_(0, scale)
        return m + torch.exp(0.5 * s) * eps, m, s


def fit(loader):
    net = Net()
    for x, _ in loader:
        z, m, s = net.sample(x{{training}})
        loss = F.mse_loss(net.back(z), x, reduction="none").sum(1) + {KL}
        loss.mean().backward()
    return net


def validate(net: Net, loader):
    net = Net()
    net.eval()
    return [net.back(net.sample(x, scale=1e-6)[0]).round() for x, _ in loader]
"""
)


def test_a_validation_with_hardly_any_noise_is_no_mistake(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": CALLS.format(training="")})) == []


def test_noise_that_is_scaled_in_training_too_is_named(tmp_path: Path) -> None:
    assert "VAE202" in codes(linted(tmp_path, {"net.py": CALLS.format(training=", scale=0.1")}))
