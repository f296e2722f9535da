"""Which module of the package imports which, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "vae_checked"


def modules() -> Iterator[tuple[Path, str, bool]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("vae_checked", *path.relative_to(PACKAGE).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        yield path, ".".join(parts[:-1] if is_package else parts), is_package


@cache
def imports(source: str, module: str, is_package: bool) -> tuple[tuple[str, int, bool, bool], ...]:
    """Every module that `source` imports, absolutely: (name, line, inside a function, for type checkers only).

    Calls of `import_module` and `__import__` with a constant count. `from package import name` yields `package.name`.
    """
    package = module if is_package else module.rpartition(".")[0]

    def walk(node: ast.AST, in_function: bool, typing_only: bool) -> Iterator[tuple[str, int, bool, bool]]:
        match node:
            case ast.Import(names=names):
                for each in names:
                    yield each.name, node.lineno, in_function, typing_only
            case ast.ImportFrom(module=origin, names=names, level=level):
                if level:
                    base = package.split(".")[: len(package.split(".")) - level + 1]
                    origin = ".".join([*base, *([origin] if origin else [])])
                for each in names:
                    yield f"{origin}.{each.name}", node.lineno, in_function, typing_only
            case ast.Call(func=ast.Name(id="import_module" | "__import__"), args=[ast.Constant(value=str(name)), *_]):
                yield name, node.lineno, in_function, typing_only
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
                yield name, node.lineno, in_function, typing_only
            case _:
                pass
        inside = in_function or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        guarded = isinstance(node, ast.If) and _is_for_type_checkers(node.test)
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from walk(child, inside, typing_only or (guarded and name == "body"))

    return tuple(walk(ast.parse(source), False, False))


def _is_for_type_checkers(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(value=ast.Name(id="typing"), attr="TYPE_CHECKING"):
            return True
        case _:
            return False


def import_graph(sources: dict[str, tuple[str, bool]]) -> dict[str, set[str]]:
    """Per module of {name: (source, is it a package)} those of the others that it imports, wherever the import stands.

    Imports for type checkers alone and inside functions count: they hide a circle, they do not break it.
    """
    graph: dict[str, set[str]] = {}
    for module, (source, is_package) in sources.items():
        found = set()
        for imported, _, _, _ in imports(source, module, is_package):
            name = imported
            while name and name not in sources:
                name = name.rpartition(".")[0]
            found.add(name)
        graph[module] = found - {"", "vae_checked", module}
    return graph


def circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """The largest sets of modules that import each other, directly or through others."""
    reached = {module: _reachable(graph, module) for module in graph}
    together = (frozenset(m for m in reached[module] if module in reached[m]) for module in graph)
    return {group for group in together if len(group) > 1}


def _reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    seen, stack = set[str](), [start]
    while stack:
        for module in graph[stack.pop()] - seen:
            seen.add(module)
            stack.append(module)
    return seen
