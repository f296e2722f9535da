"""Reports as plain JSON and back: only the classes listed here are made, and nothing is executed."""

from __future__ import annotations

import math
from enum import Enum
from typing import Any

from vae_checked import facts as facts_room
from vae_checked import finding as finding_room
from vae_checked.catalogue import Judgement, Undecided, Weighted
from vae_checked.linter.run.report import LintReport
from vae_checked.record import fields


class DamagedError(ValueError):
    """What was read is not what `encode` makes."""


def _classes() -> dict[str, type[Any]]:
    rooms = (facts_room, finding_room)
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


_COLLECTIONS: dict[str, Any] = {"list": list, "frozenset": frozenset, "set": set}


def decode(value: Any) -> Any:
    """What `encode` was given; DamagedError for anything else."""
    try:
        return _decode(value)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        raise DamagedError(str(error)) from None


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_decode, value))
    if not isinstance(value, dict):
        return value
    if "record" in value:
        made = CLASSES[value["record"]]
        return made(**{each.name: _decode(item) for each, item in zip(fields(made), value["values"], strict=True)})
    if "member" in value:
        members: Any = CLASSES[value["member"]]
        return members[value["name"]]
    if "mapping" in value:
        return {_decode(key): _decode(item) for key, item in value["mapping"]}
    if "collection" in value:
        return _COLLECTIONS[value["collection"]](map(_decode, value["items"]))
    return _NUMBERS[value["number"]]
