"""Facts and verdicts of both observers compared: what both say of one VAE, and where that differs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from both_observers.observing import Seen
from vae_checked.facts import (
    EffectiveBeta,
    Factor,
    Facts,
    Interval,
    KLForm,
    Noise,
    NoiseTiming,
    Overflow,
    Parametrisation,
    Reduced,
    StdCurve,
)
from vae_checked.layout_facts import BatchMixing, ShapePair


@dataclass(frozen=True)
class Pair:
    """One fact of one program that both observed, and in which respects the two values differ, if in any."""

    program: str
    path: str
    read: object
    measured: object
    differs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.program}: {self.path} ({', '.join(self.differs)}): read {self.read}, measured {self.measured}"


@dataclass(frozen=True)
class Opposite:
    """A code that one observer finds in a program, and the other calls clean."""

    program: str
    code: str
    found_by: str


def opposites(seen: Seen) -> list[Opposite]:
    """The codes of which the two observers say the opposite."""
    found = [{each.code for each in report.findings} for report in (seen.read, seen.measured)]
    clean = [{code for each in report.judgements for code in each.clean} for report in (seen.read, seen.measured)]
    return [
        Opposite(seen.program.name, code, name)
        for name, finds, finds_too, calls_clean in (("lint", *found, clean[1]), ("audit", *found[::-1], clean[0]))
        for code in sorted((finds - finds_too) & calls_clean)
    ]


def pairs(seen: Seen) -> list[Pair]:
    """Every fact that both observed of a VAE, the linter's in every way in which it read it."""
    found: dict[tuple[str, str, str], Pair] = {}
    for read in (each for each in seen.read.facts if not _of_another(each, seen)):
        for measured in seen.measured.facts:
            skipped = _OF_THE_HEAD if _from_another_value(read, measured) else ()
            for path, fact in read.known():
                other = measured.get(path)
                if other is not None and path not in skipped:
                    differs = tuple(differences(path, fact.value, other.value))
                    key = path, str(fact.value), str(other.value)
                    found.setdefault(key, Pair(seen.program.name, path, fact.value, other.value, differs))
    return list(found.values())


# What is said of the head for std changes with the value that is called so: s, or what is computed from it.
_OF_THE_HEAD = ("sampler.std", "kl.form", "heads.second", "heads.overflow")


def _from_another_value(read: Facts, measured: Facts) -> bool:
    """Whether both find sampler and KL to agree, and only call another value on the way the head for std."""
    ways = [reading(facts) for facts in (read, measured)]
    return all(way is not None and way[0] is way[1] for way in ways) and ways[0] != ways[1]


def reading(facts: Facts) -> tuple[Parametrisation, Parametrisation] | None:
    """How sampler and KL read the head for std; None where one was not observed or reads it as nothing known."""
    std, form = facts.sampler.std, facts.kl.form
    if std is None or form is None or std.value.parametrisation is None or form.value.parametrisation is None:
        return None
    return std.value.parametrisation, form.value.parametrisation


def _of_another(read: Facts, seen: Seen) -> bool:
    """Whether facts are of another class than the one that was built: one that it inherits from."""
    name = read.subject.rpartition(":")[2]
    built = seen.measured.facts[0].subject.partition(" ")[0]
    return name != built and any(f"class {name}(" in text for text in seen.program.files.values())


def differences(path: str, read: object, measured: object) -> Iterator[str]:
    """In which respects two values of one fact differ."""
    if path in _NAMED:
        if bool(read) is not bool(measured):
            yield "whether there is any"
        return
    respects = _RESPECTS.get(type(read))
    if respects is None:
        if read != measured:
            yield "value"
        return
    for name, of, alike in respects:
        one, other = of(read), of(measured)
        # What one of them did not see is no difference.
        if one is not None and other is not None and not alike(one, other):
            yield name


def _close(relative: float, absolute: float = 0.0) -> Callable[[Any, Any], bool]:
    return lambda a, b: math.isclose(a, b, rel_tol=relative, abs_tol=absolute)


def _equal(a: object, b: object) -> bool:
    return a == b


def _curves_alike(a: tuple[tuple[float, float], ...], b: tuple[tuple[float, float], ...]) -> bool:
    """Whether two tables of (s, value) say the same where they speak of the same s."""
    one, other = dict(a), dict(b)
    return all(math.isclose(one[s], other[s], rel_tol=1e-3, abs_tol=1e-4) for s in one.keys() & other.keys())


def _field(name: str) -> Callable[[Any], Any]:
    return lambda value: getattr(value, name)


def _same_size(a: str, b: str) -> bool:
    """Whether two shapes are one, or one of them is the other flattened: the linter may know the number alone."""
    one, other = a.split(), b.split()
    flat = 2 in (len(one), len(other)) and one[:1] == other[:1]
    return a == b or (flat and math.prod(map(int, one[1:])) == math.prod(map(int, other[1:])))


_MOST_SUMMED = math.log(7 * 3 * 8 * 12)

# What these hold is named by the linter as it is written, and by the auditor as it is registered.
_NAMED = frozenset(
    ("training.without_gradient", "training.without_optimizer", "training.always_on_dropout", "training.hidden_nan")
)

Respect = tuple[str, Callable[[Any], Any], Callable[[Any, Any], bool]]

# What is compared of each kind of value, and how closely: the linter's numbers are exact, the auditor's in float32, and
# estimates where they are of noise.
_RESPECTS: dict[type, tuple[Respect, ...]] = {
    StdCurve: (
        ("parametrisation", lambda v: str(v.parametrisation), _equal),
        ("points", _field("points"), _curves_alike),
    ),
    Noise: (
        ("law", _field("law"), _equal),
        ("mean", _field("mean"), _close(0.05, 0.05)),
        ("std", _field("std"), _close(0.05, 0.05)),
    ),
    Interval: (
        ("low", _field("low"), _close(1e-3, 1e-4)),
        ("high", _field("high"), _close(1e-3, 1e-4)),
        ("open ends", lambda v: (v.low_open, v.high_open), _equal),
    ),
    KLForm: (
        ("parametrisation", lambda v: str(v.parametrisation), _equal),
        ("reversed", _field("reversed"), _equal),
        ("family", _field("family"), _equal),
        ("points", _field("points"), _curves_alike),
    ),
    Factor: (("value", _field("value"), _close(1e-2)), ("explicit", _field("explicit"), _equal)),
    Reduced: (
        ("batch", _field("batch"), _equal),
        ("event", _field("event"), _equal),
        ("explicit", _field("explicit"), _equal),
        ("constant", _field("constant"), _equal),
    ),
    NoiseTiming: (
        ("training", _field("training"), _equal),
        ("evaluation", _field("evaluation"), _equal),
        ("without eps", _field("without_eps"), _equal),
    ),
    ShapePair: (("input", _field("input"), _same_size), ("output", _field("output"), _equal)),
    BatchMixing: (),
    EffectiveBeta: (("value", _field("value"), _close(1e-2)),),
    # A sum over many elements overflows before one of them does, by the logarithm of their number.
    Overflow: (("at", _field("at"), _close(0.0, _MOST_SUMMED)), ("dtype", _field("dtype"), _equal)),
}
