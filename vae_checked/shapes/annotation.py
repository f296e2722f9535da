"""jaxtyping signatures for the stages of a model, from its inferred shapes, printed or put into its source."""

from __future__ import annotations

import ast
import inspect
import os
import tempfile
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from vae_checked.errors import UsageError
from vae_checked.shapes.law import NOT_A_LAW
from vae_checked.shapes.model import Entry, ModelShapes, TensorShape
from vae_checked.shapes.naming import Naming

_PREFIXES = {"float": "Float", "bfloat": "Float", "int": "Int", "uint": "UInt", "bool": "Bool", "complex": "Complex"}


@dataclass(frozen=True, slots=True)
class Edit:
    """Text to put in place of what stands from `start` to `end`, both (line from 1, column from 0 in characters)."""

    start: tuple[int, int]
    end: tuple[int, int]
    text: str


@dataclass(frozen=True, slots=True)
class Annotated:
    """Signatures of the stages, notes on what was left as it is, and the source files with their new text."""

    signatures: tuple[str, ...]
    notes: tuple[str, ...]
    files: Mapping[Path, str]

    def write(self) -> None:
        """Replace each source file, whole or not at all; UsageError when one cannot be written."""
        for path, text in self.files.items():
            try:
                handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
                try:
                    with os.fdopen(handle, "w", encoding=_encoding(path), newline="") as file:
                        file.write(text)
                    Path(draft).chmod(path.stat().st_mode & 0o777)
                    Path(draft).replace(path)
                except BaseException:
                    Path(draft).unlink(missing_ok=True)
                    raise
            except OSError as error:
                raise UsageError(f"{path} cannot be written: {error.strerror or error}") from None


def annotate(model: nn.Module, shapes: ModelShapes, *, checked: bool = False) -> Annotated:
    """Signatures for the methods of `model` that ran, and its source with them, all else left as it was written.

    An axis that does not follow from the method's own arguments gets a name; one that follows no law is `_`. checked:
    decorate the class with `@checked` too. Raises UsageError when the source of the class cannot be found.
    """
    path, tree, source = _source(type(model))
    definition = _class(tree, type(model))
    methods = {node.name: node for node in definition.body if isinstance(node, ast.FunctionDef)}
    signatures: list[str] = []
    notes: list[str] = []
    edits: list[Edit] = []
    kinds: set[str] = set()
    for entry in shapes.stages:
        method = inspect.getattr_static(type(model), entry.key, None)
        if not inspect.isfunction(method) and not isinstance(method, staticmethod):
            continue
        node = methods.get(entry.key)
        if node is None:
            notes.append(f"{entry.key} is defined outside {path.name}'s class {definition.name}: left as it is")
            continue
        hints, left = _hints(entry)
        notes += [f"{entry.key}: {words}" for words in left]
        signatures.append(_signature(node, hints))
        own = _edits(node, hints, source)
        edits += own
        kinds |= {kind for hint in hints.values() for kind in _PREFIXES.values() if f"{kind}[" in hint}
    if edits:
        edits += _imports(tree, kinds, checked)
        if checked and not any("checked" in ast.unparse(each) for each in definition.decorator_list):
            indent = " " * definition.col_offset
            edits.append(Edit((definition.lineno, 0), (definition.lineno, 0), f"{indent}@checked\n"))
    return Annotated(tuple(signatures), tuple(notes), {path: _applied(source, edits)} if edits else {})


# ---------------------------------------------------------------------------------------------------- hints


def _hints(entry: Entry) -> tuple[dict[str, str], list[str]]:
    """The annotation of each argument, and of the result under `return`; and in words what got none."""
    naming = Naming([axis for each in entry.takes for axis in each.axes])
    left: list[str] = []
    hints: dict[str, str] = {}
    for each in entry.takes:
        if each.path.isidentifier():
            hints[each.path] = _hint(each, naming)
        else:
            left.append(f"{each.path.partition('[')[0].partition('.')[0]} is no tensor: left as it is")
    paths = [each.path for each in entry.gives]
    if paths == ["output"]:
        hints["return"] = _hint(entry.gives[0], naming)
    elif entry.form == "tuple" and paths == [f"output[{number}]" for number in range(len(paths))]:
        hints["return"] = f"tuple[{', '.join(_hint(each, naming) for each in entry.gives)}]"
    elif paths:
        left.append(f"it returns a {entry.form}: left as it is")
    return hints, list(dict.fromkeys(left))


def _hint(tensor: TensorShape, naming: Naming) -> str:
    prefix = _PREFIXES.get(tensor.dtype.rstrip("0123456789"), "Shaped")
    axes = ["..." if axis == "..." else "_" if axis == NOT_A_LAW else naming.name(axis) for axis in tensor.axes]
    # With one axis alone the blank before it keeps linters from reading a name that must be defined.
    written = f" {axes[0]}" if len(axes) == 1 and axes[0].isidentifier() else " ".join(axes)
    return f'{prefix}[Tensor, "{written}"]'


def _signature(node: ast.FunctionDef, hints: Mapping[str, str]) -> str:
    copy: ast.FunctionDef = ast.parse(ast.unparse(ast.Module([node], []))).body[0]  # type: ignore[assignment]  # it is what was unparsed
    for argument in _arguments(copy):
        if argument.arg in hints:
            argument.annotation = ast.Name(hints[argument.arg])
    if "return" in hints:
        copy.returns = ast.Name(hints["return"])
    arguments = ast.unparse(copy.args)
    returns = f" -> {ast.unparse(copy.returns)}" if copy.returns else ""
    return f"def {copy.name}({arguments}){returns}: ..."


