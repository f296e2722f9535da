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
