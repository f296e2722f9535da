"""The values of the abstract interpreter that are not tensor expressions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from types import EllipsisType
from typing import TypeAlias, TypeGuard, TypeVar, cast

from vae_checked.facts import Interval, Origin
from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import File, SourceCell
from vae_checked.linter.symbols.constants import MAX_ITEMS, extent
from vae_checked.linter.symbols.expression import Expr, Site, const, opaque
from vae_checked.record import dataclass, field

# What a constant in the source may be, and what a dict is asked by.
Constant: TypeAlias = str | bytes | int | float | complex | bool | EllipsisType | None
Key: TypeAlias = str | int | float | bool | None
# What code is evaluated to: every kind of value that the interpreter knows.
Value: TypeAlias = (
    "Expr | Constant | slice | tuple[Value, ...] | list[Value] | dict[Key, Value] | Module | Deferred | Function"
    " | Class | Instance | External | Layer | Sequence | Distribution | Choice | AnyOf | Partial | Method | Super"
    " | Transform | Loader"
)
MAX_NESTED = 6
# What an object of the project is called as an expression, with what it holds where it draws or is compared.
OBJECT = "Instance:"
_NONE = f"{type(None).__name__}:{None}"
_OF_DISTRIBUTIONS, _MAX_PARTS = ("sample", "rsample", "kl"), 8
T = TypeVar("T")
_TENSOR_LIBRARIES = frozenset("torch numpy lightning pytorch_lightning jax tensorflow".split())


@dataclass(slots=True)
class Scope:
    """Names bound in one function, class body or module, and the scope around it."""

    names: dict[str, Value]
    parent: Scope | None
    module: Module


@dataclass(slots=True, eq=False)
class Module:
    """One file of the project, and its names once its top level was run."""

    path: str
    file: File
    scope: Scope = field(init=False)
    # Whether its top level was run, or is being run.
    begun: bool = False
    # The star imports whose names are not known, and the packages of libraries whose names it imports all.
    unfollowed: list[Origin] = field(default_factory=list)
    starred: list[str] = field(default_factory=list)
    # What it imports as `import package.module`, where the package need not be a file itself.
    dotted_imports: set[str] = field(default_factory=set)
    # The classes of parts, and of what steps an optimizer, that its top level takes where others may be as well.
    open_parts: set[str] = field(default_factory=set)
    open_trainers: set[str] = field(default_factory=set)
    given: bool = True
    # Whether it is here because another one imports it.
    followed: bool = False
    # Whether it is no file: what another library's classes do, placed where code calls them.
    known: bool = False
    # Where its top level switches gradients off, for all that is run later.
    switched_off: Site | None = None
    # Whether it imports a tensor library: what does not is settings and helpers.
    tensors: bool = field(init=False)
    # The text of each cell: of a file that is no notebook there is one.
    sources: list[SourceCell] = field(default_factory=list)
    _cells: dict[int, SourceCell] = field(default_factory=dict)
    _read: dict[object, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scope = Scope({}, None, self)
        self.tensors = any(
            map(_imports_tensors, (statement for cell in self.file.cells for statement in cell.tree.body))
        )
        for cell in self.file.cells:
            source = SourceCell(self.path, cell)
            self.sources.append(source)
            if len(self.file.cells) > 1:
                for node in syntax.descendants(cell.tree):
                    if isinstance(node, (*syntax.DEFINITIONS, ast.Lambda, ast.ClassDef)):
                        self._cells[id(node)] = source

    def source_of(self, node: ast.AST) -> SourceCell:
        """The text in which a function stands."""
        return self._cells.get(id(node), self.sources[0])

    def read_once(self, reader: Callable[[Module], T]) -> T:
        """What `reader` finds in this module's source: asked for by many evaluations, read once."""
        if reader not in self._read:
            self._read[reader] = reader(self)
        return cast("T", self._read[reader])

    def functions(self) -> Iterator[Function]:
        """The functions that its top level binds, by whatever names, and that were written in it."""
        for value in _each_once(self.scope.names.values()):
            if isinstance(value, Function) and value.scope.module is self and not isinstance(value.node, ast.Lambda):
                yield value

    def classes(self) -> Iterator[Class]:
        """The classes that its top level binds, by whatever names, and that were written in it."""
        for value in _each_once(self.scope.names.values()):
            if isinstance(value, Class) and value.scope.module is self:
                yield value


