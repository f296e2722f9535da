"""The one place that turns a judge's evidence into words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vae_checked.catalogue.mistake import Mistake
from vae_checked.catalogue.support.names import names_of
from vae_checked.catalogue.support.places import at
from vae_checked.catalogue.verdict import Evidence
from vae_checked.facts import Facts
from vae_checked.finding import Finding, Related

_SHOWN = 6


class _Curve:
    """Pairs (x, y) in a message: `{curve:x}` and `{curve:y}` list one side, three significant digits each."""

    def __init__(self, pairs: Iterable[tuple[float, float]]) -> None:
        self.pairs = tuple(pairs)

    def __format__(self, spec: str) -> str:
        side = 1 if spec == "y" else 0
        return ", ".join(f"{pair[side]:.3g}" for pair in self.pairs)


def _presentable(value: object) -> object:
    if value is None:
        return "unknown"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple) and all(isinstance(item, tuple) and len(item) == 2 for item in value):
        return _Curve(value)
    if isinstance(value, (tuple, list, frozenset)):
        return _listed(sorted(map(str, value)) if isinstance(value, frozenset) else [str(item) for item in value])
    return value


def _listed(items: list[str]) -> str:
    shown = items if len(items) <= _SHOWN + 1 else [*items[:_SHOWN], f"and {len(items) - _SHOWN} more"]
    return ", ".join(shown)


def compose(mistake: Mistake, evidence: Evidence, facts: Facts) -> Finding:
    """The finding that tells of what `facts` are of: what, where, measured, one remedy, in the user's own names."""
    places = [(origin.place, role) for origin, role in evidence.related if origin.place is not None]
    built = [] if evidence.origin.built is None else [(evidence.origin.built, "built here")]
    values: Mapping[str, object] = {
        **{key: _presentable(value) for key, value in evidence.values.items()},
        "called": names_of(facts),
        "at_related": at(places[0][0], evidence.origin.place) if places else "",
    }
    # A curve without points has nothing to measure: the message alone then says what is known.
    silent = any(isinstance(value, _Curve) and not value.pairs for value in values.values())
    settings = " and ".join(facts.settings.get(mistake.code, ()))
    return Finding(
        code=mistake.code,
        name=mistake.name,
        severity=evidence.severity or mistake.severity,
        subject=facts.subject,
        message=mistake.message.format_map(values) + (settings and f", where {settings}"),
        evidence="" if silent else mistake.evidence.format_map(values),
        fix=mistake.fix.format_map(values),
        place=evidence.origin.place,
        related=tuple(Related(place, role) for place, role in (*places, *built)),
        how=evidence.how,
        mendable=evidence.mendable,
    )
