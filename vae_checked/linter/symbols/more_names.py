"""Arguments by name, beside which a dict that is not known may give others: `Net(wide=64, **options)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.linter.symbols.expression import Expr, Site, opaque
from vae_checked.linter.symbols.unknown_keys import UnknownKey
from vae_checked.linter.symbols.values import Open

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vae_checked.linter.symbols.values import Key, Value


class MoreNames(dict[str, "Value"]):
    """What a call gives by name, and `source`, which may have more."""

    def __init__(self, given: Mapping[str, Value], source: Expr) -> None:
        super().__init__(given)
        self.source = source


def joined(*given: Mapping[str, Value]) -> dict[str, Value]:
    """What is given by name at several places, the last before the others, with what one may have more."""
    names = {name: value for each in given for name, value in each.items()}
    source = next((each.source for each in given if isinstance(each, MoreNames)), None)
    return names if source is None else MoreNames(names, source)


def source_of(value: Value, site: Site) -> Expr | None:
    """What may have more entries than are known of a value that is spread; None where all of them are."""
    if isinstance(value, Open):
        return opaque("more", (), site)
    if isinstance(value, dict):
        return next((key.expr for key in value if isinstance(key, UnknownKey)), None)
    return value if isinstance(value, Expr) and value.op != "const" else None


def taken_by_name(given: dict[str, Value], made: dict[Key, Value]) -> dict[Key, Value]:
    """A dict made of arguments by name: with an entry that stands for what else these may have."""
    if isinstance(given, MoreNames):
        made[UnknownKey(given.source)] = given.source
    return made
