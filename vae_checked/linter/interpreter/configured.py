"""Names that settings have: what `getattr(module, config["loss"])` may be is written in a file of settings.

The settings of one evaluation are those of one file: which model goes with which loss it says itself. What stands in no
file stays open, and numbers and switches do: they are there to be changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import TypeGuard

from vae_checked.linter.files import syntax
from vae_checked.linter.files.configurations import Configuration
from vae_checked.linter.interpreter import arguments
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.interpreter.texts import known_start
from vae_checked.linter.symbols.drawing import DRAWS, draw_alike, rank
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.values import Class, Instance, Key, Value
from vae_checked.record import dataclass

Change = Callable[[str], "str | None"]
# How well a text fits what is asked for: 0 where it does not.
Fit = Callable[[str], int]
_PLAIN: dict[str, Change] = {
    "lower": str.lower,
    "upper": str.upper,
    "strip": str.strip,
    "capitalize": str.capitalize,
    "title": str.title,
}
_SPLITS = ("split", "rsplit", "partition", "rpartition")
_MISSING = re.compile(r"\['(.*)'\]$")
# What stands for a number of turns, or for one item of many.
_NO_NAMES = frozenset(("index", "item", "loop", "epoch", "input", "super"))
_MAX_DEPTH, _MAX_OTHERS = 12, 3


# Comparisons: with one constant or with several, and whether they hold where it is equal.
_COMPARED = {
    "compare:Eq": (True, True), "compare:NotEq": (True, False),
    "compare:In": (False, True), "compare:NotIn": (False, False),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of the settings: the name that they go by, empty where they have none, and the keys, outermost
    first; `changes` are made to the text that is found, the last first."""

    root: str
    keys: tuple[str, ...]
    changes: tuple[Change, ...]
    option: tuple[str, str] | None

    def changed(self, text: str) -> str:
        """The text that code makes of one that it is given; empty where it would fail."""
        for change in reversed(self.changes):
            text = change(text) or ""
        return text


def texts(context: Context, value: Value, fit: Fit, owner: str = "", *, by_last_keys: bool = True) -> list[str]:
    """The texts that a value is by the settings, of those that fit what it is for, the likeliest first.

    Where the class is given whose part it is, in the files that have such a part of no other class. What code calls
    the settings themselves is often not written in them: then the keys below that name count, `by_last_keys`.
    """
    asked = _asked(value)
    if asked is None or not context.frames:
        return []
    if asked.option is not None:
        declared = context.project_observations.option_texts(*asked.option)
        if declared:
            return [text for text in map(asked.changed, declared) if fit(text)]
    noted = context.observations
    code = [frame.scope.module for frame in context.frames if not frame.scope.module.known]
    files = context.imports.configurations(code[-1]) if code else ()
    if owner:
        files = [file for file in files if file.is_of((asked.root, *asked.keys), owner)]
    found = {file.path: each for file in files if (each := _fitting(file, asked, fit, by_last_keys))}
    if not found:
        return []
    if noted.configuration not in found:
        chosen = max(found, key=lambda path: max(map(fit, found[path])))
        if context.configured_by in found:
            chosen = context.configured_by
        if noted.configuration:
            return found[chosen]
        noted.configuration = chosen
        noted.other_configurations = _others(files, found, chosen)
    noted.taken_texts.update(found[noted.configuration])
    return found[noted.configuration]


def agreed(context: Context, value: Value) -> list[str] | None:
    """The texts that settings have for a value by all its keys: of the file in force, or where all files say the same.

    None where they say different things and no file is in force.
    """
    asked = _asked(value)
    code = [frame.scope.module for frame in context.frames if not frame.scope.module.known]
    if asked is None or asked.option is not None or not code:
        return []
    keys = (asked.root, *asked.keys) if asked.root else asked.keys
    found: dict[str, tuple[str, ...]] = {}
    for file in context.imports.configurations(code[-1]):
        # The last key alone, as that of a class, is one that other things have as well.
        said = file.says(keys) or (file.says(asked.keys) if len(asked.keys) > 1 else [])
        if said:
            found[file.path] = tuple(dict.fromkeys(map(asked.changed, said)))
    in_force = found.get(context.observations.configuration)
    ways = set(found.values()) if in_force is None else {in_force}
    return None if len(ways) > 1 else list(next(iter(ways), ()))


