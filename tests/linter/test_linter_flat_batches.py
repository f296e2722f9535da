"""A batch that is flattened into one row: its latents have no axis for the samples."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

MODULE = """\
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.flatten = nn.Conv2d(1, 8, 3, 2), {layer}
        self.mu, self.logvar = nn.Linear(5408, 19), nn.Linear(5408, 19)
        self.back = nn.Linear(19, 3136)

    def forward(self, x):
        h = {call}
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn(19)
        x_hat = torch.sigmoid(self.back(z)).view(-1, 1, 28, 28)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=0)
        return F.binary_cross_entropy(x_hat, x, reduction="sum") + kl.sum()


def train():
    net = VAE()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in DataLoader(datasets.MNIST(".", transform=transforms.ToTensor()), 4):
        optimizer.zero_grad()
        net(x).backward()
        optimizer.step()
"""

FLAT = {
    "a layer from the batch on": ("nn.Flatten(start_dim=0, end_dim=3)", "self.flatten(self.conv(x))"),
    "a layer from the batch to the end": ("nn.Flatten(0)", "self.flatten(self.conv(x))"),
    "a layer from an axis that is not known": ("nn.Flatten(first())", "self.flatten(self.conv(x))"),
    "a method": ("None", "self.conv(x).flatten()"),
    "a function": ("None", "torch.flatten(self.conv(x), 0, 3)"),
    "a view": ("None", "self.conv(x).view(-1)"),
    "a view of one row": ("None", "self.conv(x).view(1, -1)"),
    "a shape of one row": ("None", "self.conv(x).reshape((1, -1))"),
    "a method and an axis for one row": ("None", "self.conv(x).flatten().unsqueeze(0)"),
    "rows, and then one": ("None", "torch.relu(self.conv(x).flatten(1)).flatten()"),
    "rows by a layer, and then one": ("nn.Flatten()", "self.flatten(self.conv(x)).view(-1)"),
    "rows by a view, and then one": ("None", "self.conv(x).view(-1, 5408).flatten()"),
    "one row of what is one row": ("None", "self.conv(x).flatten().view(1, -1)"),
}


@pytest.mark.parametrize(("layer", "call"), FLAT.values(), ids=FLAT)
def test_one_row_of_a_flattened_batch_shares_no_noise(layer: str, call: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"vae.py": MODULE.format(layer=layer, call=call)})) == _mixed(layer)


@pytest.mark.parametrize(("layer", "call"), FLAT.values(), ids=FLAT)
@pytest.mark.parametrize("size", ["", ", 1", ", size", ", batch_size=1"])
def test_a_batch_of_one_may_be_flattened_whole(layer: str, call: str, size: str, tmp_path: Path) -> None:
    text = MODULE.format(layer=layer, call=call).replace("ToTensor()), 4)", f"ToTensor()){size})")
    assert codes(linted(tmp_path, {"vae.py": text})) == []


def test_pictures_of_a_batch_taken_one_by_one_may_be_flattened(tmp_path: Path) -> None:
    text = MODULE.format(layer="nn.Flatten(0)", call="self.flatten(self.conv(x))")
    turn = "        optimizer.zero_grad()\n        net(x).backward()\n        optimizer.step()\n"
    one = "        for x_one in x:\n" + turn.replace("        ", "            ").replace("net(x)", "net(x_one)")
    assert codes(linted(tmp_path, {"vae.py": text.replace(turn, one)})) == []


@pytest.mark.parametrize("flat", ["flatten(0, 1)", "flatten(end_dim=1)", "flatten(0, 2)"])
def test_steps_of_all_samples_in_one_row_each_are_kept_apart(flat: str, tmp_path: Path) -> None:
    text = MODULE.format(layer="None", call=f"self.conv(x).{flat}").replace("randn(19)", "randn_like(mu)")
    assert "VAE106" not in codes(linted(tmp_path, {"vae.py": text}))


def _mixed(layer: str) -> list[str]:
    """What is found where all samples surely become one row."""
    return [] if layer == "nn.Flatten(first())" else ["VAE106"]


@pytest.mark.parametrize(("layer", "call"), FLAT.values(), ids=FLAT)
def test_the_first_axis_of_a_flattened_batch_is_none_of_samples(layer: str, call: str, tmp_path: Path) -> None:
    loss = 'F.binary_cross_entropy(x_hat, x, reduction="sum") + kl.sum()'
    text = MODULE.format(layer=layer, call=call).replace(loss, "F.mse_loss(x_hat, x) + kl.mean()")
    assert codes(linted(tmp_path, {"vae.py": text.replace("randn(19)", "randn_like(mu)")})) == [
        *_mixed(layer),
        # The first axis of one row is known: what is left to average over are the latents.
        *(["VAE304"] if call.startswith(("self.conv(x).view(1", "self.conv(x).reshape")) else []),
    ]


def test_an_error_of_flattened_pictures_is_reduced_as_it_is_written(tmp_path: Path) -> None:
    loss = "F.binary_cross_entropy(x_hat.view(-1), x.view(-1)) + kl.sum()"
    text = MODULE.format(layer="nn.Flatten()", call="self.flatten(self.conv(x))").replace("randn(19)", "randn_like(mu)")
    flat = text.replace('F.binary_cross_entropy(x_hat, x, reduction="sum") + kl.sum()', loss)
    assert codes(linted(tmp_path, {"vae.py": flat})) == ["VAE502", "VAE504"]


KEPT = {
    "a layer": ("nn.Flatten()", "self.flatten(self.conv(x))"),
    "a layer by its defaults": ("nn.Flatten(start_dim=1, end_dim=-1)", "self.flatten(self.conv(x))"),
    "a method": ("None", "self.conv(x).flatten(1)"),
    "rows of rows": ("None", "self.conv(x).flatten(1).view(-1, 5408)"),
}


@pytest.mark.parametrize(("layer", "call"), KEPT.values(), ids=KEPT)
def test_rows_of_a_batch_share_the_noise_of_one_row(layer: str, call: str, tmp_path: Path) -> None:
    assert "VAE203" in codes(linted(tmp_path, {"vae.py": MODULE.format(layer=layer, call=call)}))


ONE_EACH = {
    "a column": "self.conv(x).flatten().unsqueeze(1)",
    "a column by a view": "self.conv(x).view(-1, 1)",
    "the first of them": "self.conv(x[0]).view(1, -1)",
}


@pytest.mark.parametrize("call", ONE_EACH.values(), ids=ONE_EACH)
def test_rows_of_one_number_or_of_one_sample_mix_no_batch(call: str, tmp_path: Path) -> None:
    assert "VAE106" not in codes(linted(tmp_path, {"vae.py": MODULE.format(layer="None", call=call)}))


@pytest.mark.parametrize("shape", ["19", "1, 19"])
@pytest.mark.parametrize("call", ["self.conv(x).view(1, -1)", "self.conv(x).flatten()[None]"])
def test_one_row_shares_no_noise_with_another(call: str, shape: str, tmp_path: Path) -> None:
    text = MODULE.format(layer="None", call=call).replace("ToTensor()), 4)", "ToTensor()))")
    assert codes(linted(tmp_path, {"vae.py": text.replace("randn(19)", f"randn({shape})")})) == []
