"""What is only shown beside the loss, a mean of the KL for the log, is not what is minimised."""

from __future__ import annotations

from pathlib import Path

from small_vaes.fragments import HEAD, codes, linted

NET = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self, seen=33, latents=7):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(seen, latents), nn.Linear(seen, latents), nn.Linear(latents, seen)

    def forward(self, x):
        mu, logvar = self.to_m(x), self.to_s(x)
        return self.back(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def errors(x_hat, x):
    return F.mse_loss(x_hat, x, reduction="sum").div(x.size(0))


def kls(mu, logvar):
    if mu.data.ndimension() == 4:
        mu = mu.view(mu.size(0), mu.size(1))
    if logvar.data.ndimension() == 4:
        logvar = logvar.view(logvar.size(0), logvar.size(1))
    each = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp())
    shown = 0.5 * (mu * mu + logvar.exp() - 1 - logvar)
    return each.sum(1).mean(0, True), shown.mean(1).mean(0, True)


def train(loader, bar, aim, weight):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        x_hat, mu, logvar = net(x)
        error, (total, mean) = errors(x_hat, x), kls(mu, logvar)
        if aim == "H":
            loss = error + weight * total
        elif aim == "B":
            loss = error + weight * (total - 9.0).abs()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_per_latent = error + mean
        bar.write("{:.3f} {:.3f} {:.3f}".format(error.item(), total.item(), loss_per_latent.item()))
"""
)


def test_a_mean_kl_that_is_written_is_not_the_one_in_the_loss(tmp_path: Path) -> None:
    assert codes(linted(tmp_path / "written", {"net.py": NET})) == []
    averaged = NET.replace("error + weight * total", "error + mean")
    assert codes(linted(tmp_path / "averaged", {"net.py": averaged})) == ["VAE503"]