def _each_once(values: Iterable[Value]) -> list[Value]:
    return list({id(value): value for value in values}.values())


def _imports_tensors(statement: ast.stmt) -> bool:
    """Whether a statement at the top level imports a tensor library, or everything that another file has."""
    if isinstance(statement, ast.Import):
        return any(name.name.partition(".")[0] in _TENSOR_LIBRARIES for name in statement.names)
    if isinstance(statement, ast.ImportFrom):
        top = "" if statement.level else (statement.module or "").partition(".")[0]
        return top in _TENSOR_LIBRARIES or any(name.name == "*" for name in statement.names)
    return isinstance(statement, (ast.If, ast.Try)) and any(map(_imports_tensors, (*statement.body, *statement.orelse)))


@dataclass(slots=True, eq=False)
class Deferred:
    """An imported name that nothing has used yet: most imports of a large project are never needed."""

    dotted: str
    work: Callable[[], Value] | None
    done: Value = None
    # Whether the import is being done: it may ask for this name itself.
    begun: bool = False

    def settle(self) -> Value:
        """What the name stands for; modules that import each other's names in a circle end as something external."""
        if self.work is not None:
            work, self.work, self.done = self.work, None, External(self.dotted)
            self.begun = True
            self.done = work()
            self.begun = False
        return self.done


def settle(names: dict[str, Value], name: str) -> Value:
    """The value that `names` has for a name that it holds, the import behind it done."""
    value = names[name]
    if isinstance(value, Deferred):
        value = names[name] = value.settle()
    return value


@dataclass(slots=True, eq=False)
class Function:
    """A function or lambda of the project; `bound` is its first argument when it was taken from an instance."""

    node: syntax.Definition | ast.Lambda
    scope: Scope
    bound: Value = None
    owner: Class | None = None

    @property
    def name(self) -> str:
        """Its name, or <lambda>."""
        return getattr(self.node, "name", "<lambda>")

    @property
    def is_static(self) -> bool:
        """Whether it is a method that takes no instance."""
        return any(getattr(item, "id", "") == "staticmethod" for item in getattr(self.node, "decorator_list", ()))

    @property
    def is_of_class(self) -> bool:
        """Whether it is a method that takes the class, whoever it is asked of."""
        return any(getattr(item, "id", "") == "classmethod" for item in getattr(self.node, "decorator_list", ()))

    def bound_to(self, owner: Value) -> Function:
        """The method that is taken from an instance."""
        return Function(self.node, self.scope, owner, self.owner)


@dataclass(slots=True, eq=False)
class Class:
    """A class of the project; `bases` are Class or External values."""

    node: ast.ClassDef
    scope: Scope
    bases: tuple[Value, ...]
    names: dict[str, Value]
    _mro: list[Class] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The class's name."""
        return self.node.name

    def mro(self) -> list[Class]:
        """The class and its bases in the project, depth first."""
        if self._mro:
            return self._mro
        seen: list[Class] = []
        stack: list[Value] = [self]
        while stack:
            cls = stack.pop(0)
            if isinstance(cls, Class) and cls not in seen:
                seen.append(cls)
                stack = [*cls.bases, *stack]
        self._mro = seen
        return seen

    def find(self, name: str) -> Value:
        """The class attribute of this name along the bases, or None."""
        for cls in self.mro():
            if name in cls.names:
                return cls.names[name]
        return None

    def external_bases(self) -> set[str]:
        """The dotted names of all bases outside the project."""
        return {base.dotted for cls in self.mro() for base in cls.bases if isinstance(base, External)}

    @property
    def is_module(self) -> bool:
        """Whether it is an nn.Module, as far as its bases tell."""
        names = self.external_bases()
        return any(name.split(".")[-1].endswith(("Module", "DataModule")) for name in names) or (
            not names and "forward" in self.names
        )


