"""Losses of the project that are derived from those of torch: they reduce as their base is told to."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, codes, linted

from vae_checked.facts import Reduction

TRAIN = """

{loss}


def fit(loader):
    net = Net()
    error = {made}
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        out, m, s = net(x)
        recon = error(out, x)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss = recon + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
OWN = "    def forward(self, out, x):\n        return F.mse_loss(out, x, reduction=self.reduction)"
OF_BASE = "    def forward(self, out, x):\n        return super().forward(out, x)"
TAKES = (
    "    def __init__(self, size_average=None, reduce=None, reduction='{how}'):\n"
    "        super().__init__(size_average, reduce, reduction)\n\n"
)
WAYS = {
    "no body": ("class Error(nn.MSELoss):\n    pass", "Error(reduction='{how}')"),
    "its own forward": (f"class Error(nn.MSELoss):\n{OWN}", "Error(reduction='{how}')"),
    "that of its base": (f"class Error(nn.MSELoss):\n{OF_BASE}", "Error(reduction='{how}')"),
    "a constructor": (f"class Error(nn.MSELoss):\n{TAKES}{OF_BASE}", "Error()"),
    "what all are derived from": (f"class Error(torch.nn.modules.loss._Loss):\n{TAKES}{OWN}", "Error()"),
    "what weighted ones are": (
        f"class Error(nn.modules.loss._WeightedLoss):\n{TAKES.replace('(size', '(None, size')}{OWN}",
        "Error()",
    ),
    "set later": (
        "class Error(nn.MSELoss):\n    def set(self):\n        self.reduction = '{how}'\n        return self",
        "Error().set()",
    ),
}
REDUCED = {"mean": Reduction.MEAN, "sum": Reduction.SUM}


@pytest.mark.parametrize("how", REDUCED)
@pytest.mark.parametrize("way", WAYS)
def test_a_derived_loss_reduces_as_its_base_is_told(way: str, how: str, tmp_path: Path) -> None:
    loss, made = (text.format(how=how) for text in WAYS[way])
    report = linted(tmp_path, {"train.py": HEAD + LAYERS + LAYERS_FORWARD + TRAIN.format(loss=loss, made=made)})
    assert [facts.recon.reduced.value.batch for facts in report.facts if facts.recon.reduced] == [REDUCED[how]]
    assert ("VAE504" in codes(report)) is (how == "mean")


def test_without_a_word_it_is_a_mean(tmp_path: Path) -> None:
    source = TRAIN.format(loss=f"class Error(nn.MSELoss):\n{OWN}", made="Error()")
    assert "VAE504" in codes(linted(tmp_path, {"train.py": HEAD + LAYERS + LAYERS_FORWARD + source}))


@pytest.mark.parametrize("made", ["Error(reduction=options.how)", "Error(**options)"])
def test_a_reduction_that_is_not_read_is_open(made: str, tmp_path: Path) -> None:
    source = TRAIN.format(loss=f"class Error(nn.MSELoss):\n{OWN}", made=made).replace("(loader)", "(loader, options)")
    report = linted(tmp_path, {"train.py": HEAD + LAYERS + LAYERS_FORWARD + source})
    assert not {"VAE502", "VAE504"} & set(codes(report))


def test_what_another_library_calls_by_such_a_name_is_open(tmp_path: Path) -> None:
    source = "from scores import MSELoss\n" + TRAIN.format(loss="class Error(MSELoss):\n    pass", made="Error()")
    report = linted(tmp_path, {"train.py": HEAD + LAYERS + LAYERS_FORWARD + source})
    assert not {"VAE502", "VAE504"} & set(codes(report))
