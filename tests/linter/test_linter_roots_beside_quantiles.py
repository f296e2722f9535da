"""The root that makes a normal draw of the inverse error function may stand anywhere in the product with the std."""

from __future__ import annotations

from pathlib import Path

import pytest
from linter_losses import KL, LOOP, MODEL, RECON, looped, read

from vae_checked.linter import LintReport

ROOT = "math.sqrt(2)"
QUANTILE = "torch.erfinv(2 * u - 1)"


@pytest.mark.parametrize(
    "product",
    [
        f"std * {QUANTILE} * {ROOT}",
        f"std * {QUANTILE} * 2 ** 0.5",
        f"{ROOT} * std * {QUANTILE}",
        "std * torch.special.erfinv(2 * u - 1) * torch.sqrt(torch.tensor(2.0))",
        "(2 ** 0.5 * std) * u.mul(2).sub(1).erfinv()",
        f"torch.exp(s / 2 + math.log(2) / 2) * {QUANTILE}",
    ],
    ids=["last", "as a power", "first", "of a tensor", "in the std", "in the exponent"],
)
def test_a_root_outside_the_noise(product: str, tmp_path: Path) -> None:
    report = _report(product, tmp_path)
    assert report.findings == ()
    assert any({"VAE201", "VAE202"} <= set(vae.clean) for vae in report.vaes)


@pytest.mark.parametrize(
    ("product", "found"),
    [
        (f"std * {QUANTILE}", "VAE202"),
        (f"std * {QUANTILE} * math.sqrt(3)", "VAE202"),
        (f"std * torch.erfinv(u) * {ROOT}", "VAE202"),
        (f"s * {QUANTILE} * {ROOT}", "VAE201"),
        (f"torch.exp(s) * {QUANTILE} * {ROOT}", "VAE201"),
        (f"{ROOT} * std * torch.randn_like(m)", "VAE201"),
    ],
    ids=["no root", "of 3", "of one side", "times a log variance", "times a variance", "of a normal draw"],
)
def test_a_root_excuses_nothing_else(product: str, found: str, tmp_path: Path) -> None:
    assert found in {finding.code for finding in _report(product, tmp_path).findings}


def _report(product: str, folder: Path) -> LintReport:
    drawn = "        u = torch.rand_like(m)\n        std = torch.exp(s / 2)\n        z = "
    before = "m + torch.exp(s / 2) * torch.randn_like(m)"
    assert before in MODEL
    model = "import math\n" + MODEL.replace(before, f"m + {product}").replace("        z = ", drawn)
    return read(folder, model + LOOP.format(body=looped(f"{RECON}\n{KL}\nloss = recon + kl")))
