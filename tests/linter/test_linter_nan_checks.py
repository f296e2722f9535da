"""Tests for NaN that hide nothing: those that only tell, and those of data. What a branch does with a loss is open."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, LOOP, codes, linted

from vae_checked.reports import all_examined

LOSS = 'loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())'
HELPERS = """

def told(value):
    if torch.isnan(value).any():
        print("NaN")


def mended(value):
    return torch.where(torch.isnan(value), torch.zeros_like(value), value)


def kept(value):
    if torch.isnan(value).any():
        return torch.zeros(()).requires_grad_()
    return value
"""
HARMLESS = {
    "asserted": "assert not torch.isnan(loss)",
    "raised": "if torch.isnan(loss):\n            raise ValueError(x)",
    "printed": 'if torch.isnan(loss).any():\n            print("NaN")',
    "counted for a log": "print(torch.isnan(y).sum())",
    "by itself": "assert loss == loss",
    "in a helper": "told(loss)",
    "of data": "missing = torch.isnan(x).any()",
    "of data, masked": "seen = ~torch.isnan(x)\n        weight = seen.float().mean()",
}
OPEN = {
    "a step left out": "if torch.isnan(loss):\n            continue",
    "another number": "if torch.isnan(loss):\n            loss = torch.zeros(()).requires_grad_()",
    "printed and left out": 'if torch.isnan(loss):\n            print("NaN")\n            continue',
    "the other way": "if torch.isnan(loss):\n            pass\n        else:\n            optimizer.zero_grad()",
    "a handled error": "try:\n            assert not torch.isnan(loss)\n        except Exception:\n            pass",
    "in a helper": "loss = kept(loss)",
    "kept under a name": "bad = torch.isnan(loss)",
}


def judged(folder: Path, done: str) -> tuple[list[str], bool]:
    """The mistakes that are found, and whether no NaN is said to be hidden."""
    loop = LOOP.format(loss=f"{LOSS}\n        {done}", differentiated="loss.backward()")
    report = linted(folder, {"net.py": HEAD + LAYERS + LAYERS_FORWARD + HELPERS + loop})
    fit = [each for each in all_examined(report) if each.subject.endswith("fit")]
    assert fit
    return codes(report), all("VAE604" in each.clean for each in fit)


@pytest.mark.parametrize("done", HARMLESS.values(), ids=HARMLESS)
def test_what_only_tells_of_nan_hides_none(done: str, tmp_path: Path) -> None:
    assert judged(tmp_path, done) == ([], True)


@pytest.mark.parametrize("done", OPEN.values(), ids=OPEN)
def test_what_is_done_with_nan_is_open(done: str, tmp_path: Path) -> None:
    found, clean = judged(tmp_path, done)
    assert {*found} <= {"VAE604"}
    assert not clean


def test_nan_that_is_replaced_is_named(tmp_path: Path) -> None:
    assert judged(tmp_path, "loss = mended(loss)")[0] == ["VAE604"]
    assert judged(tmp_path, "assert not torch.isnan(x).any()\n        loss = mended(loss)")[0] == ["VAE604"]


ALONE = """

def loss_of(y, x, m, s):
    error = F.mse_loss(y, x, reduction="none").sum(1)
    {done}
    return (error - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)).mean()
"""


@pytest.mark.parametrize("name", ["m", "s", "y"])
@pytest.mark.parametrize("asked", ["torch.isnan({0}).any()", "{0}.isnan().any()", "not torch.isfinite({0}).all()"])
def test_what_a_loss_is_handed_is_no_data_of_it(asked: str, name: str, tmp_path: Path) -> None:
    """Heads and a reconstruction are given to it as pictures are: nothing says that a model made them."""

    def is_clean(done: str) -> bool:
        report = linted(tmp_path, {"loss.py": HEAD + ALONE.format(done=done)})
        return any("VAE604" in each.clean for each in all_examined(report))

    assert is_clean("pass")
    assert not is_clean(f"if {asked.format(name)}:\n        {name} = torch.zeros_like({name})")
