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

OUTPUT = "torch.sigmoid(self.decoder(z))"
DRAW = "        eps = torch.randn_like(std)\n"
TRAIN = """\
model, critic = VAE(), nn.Linear(7, 2)
optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3)


def train(root, epochs=10):"""

# (what is not decided, its code, the changes that make it so)
UNDECIDED = [
    (
        "a weight that is never read, whatever its name",
        "VAE305",
        [(SIGNATURE, SIGNATURE.replace(")", ", strength=4.0)"))],
    ),
    ("a doubled KL beside a squared error", "VAE303", [("kl = -0.5 * torch", "kl = -torch")]),
    (
        "a KL times a setting that is 0",
        "VAE305",
        [(TOTAL, "    return (recon + STRENGTH * kl).mean()\n"), (SIGNATURE, f"STRENGTH = 0.0\n{SIGNATURE}")],
    ),
    (
        "a KL clamped to one value of a setting",
        "VAE305",
        [
            (TOTAL, "    return (recon + kl.clamp(CAPACITY, CAPACITY)).mean()\n"),
            (SIGNATURE, f"CAPACITY = 2.0\n{SIGNATURE}"),
        ],
    ),
    ("a draw whose one size may be the batch's", "VAE203", [(DRAW, "        eps = torch.randn(mu.size(0))\n")]),
    (
        "a draw like something beside the heads",
        "VAE203",
        [(DRAW, "        eps = torch.randn_like(self.prior_scale)\n")],
    ),
    (
        "a sum over two axes of an error whose axes are not known",
        "VAE501",
        [
            ("return torch.sigmoid(self.decoder(z)).view(-1, 3, 8, 12)", "return torch.sigmoid(self.decoder(z))"),
            (RECON, RECON.replace("(1, 2, 3)", "(1, 2)")),
        ],
    ),
    ("a squashing of what is not read", "VAE405", [(OUTPUT, "torch.sigmoid(squashed(self.decoder(z)))")]),
    (
        "a sample that is handed to what is not read",
        "VAE206",
        [("return mu + eps * std", "return kept(mu + eps * std)")],
    ),
    (
        "a choice of what equals itself",
        "VAE604",
        [(TOTAL, f"    kl = torch.where(kl == kl, kl, torch.zeros_like(kl))\n{TOTAL}")],
    ),
    (
        "a test for NaN that tells of it",
        "VAE604",
        [(TOTAL, f"    if kl.isnan().any():\n        print(kl)\n        kl = torch.zeros(1)\n{TOTAL}")],
    ),
    (
        "a sample that nothing is computed from",
        "VAE207",
        [("        return self.decode(z), mu, logvar", "        return self.decode(self.guess(x)), mu, logvar")],
    ),
    (
        "an optimizer of another module",
        "VAE602",
        [
            ("    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)\n", ""),
            ("def train(model, root, epochs=10):", TRAIN),
        ],
    ),
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
