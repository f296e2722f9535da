"""Code that is handed the model and the loss that it trains is read with those of the project that fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint

MODEL = """\
import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self, latents=7):
        super().__init__()
        self.trunk = nn.Linear(91, 33)
        self.to_mu = nn.Linear(33, latents)
        self.to_logvar = nn.Linear(33, latents)
        self.back = nn.Sequential(nn.Linear(latents, 33), nn.ReLU(), nn.Linear(33, 91), nn.Sigmoid())

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        std = torch.exp(0.5 * logvar)
        z = mu + std * torch.randn_like(std)
        return mu, logvar, self.back(z)
"""
LOSS = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Bound(nn.Module):
    def __init__(self, beta=1.0):
        super().__init__()
        self.beta = beta

    def forward(self, mu, logvar, out, x):
        recon = F.binary_cross_entropy(out, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return recon + self.beta * kl
"""
TRAINER = """\
import torch


def train_one_epoch(model, loader, criterion, optimizer, device):
    model.train()
    for x, _ in loader:
        x = x.to(device)
        optimizer.zero_grad()
        mu, logvar, out = model(x)
        loss = criterion(mu, logvar, out, x)
        loss.backward()
        optimizer.step()
"""
SCRIPT = """\
from elsewhere import settings
from model import Net
from loss import Bound
"""
# The model returns its loss beside what it makes, and whoever trains it takes that.
OWN = (
    MODEL.replace("import torch.nn as nn\n", "import torch.nn as nn\nimport torch.nn.functional as F\n").replace(
        "        return mu, logvar, self.back(z)\n",
        """\
        recon = F.binary_cross_entropy(self.back(z), x, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return (recon + kl, recon, kl), self.back(z)
""",
    ),
    """\
import torch


def train_one_epoch(net, loader, optimizer):
    for x, _ in loader:
        losses, out = net(x)
        optimizer.zero_grad()
        losses[0].backward()
        optimizer.step()
        print(losses[1].item(), losses[2].item())
""",
)


def read(folder: Path, files: dict[str, str], *changes: tuple[str, str]) -> LintReport:
    for name, text in files.items():
        changed = text
        for old, new in changes:
            changed = changed.replace(old, new)
        (folder / name).write_text(changed)
    assert all(any(old in text for text in files.values()) for old, _ in changes)
    return lint([folder])


def codes(report: LintReport) -> list[str]:
    return sorted({finding.code for finding in report.findings})


PARTS = {"model.py": MODEL, "loss.py": LOSS, "trainer.py": TRAINER, "main.py": SCRIPT}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("return mu, logvar, self", "return mu, logvar, self", []),
        ("return mu, logvar, self", "return logvar, mu, self", ["VAE205"]),
        ("mu, logvar, out = model(x)", "logvar, mu, out = model(x)", ["VAE205"]),
        ("criterion(mu, logvar, out, x)", "criterion(logvar, mu, out, x)", ["VAE205"]),
        ("self.beta * kl", "self.beta * kl.item()", ["VAE305"]),
        ("+ self.beta * kl", "", ["VAE305"]),
        ("torch.randn_like(std)\n", "torch.randn_like(std)\n        z = z.detach()\n", ["VAE206"]),
    ],
)
def test_a_trainer_is_handed_the_model_and_the_loss(old: str, new: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(read(tmp_path, PARTS, (old, new))) == expected


def test_a_trainer_of_another_order_is_for_another_model(tmp_path: Path) -> None:
    other = MODEL.replace("class Net", "class Other").replace("mu, logvar, self.back(z)", "self.back(z), logvar, mu")
    trainer = TRAINER.replace("mu, logvar, out = model(x)", "out, logvar, mu = model(x)").replace(
        "train_one", "run_one"
    )

    report = read(tmp_path, {**PARTS, "other.py": other, "trainer_of_other.py": trainer})

    assert codes(report) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("recon + kl, recon", "recon + kl, recon", []),
        ("recon + kl, recon", "recon + kl.detach(), recon", ["VAE305"]),
        ("(recon + kl, recon, kl)", "(recon, recon, kl)", ["VAE305"]),
        ("torch.randn_like(std)\n", "torch.randn_like(std)\n        z = z.detach()\n", ["VAE206"]),
        ("mu + std * torch.randn_like(std)", "mu", ["VAE207"]),
    ],
)
def test_a_trainer_differentiates_what_a_model_returns(old: str, new: str, expected: list[str], tmp_path: Path) -> None:
    files = {"model.py": OWN[0], "again.py": OWN[0].replace("91", "103"), "trainer.py": OWN[1]}

    assert codes(read(tmp_path, files, (old, new))) == expected


def test_noise_that_is_drawn_and_left_reaches_no_z(tmp_path: Path) -> None:
    drawn = "eps = torch.randn_like(std)\n        z = mu"

    assert codes(read(tmp_path, {"model.py": OWN[0]}, ("z = mu + std * torch.randn_like(std)", drawn))) == ["VAE207"]