def _arguments(node: ast.FunctionDef) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


# ---------------------------------------------------------------------------------------------------- edits


def _edits(node: ast.FunctionDef, hints: Mapping[str, str], source: str) -> list[Edit]:
    lines = source.splitlines(keepends=True)
    found = []
    for argument in _arguments(node):
        if argument.arg in hints:
            hint = hints[argument.arg] + (" | None" if _may_be_none(node, argument) else "")
            start = (argument.lineno, _characters(lines, argument.lineno, argument.col_offset) + len(argument.arg))
            end = _end(lines, argument.annotation) if argument.annotation else start
            default = _default(node, argument)
            spaced = hint if default is None or argument.annotation else f"{hint} "
            found.append(Edit(start, end, f": {spaced}"))
            if default is not None and not argument.annotation:
                # `x=None` with an annotation is written `x: T = None`.
                equals = (end[0], end[1]), _start(lines, default)
                found[-1] = Edit(start, equals[1], f": {hint} = ")
    if "return" in hints:
        if node.returns is not None:
            found.append(Edit(_start(lines, node.returns), _end(lines, node.returns), hints["return"]))
        else:
            at = _closing(node, source)
            found.append(Edit(at, at, f" -> {hints['return']}"))
    return found


def _default(node: ast.FunctionDef, argument: ast.arg) -> ast.expr | None:
    positional = [*node.args.posonlyargs, *node.args.args]
    if argument in positional:
        index = positional.index(argument) - (len(positional) - len(node.args.defaults))
        return node.args.defaults[index] if index >= 0 else None
    return node.args.kw_defaults[node.args.kwonlyargs.index(argument)]


def _may_be_none(node: ast.FunctionDef, argument: ast.arg) -> bool:
    default = _default(node, argument)
    return isinstance(default, ast.Constant) and default.value is None


def _closing(node: ast.FunctionDef, source: str) -> tuple[int, int]:
    """Where the parenthesis that closes the parameters ends."""
    depth = 0
    lines = source.splitlines(keepends=True)[node.lineno - 1 :]
    supply = iter(lines)
    for token in tokenize.generate_tokens(lambda: next(supply, "")):
        if token.type == tokenize.OP and token.string in "([{":
            depth += 1
        elif token.type == tokenize.OP and token.string in ")]}":
            depth -= 1
            if not depth:
                return node.lineno - 1 + token.end[0], token.end[1]
    raise UsageError(f"the parameters of {node.name} have no end")


def _imports(tree: ast.Module, kinds: Iterable[str], checked: bool) -> list[Edit]:
    wanted = [("jaxtyping", name) for name in sorted(kinds)] + [("torch", "Tensor")]
    wanted += [("vae_checked", "checked")] if checked else []
    known = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, (ast.ImportFrom, ast.Import))
        for alias in node.names
    }
    by_module: dict[str, list[str]] = {}
    for module, name in wanted:
        if name not in known:
            by_module.setdefault(module, []).append(name)
    text = "".join(f"from {module} import {', '.join(names)}\n" for module, names in by_module.items())
    imports = [node for node in tree.body if isinstance(node, (ast.ImportFrom, ast.Import))]
    documented = bool(tree.body) and isinstance(tree.body[0], ast.Expr) and isinstance(tree.body[0].value, ast.Constant)
    after = (imports[-1].end_lineno or 0) if imports else (tree.body[0].end_lineno or 0) if documented else 0
    return [Edit((after + 1, 0), (after + 1, 0), text)] if text else []


def _applied(source: str, edits: Sequence[Edit]) -> str:
    newline = "\r\n" if "\r\n" in source else "\n"
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    text = source
    for edit in sorted(edits, key=lambda each: each.start, reverse=True):
        first, last = starts[edit.start[0] - 1] + edit.start[1], starts[edit.end[0] - 1] + edit.end[1]
        text = text[:first] + edit.text.replace("\n", newline) + text[last:]
    return text


def _start(lines: Sequence[str], node: ast.expr) -> tuple[int, int]:
    return node.lineno, _characters(lines, node.lineno, node.col_offset)


def _end(lines: Sequence[str], node: ast.expr) -> tuple[int, int]:
    line = node.end_lineno or node.lineno
    return line, _characters(lines, line, node.end_col_offset or 0)


def _characters(lines: Sequence[str], line: int, offset: int) -> int:
    """The column in characters of an offset that `ast` counts in bytes."""
    return len(lines[line - 1].encode()[:offset].decode())


# --------------------------------------------------------------------------------------------------- source


def _source(kind: type) -> tuple[Path, ast.Module, str]:
    try:
        path = Path(inspect.getsourcefile(kind) or "")
        with path.open(encoding=_encoding(path), newline="") as file:
            source = file.read()
        return path, ast.parse(source), source
    except (TypeError, OSError, SyntaxError):
        raise UsageError(f"the source of {kind.__qualname__} cannot be read: annotate needs a file") from None


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        return tokenize.detect_encoding(file.readline)[0]


def _class(tree: ast.Module, kind: type) -> ast.ClassDef:
    found: Any = tree
    for part in kind.__qualname__.split("."):
        found = next(
            (node for node in getattr(found, "body", []) if isinstance(node, ast.ClassDef) and node.name == part), None
        )
    if not isinstance(found, ast.ClassDef):
        raise UsageError(f"the class {kind.__qualname__} is not written as one in its file: annotate it by hand")
    return found
