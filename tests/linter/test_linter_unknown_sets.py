"""Data sets of classes that nothing is known of: a transform of pictures says what they hand out."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

MODULE = """\
import medmnist
import medmnist as sets_of_pictures
import torch
import torch.nn.functional as F
from medmnist import INFO
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader
from torchvision import transforms


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(784, 40), nn.Linear(20, 784)

    def forward(self, x):
        mu, logvar = self.enc(x.flatten(1)).chunk(2, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.{activation}(self.dec(z)), mu, logvar


def sets(names):
    made = []
    for name in names:
        steps = [{steps}]
        if name in INFO:
            steps.append(transforms.CenterCrop(28))
        made.append({made}(split="train", transform=transforms.Compose(steps), download=True))
    return ConcatDataset(made)


def train():
    net = VAE()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in DataLoader(sets(["path", "chest"]), batch_size=32):
        x_hat, mu, logvar = net(x)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = F.mse_loss(x_hat, x.flatten(1), reduction="sum") + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
CENTRED = "transforms.ToTensor(), transforms.Normalize([0.5] * INFO[name]['n'], [0.5] * INFO[name]['n'])"
UNIT = "transforms.Resize(28), transforms.ToTensor()"
MADE = {
    "a class of a library": "medmnist.PathMNIST",
    "a class by its name": 'getattr(medmnist, INFO[name]["python_class"])',
    "a class of a library by another name": 'getattr(sets_of_pictures, INFO[name]["python_class"])',
}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
@pytest.mark.parametrize(("steps", "activation"), [(CENTRED, "sigmoid"), (UNIT, "tanh")])
def test_a_set_of_an_unknown_class_hands_out_what_its_transform_makes(
    made: str, steps: str, activation: str, tmp_path: Path
) -> None:
    text = MODULE.format(made=made, steps=steps, activation=activation)
    assert codes(linted(tmp_path, {"vae.py": text})) == ["VAE403"]


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
@pytest.mark.parametrize(("steps", "activation"), [(CENTRED, "tanh"), (UNIT, "sigmoid")])
def test_a_decoder_that_fits_the_transform_of_an_unknown_set_is_right(
    made: str, steps: str, activation: str, tmp_path: Path
) -> None:
    text = MODULE.format(made=made, steps=steps, activation=activation)
    assert codes(linted(tmp_path, {"vae.py": text})) == []


UNREAD = {
    "a class of a table": ("", "CLASSES[name]"),
    "a class whose name a library has": ("import faces\n", 'getattr(faces, medmnist.INFO[name]["python_class"])'),
    "a class of a file that is not there": ("from faces import Faces\n", "Faces"),
    "a class of a package that is not there": ("from datasets.faces import Faces\n", "Faces"),
    "a class of a module of sets": ("from common import datasets\n", "datasets.Faces"),
}


@pytest.mark.parametrize(("imported", "made"), UNREAD.values(), ids=UNREAD)
@pytest.mark.parametrize(("steps", "activation"), [(CENTRED, "sigmoid"), (UNIT, "tanh")])
def test_what_a_class_that_is_not_read_does_is_not_known(
    imported: str, made: str, steps: str, activation: str, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"vae.py": imported + MODULE.format(made=made, steps=steps, activation=activation)})
    assert codes(report) == []
    assert all("VAE403" not in judgement.clean for judgement in report.judgements)


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
@pytest.mark.parametrize(
    "steps",
    [
        "transforms.ToTensor()",
        "transforms.ToTensor(), transforms.Lambda(scaled)",
        "medmnist.Load(), transforms.Resize(28), transforms.ToTensor()",
    ],
)
def test_arrays_of_an_unknown_set_may_hold_any_numbers(made: str, steps: str, tmp_path: Path) -> None:
    text = MODULE.format(made=made, steps=steps, activation="tanh").replace("CenterCrop(28)", "Lambda(abs)")
    assert codes(linted(tmp_path, {"vae.py": text})) == []
