"""Methods of Python's lists, dicts and texts."""

from __future__ import annotations

from collections.abc import Callable

from vae_checked.linter.interpreter import operators, parts, selection
from vae_checked.linter.interpreter.context import UNREAD, Result
from vae_checked.linter.interpreter.texts import partly_known
from vae_checked.linter.symbols.constants import MAX_ITEMS
from vae_checked.linter.symbols.expression import Expr, Site, opaque
from vae_checked.linter.symbols.unknown_keys import UnknownKey, key_of, stands_for, written
from vae_checked.linter.symbols.values import Key, Open, Value, as_expr, is_key, is_number


def call_method(
    owner: list[Value] | dict[Key, Value] | str | tuple[Value, ...], name: str, args: list[Value], site: Site
) -> Value:
    """owner.name(*args)."""
    result: Result = UNREAD
    if isinstance(owner, list) and name in _OF_LIST:
        result = _OF_LIST[name](owner, args)
    elif isinstance(owner, dict) and name in _OF_DICT:
        result = _OF_DICT[name](owner, args, site)
    elif isinstance(owner, str):
        return _of_text(owner, name, args, site)
    if result is UNREAD:
        return opaque(f"method:{name}", tuple(as_expr(item, site) for item in args), site)
    return result


def _append(owner: list[Value], args: list[Value]) -> Result:
    if not args:
        return UNREAD
    owner.append(args[0])
    return None


def _extend(owner: list[Value], args: list[Value]) -> Result:
    items = args[0] if args else None
    if isinstance(items, Expr) and items.op == "parameters":
        items = [items]
    if not isinstance(items, (list, tuple)):
        return UNREAD
    owner.extend(items[: max(0, MAX_ITEMS - len(owner))])
    return None


def _insert(owner: list[Value], args: list[Value]) -> Result:
    if len(args) != 2 or not isinstance(args[0], int):
        return UNREAD
    owner.insert(args[0], args[1])
    return None


def _reverse(owner: list[Value], args: list[Value]) -> Result:
    owner.reverse()
    return None


def _pop(owner: list[Value], args: list[Value]) -> Result:
    if not owner:
        return UNREAD
    place = args[0] if args else None
    return owner.pop(int(place) if is_number(place) and -len(owner) <= place < len(owner) else -1)


def _get(owner: dict[Key, Value], args: list[Value], site: Site) -> Result:
    if not args:
        return UNREAD
    own = key_of(args[0]) if isinstance(args[0], (str, Expr)) else None
    if isinstance(args[0], str) and own not in owner and any(isinstance(each, UnknownKey) for each in owner):
        # It may be among the entries whose keys are not known.
        return UNREAD
    if isinstance(args[0], str) or own in owner:
        return owner.get(own, args[1] if len(args) > 1 else None)
    either = operators.chosen(owner, args[0], site)
    if either is None and isinstance(args[0], Expr):
        either = selection.of_entries(owner.values()) or stands_for(owner, args[0])
    return UNREAD if either is None else either


def _take(owner: dict[Key, Value], args: list[Value], site: Site) -> Result:
    return _get(owner, args, site) if args and isinstance(args[0], str) else UNREAD


def _get_or_set(owner: dict[Key, Value], args: list[Value], site: Site) -> Result:
    if not args or not (is_key(args[0]) or isinstance(args[0], Expr)):
        return UNREAD
    return owner.setdefault(key_of(args[0]), args[1] if len(args) > 1 else None)


def _update(owner: dict[Key, Value], args: list[Value], site: Site) -> Result:
    given = args[0] if args else None
    if not isinstance(given, (dict, list, tuple)):
        return UNREAD
    owner.update(given if isinstance(given, dict) else parts.of_pairs(given))
    return None


def _items(owner: dict[Key, Value], args: list[Value], site: Site) -> Result:
    return list[Value](zip(written(owner), owner.values(), strict=True))


def _keys(owner: dict[Key, Value], args: list[Value], site: Site) -> Result:
    return owner if isinstance(owner, Open) else written(owner)


_OF_LIST: dict[str, Callable[[list[Value], list[Value]], Result]] = {
    "append": _append, "extend": _extend, "insert": _insert, "reverse": _reverse, "pop": _pop,
    "copy": lambda owner, args: owner.copy(),
}  # fmt: skip
_OF_DICT: dict[str, Callable[[dict[Key, Value], list[Value], Site], Result]] = {
    "items": _items, "keys": _keys, "get": _get, "pop": _take, "update": _update,
    "setdefault": _get_or_set,
    "values": lambda owner, args, site: list(owner.values()),
    "copy": lambda owner, args, site: owner.copy(),
}  # fmt: skip
_CASES: dict[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper, "strip": str.strip}


def _of_text(owner: str, name: str, args: list[Value], site: Site) -> Value:
    if name in _CASES and not args:
        return _CASES[name](owner)
    written = [item for item in args if isinstance(item, (str, int, float))]
    if name == "format" and len(written) == len(args):
        # Only which names are alike matters, not how wide their numbers are printed.
        return operators.filled(owner, written)
    if name == "format" and args:
        return partly_known(owner.partition("{")[0], tuple(args), site, owner.rpartition("}")[2])
    return opaque(f"text:{name}", (), site)
