"""One KL and one error that a condition puts together in two ways: neither way is clean by the other one alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, MADE_LOOP, codes, linted

from vae_checked.linter import LintReport
from vae_checked.reports import all_examined

TRAINED = (
    HEAD
    + LAYERS
    + LAYERS_FORWARD
    + """

def added(errors, rows, kind):
    if kind == "usual":
        return {usual}
    return {other}
"""
    + MADE_LOOP.format(
        given="loader, options",
        made="net = Net()",
        loss="\n        ".join(
            (
                'errors = F.mse_loss(y, x, reduction="none")',
                "rows = -0.5 * (1 + s - m.pow(2) - s.exp())",
                "{chosen}",
            )
        ),
        differentiated="loss.backward()",
    )
)
USUAL = "errors.sum(1).mean() + rows.sum(1).mean()"
CHOICES = {
    "otherwise": "if options.usual:\n            loss = {usual}\n        else:\n            loss = {other}",
    "first": "if options.other:\n            loss = {other}\n        else:\n            loss = {usual}",
    "in one line": "loss = {usual} if options.usual else {other}",
    "by a name": (
        'if options.kind == "usual":\n            loss = {usual}\n'
        '        elif options.kind == "other":\n            loss = {other}'
    ),
    "in a function": "loss = added(errors, rows, options.kind)",
}
NAMED = {
    "VAE304": "errors.sum(1).mean() + rows.sum(0).mean()",
    "VAE501": "errors.sum(0).mean() + rows.sum(1).mean()",
    "VAE505": "rows.sum(1).mean() - errors.sum(1).mean()",
}
OPEN = {
    "VAE302": "errors.sum(1).mean() - rows.sum(1).mean()",
    "VAE502": "errors.mean() + rows.sum(1).mean()",
    "VAE503": "errors.sum(1).mean() + rows.mean(1).mean()",
    "VAE504": "errors.sum() + rows.sum(1).mean()",
}
AROUND = {
    "a number": "errors.sum(1).mean() + (rows.sum(1).mean() - 4.0).abs()",
    "a setting": "errors.sum(1).mean() + torch.abs(rows.sum(1).mean() - options.most)",
    "weighed": "errors.sum(1).mean() + options.beta * torch.abs(rows.sum(1).mean() - options.most)",
    "squared": "errors.sum(1).mean() + torch.square(rows.sum(1).mean() - options.most)",
    "added to": "errors.sum(1).mean() + torch.abs(rows.sum(1).mean() + (-options.most))",
}


def trained(folder: Path, choice: str, other: str) -> LintReport:
    chosen = CHOICES[choice].format(usual=USUAL, other=other)
    return linted(folder, {"net.py": TRAINED.format(usual=USUAL, other=other, chosen=chosen)})


def clean(report: LintReport) -> set[str]:
    return {code for each in all_examined(report) for code in each.clean}


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("code", NAMED)
def test_a_mistake_of_another_way_to_add_the_terms_is_named(code: str, choice: str, tmp_path: Path) -> None:
    assert codes(trained(tmp_path, choice, NAMED[code])) == [code]


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("code", OPEN)
def test_the_balance_of_another_way_to_add_the_terms_is_open(code: str, choice: str, tmp_path: Path) -> None:
    report = trained(tmp_path, choice, OPEN[code])
    assert codes(report) == []
    assert code not in clean(report)
    assert {"VAE201", "VAE301", "VAE305"} <= clean(report)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize(
    "other", ["errors.sum() / len(errors) + rows.sum(1).mean()", "(rows.sum(1) + errors.sum(1)).mean()", USUAL]
)
def test_terms_that_are_added_alike_in_each_way_are_clean(choice: str, other: str, tmp_path: Path) -> None:
    report = trained(tmp_path, choice, other)
    assert codes(report) == []
    assert {f"VAE{code}" for code in (302, 304, 501, 502, 503, 504, 505)} <= clean(report)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_kl_that_one_way_holds_back_is_clean_by_the_other(choice: str, tmp_path: Path) -> None:
    report = trained(tmp_path, choice, "errors.sum(1).mean() + 0.0 * rows.sum(1).mean()")
    assert codes(report) == []
    assert {"VAE302", "VAE304", "VAE501"} <= clean(report)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_a_kl_that_one_way_holds_around_a_number_is_open(choice: str, around: str, tmp_path: Path) -> None:
    if choice == "in a function":
        around = around.replace("options.most", "8.0").replace("options.beta", "0.25")
    report = trained(tmp_path, choice, around)
    assert codes(report) == []
    assert "VAE302" not in clean(report)


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_the_sign_of_a_kl_that_is_held_around_a_number_is_open(around: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TRAINED.format(usual=USUAL, other=USUAL, chosen=f"loss = {around}")})
    assert codes(report) == []
    assert "VAE302" not in clean(report)
    report = linted(tmp_path, {"net.py": TRAINED.format(usual=USUAL, other=USUAL, chosen=f"loss = {USUAL}")})
    assert "VAE302" in clean(report)


@pytest.mark.parametrize("beyond", ["F.relu(rows.sum(1).mean() - 4.0)", "rows.sum(1).mean().clamp(min=4.0)"])
def test_the_sign_of_a_kl_that_counts_beyond_a_number_is_clean(beyond: str, tmp_path: Path) -> None:
    loss = f"errors.sum(1).mean() + {beyond}"
    report = linted(tmp_path, {"net.py": TRAINED.format(usual=USUAL, other=USUAL, chosen=f"loss = {loss}")})
    assert codes(report) == []
    assert "VAE302" in clean(report)


def test_a_kl_that_is_driven_away_from_a_number_is_named(tmp_path: Path) -> None:
    loss = "errors.sum(1).mean() - (rows.sum(1).mean() - 4.0).abs()"
    report = linted(tmp_path, {"net.py": TRAINED.format(usual=USUAL, other=USUAL, chosen=f"loss = {loss}")})
    assert codes(report) == ["VAE302"]
