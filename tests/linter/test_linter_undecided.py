"""What the linter reads and does not decide: none of it is called checked and clean."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.catalogue.support.example import EXAMPLE, PIPELINE, edit
from vae_checked.linter import LintReport, lint

SIGNATURE = "def loss_function(x_hat, x, mu, logvar):"
KL = "    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)\n"
RECON = '    recon = F.mse_loss(x_hat, x, reduction="none").sum(dim=(1, 2, 3))\n'
TOTAL = "    return (recon + kl).mean()\n"

# (what is not decided, its code, the changes that make it so)
UNDECIDED = [
    (
        "a weight that is never read, whatever its name",
        "VAE305",
        [(SIGNATURE, SIGNATURE.replace(")", ", strength=4.0)"))],
    ),
    ("a doubled KL beside a squared error", "VAE303", [("kl = -0.5 * torch", "kl = -torch")]),
]
# (what settles the balance, its code, the changes that make it so)
WEIGHTED = [
    ("three times the KL", "VAE303", [("kl = -0.5 * torch", "kl = -1.5 * torch")]),
    (
        "a named weight beside a mean",
        "VAE502",
        [
            (SIGNATURE, SIGNATURE.replace(")", ", kl_weight=0.001)")),
            (RECON, "    recon = F.mse_loss(x_hat, x)\n"),
            (TOTAL, "    return recon + kl_weight * kl.mean()\n"),
        ],
    ),
    (
        "a named weight beside a sum",
        "VAE503",
        [
            (SIGNATURE, SIGNATURE.replace(")", ", kl_weight=0.001)")),
            (KL, KL.replace("torch.sum", "torch.mean")),
            (TOTAL, "    return (recon + kl_weight * kl).mean()\n"),
        ],
    ),
]


def read(folder: Path, changes: list[tuple[str, str]]) -> LintReport:
    path = folder / "model.py"
    path.write_text(edit(*changes, text=EXAMPLE + PIPELINE), encoding="utf-8")
    return lint([path])


def clean(report: LintReport) -> set[str]:
    return {code for judgement in report.judgements for code in judgement.clean}


@pytest.mark.parametrize("code", sorted({code for _, code, _ in [*UNDECIDED, *WEIGHTED]}))
def test_the_unchanged_model_is_clean(code: str, tmp_path: Path) -> None:
    assert code in clean(read(tmp_path, []))


@pytest.mark.parametrize(("code", "changes"), [pytest.param(code, made, id=what) for what, code, made in UNDECIDED])
def test_what_was_not_decided_is_not_clean(code: str, changes: list[tuple[str, str]], tmp_path: Path) -> None:
    report = read(tmp_path, changes)
    assert code not in {finding.code for finding in report.findings}
    assert code not in clean(report)
    assert all(code in judgement.undecided for judgement in report.judgements)


@pytest.mark.parametrize(("code", "changes"), [pytest.param(code, made, id=what) for what, code, made in WEIGHTED])
def test_what_a_weight_settles_is_not_clean(code: str, changes: list[tuple[str, str]], tmp_path: Path) -> None:
    report = read(tmp_path, changes)
    assert code not in {finding.code for finding in report.findings}
    assert code not in clean(report)
    assert any(code in judgement.weighted for judgement in report.judgements)
