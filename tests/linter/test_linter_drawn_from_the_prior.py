"""A model that decodes draws from its prior in training: which of both Gaussians is the posterior, the target tells."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.linter import LintReport

SCENE = (
    HEAD
    + """from torch.distributions import Independent, Normal, kl_divergence


class Spread(nn.Module):
    def __init__(self, seen, latents=7):
        super().__init__()
        self.both, self.latents = nn.Linear(seen, 2 * latents), latents

    def forward(self, x, more=None):
        h = self.both(x if more is None else torch.cat([x, more], 1))
        return Independent(Normal(h[:, : self.latents], torch.exp(h[:, self.latents :])), 1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.narrow, self.wide = Spread(33), Spread(45)
        self.back, self.kind = nn.Linear(40, 12), nn.Linear(7, 12)

    def forward(self, x, mask):
        self.p, self.q, self.x = self.narrow(x), self.wide(x, mask), x

    def decoded(self, z):
        return self.back(torch.cat([self.x, z], 1))


net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x, mask in DataLoader(Dataset(), batch_size=14):
    net(x, mask)
    z = net.{drawn}.rsample()
    y = net.decoded(z)
    loss = {error} + 0.1 * kl_divergence({order}).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)
OF_MASK = "F.binary_cross_entropy_with_logits(y, mask)"
OF_BOTH = "F.mse_loss(y, x[:, :12]) + F.mse_loss(net.kind(z), mask)"


def scene(folder: Path, drawn: str, order: str, error: str = OF_MASK) -> LintReport:
    return linted(folder, {"net.py": SCENE.format(drawn=drawn, order=order, error=error)})


@pytest.mark.parametrize("order", ["net.q, net.p", "net.p, net.q"])
def test_draws_of_a_prior_that_are_decoded_reverse_no_kl(order: str, tmp_path: Path) -> None:
    report = scene(tmp_path, "p", order)
    assert "VAE306" not in codes(report)
    assert not any("VAE306" in each.clean for each in report.judgements)


def test_of_draws_of_the_posterior_the_kl_to_the_prior_is_clean(tmp_path: Path) -> None:
    report = scene(tmp_path, "q", "net.q, net.p")
    assert codes(report) == []
    assert any("VAE306" in each.clean for each in report.judgements)


def test_the_kl_from_the_prior_is_still_named(tmp_path: Path) -> None:
    assert codes(scene(tmp_path, "q", "net.p, net.q")) == ["VAE306"]


@pytest.mark.parametrize(("weight", "more"), [("0.1", []), ("1.0", ["VAE502"])])
def test_a_weight_of_the_kl_from_the_prior_is_one_as_well(weight: str, more: list[str], tmp_path: Path) -> None:
    text = SCENE.replace("0.1 *", f"{weight} *").format(drawn="q", order="net.p, net.q", error=OF_MASK)
    assert sorted(codes(linted(tmp_path, {"net.py": text}))) == ["VAE306", *more]


def test_labels_that_are_told_beside_the_input_change_no_direction(tmp_path: Path) -> None:
    """Where the input is compared as well, the Gaussian that is drawn from is the posterior, whatever sees labels."""
    assert codes(scene(tmp_path / "right", "p", "net.p, net.q", OF_BOTH)) == []
    assert codes(scene(tmp_path / "wrong", "p", "net.q, net.p", OF_BOTH)) == ["VAE306"]
