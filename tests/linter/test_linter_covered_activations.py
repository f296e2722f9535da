"""What is done to a decoder's last activations hides none of them: below it they are named, or left open."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, KL, LAYERS, LOOP, codes, linted

from vae_checked.linter import LintReport

FORWARD = """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return {end}, m, s
"""

# What of a prediction is compared with as much of the data.
PICKED = {
    "columns": 'F.mse_loss(y[:, 5:80], x[:, 5:80], reduction="sum")',
    "what a mask takes": 'F.mse_loss(y[x > 0.3], x[x > 0.3], reduction="sum")',
    "half": 'F.mse_loss(y.chunk(2, 1)[0], x[:, :42], reduction="sum")',
    "each sample by its number": 'sum(F.mse_loss(y[i], x[i], reduction="sum") for i in range(len(y)))',
    "each sample": 'sum(F.mse_loss(own, given, reduction="sum") for own, given in zip(y, x))',
}


def net(folder: Path, end: str, fit: str = FIT) -> LintReport:
    text = "from torchvision import transforms\nfrom ends import further\n" + HEAD + LAYERS
    return linted(folder, {"net.py": text + FORWARD.replace("{end}", end) + fit})


def picked(folder: Path, end: str, error: str) -> LintReport:
    return net(folder, end, LOOP.format(loss=f"loss = {error} + ({KL}).sum()", differentiated="loss.backward()"))


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


@pytest.mark.parametrize("error", PICKED.values(), ids=PICKED)
def test_some_elements_have_the_activations_of_all(error: str, tmp_path: Path) -> None:
    assert codes(picked(tmp_path / "twice", "torch.sigmoid(torch.sigmoid(y))", error)) == ["VAE405"]
    assert codes(picked(tmp_path / "half", "torch.sigmoid(torch.relu(y))", error)) == ["VAE406"]
    for end in ("torch.sigmoid(y)", "y"):
        report = picked(tmp_path / end, end, error)
        assert codes(report) == []
        assert {"VAE405", "VAE406"} <= clean(report)


@pytest.mark.parametrize(
    "end", ["torch.sigmoid(torch.relu(y)[:, 5:80])", "torch.sigmoid(torch.relu(y).chunk(2, 1)[0])"]
)
def test_what_is_picked_between_two_activations_hides_none(end: str, tmp_path: Path) -> None:
    report = picked(tmp_path, end, 'F.mse_loss(y, x[:, : y.shape[1]], reduction="sum")')
    assert codes(report) == ["VAE406"]


@pytest.mark.parametrize(
    "end",
    [
        "torch.sigmoid(further(y)[0])",
        "torch.sigmoid(torch.relu(y).max(1, keepdim=True)[0])",
        "torch.cat([torch.sigmoid(torch.relu(y[:, :40])), torch.tanh(y[:, 40:])], 1)[:, :40]",
    ],
)
def test_what_is_picked_of_what_may_end_in_more_is_open(end: str, tmp_path: Path) -> None:
    report = picked(tmp_path, end, 'F.mse_loss(y, x[:, : y.shape[1]], reduction="sum")')
    assert codes(report) == []
    assert "VAE406" not in clean(report)


def test_some_shares_of_all_are_open(tmp_path: Path) -> None:
    report = picked(
        tmp_path, "torch.softmax(y, 1)", 'F.cross_entropy(y[:, 5:80], x[:, 5:80].argmax(1), reduction="sum")'
    )
    assert codes(report) == []
    assert "VAE405" not in clean(report)
