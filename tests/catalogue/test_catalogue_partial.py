"""A mistake that one fact shows is named by it, and ruled out only where all facts are known."""

from __future__ import annotations

import math

import pytest

from vae_checked.catalogue import CATALOGUE, Undecided, judge
from vae_checked.facts import KL, REAL, Fact, Facts, Heads, Interval, KLForm, Parametrisation, Sampler, StdCurve

POSITIVE = Interval(0.0, math.inf)
CLIPPED = [mistake for mistake in CATALOGUE if mistake.code == "VAE204"]
SAMPLER = Sampler(std=Fact(StdCurve(Parametrisation.LOGVAR)))


@pytest.mark.parametrize(
    ("mu", "second", "lacking"), [(POSITIVE, None, "heads.second"), (None, POSITIVE, "heads.mu")], ids=["mu", "second"]
)
def test_one_clipped_head_is_enough_and_one_free_head_is_not(
    mu: Interval | None, second: Interval | None, lacking: str
) -> None:
    def heads(one: Interval | None, other: Interval | None) -> Facts:
        fact = [None if interval is None else Fact(interval) for interval in (one, other)]
        return Facts("model.py:VAE", sampler=SAMPLER, heads=Heads(mu=fact[0], second=fact[1]))

    named = judge(heads(mu, second), CLIPPED)
    assert [finding.code for finding in named.findings] == ["VAE204"]
    free = judge(heads(mu and REAL, second and REAL), CLIPPED)
    assert (free.findings, free.clean, free.undecided) == ((), (), {"VAE204": Undecided((lacking,))})
    assert judge(heads(REAL, REAL), CLIPPED).clean == ("VAE204",)
    assert judge(heads(None, None), CLIPPED).undecided == {"VAE204": Undecided(("heads.mu", "heads.second"))}


def test_a_reading_that_has_no_std_at_some_points_is_named_by_the_others() -> None:
    curve = StdCurve(Parametrisation.LOGVAR, ((-1.0, 0.607), (0.0, 1.0), (2.0, 2.718)))
    facts = Facts("model.py:VAE", sampler=Sampler(std=Fact(curve)), kl=KL(form=Fact(KLForm(Parametrisation.VAR))))
    (finding,) = judge(facts, [mistake for mistake in CATALOGUE if mistake.code == "VAE201"]).findings
    assert finding.evidence == "std at s = 0, 2 is 1, 2.72; the KL assumes 0, 1.41"
