"""Mistakes of a part of a model in whose place another one may be made: a finding says of which part it tells."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.catalogue import CATALOGUE, Found
from vae_checked.facts import Facts
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.roles.gaps import other_part
from vae_checked.record import replace


def told(evaluation: Evaluation, facts: list[Facts]) -> list[Facts]:
    """The facts of an evaluation, with the class that has to be made for each mistake that is one of a part."""
    parts = evaluation.open_parts()
    return [_told(item, parts) for item in facts] if parts else facts


def _told(item: Facts, parts: Iterable[str]) -> Facts:
    reasons = {other_part(name): name for name in parts}
    settings = dict(item.settings)
    for mistake in CATALOGUE:
        names = {reasons[item.elsewhere[path]] for path in mistake.needs if item.elsewhere.get(path) in reasons}
        if names and mistake.code not in settings and isinstance(mistake.judge(item), Found):
            settings[mistake.code] = tuple(f"{name} is made" for name in sorted(names))
    return replace(item, settings=settings)
