"""An IWAE whose shares have no gradient: the KL in its weights reaches the loss by the weights themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, linted

LOSS = """from torch.distributions import Normal


def loss_of(log_w):
    {shares}
    return -({minimised}).sum(1).mean()

"""
TRAINED = """
    def weights(self, x, k):
        m, s = self.to_m(x), self.to_s(x)
        m, s = m.unsqueeze(1).repeat(1, k, 1), s.unsqueeze(1).repeat(1, k, 1)
        z = m + torch.randn_like(s) * torch.exp(0.5 * s)
        y = self.back(z)
        error = Normal(y, torch.ones_like(y)).log_prob(x.unsqueeze(1).repeat(1, k, 1)).sum(2)
        return error + Normal(0, 1).log_prob(z).sum(2) - Normal(m, (0.5 * s).exp()).log_prob(z).sum(2)

    def fit(self, loader):
        optimizer = torch.optim.Adam(self.parameters())
        for x in loader:
            loss = loss_of(self.weights(x, 5))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
SHIFTED = """w = (log_w - log_w.max(1, keepdim=True)[0]).exp()
    shares = (w / w.sum(axis=1, keepdim=True)).detach()"""
SHARES = {
    "less the largest": SHIFTED,
    "without the gradient at once": SHIFTED.replace("w = (log_w - log_w", "w = (log_w.detach() - log_w"),
    "by a softmax": "shares = torch.softmax(log_w, dim=1).detach()",
    "less what they come to": "shares = (log_w - torch.logsumexp(log_w, dim=1, keepdim=True)).exp().detach()",
}


def found(shares: str, minimised: str, folder: Path) -> list[str]:
    text = HEAD + LOSS.format(shares=shares, minimised=minimised) + LAYERS + TRAINED
    return codes(linted(folder, {"train.py": text}))


@pytest.mark.parametrize("shares", SHARES.values(), ids=SHARES)
def test_shares_without_gradient_leave_the_kl_in_the_loss(shares: str, tmp_path: Path) -> None:
    assert found(shares, "shares * log_w", tmp_path) == []


def test_a_kl_that_is_cut_off_beside_its_heads_is_named(tmp_path: Path) -> None:
    """The heads are trained through z, and the KL alone is not."""
    text = f"""{HEAD}{LAYERS}
    def fit(self, loader):
        optimizer = torch.optim.Adam(self.parameters())
        for x in loader:
            m, s = self.to_m(x), self.to_s(x)
            y = self.back(m + torch.randn_like(s) * torch.exp(0.5 * s))
            kl = (-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)).detach()
            loss = (F.mse_loss(y, x, reduction="none").sum(1) + kl).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
    assert codes(linted(tmp_path, {"train.py": text})) == ["VAE305"]