SCRIPT_OF_ITS_OWN = """\
import torch
import torch.nn.functional as F
from model import Net

net = Net()
optimizer = torch.optim.Adam(net.parameters())
loader = torch.utils.data.DataLoader(examples, batch_size=24)
for x, _ in loader:
    mu, logvar, out = net(x)
    recon = F.binary_cross_entropy(out, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    loss = recon
    loss.backward()
    print(f"{recon.item()} {kl.item()}")
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("loss = recon", "loss = recon", ["VAE305"]),
        ("loss = recon", "loss = recon + kl", []),
        ("loss.backward()", "loss.backward(retain_graph=True)\n    slowly(kl)", []),
        ("    loss.backward()\n", "    loss.backward()\n    both = [recon, kl]\n    both[0].detach()\n", ["VAE305"]),
    ],
)
def test_a_script_leaves_the_kl_out(old: str, new: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(read(tmp_path, {"model.py": MODEL, "run.py": SCRIPT_OF_ITS_OWN}, (old, new))) == expected


ARGUMENTS = """\
import argparse
import torch
from model import Net
from loss import bound
from trainer import Trainer

args = argparse.ArgumentParser().parse_args()
net = Net()
args.criterion = bound
args.optimizer = torch.optim.Adam(net.parameters(), lr=args.rate)
Trainer(args, net).train()
"""
OF_ARGUMENTS = """\
import torch


def shown(loss, recon, kl):
    print(loss.item(), recon.item(), kl.item())


class Trainer:
    def __init__(self, args, net):
        self.args, self.net = args, net

    def train(self):
        for x, _ in torch.utils.data.DataLoader(examples, batch_size=24):
            mu, logvar, out = self.net(x)
            loss, recon, kl = self.args.criterion(mu, logvar, out, x)
            self.args.optimizer.zero_grad()
            loss.backward()
            self.args.optimizer.step()
            shown(loss, recon, kl)
"""
BOUND = """\
import torch
import torch.nn.functional as F


def bound(mu, logvar, out, x):
    recon = F.binary_cross_entropy(out, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    loss = recon + kl
    return loss, recon, kl
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("loss = recon + kl", "loss = recon + kl", []),
        ("loss = recon + kl", "loss = recon", ["VAE305"]),
        ("return mu, logvar, self", "return logvar, mu, self", ["VAE205"]),
    ],
)
def test_a_loss_that_is_put_on_the_arguments(old: str, new: str, expected: list[str], tmp_path: Path) -> None:
    files = {"model.py": MODEL, "loss.py": BOUND, "trainer.py": OF_ARGUMENTS, "run.py": ARGUMENTS}

    assert codes(read(tmp_path, files, (old, new))) == expected


def test_what_a_condition_picks_for_an_optimizer_is_open(tmp_path: Path) -> None:
    given = "[p for n, p in net.named_parameters() if 'mu' not in n]"
    built = f"\n\ndef start():\n    net = Net()\n    return net, torch.optim.Adam({given})\n"
    seen = []
    for picked in (built, built.replace("'mu' not in n", "p.requires_grad")):
        report = read(tmp_path, {"all.py": MODEL + LOSS.replace("import torch\nimport torch.nn as nn\n", "") + picked})
        assert codes(report) == []
        seen.append("VAE602" in {code for judgement in report.judgements for code in judgement.clean})
    assert seen == [False, True]


def test_noise_from_a_discrete_distribution_is_no_number(tmp_path: Path) -> None:
    drawn = "std * torch.bernoulli(torch.full_like(std, 0.5))"

    assert "VAE207" not in codes(read(tmp_path, {"model.py": OWN[0]}, ("std * torch.randn_like(std)", drawn)))


BASE = """\
import torch
import torch.nn as nn


class Base(nn.Module):
    def __init__(self, latents=7):
        super().__init__()
        self.trunk = nn.Linear(91, 33)
        self.to_mu = nn.Linear(33, latents)
        self.to_logvar = nn.Linear(33, latents)

    def draw(self, mu, logvar):
        return mu, logvar, mu + torch.exp({half} * logvar) * torch.randn_like(logvar)

    def forward(self, x):
        raise NotImplementedError
"""
DERIVED = """\
import torch
import torch.nn as nn
from base import Base


class Net(Base):
    def __init__(self, latents=7):
        super().__init__(latents)
        self.back = nn.Sequential(nn.Linear(latents, 33), nn.ReLU(), nn.Linear(33, 91), nn.Sigmoid())

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        mu, logvar, z = self.draw(self.to_mu(h), self.to_logvar(h))
        return mu, logvar, self.back(z)
"""


@pytest.mark.parametrize(("half", "found"), [("0.5", []), ("1.0", ["VAE201"])], ids=["right", "wrong"])
def test_a_base_that_leaves_its_pass_open_is_none_of_the_models(half: str, found: list[str], tmp_path: Path) -> None:
    terms = """recon = F.binary_cross_entropy(out, x, reduction="sum")
        loss = recon - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())"""
    trainer = TRAINER.replace("loss = criterion(mu, logvar, out, x)", terms).replace("criterion, ", "")
    trainer = trainer.replace("import torch\n", "import torch\nimport torch.nn.functional as F\n")
    files = {"base.py": BASE.replace("{half}", half), "net.py": DERIVED, "fit.py": trainer}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    report = lint([tmp_path])
    assert [facts for facts in report.facts if facts.sampler.std and facts.kl.form and facts.recon.kind]
    assert [finding.code for finding in report.findings] == found
