"""Layers without parameters have none to be trained: a model that holds them is trained whole all the same."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from torch import nn

from tests.support.linter_losses import read
from vae_checked.linter.symbols.registered import with_parameters
from vae_checked.linter.symbols.values import Layer
from vae_checked.reports import all_examined

HOLDERS = (
    nn.Sequential,
    nn.ModuleList,
    nn.ModuleDict,
    nn.ParameterList,
    nn.ParameterDict,
    nn.DataParallel,
    nn.Transformer,
)
MAKES = ("Parameter", "Linear(", "ModuleList(", "_get_clones", "MultiheadAttention")


def _layers() -> dict[str, type[nn.Module]]:
    named = {name: each for name, each in vars(nn).items() if inspect.isclass(each) and issubclass(each, nn.Module)}
    return {
        name: each
        for name, each in named.items()
        if each.__module__.startswith("torch.nn.modules.")
        and each not in HOLDERS
        and name not in ("Module", "Container")
    }


def _makes_parameters(layer: type[nn.Module]) -> bool:
    """Whether any `__init__` of a layer or its bases but `nn.Module` makes a parameter, or a layer that does."""
    makers = [each.__init__ for each in layer.__mro__ if "__init__" in vars(each) and each not in (nn.Module, object)]
    return any(word in inspect.getsource(maker) for maker in makers for word in MAKES)


LAYERS = _layers()


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_of_torch_has_parameters_or_none(name: str) -> None:
    layer = Layer(name, (), {}, 3, None)
    assert [*with_parameters(layer)] == ([layer] if _makes_parameters(LAYERS[name]) else [])


def test_there_are_layers_of_both_kinds() -> None:
    made = [_makes_parameters(each) for each in LAYERS.values()]
    assert made.count(True) > 30
    assert made.count(False) > 60


SCENE = """\
import torch
from torch import nn
from torch.nn import functional as F

class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(28, 60), {between}, nn.Linear({width}, 60), nn.ReLU())
        self.mu = nn.Linear(60, 7)
        self.logvar = nn.Linear(60, 7)
        self.decode = nn.Sequential(nn.Linear(7, 50), nn.ReLU(), nn.Linear(50, 28))

    def forward(self, x):
        h = self.encode(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decode(z), mu, logvar

def fit(loader):
    model = Autoencoder()
    optimizer = torch.optim.Adam(model.parameters())
    for x in loader:
        out, mu, logvar = model(x)
        loss = F.mse_loss(out, x, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
BETWEEN = {
    "ELU": ("nn.ELU()", 60),
    "GELU": ("nn.GELU()", 60),
    "SiLU": ("nn.SiLU()", 60),
    "SELU": ("nn.SELU()", 60),
    "Mish": ("nn.Mish()", 60),
    "Hardtanh": ("nn.Hardtanh()", 60),
    "GLU": ("nn.GLU()", 30),
    "Unflatten": ("nn.Unflatten(1, (5, 12)), nn.Flatten()", 60),
    "padding": ("nn.ConstantPad1d(2, 0.0)", 64),
}


@pytest.mark.parametrize(("between", "width"), BETWEEN.values(), ids=BETWEEN.keys())
def test_a_model_with_layers_that_have_none_is_trained_whole(between: str, width: int, tmp_path: Path) -> None:
    report = read(tmp_path, SCENE.format(between=between, width=width))
    assert not report.findings
    assert any("VAE601" in each.clean for each in all_examined(report))


def test_a_layer_that_is_built_and_not_used_leaves_it_open(tmp_path: Path) -> None:
    unused = SCENE.replace("        self.mu = ", "        self.spare = nn.PReLU()\n        self.mu = ")
    report = read(tmp_path, unused.format(between="nn.ELU()", width=60))
    assert not any("VAE601" in each.clean for each in all_examined(report))


def test_a_model_that_is_not_read_leaves_it_open(tmp_path: Path) -> None:
    whole = SCENE.format(between="nn.ELU()", width=60)
    fit = whole[whole.index("def fit(") :].replace("model(x)", "model(first(x))")
    absent = (
        "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\nfrom nets import Autoencoder\n\n"
    )
    text = absent + fit.replace("model = Autoencoder()", "model, first = Autoencoder(), nn.Linear(28, 28)")
    report = read(tmp_path, text)
    assert any("VAE301" in each.clean for each in all_examined(report))
    assert not any("VAE601" in each.clean for each in all_examined(report))
