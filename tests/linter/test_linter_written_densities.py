"""Errors that are log densities: a remedy keeps what is written, and points at the term that is summed."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, LAYERS_FORWARD, LOOP, linted

DENSITY = "torch.distributions.Normal(y, 1.0).log_prob(x)"
SUM_OF_KL, MEAN_OF_KL = f"({KL}).sum()", f"({KL}).mean()"


def found(folder: Path, error: str, kl: str) -> tuple[str, str, str]:
    """The code, the line and the remedy of the one mistake that is found."""
    loop = LOOP.format(
        loss=f"error = {error}\n        kl = {kl}\n        loss = kl - error", differentiated="loss.backward()"
    )
    (finding,) = linted(folder, {"net.py": HEAD + LAYERS + LAYERS_FORWARD + loop}).findings
    assert finding.place is not None
    return finding.code, finding.place.text.strip(), finding.fix


@pytest.mark.parametrize(
    ("reduced", "kl", "remedy"),
    [
        (".mean()", MEAN_OF_KL, f"{DENSITY}.sum() / len(x)"),
        (".mean(dim=1).mean()", MEAN_OF_KL, f"{DENSITY}.sum() / len(x)"),
    ],
)
def test_a_density_that_is_averaged_stays_a_density(reduced: str, kl: str, remedy: str, tmp_path: Path) -> None:
    code, _, fix = found(tmp_path, DENSITY + reduced, kl)
    assert code == "VAE502"
    assert remedy in fix
    assert "mse" not in fix


def test_the_term_that_is_summed_is_pointed_at(tmp_path: Path) -> None:
    code, line, _ = found(tmp_path, f"{DENSITY}.sum()", MEAN_OF_KL)
    assert (code, line) == ("VAE504", f"error = {DENSITY}.sum()")
    code, line, _ = found(tmp_path, f"{DENSITY}.sum(1).mean()", SUM_OF_KL)
    assert (code, line) == ("VAE504", f"kl = {SUM_OF_KL}")
