"""A sum that goes on is no mean of a posterior whose square was forgotten."""

from __future__ import annotations

from pathlib import Path

from small_vaes.fragments import HEAD, codes, linted

AUTOREGRESSIVE = (
    HEAD
    + """
def spread(variance):
    return variance - torch.log(variance) - 1


def kl_to_a_chain(mu, logvar, alpha=0.95):
    kl = 0
    for j in range(mu.shape[1]):
        if j == 0:
            kl = kl + spread(logvar[:, j].exp()) + mu[:, j].pow(2)
        else:
            kl = kl + spread(logvar[:, j].exp() / (1 - alpha**2))
            kl = kl + (mu[:, j] - alpha * mu[:, j - 1]).pow(2) / (1 - alpha**2)
    return 0.5 * kl.mean()
"""
)
FORGOTTEN = (
    HEAD
    + """
def kl_of(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu - logvar.exp(), dim=1).mean()
"""
)


def test_a_kl_to_a_chain_of_latents_is_not_read_term_by_term(tmp_path: Path) -> None:
    assert codes(linted(tmp_path / "chain", {"kl.py": AUTOREGRESSIVE})) == []
    assert codes(linted(tmp_path / "forgotten", {"kl.py": FORGOTTEN})) == ["VAE301"]
