"""Records: classes that a call of namedtuple makes, copies of a record with other parts, and its parts by name."""

from __future__ import annotations

import ast
import re

from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Site
from vae_checked.linter.symbols.record_fields import field_names
from vae_checked.linter.symbols.values import Class, External, Function, Instance, Key, Value

MAKERS = frozenset(("namedtuple", "namedarraytuple"))
# Classes of other libraries whose entries are attributes as well.
NAMESPACES = frozenset(
    "AttrDict Bunch ConfigDict DefaultMunch DotDict DotMap EasyDict Munch Namespace SimpleNamespace".split()
)
# What is made by a class of typed entries is a dict itself.
_MAPPINGS = frozenset(("dict", "Dict", "OrderedDict", "UserDict", "TypedDict", *NAMESPACES))
# How libraries of models call the classes of what these return.
_OUTPUT = re.compile(r"Outputs?(?:With[A-Z]\w*)?$")


def is_output(dotted: str) -> bool:
    """Whether a class of another library is, by its name, one of what a model returns."""
    name = dotted.rpartition(".")[2]
    return name[:1].isupper() and _OUTPUT.search(name) is not None


def make(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    """`namedtuple("Name", ["part", ...])`, or with the parts in one text; None where they are not known."""
    name = args[0] if args else kwargs.get("typename")
    given = args[1] if len(args) > 1 else kwargs.get("field_names")
    parts = given.replace(",", " ").split() if isinstance(given, str) else given
    if not isinstance(name, str) or not isinstance(parts, (list, tuple)):
        return None
    names = [part for part in parts if isinstance(part, str)]
    if len(names) < len(parts):
        return None
    body: list[ast.stmt] = [
        ast.AnnAssign(ast.Name(part, ast.Store()), ast.Name("object", ast.Load()), None, 1) for part in names
    ]
    return _made(context, name, body, "typing.NamedTuple", site)


def typed(context: Context, args: list[Value], site: Site) -> Value:
    """`TypedDict("Name", {"part": type, ...})`: a class of which a call makes a dict of what it is given."""
    name = next((each for each in args if isinstance(each, str)), "")
    return _made(context, name, [ast.Pass()], "typing.TypedDict", site)


def _made(context: Context, name: str, body: list[ast.stmt], base: str, site: Site) -> Class:
    node = ast.fix_missing_locations(ast.copy_location(ast.ClassDef(name, [], [], body, []), site.node))
    return Class(node, context.frames[-1].scope, (External(base),), {})


def is_namespace(cls: Class) -> bool:
    """Whether a class is a dict with nothing of its own but how its entries are read and written: as attributes."""
    bases = {base.rpartition(".")[2] for base in cls.external_bases()}
    if not bases or not bases <= _MAPPINGS:
        return False
    init = cls.find("__init__")
    spec = init.node.args if isinstance(init, Function) else None
    hands_on = spec is None or spec.vararg is not None or spec.kwarg is not None
    return hands_on and all(map(_is_plain, (name for each in cls.mro() for name in each.names)))


def _is_plain(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def replaced(record: Instance, changes: dict[str, Value]) -> Instance:
    """A record of the same class with some parts changed."""
    return Instance(record.cls, {**record.attributes, **changes}, record.site)


def by_name(record: Instance) -> dict[Key, Value]:
    """The parts of a record by their names."""
    return {name: record.attributes.get(name) for name in field_names(record.cls) or record.attributes}
