"""A formula that several evaluations call wrong, one as a whole and one in a part: it is said once."""

from __future__ import annotations

import pytest

from vae_checked.finding import Finding, Place, Severity
from vae_checked.linter.run.alike import narrowest

WHOLE, PART, ELSEWHERE = Place("net.py", 7, 9, 7, 60), Place("net.py", 7, 20, 7, 50), Place("net.py", 8, 20, 8, 50)


def said(code: str, place: Place, subject: str, message: str) -> Finding:
    return Finding(code, "kl-formula", Severity.ERROR, subject, message, "", "", place)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("words", ["wrong, where beta != 0", "wrong"])
def test_a_formula_is_said_as_a_whole(order: int, words: str) -> None:
    found = [said("VAE301", WHOLE, "net.py:Net", words), said("VAE301", PART, "net.py:Old", "wrong")]
    (finding,) = narrowest(found[::order], ())
    assert (finding.place, finding.message) == (WHOLE, words)
    assert (finding.subject, finding.also) == ("net.py:Net", ("net.py:Old",))


@pytest.mark.parametrize(("code", "place"), [("VAE301", ELSEWHERE), ("VAE504", PART)])
def test_what_is_no_part_of_the_formula_is_said_as_well(code: str, place: Place) -> None:
    found = [said("VAE301", WHOLE, "net.py:Net", "wrong"), said(code, place, "net.py:Net", "wrong too")]
    assert narrowest(found, ()) == found


def test_anything_else_is_said_of_its_narrowest_stretch() -> None:
    found = [said("VAE502", WHOLE, "net.py:Net", "wrong"), said("VAE502", PART, "net.py:Net", "wrong")]
    assert [finding.place for finding in narrowest(found, ())] == [PART]
