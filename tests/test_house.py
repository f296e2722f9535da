"""The rules of the house, each held over the whole project and each seen red on a planted violation."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from package_imports import PACKAGE, ROOT, circles, import_graph, imports, modules

import vae_checked

# ------------------------------------------------------------------------------------------------- the walls

COMMON = {
    "errors", "finding", "fact", "facts", "interval", "latent_facts", "layout_facts", "training_facts", "record",
    "text", "markup", "html_page", "sarif_log", "regular_files", "session", "input_spec", "known_failures",
    "signatures",
}  # fmt: skip
ANY = None
WALLS: dict[str, set[str] | None] = {
    "catalogue": {"mathematics"},
    "contracts": set(),
    "mathematics": set(),
    "linter": {"catalogue", "mathematics", "reports"},
    "reports": {"catalogue", "mathematics"},
    "reference": {"contracts"},
    "adapters": {"contracts", "mathematics"},
    "laws": {"contracts", "reference"},
    "strategies": {"contracts", "shapes"},
    "auditor": {"adapters", "laws", "catalogue", "reference", "reports", "contracts", "mathematics", "shapes"},
    "monitor": {"auditor", "adapters", "mathematics"},
    "shapes": {"contracts", "adapters"},
    "wrapping": {"contracts", "adapters", "shapes"},
    **{room: set() for room in COMMON},
    "config": set(),
    "definitions": set(),
    "load": {"config", "definitions"},
    "__init__": ANY,
    "__main__": {"cli"},
    "cli": ANY,
    "pytest_plugin": ANY,
    "flake8_plugin": ANY,
    "lsp": ANY,
    "notebook": ANY,
}
EDGE = {"cli", "pytest_plugin", "flake8_plugin"}
STDLIB_ONLY = COMMON | {"config", "definitions", "mathematics", "catalogue", "linter", "reports"}
FORBIDDEN_PACKAGES = {"laws": {"hypothesis"}}


def room_of(module: str) -> str:
    """The room of a dotted name: `vae_checked.catalogue.mistake` is in `catalogue`, `vae_checked.lint` in `linter`."""
    parts = module.split(".")
    if len(parts) > 1 and parts[1] in vae_checked._HOME:
        return room_of(vae_checked._HOME[parts[1]])
    return parts[1] if len(parts) > 1 and not parts[1].startswith("__v") else "__init__"


def broken_walls(source: str, module: str, is_package: bool = False) -> list[str]:
    """What `source`, as the module of that name, imports and may not."""
    room = room_of(module)
    complaints = []
    if room not in WALLS:
        return [f"{module}: the house has no room {room!r}"]
    allowed = WALLS[room]
    for name, line, in_function, typing_only in imports(source, module, is_package):
        top = name.split(".")[0]
        if top == "vae_checked":
            other = room_of(name)
            if allowed is not ANY and other not in {room, "__init__", *COMMON, *allowed}:
                complaints.append(f"{module}:{line}: {room} may not import {other}")
            if room in EDGE and other not in {room, "__init__", *COMMON} and not (in_function or typing_only):
                complaints.append(f"{module}:{line}: {room} imports {other} outside a function")
        elif top not in sys.stdlib_module_names | {"annotationlib"}:  # of Python 3.14
            if room in STDLIB_ONLY:
                complaints.append(f"{module}:{line}: {room} may not import {top}, which is not of the standard library")
            if top in FORBIDDEN_PACKAGES.get(room, set()):
                complaints.append(f"{module}:{line}: {room} may not import {top}")
            if room in EDGE and top != "pytest" and not (in_function or typing_only):
                complaints.append(f"{module}:{line}: {room} imports {top} outside a function")
    return complaints


def test_no_room_imports_past_its_walls() -> None:
    complaints = [
        complaint
        for path, module, is_package in modules()
        for complaint in broken_walls(path.read_text(encoding="utf-8"), module, is_package)
    ]
    assert complaints == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("vae_checked.catalogue.kl", "from vae_checked.linter import lint"),
        ("vae_checked.catalogue.kl", "from vae_checked import linter"),
        ("vae_checked.catalogue.kl", "from vae_checked import lint"),
        ("vae_checked.catalogue.kl", "import vae_checked.linter.files.source"),
        ("vae_checked.catalogue.kl", "from ..linter import lint"),
        ("vae_checked.catalogue.kl", "from .. import linter"),
        ("vae_checked.catalogue.kl", "def f():\n    from vae_checked.linter import lint"),
        ("vae_checked.catalogue.kl", "if TYPE_CHECKING:\n    from vae_checked.linter import LintReport"),
        ("vae_checked.catalogue.kl", "import importlib\nimportlib.import_module('vae_checked.linter')"),
        ("vae_checked.linter.files.source", "import torch"),
        ("vae_checked.linter.files.source", "def f():\n    import numpy as np"),
        ("vae_checked.linter.files.source", "from vae_checked.auditor import audit"),
        ("vae_checked.laws.kl", "from hypothesis import given"),
        ("vae_checked.laws.kl", "from vae_checked.strategies import sizes"),
        ("vae_checked.cli.lint", "from vae_checked.linter import lint"),
        ("vae_checked.cli.lint", "import rich"),
        ("vae_checked.pytest_plugin", "import torch"),
        ("vae_checked.attic.box", "import os"),
    ],
)
def test_a_broken_wall_is_seen(module: str, source: str) -> None:
    assert len(broken_walls(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("vae_checked.catalogue.kl", "from vae_checked.facts import Facts"),
        ("vae_checked.catalogue.kl", "from .mistake import Mistake"),
        ("vae_checked.catalogue.kl", "from vae_checked import Finding, __version__"),
        ("vae_checked.linter.roles", "from ..catalogue import judge\nimport ast"),
        ("vae_checked.auditor.run", "import torch\nfrom vae_checked.reports import render"),
        ("vae_checked.cli.lint", "def run():\n    import rich\n    from vae_checked.linter import lint"),
        ("vae_checked.cli.lint", "if TYPE_CHECKING:\n    from vae_checked.reports import Report"),
        ("vae_checked.cli.lint", "from vae_checked.cli.options import emit\nfrom vae_checked.errors import UsageError"),
    ],
)
def test_an_open_door_is_no_broken_wall(module: str, source: str) -> None:
    assert broken_walls(source, module) == []


# ----------------------------------------------------------------------------------------- imports in one direction

# The steps of each observer, each of which may import those before it; "" is the package itself.
ORDERS = {
    "linter": (
        "options",
        "files",
        "symbols",
        "torch_model",
        "interpreter",
        "evaluations",
        "roles",
        "pretrained",
        "run",
        "",
        "fixing",
    ),
    "auditor": (
        "restoring",
        "recording",
        "inputs",
        "losses",
        "recognition",
        "measure",
        "observe",
        "records",
        "terms",
        "facts_of",
        "agreement",
        "report",
        "latents",
        "fixed_lines",
        "audit",
        "stages",
        "check",
        "",
    ),
}


def against_the_order(graph: dict[str, set[str]]) -> list[str]:
    """The imports from one step of an observer to a later one of the same."""
    return [
        f"{module} imports {other}"
        for module, found in sorted(graph.items())
        for other in sorted(found)
        if (room := room_of(module)) in ORDERS and room_of(other) == room and _step(module) < _step(other)
    ]


def _step(module: str) -> int:
    return ORDERS[room_of(module)].index(f"{module}...".split(".")[2])


def package_graph() -> dict[str, set[str]]:
    return import_graph({name: (path.read_text(encoding="utf-8"), package) for path, name, package in modules()})


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(package_graph()) == set()


def test_the_steps_of_each_observer_import_in_one_direction() -> None:
    assert against_the_order(package_graph()) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("from vae_checked.b import g", "from vae_checked.a import f"),
        ("import vae_checked.b", "def f():\n    from vae_checked import a"),
        ("from .b import g", "if TYPE_CHECKING:\n    from vae_checked.a import F"),
    ],
)
def test_a_circle_is_seen_however_it_is_hidden(one: str, other: str) -> None:
    sources = {"vae_checked.a": (one, False), "vae_checked.b": (other, False), "vae_checked.c": (one, False)}
    assert circles(import_graph(sources)) == {frozenset(("vae_checked.a", "vae_checked.b"))}


@pytest.mark.parametrize(
    ("early", "late"),
    [
        ("vae_checked.linter.files.source", "vae_checked.linter.roles.kl"),
        ("vae_checked.auditor.recognition.join", "vae_checked.auditor.measure.recon"),
        ("vae_checked.auditor.facts_of", "vae_checked.auditor.audit"),
    ],
)
def test_an_import_of_a_later_step_is_seen(early: str, late: str) -> None:
    back = {early: (f"import {late}", False), late: ("", False)}
    assert against_the_order(import_graph(back)) == [f"{early} imports {late}"]
    assert against_the_order(import_graph({early: ("", False), late: (f"from {early} import File", False)})) == []


# --------------------------------------------------------------------------------- no torch above the line

ABOVE_THE_LINE = (
    ".errors",
    ".facts",
    ".finding",
    ".record",
    ".config",
    ".mathematics",
    ".catalogue",
    ".linter",
    ".reports",
    ".cli",
    ".pytest_plugin",
)
HEAVY = ("torch", "numpy", "jaxtyping", "beartype", "hypothesis", "rich")
LOADED = """
import importlib, pathlib, pkgutil, sys
for name in {names!r}:
    module = importlib.import_module(name)
    for each in pkgutil.walk_packages(getattr(module, "__path__", ()), name + "."):
        importlib.import_module(each.name)
