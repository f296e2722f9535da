"""What a report calls an error that is written as the density of a distribution: no plain squared error."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, LAYERS_FORWARD, LOOP, linted

from vae_checked.reports.portrait import portrait

TEXT = (
    HEAD
    + LAYERS.replace("self.to_m,", "self.spread = nn.Parameter(torch.zeros(1))\n        self.to_m,")
    + LAYERS_FORWARD
    + LOOP.format(
        loss="""p = torch.distributions.{density}
        loss = ({error} + {kl}).mean()""",
        differentiated="loss.backward()",
    )
)
WRITTEN = "-p.log_prob(x).sum(1)"
GAUSSIAN, LAPLACE = "the squared error of a Gaussian density", "the absolute error of a Laplace density"
DENSITIES = {
    "a fixed scale": ("Normal(y, 0.3)", WRITTEN, GAUSSIAN),
    "a learned scale": ("Normal(y, net.spread.exp())", WRITTEN, GAUSSIAN),
    "a Laplace one": ("Laplace(y, 0.3)", WRITTEN, LAPLACE),
    "none": ("Normal(y, 0.3)", "(y - x).pow(2).sum(1)", "mse"),
}


def _lines(text: str, folder: Path) -> str:
    report = linted(folder, {"net.py": text})
    return "\n".join(line for facts in report.facts for line in portrait(facts))


@pytest.mark.parametrize(("density", "error", "words"), DENSITIES.values(), ids=DENSITIES)
def test_a_density_is_called_what_it_is(density: str, error: str, words: str, tmp_path: Path) -> None:
    lines = _lines(TEXT.format(density=density, error=error, kl=KL), tmp_path)
    assert f"reconstruction: {words};" in lines


def test_a_lost_half_beside_a_density_is_left_open_in_its_words(tmp_path: Path) -> None:
    text = TEXT.format(density="Normal(y, net.spread.exp())", error=WRITTEN, kl=KL.replace("-0.5 * ", "-"))
    report = linted(tmp_path, {"net.py": text})
    reasons = [each.undecided["VAE303"] for each in report.judgements if "VAE303" in each.undecided]
    assert any("squared error of a Gaussian density" in str(reason) for reason in reasons), reasons
