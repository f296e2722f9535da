"""Findings that say the same: one place that is wrong for several VAEs, one stretch of text inside of another."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from vae_checked.finding import Finding, Place, is_named
from vae_checked.record import replace

# What is said of a formula as a whole.
_OF_FORMULAS = frozenset(("VAE301", "VAE306"))
# What is said in other words where it is not known what is minimised.
_OF_SIGNS = frozenset(("VAE302",))


def merged(one: Finding, other: Finding, functions: Collection[str]) -> Finding:
    """One finding of two at the same place: it is of all the VAEs that they are of, and tells of all their places.

    `functions` are the subjects that are known to be none, whatever their names look like.
    """
    subjects = list(dict.fromkeys((one.subject, *one.also, other.subject, *other.also)))
    # A function that a model calls was looked at by itself as well, and is no other VAE.
    first, *rest = [each for each in subjects if each not in functions and is_named(each)] or subjects[:1]
    told = {each.place for each in one.related}
    related = (each for each in other.related if each.place not in told and each.place != one.place)
    # What is wrong whatever the settings of one VAE are is so of that place.
    message = other.message if one.message.startswith(f"{other.message}, where ") else one.message
    return replace(one, subject=first, message=message, also=tuple(rest), related=(*one.related, *related))


def narrowest(findings: Iterable[Finding], functions: Collection[str]) -> list[Finding]:
    """The findings without those that say of a stretch of text what another says of a part of it."""
    found = _of_whole_formulas(list(findings), functions)
    by_words: dict[tuple[str, str], list[Finding]] = {}
    for finding in found:
        by_words.setdefault(_said(finding), []).append(finding)
    kept = []
    for finding in found:
        alike = by_words[_said(finding)]
        if not any(_holds(finding.place, other.place) for other in alike):
            place = finding.place
            outside = [other for other in alike if _holds(other.place, place)]
            # The first knows most of what is minimised.
            first = next(other for other in alike if other is finding or any(other is each for each in outside))
            for outer in outside:
                finding = merged(finding, outer, functions)  # noqa: PLW2901  what the wider ones tell is kept
            kept.append(replace(finding, message=first.message, evidence=first.evidence) if outside else finding)
    return kept


def _said(finding: Finding) -> tuple[str, str]:
    return finding.code, "" if finding.code in _OF_SIGNS else finding.message


def _of_whole_formulas(found: list[Finding], functions: Collection[str]) -> list[Finding]:
    """Without a formula that is called wrong as a part of one that is: what is said of the whole knows its heads."""
    formulas = [finding for finding in found if finding.code in _OF_FORMULAS]
    within: dict[int, list[Finding]] = {}
    left_out = set()
    for part in formulas:
        wholes = [each for each in formulas if each.code == part.code]
        whole = next((each for each in wholes if _holds(each.place, part.place)), None)
        if whole is not None:
            left_out.add(id(part))
            within.setdefault(id(whole), []).append(part)
    kept = []
    for finding in found:
        if id(finding) not in left_out:
            for part in within.get(id(finding), ()):
                finding = replace(merged(finding, part, functions), message=finding.message)  # noqa: PLW2901  as below
            kept.append(finding)
    return kept


def _holds(outer: Place | None, inner: Place | None) -> bool:
    """Whether one stretch of text has another one in it, and is longer."""
    if outer is None or inner is None or outer == inner or (outer.path, outer.cell) != (inner.path, inner.cell):
        return False
    return _start(outer) <= _start(inner) and _end(inner) <= _end(outer)


def _start(place: Place) -> tuple[int, int]:
    return place.line, place.column


def _end(place: Place) -> tuple[int, int]:
    return place.end_line or place.line, place.end_column or place.column