@dataclass(slots=True, eq=False)
class Instance:
    """An object of a class of the project.

    `other` is the one that another branch makes in its place, of a class with other methods.
    """

    cls: Class
    attributes: dict[str, Value] = field(default_factory=dict)
    site: Site | None = None
    other: Instance | None = None


@dataclass(frozen=True, slots=True)
class External:
    """Something imported from outside the project, by its dotted name: `torch.nn.functional.mse_loss`."""

    dotted: str


@dataclass(slots=True, eq=False)
class Layer:
    """An `nn` layer: its class name, how it was built, and a number that tells it from every other.

    `within` are the classes of the models that it was built for, outermost first. `attributes` were set on it
    afterwards, at the places in `written`.
    """

    kind: str
    args: tuple[Value, ...]
    kwargs: dict[str, Value]
    serial: int
    site: Site | None
    within: tuple[str, ...] = ()
    attributes: dict[str, Value] = field(default_factory=dict)
    written: dict[str, Site] = field(default_factory=dict)

    def option(self, name: str, position: int | None = None, default: Value = None) -> Value:
        """A constructor argument by keyword or position."""
        if name in self.kwargs:
            return self.kwargs[name]
        if position is not None and position < len(self.args):
            return self.args[position]
        return default


@dataclass(slots=True, eq=False)
class Sequence:
    """nn.Sequential, nn.ModuleList: layers in order, by name; a name used twice replaces.

    A loop over one that is `by_name`, as nn.ModuleDict is, goes through the names.
    """

    items: dict[str, Value]
    callable: bool
    by_name: bool = False

    def append(self, item: Value) -> None:
        """Add under the next number."""
        self.items[str(len(self.items))] = item


@dataclass(slots=True, eq=False)
class Distribution:
    """A `torch.distributions` object with its parameters; `is_expanded` to sizes that these do not have."""

    family: str
    parameters: dict[str, Value]
    site: Site | None
    event_dims: int = 0
    is_expanded: bool = False


class Open(dict[Key, Value]):
    """The `**kwargs` of a function that nobody was seen to call: other keys than these may be there."""


class Defaults(dict[Key, Value]):
    """A dict that makes what it is asked for and does not have, by calling its `factory`."""

    def __init__(self, factory: Value) -> None:
        super().__init__()
        self.factory = factory


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One of two things that can be called, as a condition says that is not known: an activation or a loss by name."""

    condition: Expr
    one: Value
    other: Value


@dataclass(frozen=True, slots=True, eq=False)
class AnyOf:
    """One of several classes, functions or modules, as a name says that is not known."""

    items: tuple[Value, ...]


@dataclass(slots=True, eq=False)
class Partial:
    """functools.partial of something callable."""

    target: Value
    args: tuple[Value, ...]
    kwargs: dict[str, Value]


@dataclass(slots=True, eq=False)
class Method:
    """A method taken from a value that is no instance of the project: `x.exp`, `normal.rsample`, `layers.append`."""

    owner: Value
    name: str


@dataclass(slots=True, eq=False)
class Super:
    """`super()`: an instance seen from the bases of the class `cls`."""

    instance: Value
    cls: Class


@dataclass(slots=True, eq=False)
class Transform:
    """A data transform (ToTensor, Normalize, Compose): what it makes of an interval, and where it stands."""

    steps: tuple[tuple[str, Value, Site | None], ...]


@dataclass(slots=True, eq=False)
class Loader:
    """A data set or loader, whose items lie in `interval` (None: unknown), as the transform at `site` leaves them.

    `fields` are the pictures in items that are dicts, each with its interval, and `item` is such a dict. `own`: what
    hands them out is seen, and no data set of a library; `batched`: a loader puts them together along an axis, `rows`
    where known (1 by default, unless it `is_told_rows`), `shuffled` in no order; `centred`: columns around 0.
    """

    interval: Interval | None
    site: Site | None
    name: str
    fields: tuple[tuple[str, Hashable, Site | None], ...] = ()
    item: dict[Key, Value] | None = None
    own: bool = False
    batched: bool = False
    rows: int | None = None
    is_told_rows: bool = False
    shuffled: bool = False
    centred: bool = False


def opened(value: Value, kinds: tuple[type, ...], seen: set[int] | None = None) -> Iterator[Expr]:
    """The expressions in a value, in order: containers and instances of these kinds are opened, each of them once.

    Those that are in `seen` by their ids are not opened, and those that are opened are put there.
    """
    seen = set() if seen is None else seen
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Expr):
            yield item
        elif isinstance(item, kinds) and id(item) not in seen:
            seen.add(id(item))
            if isinstance(item, Instance):
                # What an object is made of, other objects left out.
                inner: list[Value] = [
                    each for each in item.attributes.values() if isinstance(each, (Expr, tuple, list))
                ]
            elif isinstance(item, dict):
                inner = list(item.values())
            else:
                inner = list(item) if isinstance(item, (tuple, list)) else []
            stack.extend(reversed(inner))


def as_expr(value: Value, site: Site | None = None) -> Expr:
    """Any value as an expression; what has no tensor meaning becomes opaque, and what has too many parts, or nested."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, (tuple, list, dict)) and extent(value) >= MAX_ITEMS:
        return opaque("long", (), site)
    return _as_expr(value, site, 0)


