"""Which of two sides a remedy corrects, and by which names."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint

NET = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence
from torchvision import datasets, transforms


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.to_mu, self.to_sigma = nn.Linear(784, 90), nn.Linear(90, 7), nn.Linear(90, 7)

    def forward(self, x):
        h = torch.relu(self.body(x))
        mu, sigma = self.to_mu(h), HEAD
        return mu, sigma


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.back = Encoder(), nn.Linear(7, 784)

    def forward(self, x):
        means, spread = self.encoder(x)
        z = means + spread * torch.randn_like(spread)
        kl = kl_divergence(Normal(means, KL), Normal(torch.zeros_like(means), torch.ones_like(means))).sum(1)
        return OUTPUT, kl


loader = torch.utils.data.DataLoader(datasets.MNIST(".", transform=transforms.ToTensor()), 64)
net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x, _ in loader:
    x = x.view(-1, 784)
    out, kl = net(x)
    loss = F.mse_loss(out, x, reduction="none").sum(1).mean() + kl.mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def read(folder: Path, **parts: str) -> LintReport:
    code = NET
    for name, written in ({"HEAD": "self.to_sigma(h)", "OUTPUT": "torch.sigmoid(self.back(z))"} | parts).items():
        code = code.replace(name, written)
    (folder / "net.py").write_text(code, encoding="utf-8")
    return lint([folder])


def test_a_head_that_can_be_negative_is_no_width_whatever_its_name(tmp_path: Path) -> None:
    report = read(tmp_path, KL="spread.exp()")
    assert [(each.code, each.fix) for each in report.findings] == [
        ("VAE201", "draw with torch.exp(spread), not with spread")
    ]
    place = report.findings[0].place
    assert place is not None
    assert "z = means" in (tmp_path / "net.py").read_text().splitlines()[place.line - 1]


def test_of_a_head_above_0_the_kl_is_corrected(tmp_path: Path) -> None:
    (finding,) = read(tmp_path, HEAD="F.softplus(self.to_sigma(h))", KL="spread.exp()").findings
    assert finding.code == "VAE201"
    assert finding.place is not None
    assert "kl = " in (tmp_path / "net.py").read_text().splitlines()[finding.place.line - 1]


@pytest.mark.parametrize(
    ("output", "fixes"),
    [
        ("2 * torch.sigmoid(self.back(z)) - 1", ["hand over what the sigmoid gives as it is"]),
        ("torch.tanh(self.back(z))", ["end the decoder in a sigmoid"]),
        ("torch.sigmoid(self.back(z))", []),
    ],
)
def test_what_is_scaled_after_its_activation_is_left_as_that_gives_it(
    output: str, fixes: list[str], tmp_path: Path
) -> None:
    report = read(tmp_path, HEAD="F.softplus(self.to_sigma(h))", KL="spread", OUTPUT=output)
    assert [each.code for each in report.findings] == ["VAE403"] * len(fixes)
    assert [each.fix.rpartition(": ")[2] for each in report.findings if each.fix] == fixes


MODEL_AND_LOSS = """
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_mu, self.to_s, self.back = nn.Linear(784, 7), nn.Linear(784, 7), nn.Linear(7, 784)

    def draw(self, mean, logvar):
        eps = torch.randn(mean.shape).to(mean.device)
        width = 0.5 * torch.exp(logvar)
        return mean + eps * width

    def forward(self, x):
        mean, logvar = self.to_mu(x), self.to_s(x)
        return torch.sigmoid(self.back(self.draw(mean, logvar))), mean, logvar


def cost(x, out, mean, logvar):
    kl = torch.sum(-1 - logvar + torch.exp(logvar) + mean**2)
    return F.binary_cross_entropy(out, x, reduction="sum") + 0.5 * kl
"""


def test_a_width_is_called_as_the_model_calls_it(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(MODEL_AND_LOSS, encoding="utf-8")
    (finding,) = lint([tmp_path]).findings
    assert (finding.code, finding.fix) == ("VAE201", "width = torch.exp(0.5 * logvar)")


CONFINED = """
import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.NAME = MODULE

    def forward(self, x):
        return self.NAME(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.to_s, self.back = Block(), nn.Linear(784, 7), nn.Linear(7, 784)

    def forward(self, x):
        mu, logvar = self.mean(x), self.to_s(x)
        return self.back(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def cost(x, out, mu, logvar):
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return F.mse_loss(out, x, reduction="sum") + kl
"""


@pytest.mark.parametrize(
    ("name", "module", "fix"),
    [
        (
            "layers",
            "nn.Sequential(nn.Sequential(nn.Linear(784, 14), nn.ReLU()), nn.AvgPool1d(2))",
            "take the activation at the end of self.layers away from mu",
        ),
        ("act", "nn.ReLU()", "take self.act away from mu"),
    ],
)
def test_what_confines_a_head_is_an_activation(name: str, module: str, fix: str, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(CONFINED.replace("NAME", name).replace("MODULE", module), encoding="utf-8")
    assert [(each.code, each.fix) for each in lint([tmp_path]).findings] == [("VAE204", fix)]
