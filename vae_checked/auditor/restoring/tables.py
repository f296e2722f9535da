"""Tables and containers as they were: attributes of objects, of classes and of modules, what lists and arrays hold."""

from __future__ import annotations

import operator
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import CellType, FunctionType, GeneratorType, ModuleType
from typing import Any

# Python writes these into a class by itself, when they are first asked for.
_OF_PYTHON = frozenset({"__annotations__", "__annotations_cache__", "__annotate_func__", "__dict__", "__weakref__"})
_EMPTY = object()


class KeptDict:
    """A dict, or the attributes of an object: its keys, their order, and what stands at each."""

    def __init__(self, place: str, table: dict[Any, Any]) -> None:
        self.place = place
        self._table = table
        self._held = dict(table)

    def put_back(self) -> str | None:
        """Fill it anew where it is otherwise; past what a subclass makes of its methods."""
        table, held = self._table, self._held
        if not same_items(table, held):
            kind: Any = OrderedDict if isinstance(table, OrderedDict) else dict
            kind.clear(table)
            kind.update(table, held)
        return None


class KeptEmpty:
    """Plain dicts that were empty: most of what a module holds are tables of hooks, which nobody fills."""

    place = "tables that were empty"

    def __init__(self) -> None:
        self.tables: list[dict[Any, Any]] = []

    def put_back(self) -> str | None:
        """Empty those that are filled."""
        if any(map(len, self.tables)):
            for table in self.tables:
                table.clear()
        return None


class KeptSequence:
    """A list, a deque, bytes or an array that can change: what stands at each place."""

    def __init__(self, place: str, value: Any, clear: Callable[[Any], object]) -> None:
        self.place = place
        self._value = value
        self._clear = clear
        self._held = list(value)

    def put_back(self) -> str | None:
        """Fill it anew where it is otherwise."""
        value, held = self._value, self._held
        if len(value) != len(held) or not all(map(operator.is_, value, held)):
            self._clear(value)
            value.extend(held)
        return None


@dataclass(frozen=True, slots=True)
class KeptByCopy:
    """What is compared with a copy of its content: a set, bytes, an array, the state of a generator of random numbers.

    `read` gives the content, `same` compares two of them, `write` puts one back.
    """

    place: str
    content: Any
    read: Callable[[], Any]
    write: Callable[[Any], object]
    same: Callable[[Any, Any], bool] = operator.eq

    def put_back(self) -> str | None:
        """Write the copy back where the content is otherwise."""
        if not self.same(self.read(), self.content):
            self.write(self.content)
        return None


class KeptClass:
    """The attributes of a class."""

    def __init__(self, place: str, kind: type) -> None:
        self.place = place
        self._kind = kind
        self._held = vars(kind).copy()

    def put_back(self) -> str | None:
        """Bind each again that is otherwise, and delete what was added."""
        now = vars(self._kind)
        if len(now) == len(self._held) and all(map(operator.is_, now.values(), self._held.values())):
            return None
        for name in [name for name in now if name not in self._held and name not in _OF_PYTHON]:
            type.__delattr__(self._kind, name)
        for name, value in self._held.items():
            if name not in _OF_PYTHON and now.get(name, _EMPTY) is not value:
                type.__setattr__(self._kind, name, value)
        return None


class KeptNames:
    """The names of a module; those that are added stay, or with `whole` only the modules: these are imported once."""

    def __init__(self, place: str, table: dict[str, Any], *, whole: bool = False) -> None:
        self.place = place
        self._table = table
        self._held = dict(table)
        self._whole = whole

    def put_back(self) -> str | None:
        """Bind each again that is otherwise."""
        table, held = self._table, self._held
        if same_items(table, held):
            return None
        if self._whole:
            for name in [name for name in table if name not in held]:
                if not isinstance(table[name], ModuleType):
                    del table[name]
        for name, value in held.items():
            if table.get(name, _EMPTY) is not value:
                table[name] = value
        return None


