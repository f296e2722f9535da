"""Mistakes that people reported of VAEs in public: each named, its twin and right code that is accused silent."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from reported import FEATURES, MISTAKEN, REPORTS
from torch import nn

from vae_checked.auditor import audit

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "reports.md"


def codes(model: nn.Module, data_range: tuple[float, float] | None) -> list[str]:
    return [finding.code for finding in audit(model, f"B {FEATURES}", data_range=data_range).findings]


@pytest.mark.parametrize("name", REPORTS)
def test_a_reported_mistake_is_named(name: str) -> None:
    torch.manual_seed(8)
    report = REPORTS[name]
    found = codes(report.bad(), report.data_range)
    assert (report.code in found) if report.code else found == []


@pytest.mark.parametrize("name", REPORTS)
def test_its_corrected_twin_is_silent(name: str) -> None:
    torch.manual_seed(8)
    assert codes(REPORTS[name].good(), REPORTS[name].data_range) == []


@pytest.mark.parametrize("name", MISTAKEN)
def test_right_code_that_a_report_accuses_is_silent(name: str) -> None:
    torch.manual_seed(8)
    assert codes(MISTAKEN[name](), None) == []


def test_the_page_of_reports_has_every_row() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = {line for line in text.splitlines() if line.startswith("| [")}
    assert rows == {
        f"| [{name}]({report.url}) | {report.what} | {report.code or 'not seen'} |" for name, report in REPORTS.items()
    }
    assert all(name in text for name in MISTAKEN)