def _as_expr(value: Value, site: Site | None, depth: int) -> Expr:
    if isinstance(value, Expr):
        return value
    if isinstance(value, bool):
        return const(float(value), site)
    if isinstance(value, (int, float)):
        return const(value, site) if abs(value) < 1e300 else opaque("huge", (), site)
    if isinstance(value, (tuple, list)):
        if depth > MAX_NESTED:
            return opaque("nested", (), site)
        return opaque("sequence", tuple(_as_expr(item, site, depth + 1) for item in value), site)
    if isinstance(value, dict) and value and depth <= MAX_NESTED:
        return opaque("dict", tuple(_as_expr(item, site, depth + 1) for item in value.values()), site)
    if isinstance(value, Distribution) and depth <= MAX_NESTED:
        parts = tuple(_as_expr(item, site, depth + 1) for item in value.parameters.values())
        return opaque(f"distribution:{value.family}", parts, site)
    if isinstance(value, External):
        return opaque(value.dotted, (), site)
    if isinstance(value, Instance) and any(value.cls.find(name) is not None for name in _OF_DISTRIBUTIONS):
        parts = tuple(item for item in value.attributes.values() if isinstance(item, Expr))
        return opaque(f"{OBJECT}{id(value)}", parts[:_MAX_PARTS], site)
    return opaque(f"{type(value).__name__}:{value if isinstance(value, (str, type(None))) else id(value)}", (), site)


def is_none(node: Expr) -> bool:
    """Whether an expression stands for None, with which nothing is computed: code that does so ends in an error."""
    return node.op == "opaque" and not node.args and node.get("name") == _NONE


def is_number(value: Value) -> TypeGuard[int | float]:
    """Whether it is a Python number (bool excluded)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_key(value: Value) -> TypeGuard[Key]:
    """Whether it is a constant by which a dict can be asked."""
    return isinstance(value, (str, int, float, type(None)))


def by_name(named: Mapping[str, Value]) -> dict[Key, Value]:
    """A dict of its own of what is given by name."""
    made: dict[Key, Value] = {}
    made.update(named)
    return made


def number_of(value: Value) -> float | None:
    """The number that a Python constant or a const expression holds, else None."""
    if is_number(value):
        return float(value)
    if isinstance(value, Expr) and value.op == "const":
        return value.value
    return None


def apart(value: Value, serial: Callable[[], int]) -> Value:
    """What a call that is not understood has made, distinguished from what it makes the next time."""
    if not isinstance(value, Expr) or value.op not in ("opaque", "call") or not value.args:
        return value
    return Expr(value.op, value.args, (*value.attrs, ("serial", serial())), value.site)
