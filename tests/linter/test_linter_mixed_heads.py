"""The KL of one posterior that reads the log variance of another one, as when a line was copied."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

LOSS = (
    HEAD
    + """

def cost(out, x, m, s, n, t):
    error = F.mse_loss(out, x, reduction="sum")
    one = {one}
    two = {two}
    return error - 0.5 * (one + two)
"""
)
RIGHT = "torch.sum(1 + s - m.pow(2) - s.exp())"
OTHER = "torch.sum(1 + t - n.pow(2) - t.exp())"
STDS = "torch.sum(1 + 2 * t - n.pow(2) - torch.exp(2 * t))"
FORMS = {
    "right": (RIGHT, OTHER, []),
    "copied": (RIGHT, OTHER.replace("+ t", "+ s"), ["VAE301"]),
    "copied, of a log std": (RIGHT, STDS.replace("+ 2 * t", "+ 2 * s"), ["VAE301"]),
    "the other way round in the other KL": (RIGHT.replace("+ s", "+ t"), OTHER.replace("+ t", "+ s"), []),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_log_variance_of_another_posterior_is_named(form: str, tmp_path: Path) -> None:
    one, two, expected = FORMS[form]
    report = linted(tmp_path, {"cost.py": LOSS.format(one=one, two=two)})
    assert [(each.code, each.place.line) for each in report.findings] == [(code, 12) for code in expected]


def test_the_remedy_has_the_heads_of_the_posterior_itself(tmp_path: Path) -> None:
    report = linted(tmp_path, {"cost.py": LOSS.format(one=RIGHT, two=OTHER.replace("+ t", "+ s"))})
    (finding,) = report.findings
    assert "1 + t - n.pow(2) - t.exp()" in finding.fix
    # With s = 0 beside t = 1 and n = 0 it is (e - 1) / 2, the KL being (e - 2) / 2.
    assert "0.859" in finding.evidence
    assert "0.359" in finding.evidence
