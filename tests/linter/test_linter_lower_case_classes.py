"""Classes whose names begin with a small letter are models of their own: `cVAE` is not what a `FactorVAE` draws by."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, linted

from vae_checked.linter import LintReport, lint
from vae_checked.reports.text import render

TERMS = f"import torch\n\n\ndef divergence(m, s):\n    return ({KL}).mean()\n"
MODEL = (
    HEAD
    + """import pytorch_lightning as pl

from terms import divergence


class {name}(pl.LightningModule):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def training_step(self, batch, index):
        x, _ = batch
        m, s = torch.chunk(self.encoder(x), 2, dim=1)
        y = self.decoder({z})
        return F.mse_loss(y, x, reduction="none").sum(1).mean() + divergence(m, s)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
"""
)
DRAWN = "m + torch.exp(0.5 * s) * torch.randn_like(s)"


def net(folder: Path, name: str, other: str, z: str) -> LintReport:
    files = {
        "terms.py": TERMS,
        "one.py": MODEL.format(name=name, z=DRAWN),
        "two.py": MODEL.format(name=other, z=z),
        "three.py": MODEL.format(name="Third", z=DRAWN),
    }
    return linted(folder, files)


@pytest.mark.parametrize(("name", "other"), [("cVAE", "FactorVAE"), ("vae", "Other"), ("Drawing", "betaVAE")])
def test_what_one_model_draws_is_not_clean_of_another(name: str, other: str, tmp_path: Path) -> None:
    report = net(tmp_path, name, other, "m")
    (plain,) = [vae for vae in report.vaes if vae.subject.endswith(f":{other}")]
    assert not {"VAE202", "VAE203", "VAE207"} & set(plain.clean)
    (drawing,) = [vae for vae in report.vaes if vae.subject.endswith(f":{name}")]
    assert {"VAE202", "VAE203"} <= set(drawing.clean)


@pytest.mark.parametrize(("name", "other"), [("cVAE", "FactorVAE"), ("vae", "Other")])
def test_models_of_one_divergence_are_each_looked_at(name: str, other: str, tmp_path: Path) -> None:
    report = net(tmp_path, name, other, DRAWN)
    assert report.findings == ()
    assert len(report.vaes) == 3
    assert all({"VAE202", "VAE203", "VAE301"} <= set(vae.clean) for vae in report.vaes)


@pytest.mark.parametrize("name", ["cVAE", "vae", "Drawing"])
def test_an_audit_is_asked_for_by_the_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net(tmp_path, name, "Other", DRAWN)
    monkeypatch.chdir(tmp_path)
    assert f"vae-checked audit one:{name} measures it" in render(lint(["one.py", "terms.py"]))
