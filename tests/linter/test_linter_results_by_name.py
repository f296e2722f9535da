"""Of what a model returns twice, as logits and as a picture, its loss takes the one of its parameter's name."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, joined, linted

NET = """
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(84, 33), nn.ReLU(), nn.Linear(33, 14))
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 84))

    def forward(self, x):
        mu, logvar = torch.chunk(self.body(x), 2, dim=-1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        raw = self.back(z)
        picture = {picture}
        return {returned}, z, mu, logvar

"""
LOSS = """
def loss_function({own}x, {taken}, mu, logvar):
    error = F.binary_cross_entropy_with_logits({taken}, x, reduction="none").sum(dim=1)
    return torch.mean(error - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp(), dim=1))
"""
METHOD = LOSS.replace("\n", "\n    ").format(own="self, ", taken="{taken}")
DRAWN, SQUASHED = "torch.bernoulli(torch.sigmoid(raw))", "torch.sigmoid(raw)"


@pytest.mark.parametrize("loss", [METHOD, LOSS.replace("{own}", "")], ids=["method", "function"])
@pytest.mark.parametrize("returned", ["picture, raw", "raw, picture"])
@pytest.mark.parametrize("picture", [DRAWN, SQUASHED], ids=["drawn", "squashed"])
@pytest.mark.parametrize(("taken", "found"), [("raw", []), ("picture", ["VAE401"])])
def test_a_loss_takes_the_result_of_its_name(
    taken: str, found: list[str], picture: str, returned: str, loss: str, tmp_path: Path
) -> None:
    net = NET.format(picture=picture, returned=returned) + loss.format(taken=taken)
    report = linted(tmp_path, {"net.py": net})
    assert codes(report) == found
    assert joined(report)


def test_of_two_results_a_name_of_neither_tells_nothing(tmp_path: Path) -> None:
    net = NET.format(picture=SQUASHED, returned="picture, raw") + METHOD.format(taken="inner")
    report = linted(tmp_path, {"net.py": net})
    assert codes(report) == []
    assert [facts.output.interval for facts in report.facts] == [None]


@pytest.mark.parametrize("loss", [METHOD, LOSS.replace("{own}", "")], ids=["method", "function"])
@pytest.mark.parametrize("error", ["binary_cross_entropy", "binary_cross_entropy_with_logits"])
@pytest.mark.parametrize(
    "returned", ["raw, picture", "picture, raw", "raw, torch.sigmoid(raw)", "torch.sigmoid(raw), raw"]
)
def test_a_name_of_any_reconstruction_does_not_say_which_of_two(
    returned: str, error: str, loss: str, tmp_path: Path
) -> None:
    net = NET.format(picture=SQUASHED, returned=returned) + loss.format(taken="x_hat")
    report = linted(tmp_path, {"net.py": net.replace("binary_cross_entropy_with_logits", error)})
    assert codes(report) == []
    assert joined(report)


@pytest.mark.parametrize("loss", [METHOD, LOSS.replace("{own}", "")], ids=["method", "function"])
@pytest.mark.parametrize("returned", ["picture", "picture, picture.view(-1, 84)"])
def test_a_name_of_any_reconstruction_says_which_where_there_is_one(returned: str, loss: str, tmp_path: Path) -> None:
    net = NET.format(picture=SQUASHED, returned=returned) + loss.format(taken="x_hat")
    assert codes(linted(tmp_path, {"net.py": net})) == ["VAE401"]