def note_left_open(context: Context, value: Value) -> None:
    """Take note of a choice of which the settings in force say something that is none of the things to choose from.

    They are those of other code then, and what else they chose does not go with what is taken here.
    """
    noted = context.observations
    asked = _asked(value)
    code = [frame.scope.module for frame in context.frames if not frame.scope.module.known]
    if asked is None or not noted.configuration or not code:
        return
    said = [
        text
        for file in context.imports.configurations(code[-1])
        if file.path == noted.configuration
        for text in _fitting(file, asked, lambda _: 1)
    ]
    noted.of_other_settings |= not noted.taken_texts.issuperset(said)


def is_option(context: Context, value: Value) -> bool:
    """Whether a value is a command-line option of which it is known what it may be."""
    asked = _asked(value)
    return (
        asked is not None
        and asked.option is not None
        and bool(context.project_observations.option_texts(*asked.option))
    )


def preferring(context: Context, condition: Expr) -> Callable[[Value, Value], bool]:
    """Which of two objects is kept that a condition chooses: what draws, then what is made where nobody sets anything.

    Of parts of a model the first, where the condition is a switch: it may be the one that makes a VAE of them.
    """

    def prefer(one: Value, other: Value) -> bool:
        ranks = rank(one), rank(other)
        draw = [each >= DRAWS for each in ranks]
        default = _by_default(context, condition, of_texts=not any(draw)) if draw[0] is draw[1] else None
        known = None if any(draw) else context.observations.assumed.get(condition.uid)
        first = known[1] if known is not None else not ranks[0] < ranks[1] >= DRAWS if default is None else default
        if draw[0] is draw[1]:
            note_other_part(context, *((one, other) if first else (other, one)))
        if _is_model(one) and _is_model(other):
            context.assume(condition, first)
            # Where the one that is left out was made, another model is run: nothing stands there that is judged here.
            made = context.observations.made_where.get(id(other if first else one))
            if made is not None:
                context.observations.replaced.append(made[1:])
        return first

    return prefer


def note_other_part(context: Context, taken: Value, other: Value) -> None:
    """Take note of a part of a model, or of what trains one, that is taken where one of another class may be made.

    Of whole models too, where what draws is written once for both: one that draws by itself is read by itself.
    """
    one, two = _class_of(taken), _class_of(other)
    if one is None or two is None or one is two:
        return
    # A function may take from the top level what is made there.
    top = next((frame.scope.module for frame in reversed(context.frames) if frame.function is None), None)
    holders = (context.observations,) if top is None else (context.observations, top)
    if not one.is_module and any(syntax.trains(each.node) for cls in (one, two) for each in cls.mro()):
        for holder in holders:
            holder.open_trainers.add(one.name)
    if not (one.is_module and two.is_module):
        return
    if rank(one) < DRAWS or draw_alike(one, two):
        for holder in holders:
            holder.open_parts.add(one.name)


def _class_of(value: Value) -> Class | None:
    return value.cls if isinstance(value, Instance) else value if isinstance(value, Class) else None


def noting(context: Context, condition: Expr) -> Callable[[Value, bool], None]:
    """What takes note of the models that are made where a condition holds alone, or does not."""

    def note(value: Value, holds: bool) -> None:
        if _is_model(value):
            context.observations.made_where[id(value)] = value, condition, holds

    return note


def _is_model(value: Value) -> TypeGuard[Instance]:
    return isinstance(value, Instance) and value.cls.is_module


def _by_default(context: Context, condition: Expr, *, of_texts: bool) -> bool | None:
    """Whether a condition of one command-line option holds where nobody sets it; None for any other.

    With `of_texts` None for what is no text as well.
    """
    name = condition.get("name") if condition.op == "opaque" else None
    if name == "not":
        inner = _by_default(context, condition.args[0], of_texts=of_texts)
        return None if inner is None else not inner
    kind = _COMPARED.get(str(name))
    default = _default(context, condition if kind is None else condition.args[0])
    if of_texts and not all(isinstance(each, str) for each in default):
        return None
    if kind is None or not default:
        return bool(default[0]) if default else None
    wanted = [condition.args[1]] if kind[0] else list(condition.args[1].args)
    constants = [_constant(each) for each in wanted]
    return None if not all(constants) else (default in constants) is kind[1]


