"""A sum that leaves NaN out of stacked terms replaces it on its way to the loss, as one over a tensor does."""

from __future__ import annotations

from pathlib import Path

import pytest
from linter_losses import KL, LOOP, MODEL, RECON, looped, read

TOTALS = {
    "all": ("torch.nansum(torch.stack([recon, kl]))", True),
    "along an axis": ("torch.nansum(torch.stack([recon, kl]), dim=0)", True),
    "their mean": ("torch.nanmean(torch.stack([recon, kl]))", True),
    "put behind each other": ("torch.nansum(torch.cat([recon[None], kl[None]]))", True),
    "put above each other": ("torch.vstack([recon, kl]).nansum()", True),
    "a method": ("torch.stack([recon, kl]).nansum()", True),
    "a plain sum": ("torch.stack([recon, kl]).sum()", False),
}


@pytest.mark.parametrize(("total", "hides"), TOTALS.values(), ids=TOTALS)
def test_nan_is_left_out_of_stacked_terms(total: str, hides: bool, tmp_path: Path) -> None:
    report = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\n{KL}\nloss = {total}")))
    assert ("VAE604" in {finding.code for finding in report.findings}) is hides
    assert any("VAE604" in vae.clean for vae in report.vaes) is not hides
