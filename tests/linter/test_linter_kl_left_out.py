"""A KL that a trainer shows and is not trained by, one that trains one head alone, and one of the sample itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

STEPS = (
    HEAD
    + """import pytorch_lightning as pl


class Lit(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.trunk, self.to_m, self.to_s = nn.Linear(784, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Linear(7, 784)

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back(z), {heads}, z

    def step(self, batch):
        x, _ = batch
        out, m, s, z = self(x)
        error = F.mse_loss(out, x, reduction="none").sum(1).mean()
        kl = -0.5 * torch.sum(1 + s - {mean}.pow(2) - s.exp(), dim=1).mean()
        loss = error + 0.1 * {added}
        return loss, {{"error": error, "kl": kl, "loss": loss}}

    def training_step(self, batch, index):
        loss, parts = self.step(batch)
        self.log_dict({{f"train_{{name}}": value for name, value in parts.items()}})
        return {returned}

    def validation_step(self, batch, index):
        loss, parts = self.step(batch)
        self.log_dict(parts)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())


pl.Trainer().fit(Lit(), DataLoader(torchvision.datasets.MNIST("data"), batch_size=64))
"""
)


def steps(heads: str = "m, s", mean: str = "m", added: str = "kl", returned: str = "loss") -> str:
    return STEPS.format(heads=heads, mean=mean, added=added, returned=returned)


def clean(folder: Path, text: str, code: str) -> bool:
    report = linted(folder, {"net.py": text})
    assert report.judgements
    return any(code in each.clean for each in report.judgements)


def test_the_kl_of_a_step_is_in_its_loss(tmp_path: Path) -> None:
    assert clean(tmp_path, steps(), "VAE305")
    assert codes(linted(tmp_path, {"net.py": steps()})) == []


@pytest.mark.parametrize("added", ["kl.detach()", "kl.item()"])
def test_what_is_logged_with_its_gradient_trains_nothing(added: str, tmp_path: Path) -> None:
    assert not clean(tmp_path, steps(added=added), "VAE305")


def test_the_loss_of_a_validation_is_not_that_of_the_training(tmp_path: Path) -> None:
    assert not clean(tmp_path, steps(returned='parts["error"]'), "VAE305")


@pytest.mark.parametrize("heads", ["m.detach(), s", "m, s.detach()"])
def test_a_kl_that_trains_one_head_alone_is_left_open(heads: str, tmp_path: Path) -> None:
    assert not clean(tmp_path, steps(heads=heads), "VAE305")


def test_a_kl_of_the_sample_in_the_place_of_the_mean(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": steps(mean="z")})
    assert codes(report) == ["VAE301"]
    assert not any("VAE301" in each.clean for each in report.judgements)


def test_a_square_of_the_sample_that_is_the_kl_on_average(tmp_path: Path) -> None:
    text = steps(mean="z").replace(" - s.exp()", "")
    assert codes(linted(tmp_path, {"net.py": text})) == []
    assert clean(tmp_path, text, "VAE301")


KEPT = (
    HEAD
    + """

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.to_m, self.to_s = nn.Linear(784, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Linear(7, 784)

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        return torch.sigmoid(self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))), m, s

    def full_loss(self, x, y, m, s):
        error = F.mse_loss(y, x, reduction="sum") / len(x)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
        loss = {loss}
        return loss, error.detach(), {shown}


def fit(net, loader):
    optimizer = torch.optim.Adam(net.parameters())
    history = {{"loss": [], "kl": []}}
    for epoch in range(20):
        running, terms = 0.0, []
        for x, _ in loader:
            y, m, s = net(x)
            loss, error, kl = net.full_loss(x, y, m, s)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += kl.item() * len(x)
            terms.append({kept})
        history["kl"].append(running / len(loader.dataset))
        {after}
    return history


fit(VAE(), DataLoader(torchvision.datasets.MNIST("data"), batch_size=64))
"""
)


def kept(loss: str = "error", shown: str = "kl", kept: str = "kl.item()", after: str = "pass") -> str:
    return KEPT.format(loss=loss, shown=shown, kept=kept, after=after)


@pytest.mark.parametrize("text", [kept(), kept(shown="kl.detach()"), kept(kept="float(kl.detach())")])
def test_a_kl_of_which_numbers_alone_are_kept_is_in_no_loss(text: str, tmp_path: Path) -> None:
    assert "VAE305" in codes(linted(tmp_path, {"net.py": text}))


@pytest.mark.parametrize(
    "text",
    [kept(loss="error + kl"), kept(kept="kl", after="sum(terms).backward()"), kept(kept="kl", after="use(terms)")],
)
def test_a_kl_that_is_added_or_kept_with_its_gradient_is_not_left_out(text: str, tmp_path: Path) -> None:
    assert "VAE305" not in codes(linted(tmp_path, {"net.py": text}))
