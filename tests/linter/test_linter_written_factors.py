"""What an error that is written out is scaled by inside of its formula counts as what it is scaled by outside."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, joined, linted

from vae_checked.facts import EffectiveBeta

WRITTEN = (
    "import math\n"
    + HEAD
    + LAYERS.replace("(self)", "(self, settings)")
    + """        self.weight = settings.weight

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        y = torch.sigmoid(self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)))
        error = {error}
        return error + {kl}
"""
)
KL = "0.5 * torch.sum(m.pow(2) + s.exp() - 1 - s)"
PER_SAMPLE = f"{KL} / x.size(0)"


def betas(tmp_path: Path, error: str, kl: str) -> list[EffectiveBeta | None]:
    report = linted(tmp_path, {"net.py": WRITTEN.format(error=error, kl=kl)})
    assert codes(report) == []
    facts = [each.objective.effective_beta for each in joined(report)]
    return [None if fact is None else fact.value for fact in facts]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("-torch.sum(x * torch.log(y) + (1 - x) * torch.log(1 - y))", 1.0),
        ("-torch.sum(x * torch.log10(y) + (1 - x) * torch.log10(1 - y))", math.log(10.0)),
        ("-torch.sum(x * torch.log2(y) + (1 - x) * torch.log2(1 - y))", math.log(2.0)),
        ("-torch.sum(3 * x * torch.log(y) + 3 * (1 - x) * torch.log(1 - y))", 1 / 3),
        ("torch.sum(-x * torch.log(y) / 4 - (1 - x) * torch.log(1 - y) / 4)", 4.0),
    ],
)
def test_how_often_a_formula_is_the_error_is_in_the_effective_beta(error: str, expected: float, tmp_path: Path) -> None:
    (beta,) = betas(tmp_path, error, KL)
    assert beta is not None
    assert beta.factors == ()
    assert beta.constant == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "error",
    [
        "-torch.sum(self.weight * x * torch.log(y) + self.weight * (1 - x) * torch.log(1 - y))",
        "-torch.sum(x * torch.log(y) / self.weight + (1 - x) * torch.log(1 - y) / self.weight)",
        "-torch.sum(x * torch.log(y) / x.size(0) + (1 - x) * torch.log(1 - y) / x.size(0))",
        "-torch.sum(1 / len(x) * x * torch.log(y) + 1 / len(x) * (1 - x) * torch.log(1 - y))",
    ],
)
def test_what_is_named_inside_of_a_formula_leaves_the_effective_beta_open(error: str, tmp_path: Path) -> None:
    assert betas(tmp_path, error, PER_SAMPLE) == [None]


@pytest.mark.parametrize(
    ("scaled", "expected"),
    [
        ("{error} / math.log(2)", math.log(2.0)),
        ("{error} * math.sqrt(4.0)", 0.5),
        ("{error} / 2 ** 0.5", math.sqrt(2.0)),
    ],
)
def test_a_number_that_is_worked_out_counts_once(scaled: str, expected: float, tmp_path: Path) -> None:
    error = "F.mse_loss(y, x, reduction='sum')"
    (beta,) = betas(tmp_path, scaled.format(error=error), KL)
    assert beta == EffectiveBeta(pytest.approx(expected, rel=1e-5), ())
    (beta,) = betas(tmp_path, error, scaled.format(error=KL))
    assert beta == EffectiveBeta(pytest.approx(1 / expected, rel=1e-5), ())
    # Both terms in bits: as in nats.
    (beta,) = betas(tmp_path, scaled.format(error=error), scaled.format(error=KL))
    assert beta == EffectiveBeta(1.0, ())


PENALTY = "torch.log(torch.cosh(y - x))"


@pytest.mark.parametrize("error", [f"torch.sum({PENALTY} / x.size(0))", f"torch.sum(0.5 * {PENALTY}) / x.size(0)"])
def test_what_a_penalty_is_divided_by_inside_of_the_sum_is_read(error: str, tmp_path: Path) -> None:
    (beta,) = betas(tmp_path, error, PER_SAMPLE)
    assert beta is not None
    assert beta.factors == ()


def test_a_penalty_that_is_summed_over_the_batch_is_named(tmp_path: Path) -> None:
    text = WRITTEN.format(error=f"torch.sum({PENALTY})", kl=PER_SAMPLE)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE504"]
