"""Reports as plain JSON and back: only the classes listed here are made, of values of the types that they declare."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from vae_checked import fact as fact_room
from vae_checked import facts as facts_room
from vae_checked import finding as finding_room
from vae_checked import interval as interval_room
from vae_checked import latent_facts as latent_room
from vae_checked import layout_facts as layout_room
from vae_checked import training_facts as training_room
from vae_checked.catalogue import CATALOGUE, Judgement, Undecided, Weighted
from vae_checked.linter.run.report import LintReport
from vae_checked.record import fields


class DamagedError(ValueError):
    """What was read is not what `encode` makes."""


def _classes() -> dict[str, type[Any]]:
    rooms = (fact_room, facts_room, interval_room, latent_room, layout_room, training_room, finding_room)
    theirs = [
        value for room in rooms for value in vars(room).values() if getattr(value, "__module__", "") == room.__name__
    ]
    return {
        each.__name__: each for each in (Judgement, Undecided, Weighted, LintReport, *theirs) if isinstance(each, type)
    }


CLASSES = _classes()
_NUMBERS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def encode(value: Any) -> Any:
    """`value` as JSON has it; TypeError for what a report never holds."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"number": str(value)}
    if isinstance(value, Enum) and CLASSES.get(kind.__name__) is kind:
        return {"member": kind.__name__, "name": value.name}
    if kind in (tuple, list, frozenset, set):
        items = [encode(item) for item in value]
        return items if kind is tuple else {"collection": kind.__name__, "items": items}
    if isinstance(value, dict):
        return {"mapping": [[encode(key), encode(item)] for key, item in value.items()]}
    if CLASSES.get(kind.__name__) is kind:
        return {"record": kind.__name__, "values": [encode(getattr(value, each.name)) for each in fields(value)]}
    raise TypeError(f"no report holds a {kind.__name__}")


def consistent(report: LintReport) -> bool:
    """Whether a report speaks of mistakes and facts that there are, and of each VAE once."""
    codes, paths = {mistake.code for mistake in CATALOGUE}, set(facts_room.PATHS)
    return len(report.facts) == len(report.judgements) and all(
        codes.issuperset((*each.clean, *each.undecided, *each.weighted, *(found.code for found in each.findings)))
        and all(paths.issuperset(verdict.missing) for verdict in each.undecided.values())
        and paths.issuperset((*item.unobserved, *item.stopped_at, *item.elsewhere))
        for item, each in zip(report.facts, report.judgements, strict=True)
    )


@cache
def _declared(name: str) -> dict[str, Any]:
    """The types that a class declares of its fields."""
    made = CLASSES[name]
    hints = get_type_hints(made, localns=CLASSES)
    return {each.name: hints[each.name] for each in fields(made)}


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a declared type, its items and keys included."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(value, each) for each in args)
    if origin is tuple:
        if args[1:] == (...,):
            return isinstance(value, tuple) and all(fits(item, args[0]) for item in value)
        return isinstance(value, tuple) and len(value) == len(args) and all(map(fits, value, args))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, dict) and all(fits(key, args[0]) and fits(value[key], args[1]) for key in value)
    if isinstance(origin, type) and issubclass(origin, Collection):
        return isinstance(value, origin) and all(fits(item, args[0]) for item in value)
    if origin is facts_room.Fact:
        return isinstance(value, origin) and fits(value.value, args[0])
    if hint in (Any, object) or isinstance(hint, TypeVar):
        return True
    if hint in (None, NoneType):
        return value is None
    if hint is float:
        # JSON has numbers of any length, and what draws or words them needs floats.
        return isinstance(value, float) or (isinstance(value, int) and abs(value) <= sys.float_info.max)
    return isinstance(value, hint)


_COLLECTIONS: dict[str, Any] = {"list": list, "frozenset": frozenset, "set": set}


def decode(value: Any) -> Any:
    """What `encode` was given; DamagedError for anything else."""
    try:
        return _decode(value)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise DamagedError(str(error)) from None


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_decode, value))
    if not isinstance(value, dict):
        return value
    if "record" in value:
        made = CLASSES[value["record"]]
        values = {each.name: _decode(item) for each, item in zip(fields(made), value["values"], strict=True)}
        for name, hint in _declared(made.__name__).items():
            if not fits(values[name], hint):
                raise DamagedError(f"{made.__name__}.{name} is of another type")
        return made(**values)
    if "member" in value:
        members: Any = CLASSES[value["member"]]
        return members[value["name"]]
    if "mapping" in value:
        return {_decode(key): _decode(item) for key, item in value["mapping"]}
    if "collection" in value:
        return _COLLECTIONS[value["collection"]](map(_decode, value["items"]))
    return _NUMBERS[value["number"]]
