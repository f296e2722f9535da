"""Of a VAE that was read in part the report names the one line that stopped the reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.catalogue.support.example import EXAMPLE, PIPELINE, edit
from vae_checked.linter import lint
from vae_checked.reports.text import in_part

LOSS = "            loss = loss_function(x_hat, x, mu, logvar)\n"
KL = "    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)\n"

# (what stops the reading, the changes, what the line says, the text that stands at its place)
WITHOUT_LOSS = (EXAMPLE[EXAMPLE.index("\n\ndef loss_function") :], "")
STOPS = [
    (
        "a loss by name",
        [WITHOUT_LOSS, (LOSS, "            loss = LOSSES[root](x_hat, x, mu, logvar)\n")],
        "LOSSES[root](x_hat, x, mu, logvar) is not resolved",
        "LOSSES[root]",
    ),
    (
        "a star import",
        [
            WITHOUT_LOSS,
            ("from torch import nn\n", "from torch import nn\nfrom elsewhere import *\n"),
            (LOSS, LOSS.replace("loss_function(", "vae_loss(")),
        ],
        "from elsewhere import * is not followed",
        "from elsewhere import *",
    ),
    (
        "a KL that is not read",
        [(KL, "    kl = divergence(mu, logvar)\n")],
        "divergence(mu, logvar) is not resolved",
        "kl = divergence(mu, logvar)",
    ),
]


@pytest.mark.parametrize(
    ("changes", "says", "at"), [pytest.param(made, says, at, id=what) for what, made, says, at in STOPS]
)
def test_the_line_that_stopped_the_reading_is_named(
    changes: list[tuple[str, str]], says: str, at: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.py"
    built = ("def train(model, root, epochs=10):\n", "def train(root, epochs=10):\n    model = VAE()\n")
    text = edit(built, *changes, text=EXAMPLE + PIPELINE)
    path.write_text(text, encoding="utf-8")
    report = lint([path])
    number = next(number for number, line in enumerate(text.splitlines(), 1) if at in line)
    lines = in_part(report)
    assert any(says in line and f"model.py:{number}" in line for line in lines), lines
    assert "sampler, KL and loss checked in 0" in report.summary


def test_a_model_that_nothing_trains_says_so(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(EXAMPLE.partition("def loss_function")[0], encoding="utf-8")
    (line,) = in_part(lint([tmp_path / "model.py"]))
    assert "the KL is not known (201 205 301 306): no loss was seen that this model is trained by" in line
