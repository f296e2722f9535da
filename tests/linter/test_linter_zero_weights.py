"""A KL that is multiplied with a 0 where it is added never moves the loss; a weight of 0 by a name is a setting."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, LAYERS_FORWARD, LOOP, linted

ERROR = 'error = F.mse_loss(y, x, reduction="none").sum(1)'
NEVER = [
    "(error + 0 * kl).mean()",
    "error.mean() + 0.0 * kl.mean()",
    "(error + kl * 0).mean()",
    "(error + kl.mul(0)).mean()",
]
SETTINGS = {
    "a name": "beta = 0.0\n        loss = (error + beta * kl).mean()",
    "a default": "loss = (error + weight * kl).mean()",
    "another way": "loss = (error + 0 * kl).mean() if plain else (error + kl).mean()",
}


def found(folder: Path, loss: str) -> list[tuple[str, int]]:
    loop = LOOP.format(loss=f"{ERROR}\n        kl = {KL}\n        {loss}", differentiated="loss.backward()")
    loop = loop.replace("def fit(loader)", "def fit(loader, plain=None, weight=0.0)")
    report = linted(folder, {"net.py": HEAD + LAYERS + LAYERS_FORWARD + loop})
    lines = (HEAD + LAYERS + LAYERS_FORWARD + loop).splitlines()
    named = {each.code: each.place.line for each in report.findings if each.place is not None}
    assert all(loss.splitlines()[-1].strip() in lines[line - 1] for line in named.values())
    return sorted(named.items())


@pytest.mark.parametrize("total", NEVER)
def test_a_kl_times_a_written_zero_is_not_in_the_loss(total: str, tmp_path: Path) -> None:
    assert [code for code, _ in found(tmp_path, f"loss = {total}")] == ["VAE305"]


@pytest.mark.parametrize("loss", SETTINGS.values(), ids=SETTINGS)
def test_a_zero_that_somebody_may_set_otherwise_is_not_named(loss: str, tmp_path: Path) -> None:
    assert found(tmp_path, loss) == []


def test_any_other_number_weighs_a_kl(tmp_path: Path) -> None:
    assert found(tmp_path, "loss = (error + 0.5 * kl).mean()") == []


COST = """

def cost(y, x, m, s, {given}):
{before}
    error = F.mse_loss(y, x, reduction="none").sum(1)
    kl = {kl}
    {after}
    return (error + weight * kl).mean()
"""
OVERWRITTEN = {
    "at once": ("weight=1", "    weight = 0", "pass"),
    "before the sum": ("weight=1", "    pass", "weight = 0.0"),
    "by keyword alone": ("*, weight=1", "    weight = 0", "pass"),
}
SET = {
    "a name of its own": ("share=1", "    weight = 0", "pass"),
    "a condition": ("weight=1", "    if weight < 1e-3:\\n        weight = 0", "pass"),
    "another number": ("weight=1", "    weight = 0.25", "pass"),
    "another number first": ("weight=1", "    weight = 0", "weight = weight + share(x)"),
    "a step": ("weight=1", "    weight = 0 * weight", "pass"),
}


def _costed(folder: Path, given: str, before: str, after: str) -> list[tuple[str, str, str | None]]:
    cost = COST.format(given=given, before=before, after=after, kl=KL)
    name = "share" if "share=" in given else "weight"
    loop = LOOP.format(loss=f"loss = cost(y, x, m, s, {name}=0.4)", differentiated="loss.backward()")
    text = HEAD + LAYERS + LAYERS_FORWARD + cost + loop
    lines = text.splitlines()
    report = linted(folder, {"net.py": text})
    return [(each.code, lines[each.place.line - 1].strip() if each.place else "", each.fix) for each in report.findings]


@pytest.mark.parametrize(("given", "before", "after"), OVERWRITTEN.values(), ids=OVERWRITTEN)
def test_a_zero_in_the_place_of_an_argument_is_named(given: str, before: str, after: str, tmp_path: Path) -> None:
    line = next(each.strip() for each in (before, after) if "0" in each)
    remedy = f"take {line} away: it stands in the place of the weight that is given"
    assert _costed(tmp_path, given, before, after) == [("VAE305", line, remedy)]


@pytest.mark.parametrize(("given", "before", "after"), SET.values(), ids=SET)
def test_a_zero_that_is_set_on_some_way_is_not_named(given: str, before: str, after: str, tmp_path: Path) -> None:
    assert "VAE305" not in [code for code, *_ in _costed(tmp_path, given, before, after)]
