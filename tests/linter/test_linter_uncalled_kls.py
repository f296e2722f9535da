"""A KL in a loss that nothing calls, next to code that trains the same model by an error alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

from vae_checked.linter.run.report import LintReport

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F

"""
NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.first, self.second = nn.Linear(31, 17), nn.Linear(17, 5), nn.Linear(17, 5)
        self.back = nn.Linear(5, 31)

    def forward(self, x):
        h = torch.relu(self.body(x))
        mu, logvar = self.first(h), self.second(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.back(z)), mu, logvar
"""
TERM = "-0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())"
BOUND = f"""
def bound(guess, x, mu, logvar):
    return F.mse_loss(guess, x, reduction="sum") + {TERM}

"""
OBJECT = f"""
class Bound(nn.Module):
    def forward(self, guess, x, mu, logvar):
        return F.mse_loss(guess, x, reduction="sum") + {TERM}

"""
METHOD = f"""
    def loss_function(self, guess, x, mu, logvar):
        return F.mse_loss(guess, x, reduction="sum") + {TERM}

"""
LOOP = """
def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        guess, mu, logvar = net(x)
        {loss}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
ERROR = 'loss = F.mse_loss(guess, x, reduction="sum")'
SHADOWED = "bound = nn.MSELoss(reduction='sum')\n        loss = bound(guess, x)"
CALLED = "loss = bound(guess, x, mu, logvar)"
OTHER = f"loss = F.l1_loss(guess, x, reduction='sum') + {TERM}"
KERNEL = "loss = F.mse_loss(guess, x, reduction='sum') + torch.cdist(guess[:, :3], torch.randn(7, 3)).mean()"
TABLE = "\nLOSSES = {'first': bound}\n"


def _script(*parts: str, loss: str) -> dict[str, str]:
    return {"train.py": "".join((HEAD, NET, *parts, LOOP.format(loss=loss)))}


def _clean(report: LintReport) -> set[str]:
    return {code for vae in report.vaes for code in vae.clean}


@pytest.mark.parametrize("loss", [ERROR, SHADOWED], ids=["another error", "its name for an error"])
@pytest.mark.parametrize("part", [BOUND, OBJECT, METHOD], ids=["function", "object", "method"])
def test_a_kl_that_nothing_calls_is_in_no_loss(part: str, loss: str, tmp_path: Path) -> None:
    report = linted(tmp_path, _script(part, loss=loss))
    assert "VAE305" in codes(report)
    assert "VAE305" not in _clean(report)


def test_a_kl_of_another_file_that_nothing_calls(tmp_path: Path) -> None:
    texts = {
        "net.py": HEAD + NET,
        "bounds.py": HEAD + BOUND,
        "train.py": HEAD + "from net import Net\n" + LOOP.format(loss=ERROR) + "\nfit(load())\n",
    }
    report = linted(tmp_path, texts)
    assert "VAE305" in codes(report)


def test_a_method_of_that_name_is_another_one(tmp_path: Path) -> None:
    other = NET.replace("class Net", "class Other").replace("return torch", "return self.bound(mu), torch")
    other += METHOD.replace("loss_function(self, guess, x, mu, logvar)", "bound(self, mu)").partition("return")[0]
    texts = {**_script(BOUND, loss=ERROR), "other.py": HEAD + other + "return mu.sum()\n"}
    assert "VAE305" in codes(linted(tmp_path, texts))


def test_another_file_calls_a_function_of_its_own(tmp_path: Path) -> None:
    texts = {**_script(BOUND, loss=ERROR), "other.py": "".join((HEAD, NET, BOUND, LOOP.format(loss=CALLED)))}
    report = linted(tmp_path, texts)
    assert [each.place.path.rpartition("/")[2] for each in report.findings if each.code == "VAE305" and each.place] == [
        "train.py"
    ]


def test_the_remedy_is_to_minimise_the_function(tmp_path: Path) -> None:
    report = linted(tmp_path, _script(BOUND, loss=ERROR))
    assert [each.fix for each in report.findings if each.code == "VAE305"] == [
        "minimise what bound returns: bound is never called"
    ]


@pytest.mark.parametrize("loss", [CALLED, OTHER], ids=["called", "another loss with a KL"])
def test_a_kl_that_trains_or_that_another_one_took_the_place_of(loss: str, tmp_path: Path) -> None:
    assert "VAE305" not in codes(linted(tmp_path, _script(BOUND, loss=loss)))


@pytest.mark.parametrize(
    ("parts", "loss"),
    [((BOUND, TABLE), ERROR), ((BOUND,), KERNEL)],
    ids=["kept in a table", "a distance of draws beside the error"],
)
def test_a_kl_that_may_be_called_is_open(parts: tuple[str, ...], loss: str, tmp_path: Path) -> None:
    report = linted(tmp_path, _script(*parts, loss=loss))
    assert "VAE305" not in codes(report)
    assert "VAE305" not in _clean(report)


def test_a_kl_that_a_file_imports_is_open(tmp_path: Path) -> None:
    texts = {**_script(BOUND, loss=ERROR), "go.py": "from train import bound, fit\n"}
    report = linted(tmp_path, texts)
    assert "VAE305" not in codes(report)
    assert "VAE305" not in _clean(report)


HOOKED = f"""
class Lit(Net):
    def training_step(self, x):
        guess, mu, logvar = self(x)
        return F.mse_loss(guess, x, reduction="sum") + {TERM}

"""


@pytest.mark.parametrize("base", ["Net, pl.LightningModule", "Net, kit.Base"])
def test_a_library_calls_methods_of_its_classes(base: str, tmp_path: Path) -> None:
    hooked = "import pytorch_lightning as pl\nimport kit\n" + HOOKED.replace("(Net)", f"({base})")
    assert "VAE305" not in codes(linted(tmp_path, _script(hooked, loss=ERROR)))


LATENTS = """
class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(5, 5)

    def forward(self, z):
        return self.body(z)

def fit(net, loader):
    other = Denoiser()
    optimizer = torch.optim.Adam(other.parameters())
    for x in loader:
        {latents}
        noise = torch.randn_like(z)
        loss = F.mse_loss(other(0.7 * z + 0.3 * noise), {target})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

fit(Net(), load())
"""
DRAWN = NET.replace("return torch.sigmoid(self.back(z)), mu, logvar", "return z, mu, logvar")
WAYS = {
    "under no_grad": "with torch.no_grad():\n            z, mu, logvar = net(x)",
    "detached": "z, mu, logvar = net(x)\n        z = z.detach()",
    "with its gradient": "z, mu, logvar = net(x)",
}


@pytest.mark.parametrize("target", ["noise", "noise - z"])
@pytest.mark.parametrize("latents", WAYS.values(), ids=WAYS)
def test_a_model_of_latents_trains_no_posterior(latents: str, target: str, tmp_path: Path) -> None:
    train = HEAD + DRAWN + BOUND + LATENTS.format(latents=latents, target=target)
    assert "VAE305" not in codes(linted(tmp_path, {"train.py": train}))
