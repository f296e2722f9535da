"""Code that takes a model from outside, beside the one model of a project, where nothing brings the two together."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, codes, linted

MODEL = f"""{HEAD}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.there, self.back = nn.Linear(12, 10), nn.Sequential(nn.Linear(5, 12), nn.Tanh())

    def forward(self, x):
        m, s = self.there(x).chunk(2, dim=-1)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s
"""
STEP = f"""
    def training_step(self, x):
        y, m, s = self(x)
        return (F.mse_loss(y, x, reduction="none").sum(1) + {KL}).mean()
"""
FITTED = f"""{HEAD}

def fit(model, loader):
    optimizer = torch.optim.Adam(model.parameters())
    for x in loader:
        x = torch.clamp(x, 0, 1)
        optimizer.zero_grad()
        y, m, s = model(x)
        loss = (F.binary_cross_entropy(y, x, reduction="none").sum(1) + {KL}).mean()
        loss.backward()
        optimizer.step()
"""
TRAINER = f"""{HEAD}

class Trainer:
    def __init__(self, model):
        self.model = model

    def step(self, x):
        y, m, s = self.model(torch.clamp(x, 0, 1))
        return (F.binary_cross_entropy(y, x, reduction="none").sum(1) + {KL}).mean()
"""
# A file that speaks of both, in a call that is not read.
TOGETHER = "import torch\nfrom fit import {name}\nfrom net import Net\n\nregistered(Net, {name}).backward()\n"
CODE = {"fit": FITTED, "Trainer": TRAINER}


@pytest.mark.parametrize("name", CODE)
@pytest.mark.parametrize("together", [False, True], ids=["apart", "spoken of in one file"])
@pytest.mark.parametrize("step", ["", STEP], ids=["trained by this alone", "trained by itself"])
def test_what_a_loss_takes_is_asked_of_its_own_model(step: str, together: bool, name: str, tmp_path: Path) -> None:
    files = {"net.py": MODEL + step, "fit.py": CODE[name]}
    if together:
        files["run.py"] = TOGETHER.format(name=name)
    assert codes(linted(tmp_path, files)) == ([] if step and not together else ["VAE402"])


@pytest.mark.parametrize("name", CODE)
def test_how_heads_are_read_is_asked_of_any_model(name: str, tmp_path: Path) -> None:
    """A sampler that takes a log-variance for a log std is wrong whatever trains it."""
    wrong = (MODEL + STEP).replace("0.5 * s", "s")
    assert "VAE201" in codes(linted(tmp_path, {"net.py": wrong, "fit.py": CODE[name]}))
