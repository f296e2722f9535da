"""The definitions of a script alone: its classes, functions and constants, without what it downloads or trains."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from vae_checked.record import dataclass

# Calls in the value of a constant that compute, and do nothing else.
_HARMLESS = frozenset(
    "int float str bool len tuple list dict set range min max sum abs round sorted zip device is_available Path "
    "namedtuple TypeVar getLogger field dataclass".split()
)
_TRAINS = frozenset(("backward", "step", "fit", "train_on_batch"))
_ALONE = "__definitions_alone__"


@dataclass(frozen=True, slots=True)
class Alone:
    """Why the definitions of a module were loaded without the rest; `lacks` names the package that its import needs."""

    why: str
    lacks: str | None = None

    def __str__(self) -> str:
        return f"{self.why}: its classes, functions and constants alone were loaded"


def trains_when_imported(name: str) -> bool:
    """Whether the module's own statements, outside of its definitions, take steps of a training."""
    tree = _tree(name)
    if tree is None:
        return False
    return any(
        isinstance(node, ast.Call) and _called(node) in _TRAINS
        for statement in tree[1].body
        if isinstance(statement, (ast.For, ast.While, ast.With, ast.Expr))
        for node in ast.walk(statement)
    )


def alone_of(name: str) -> Alone | None:
    """Why the definitions of the module that is imported by this name are all of it; None where it is whole."""
    found = getattr(sys.modules.get(name), _ALONE, None)
    return found if isinstance(found, Alone) else None


def definitions_of(name: str, alone: Alone) -> ModuleType | None:
    """The module of this name with its definitions alone, registered as imported; None where there is no source.

    Imports that fail are left out: what needs them raises when it is used.
    """
    found = _tree(name)
    if found is None:
        return None
    path, tree = found
    module = ModuleType(name)
    module.__file__ = str(path)
    module.__package__ = name.rpartition(".")[0]
    setattr(module, _ALONE, alone)
    sys.modules[name] = module
    for statement in _kept(tree.body):
        code = compile(ast.Module([statement], []), str(path), "exec")
        try:
            exec(code, vars(module))  # noqa: S102  the user's own definitions, which an import would run as well
        except ImportError:
            continue
        except NameError:
            if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
                raise
    return module


def _kept(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that define something, and do nothing beside."""
    yield from (statement for statement in body if _is_definition(statement))


def _is_definition(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return _is_constant(statement)
    if isinstance(statement, ast.Try):
        return all(isinstance(each, (ast.Import, ast.ImportFrom)) for each in statement.body)
    return isinstance(statement, (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))


def _is_constant(statement: ast.Assign | ast.AnnAssign) -> bool:
    if statement.value is None:
        return False
    return all(_called(node) in _HARMLESS for node in ast.walk(statement.value) if isinstance(node, ast.Call))


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _tree(name: str) -> tuple[Path, ast.Module] | None:
    """The file of a module that is not imported yet, and what stands in it."""
    if name in sys.modules:
        return None
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    try:
        return path, ast.parse(path.read_bytes(), str(path))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
