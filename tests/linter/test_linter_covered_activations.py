"""What is done to a decoder's last activations hides none of them: below it they are named, or left open."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, codes, linted

from vae_checked.linter import LintReport

FORWARD = """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return {end}, m, s
"""


def net(folder: Path, end: str) -> LintReport:
    text = "from torchvision import transforms\n" + HEAD + LAYERS + FORWARD.replace("{end}", end) + FIT
    return linted(folder, {"net.py": text})


def clean(report: LintReport) -> set[str]:
    return {code for vae in report.vaes for code in vae.clean}


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("transforms.Resize(84)(torch.sigmoid(torch.sigmoid(y)))", "VAE405"),
        ("transforms.CenterCrop(84)(torch.sigmoid(torch.relu(y)))", "VAE406"),
        ("torch.sort(torch.sigmoid(torch.relu(y)))[0]", "VAE406"),
        ("torch.sigmoid(torch.sigmoid(y)).cumsum(1)", "VAE405"),
    ],
)
def test_activations_below_something_else_are_looked_at(end: str, code: str, tmp_path: Path) -> None:
    report = net(tmp_path, end)
    assert code in codes(report) or code not in clean(report)


@pytest.mark.parametrize("wrap", ["{}", "torch.nan_to_num({})", "{}.flatten(1)"])
def test_what_hands_its_argument_on_hides_no_activation(wrap: str, tmp_path: Path) -> None:
    assert "VAE405" in codes(net(tmp_path, wrap.format("torch.sigmoid(torch.sigmoid(y))")))
    assert "VAE406" in codes(net(tmp_path, wrap.format("torch.sigmoid(torch.relu(y))")))


@pytest.mark.parametrize("end", ["torch.sigmoid(y)", "y", "torch.nan_to_num(torch.sigmoid(y))"])
def test_one_activation_or_none_is_clean(end: str, tmp_path: Path) -> None:
    report = net(tmp_path, end)
    assert not {"VAE405", "VAE406"} & set(codes(report))
    assert {"VAE405", "VAE406"} <= clean(report)


def test_activations_between_the_layers_of_a_decoder_are_none_of_its_end(tmp_path: Path) -> None:
    text = HEAD + LAYERS.replace("nn.Linear(7, 84)", "nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 84))")
    report = linted(tmp_path, {"net.py": text + FORWARD.replace("{end}", "y") + FIT})
    assert codes(report) == []
    assert {"VAE405", "VAE406"} <= clean(report)