print(*sorted(set({heavy!r}) & set(sys.modules)))
"""


def loaded(names: tuple[str, ...], heavy: tuple[str, ...] = HEAVY) -> list[str]:
    """The packages of `heavy` that a fresh interpreter holds after importing `names` and all modules below them."""
    script = LOADED.format(names=names, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.split()


def existing(suffixes: tuple[str, ...]) -> tuple[str, ...]:
    known = {module for _, module, _ in modules()}
    return tuple(f"vae_checked{suffix}" for suffix in suffixes if suffix and f"vae_checked{suffix}" in known)


def test_nothing_above_the_line_imports_torch_or_anything_heavy() -> None:
    assert loaded(existing(ABOVE_THE_LINE)) == []


def test_what_every_lint_needs_makes_its_classes_without_dataclasses() -> None:
    above = existing(
        (".errors", ".facts", ".finding", ".record", ".mathematics", ".catalogue", ".linter", ".reports.text")
    )
    assert loaded(above, heavy=("dataclasses",)) == []


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = f"import sys, vae_checked; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


def test_a_heavy_import_is_seen() -> None:
    assert loaded(("rich.console",), heavy=("rich", "torch")) == ["rich"]


# -------------------------------------------------------------------------------------- tests that can fail


def _calls_an_assertion(call: ast.Call) -> bool:
    words = ast.unparse(call.func)
    last = words.split(".")[-1]
    return words in ("pytest.raises", "pytest.warns", "pytest.fail") or last.startswith(("assert", "fnmatch_lines"))


def vacuous(source: str) -> list[str]:
    """What in a test module cannot fail: a dropped comparison, an assertion always true, a test without assertion."""
    tree = ast.parse(source)
    complaints: list[str] = []
    expected_to_raise: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any(
            ast.unparse(item.context_expr).startswith("pytest.raises") for item in node.items
        ):
            expected_to_raise.update(node.body)
        if isinstance(node, ast.Expr) and node not in expected_to_raise:
            value = node.value.operand if isinstance(node.value, ast.UnaryOp) else node.value
            if isinstance(value, (ast.Compare, ast.BoolOp)):
                complaints.append(f"line {node.lineno}: a comparison whose result is dropped")
        if isinstance(node, ast.Assert):
            complaints.extend(f"line {node.lineno}: {reason}" for reason in _always_true(node.test))
    functions = {
        node.name: node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    asserting: set[str] = set()
    grown = True
    while grown:
        grown = False
        for name, function in functions.items():
            if name not in asserting and any(_asserts(each, asserting) for each in ast.walk(function)):
                asserting.add(name)
                grown = True
    complaints.extend(
        f"line {function.lineno}: {name} asserts nothing"
        for name, function in functions.items()
        if name.startswith("test") and name not in asserting
    )
    return complaints


def _asserts(node: ast.AST, asserting: set[str]) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    return _calls_an_assertion(node) or ast.unparse(node.func).removeprefix("self.") in asserting


def _always_true(test: ast.expr) -> Iterator[str]:
    match test:
        case ast.BoolOp(op=ast.Or(), values=values):
            if any(isinstance(each, (ast.Name, ast.Constant, ast.Attribute, ast.JoinedStr)) for each in values):
                yield "an `or` between a comparison and a bare value"
        case ast.Constant() | ast.JoinedStr() | ast.Lambda():
            yield "the assertion of a constant"
        case ast.Tuple(elts=[_, *_]):
            yield "the assertion of a tuple, which is always true"
        case ast.Compare(left=left, comparators=[right], ops=[ast.Eq() | ast.Is() | ast.LtE() | ast.GtE()]):
            if ast.dump(left) == ast.dump(right) and not any(isinstance(each, ast.Call) for each in ast.walk(left)):
                yield "a value compared with itself"
        case _:
            pass


def test_every_test_can_fail() -> None:
    complaints = [
        f"{path.name}: {complaint}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for complaint in vacuous(path.read_text(encoding="utf-8"))
    ]
    assert complaints == []


@pytest.mark.parametrize(
    "body",
    [
        "x == 1\n    assert x",
        "not x == 1\n    assert x",
        "assert x == y or z",
        "assert x == 1 or 2",
        "assert True",
        "assert (x == y, 'message')",
        "assert x.y == x.y",
        "print(x)",
        "helper(x)",
    ],
)
def test_a_vacuous_test_is_seen(body: str) -> None:
    assert len(vacuous(f"def helper(x):\n    return x\n\ndef test_it(x, y, z):\n    {body}\n")) == 1


@pytest.mark.parametrize(
    "body",
    [
        "assert x == y",
        "assert x == 1 or y == 2",
        "assert helper(x) == helper(x)",
        "with pytest.raises(TypeError):\n        x < y",
        "torch.testing.assert_close(x, y)",
        "check(x)",
    ],
)
def test_a_test_that_can_fail_is_not_called_vacuous(body: str) -> None:
    assert (
        vacuous(f"def check(x):\n    assert x\n\ndef helper(x):\n    return x\n\ndef test_it(x, y):\n    {body}\n")
        == []
    )


# ------------------------------------------------------------------------------------------ size and silence

LONGEST = 500


def too_long(path: Path) -> bool:
    return len(path.read_text(encoding="utf-8").splitlines()) > LONGEST


def sources() -> list[Path]:
    return sorted(
        path
        for folder in ("vae_checked", "tests", "benchmarks", "docs")
        for path in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in path.parts
    )


def test_no_file_is_longer_than_one_job() -> None:
    assert [str(path.relative_to(ROOT)) for path in sources() if too_long(path)] == []


def test_a_long_file_is_seen(tmp_path: Path) -> None:
    long, short = tmp_path / "long.py", tmp_path / "short.py"
    long.write_text("x = 1\n" * (LONGEST + 1), encoding="utf-8")
    short.write_text("x = 1\n" * LONGEST, encoding="utf-8")
    assert too_long(long)
    assert not too_long(short)


def unexplained(source: str) -> list[int]:
    """The lines that silence a checker, by a comment with a code, and give no reason behind the code."""
    silencer = re.compile(r"#\s*(noqa|type:\s*ignore|pragma)(:\s*[A-Z0-9, ]+[A-Z0-9]|\[[\w, -]+\])?(?P<reason>.*)")
    if not silencer.search(source):
        return []  # most files have no such comment, and to find all of theirs takes seconds
    lines = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        match = silencer.match(token.string) if token.type == tokenize.COMMENT else None
        if match and not match["reason"].strip(" #"):
            lines.append(token.start[0])
    return lines


def test_every_suppression_gives_its_reason() -> None:
    silent = {
        str(path.relative_to(ROOT)): lines
        for path in sorted(PACKAGE.rglob("*.py"))
        if (lines := unexplained(path.read_text(encoding="utf-8")))
    }
    assert silent == {}


@pytest.mark.parametrize("comment", ["# noqa", "# noqa: E501", "# type: ignore[arg-type]", "# type: ignore"])
def test_a_suppression_without_a_reason_is_seen(comment: str) -> None:
    assert unexplained(f"x = 1  {comment}\n") == [1]
    assert unexplained(f"x = 1  {comment}  the stub is wrong here\n") == []


# ------------------------------------------------------------------------------- one name, one thing

# Words so general that only one class or type of the package may bear each.
GENERAL = ("Evaluation", "Reading", "Record", "Source", "Step", "Trace", "Value")


def bearers(sources: dict[str, str], name: str) -> list[str]:
    """The modules that define a class or a type of this name at their top level."""
    return [module for module, source in sources.items() if name in _defined(source)]


@cache
def _defined(source: str) -> frozenset[str]:
    def names(node: ast.stmt) -> Iterator[str]:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))

    return frozenset(name for each in ast.parse(source).body for name in names(each))


@pytest.mark.parametrize("name", GENERAL)
def test_a_general_name_is_borne_by_one_thing(name: str) -> None:
    sources = {module: path.read_text(encoding="utf-8") for path, module, _ in modules()}
    assert len(bearers(sources, name)) <= 1


def test_a_second_bearer_of_a_name_is_seen() -> None:
    sources = {"a": "class Step: ...", "b": "Step = int | str", "c": "Step: TypeAlias = int", "d": "class Steps: ..."}
    assert bearers(sources, "Step") == ["a", "b", "c"]
