"""Mistakes that people reported of VAEs in public: each named, its twin and right code that is accused silent."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from reported import FEATURES, MISTAKEN, REPORTS
from reported_later import LATER, MISTAKEN_LATER, STEPS
from torch import nn

from vae_checked.auditor import audit

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "reports.md"


ALL = {**REPORTS, **LATER}
ALL_MISTAKEN = {**MISTAKEN, **MISTAKEN_LATER}
INPUTS = {"XMUDeepLIT/VNMT/issues/5": f"x: B {FEATURES}, c: B {STEPS}"}


def codes(model: nn.Module, data_range: tuple[float, float] | None, inputs: str = f"B {FEATURES}") -> list[str]:
    return [finding.code for finding in audit(model, inputs, data_range=data_range).findings]


@pytest.mark.parametrize("name", ALL)
def test_a_reported_mistake_is_named(name: str) -> None:
    torch.manual_seed(8)
    report = ALL[name]
    found = codes(report.bad(), report.data_range)
    assert (report.code in found) if report.code else found == []


@pytest.mark.parametrize("name", ALL)
def test_its_corrected_twin_is_silent(name: str) -> None:
    torch.manual_seed(8)
    assert codes(ALL[name].good(), ALL[name].data_range) == []


@pytest.mark.parametrize("name", ALL_MISTAKEN)
def test_right_code_that_a_report_accuses_is_silent(name: str) -> None:
    torch.manual_seed(8)
    assert codes(ALL_MISTAKEN[name](), None, INPUTS.get(name, f"B {FEATURES}")) == []


def test_the_page_of_reports_has_every_row() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = {line for line in text.splitlines() if line.startswith("| [")}
    assert rows == {
        f"| [{name}]({report.url}) | {report.what} | {report.code or 'not seen'} |" for name, report in ALL.items()
    }
    assert all(name in text for name in ALL_MISTAKEN)
