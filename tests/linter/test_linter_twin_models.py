"""Two models that one trainer may be handed are two VAEs, each with its own sampler, whatever else they share."""

from __future__ import annotations

from pathlib import Path

from vae_checked.linter import LintReport, lint
from vae_checked.reports import all_examined

MODEL = """\
import torch
from torch import nn

class Autoencoder(nn.Module):
    def __init__(self, pixels, latents, squash):
        super().__init__()
        self.squash = squash
        self.read = nn.Linear(pixels, 90)
        self.mu = nn.Linear(90, latents)
        self.logvar = nn.Linear(90, latents)
        self.write = nn.Linear(latents, pixels)

    def forward(self, x):
        h = torch.relu(self.read(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp({halved}) * torch.randn_like(mu)
        out = self.write(z)
        if self.squash == "sigmoid":
            out = torch.sigmoid(out)
        return out, mu, logvar
"""
TRAINER = """\
import torch
from torch import nn

class Trainer:
    def __init__(self, model, config):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters())
        self.error = nn.BCELoss(reduction="sum") if config["squash"] == "sigmoid" else nn.MSELoss(reduction="sum")

    def fit(self, loader):
        for x, _ in loader:
            self.optimizer.zero_grad()
            out, mu, logvar = self.model(x)
            kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
            loss = self.error(out, x) + kl
            loss.backward()
            self.optimizer.step()
"""
SCRIPT = """\
from absent import load_config
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from {module} import Autoencoder
from trainer import Trainer

config = load_config("config.yaml")
trainer = Trainer(Autoencoder(784, 12, config["squash"]), config)
as_tensors = transforms.Compose([transforms.ToTensor(), transforms.Lambda(lambda x: x.view(-1))])
trainer.fit(DataLoader(datasets.MNIST("data", transform=as_tensors), batch_size=64))
"""
RIGHT, WRONG = "0.5 * logvar", "logvar"


def read(folder: Path, built: str, other: str) -> LintReport:
    (folder / "narrow.py").write_text(MODEL.format(halved=built))
    (folder / "wide.py").write_text(MODEL.format(halved=other))
    (folder / "trainer.py").write_text(TRAINER)
    (folder / "main.py").write_text(SCRIPT.format(module="narrow"))
    return lint([folder])


def drawn_in(report: LintReport) -> dict[str, set[str]]:
    """By VAE the files in which its samplers stand."""
    return {
        Path(each.subject).name: {
            Path(view.sampler.std.origin.place.path).name for view in each.views if view.sampler.std
        }
        for each in all_examined(report)
        if any(view.sampler.std and view.kl.form for view in each.views)
    }


def test_the_model_that_a_script_trains_is_no_other_of_its_kind(tmp_path: Path) -> None:
    found = drawn_in(read(tmp_path, RIGHT, RIGHT))
    assert found == {"main.py": {"narrow.py"}, "wide.py:Autoencoder": {"wide.py"}}


def test_a_mistake_is_said_of_the_model_that_makes_it(tmp_path: Path) -> None:
    report = read(tmp_path, WRONG, RIGHT)
    (finding,) = (each for each in report.findings if each.code == "VAE201")
    assert finding.place is not None
    assert Path(finding.place.path).name == "narrow.py"
    standing = {
        Path(each.subject).name: ("VAE201" in each.found, "VAE201" in each.clean) for each in all_examined(report)
    }
    assert standing["main.py"] == (True, False)
    assert standing["wide.py:Autoencoder"] == (False, True)


def test_a_model_that_is_trained_alone_is_the_one_of_its_class(tmp_path: Path) -> None:
    (tmp_path / "narrow.py").write_text(MODEL.format(halved=RIGHT))
    (tmp_path / "trainer.py").write_text(TRAINER)
    (tmp_path / "main.py").write_text(SCRIPT.format(module="narrow"))
    assert len(drawn_in(lint([tmp_path]))) == 1