class KeptKind:
    """The class of an object."""

    def __init__(self, place: str, value: object) -> None:
        self.place = place
        self._value, self._kind = value, type(value)

    def put_back(self) -> str | None:
        """Give it its class again."""
        if type(self._value) is not self._kind:
            object.__setattr__(self._value, "__class__", self._kind)
        return None


class KeptSlots:
    """The attributes of an object that has a slot for each."""

    def __init__(self, place: str, value: object, names: Iterable[str]) -> None:
        self.place = place
        self._value = value
        self.held = {name: getattr(value, name, _EMPTY) for name in names}

    def put_back(self) -> str | None:
        """Fill each again that holds something else."""
        for name, held in self.held.items():
            if getattr(self._value, name, _EMPTY) is held:
                continue
            if held is _EMPTY:
                object.__delattr__(self._value, name)
            else:
                object.__setattr__(self._value, name, held)
        return None


class KeptDefaults:
    """The defaults of a function, and what the names that it closes over are bound to."""

    def __init__(self, place: str, function: FunctionType) -> None:
        self.place = place
        self._function = function
        self._defaults, self._keywords = function.__defaults__, function.__kwdefaults__
        self._cells = [(cell, content_of(cell)) for cell in function.__closure__ or ()]

    def put_back(self) -> str | None:
        """Bind each again that is otherwise."""
        if self._function.__defaults__ is not self._defaults:
            self._function.__defaults__ = self._defaults
        if self._function.__kwdefaults__ is not self._keywords:
            self._function.__kwdefaults__ = self._keywords
        for cell, content in self._cells:
            if content_of(cell) is not content:
                if content is _EMPTY:
                    del cell.cell_contents
                else:
                    cell.cell_contents = content
        return None


def content_of(cell: CellType) -> Any:
    """What a cell holds; a mark of its own for one that is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return _EMPTY


class WatchedGenerator:
    """A generator, which cannot be wound back."""

    def __init__(self, place: str, generator: GeneratorType[Any, Any, Any]) -> None:
        self.place = place
        self._generator = generator
        self._at = _where(generator)

    def put_back(self) -> str | None:
        """Say whether it went on."""
        now = _where(self._generator)
        if len(now) == len(self._at) and all(map(operator.is_, now, self._at)):
            return None
        return f"{self.place} is a generator, and the run took values from it"


def _where(generator: GeneratorType[Any, Any, Any]) -> list[Any]:
    """How far a generator has come: its place in the code, and what its names are bound to."""
    frame = generator.gi_frame
    return [] if frame is None else [frame.f_lasti, *frame.f_locals.values()]


class WatchedObject:
    """An object of somebody else's class, of which only its own attributes are looked at, and none is put back."""

    def __init__(self, place: str, value: object) -> None:
        self.place = place
        self._value = value
        self._held = dict(vars(value))

    def put_back(self) -> str | None:
        """Say which of its attributes are bound to something else."""
        now, held = vars(self._value), self._held
        names = [str(name) for name in {**held, **now} if now.get(name, _EMPTY) is not held.get(name, _EMPTY)]
        if not names:
            return None
        kind = type(self._value)
        return (
            f"{self.place} is a {kind.__module__}.{kind.__qualname__}, and the run changed its {', '.join(names[:4])}"
        )


def clear_list(value: list[Any]) -> None:
    """Empty a list past what a subclass makes of its methods."""
    list.clear(value)


def clear_deque(value: deque[Any]) -> None:
    """Empty a deque past what a subclass makes of its methods."""
    deque.clear(value)


def same_items(left: dict[Any, Any], right: dict[Any, Any]) -> bool:
    """Whether the same objects stand at the same keys, in the same order."""
    if len(left) != len(right):
        return False
    # Most are the tables of hooks of some layer, which nobody fills.
    return not right or (all(map(operator.is_, left, right)) and all(map(operator.is_, left.values(), right.values())))
