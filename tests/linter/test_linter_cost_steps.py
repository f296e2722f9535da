"""What is trained, drawn after seeds and measured is gone through once for all samplers: counted by what is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from many_samplers import many_samplers, many_shared_terms

from vae_checked.linter import lint
from vae_checked.linter.roles import kl, phi, seeds, timings, ways

STEPS = """

def steps(loader):
    vae = VAE()
    for x in loader:
        torch.manual_seed(3)
        vae(x).backward()
"""


def asked(monkeypatch: pytest.MonkeyPatch, owner: ModuleType, name: str, text: str, path: Path) -> int:
    """How often a function of a module is called where a text is linted."""
    calls: list[object] = []
    work: Callable[..., object] = getattr(owner, name)

    def counted(*given: object, **named: object) -> object:
        calls.append(given)
        return work(*given, **named)

    path.write_text(text, encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, counted)
        lint([path])
    return len(calls)


@pytest.mark.parametrize(
    ("owner", "name"),
    [(ways, "in_all"), (seeds, "put_back")],
    ids=["differentiated", "seeds"],
)
def test_steps_of_training_are_read_once_for_all_samplers(
    owner: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    few, many = (
        asked(monkeypatch, owner, name, f"{many_samplers(number)}{STEPS}", tmp_path / "model.py") for number in (3, 12)
    )
    assert 0 < few == many


def test_what_makes_each_mean_is_asked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    few, many = (
        asked(monkeypatch, timings, "source_of", many_samplers(number), tmp_path / "model.py") for number in (3, 12)
    )
    assert 0 < few < many < 6 * few


def test_what_a_method_returns_is_taken_apart_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    few, many = (
        asked(monkeypatch, phi, "resolved", many_shared_terms(number), tmp_path / "model.py") for number in (3, 12)
    )
    assert 0 < few < many < 6 * few
    assert kl.phi is phi
