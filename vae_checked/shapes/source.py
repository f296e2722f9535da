"""Puts annotations into a source file and leaves everything else as it was written."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vae_checked.contracts.comments import SHAPES
from vae_checked.errors import UsageError
from vae_checked.shapes.disk import replace_file
from vae_checked.shapes.signature import RETURN, Parameter

_BY_HAND = "annotate it by hand"
# What ends a line for Python; `str.splitlines` takes more for an end.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Edit:
    """Text to put in place of what stands from `start` to `end`, both (line from 1, column from 0 in characters)."""

    start: Place
    end: Place
    text: str


@dataclass(slots=True)
class SourceFile:
    """A Python file as it is, and the edits that are collected for it."""

    path: Path
    encoding: str
    text: str
    tree: ast.Module
    edits: list[Edit] = field(default_factory=list)
    imports: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> SourceFile:
        """The file at `path`; OSError, SyntaxError or ValueError where there is no Python in it."""
        data = path.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
        return cls(path, encoding, text, ast.parse(text))

    @property
    def lines(self) -> list[str]:
        """The lines with their ends, numbered as Python numbers them."""
        return _LINE.findall(self.text)

    def definition(self, qualname: str) -> ast.ClassDef | None:
        """The class of that qualified name; None where it is not written as a class statement."""
        found: ast.AST = self.tree
        for part in qualname.split("."):
            if part != "<locals>":
                inside = [each for each in _statements(found) if isinstance(each, (ast.ClassDef, *_FUNCTIONS))]
                found = next((each for each in reversed(inside) if each.name == part), None) or ast.Pass()
        return found if isinstance(found, ast.ClassDef) else None

    def annotate(self, node: ast.FunctionDef, hints: Mapping[str, str]) -> None:
        """Give the parameters and the result of `node` these annotations."""
        lines = self.lines
        for argument in arguments_of(node):
            if argument.arg not in hints:
                continue
            start = self._at(lines, argument.lineno, argument.col_offset, len(argument.arg))
            if argument.annotation is not None:
                end = self._end(lines, argument.annotation)
                self.edits.append(Edit(start, end, f": {hints[argument.arg]}"))
                continue
            default = default_of(node, argument)
            end = start if default is None else self._at(lines, default.lineno, default.col_offset)
            if default is not None and _between(lines, start, end) == "=":
                # `x=None` with an annotation is written `x: T = None`.
                self.edits.append(Edit(start, end, f": {hints[argument.arg]} = "))
            else:
                self.edits.append(Edit(start, start, f": {hints[argument.arg]}"))
        if RETURN in hints:
            if node.returns is not None:
                start, end = (
                    self._at(lines, node.returns.lineno, node.returns.col_offset),
                    self._end(lines, node.returns),
                )
                self.edits.append(Edit(start, end, hints[RETURN]))
            else:
                at = _closing(node, lines)
                self.edits.append(Edit(at, at, f" -> {hints[RETURN]}"))

    def comment(self, node: ast.FunctionDef, hints: Mapping[str, str]) -> None:
        """Say the same in comments above `node`, a line each, in the place of those that stand there."""
        lines = self.lines
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        start = first
        while start > 1 and lines[start - 2].strip().startswith(SHAPES):
            start -= 1
        line = lines[first - 1]
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        said = [f"{name}: {text}" for name, text in hints.items() if name != RETURN]
        said += [f"-> {hints[RETURN]}"] if RETURN in hints else []
        text = "".join(f"{indent}{SHAPES} {each}\n" for each in said)
        self.edits.append(Edit((start, 0), (first, 0), text))

    def kept_annotations(self, node: ast.FunctionDef) -> list[ast.expr]:
        """The annotations of `node` that stand there already and that no edit replaces."""
        written = [*(each.annotation for each in all_arguments_of(node)), node.returns]
        lines = self.lines
        ends = {edit.end for edit in self.edits}
        return [each for each in written if each is not None and self._end(lines, each) not in ends]

    def decorate(self, definition: ast.ClassDef | ast.FunctionDef, name: str) -> None:
        """Put `@name` on a class or a function, nearest to it."""
        line = self.lines[definition.lineno - 1]
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        self.edits.append(Edit((definition.lineno, 0), (definition.lineno, 0), f"{indent}@{name}\n"))

    def edited(self) -> str:
        """The text with the edits and imports; UsageError where that would change anything else."""
        edits = [*self._imports(), *self.edits]
        newline = "\r\n" if "\r\n" in self.text else "\n"
        starts = [0]
        for line in self.lines:
            starts.append(starts[-1] + len(line))
        pieces, at = [], 0
        for edit in sorted(edits, key=lambda each: each.start):
            first, last = (starts[line - 1] + column for line, column in (edit.start, edit.end))
            pieces += [self.text[at:first], edit.text.replace("\n", newline)]
            at = last
        text = "".join([*pieces, self.text[at:]])
        if not _same_but_annotated(self.tree, text):
            raise UsageError(f"{self.path} is written in a way in which annotations cannot be put in: {_BY_HAND}")
        return text

    def write(self) -> None:
        """Replace the file by the edited text, whole or not at all; UsageError when it cannot be written."""
        try:
            replace_file(self.path, self.edited(), self.encoding)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror or error}") from None

    def _imports(self) -> list[Edit]:
        """The imports that are lacking, after those before the first definition."""
        bound = dict(_bound(self.tree))
        lacking: dict[str, list[str]] = {}
        for name, module in sorted(self.imports.items(), key=lambda pair: (pair[1], pair[0])):
            if name not in bound:
                lacking.setdefault(module, []).append(name)
            elif bound[name].partition(".")[0] != module:
                raise UsageError(f"{self.path}: {name} is not that of {module} there: {_BY_HAND}")
        text = "".join(f"from {module} import {', '.join(names)}\n" for module, names in lacking.items())
        line = self._import_line()
        return [Edit((line, 0), (line, 0), text)] if text else []

    def _import_line(self) -> int:
        body = self.tree.body
        after = 0
        for node in body:
            if isinstance(node, (ast.ClassDef, *_FUNCTIONS)):
                break
            documentation = node is body[0] and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if documentation or isinstance(node, (ast.Import, ast.ImportFrom)):
                after = node.end_lineno or 0
        if after:
            return after + 1
        first = body[0]
        decorators = first.decorator_list if isinstance(first, (ast.ClassDef, *_FUNCTIONS)) else []
        return min([first.lineno, *(each.lineno for each in decorators)])

    @staticmethod
    def _at(lines: Sequence[str], line: int, offset: int, further: int = 0) -> Place:
        """The place of an offset that `ast` counts in bytes, and so many characters further."""
        return line, len(lines[line - 1].encode()[:offset].decode()) + further

    def _end(self, lines: Sequence[str], node: ast.expr) -> Place:
        return self._at(lines, node.end_lineno or node.lineno, node.end_col_offset or 0)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def arguments_of(node: ast.FunctionDef) -> list[ast.arg]:
    """The parameters that have names of their own, in order."""
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def all_arguments_of(node: ast.FunctionDef) -> list[ast.arg]:
    """The same with those that take the rest."""
    return [*arguments_of(node), *(each for each in (node.args.vararg, node.args.kwarg) if each is not None)]


def parameters_of(node: ast.FunctionDef) -> list[Parameter]:
    """The same with what of them matters to a signature."""
    found = []
    for argument in arguments_of(node):
        default = default_of(node, argument)
        by_default = isinstance(default, ast.Constant) and default.value is None
        written = ast.unparse(argument.annotation) if argument.annotation else ""
        found.append(Parameter(argument.arg, by_default or bool(re.search(r"\b(None|Optional)\b", written))))
    return found


def default_of(node: ast.FunctionDef, argument: ast.arg) -> ast.expr | None:
    """The default of a parameter, if it has one."""
    positional = [*node.args.posonlyargs, *node.args.args]
    if argument in positional:
        index = positional.index(argument) - (len(positional) - len(node.args.defaults))
        return node.args.defaults[index] if index >= 0 else None
    return node.args.kw_defaults[node.args.kwonlyargs.index(argument)]


def _closing(node: ast.FunctionDef, lines: Sequence[str]) -> Place:
    """Where the parenthesis that closes the parameters ends."""
    depth = 0
    supply = iter(lines[node.lineno - 1 :])
    for token in tokenize.generate_tokens(lambda: next(supply, "")):
        if token.type == tokenize.OP and token.string in "([{":
            depth += 1
        elif token.type == tokenize.OP and token.string in ")]}":
            depth -= 1
            if not depth and token.string == ")":
                return node.lineno - 1 + token.end[0], token.end[1]
    raise UsageError(f"the parameters of {node.name} have no end: {_BY_HAND}")


def _between(lines: Sequence[str], start: Place, end: Place) -> str:
    return lines[start[0] - 1][start[1] : end[1]] if start[0] == end[0] else "\n"


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a block and of the blocks in it that open no scope, those that never run left out."""
    for name in ("body", "orelse", "finalbody", "handlers"):
        if name == "body" and isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        for each in getattr(node, name, ()):
            if isinstance(each, ast.stmt):
                yield each
            if not isinstance(each, (ast.ClassDef, *_FUNCTIONS)):
                yield from _statements(each)


def _bound(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The names that a module binds, each with where it has it from: `torch.Tensor`, or nothing for its own."""
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from ((each.asname or each.name.partition(".")[0], each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((each.asname or each.name, f"{node.module}.{each.name}") for each in node.names)
        elif isinstance(node, (ast.ClassDef, *_FUNCTIONS)):
            yield node.name, ""
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets: Iterable[ast.expr] = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((each.id, "") for each in targets if isinstance(each, ast.Name))


class _Bare(ast.NodeTransformer):
    """Takes away what `annotate`, `decorate` and the imports may have put in or replaced."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.decorator_list = [each for each in node.decorator_list if ast.unparse(each) != "checked"]
        node.returns = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        node.decorator_list = [each for each in node.decorator_list if ast.unparse(each) != "checked"]
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        return None if node.module in ("jaxtyping", "torch", "vae_checked") else node


def _same_but_annotated(before: ast.Module, after: str) -> bool:
    try:
        new = ast.parse(after)
    except (SyntaxError, ValueError):
        return False
    old = ast.parse(ast.unparse(before))
    return ast.dump(_Bare().visit(old)) == ast.dump(_Bare().visit(ast.parse(ast.unparse(new))))