def _default(context: Context, value: Expr) -> tuple[Key, ...]:
    """What an option is by default, alone in a tuple, with the changes that code makes to a text; () if not known."""
    asked = _asked(value)
    known = () if asked is None or asked.option is None else context.project_observations.option_default(*asked.option)
    return tuple(asked.changed(each) if asked is not None and isinstance(each, str) else each for each in known)


def _constant(value: Expr) -> tuple[Key, ...]:
    """The number or the text that stands in code, alone in a tuple; () for anything else."""
    if value.op == "const":
        return (value.value,)
    kind, _, text = str(value.get("name")).partition(":")
    return (text,) if value.op == "opaque" and kind == "str" and not value.args else ()


def _others(files: Sequence[Configuration], found: Collection[str], chosen: str) -> tuple[str, ...]:
    """The files that may choose something else, each choice once."""
    kinds = {file.path: file.choices for file in files}
    others = {kinds[path]: path for path in reversed(list(found)) if kinds[path] != kinds[chosen]}
    return tuple(reversed(others.values()))[:_MAX_OTHERS]


def _fitting(file: Configuration, asked: _Asked, fit: Fit, by_last_keys: bool = True) -> list[str]:
    named = file.says((asked.root, *asked.keys)) if asked.root else []
    found = named or (file.says(asked.keys) if asked.keys and by_last_keys else [])
    return [text for text in dict.fromkeys(map(asked.changed, found)) if fit(text)]


def below(value: Value, key: str) -> Value:
    """What settings have under one more key."""
    return Expr("item", (value,), (("index", key),), value.site) if isinstance(value, Expr) else None


def _asked(value: Value) -> _Asked | None:
    changes: list[Change] = []
    keys: list[str] = []
    option: tuple[str, str] | None = None
    for _ in range(_MAX_DEPTH):
        if not isinstance(value, Expr):
            return None
        step = _key(value)
        if step is not None:
            path = None if keys else arguments.parsed_in(value.args[0])
            if path is not None:
                option = path, step
            keys.append(step)
            value = value.args[0]
            continue
        change = None if keys else _change(value)
        if change is None:
            break
        changes.append(change[1])
        value = change[0]
    else:
        return None
    root = _root(value)
    return _Asked(root, tuple(reversed(keys)), tuple(changes), option) if keys or root else None


def _key(value: Expr) -> str | None:
    """The key by which a value is asked of another one."""
    name, index = value.get("name"), value.get("index")
    if value.op == "item":
        return index if isinstance(index, str) and index.isidentifier() else None
    if value.op == "attribute" and value.args:
        return str(name)
    if value.op == "opaque" and isinstance(name, str) and name.startswith("attribute:"):
        return name.partition(":")[2]
    if value.op == "call" and name in ("get", "pop") and len(value.args) > 1:
        return known_start(value.args[1]) or None
    return None


def _root(value: Expr) -> str:
    name = value.get("name") if value.op == "atom" else None
    if not isinstance(name, str):
        return ""
    if name in _NO_NAMES:
        return ""
    missing = _MISSING.match(name)
    return name if missing is None else missing[1]


def _change(value: Expr) -> tuple[Expr, Change] | None:
    """What a text is made of, and how."""
    name = value.get("name")
    if value.op == "call" and name in _PLAIN and len(value.args) == 1:
        return value.args[0], _PLAIN[str(name)]
    if value.op == "opaque" and name == "text" and len(value.args) == 1:
        start, end = str(value.get("start") or ""), str(value.get("end") or "")
        return value.args[0], lambda text: start + text + end
    if value.op == "add" and known_start(value.args[0]):
        start = known_start(value.args[0])
        return value.args[1], lambda text: start + text
    index = value.get("index")
    if value.op == "item" and isinstance(index, int) and _is_split(value.args[0]):
        call = value.args[0]
        return call.args[0], lambda text: _part(call, text, index)
    return None


def _is_split(call: Expr) -> bool:
    return call.op == "call" and call.get("name") in _SPLITS and len(call.args) > 1


def _part(call: Expr, text: str, index: int) -> str | None:
    separator = known_start(call.args[1])
    if not separator:
        return None
    name = call.get("name")
    if name == "partition":
        found: Sequence[str] = text.partition(separator)
    elif name == "rpartition":
        found = text.rpartition(separator)
    else:
        most = int(call.args[2].value) if len(call.args) > 2 and call.args[2].op == "const" else -1
        found = text.split(separator, most) if name == "split" else text.rsplit(separator, most)
    return found[index] if -len(found) <= index < len(found) else None
