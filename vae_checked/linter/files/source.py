"""Step 1: from a path to parsed text. Nothing is imported or executed."""

from __future__ import annotations

import ast
import errno
import json
import re
import stat
import sys
import tokenize
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TypeVar, cast

from vae_checked.errors import UsageError
from vae_checked.finding import Place
from vae_checked.linter.files import marimo, syntax
from vae_checked.linter.files.discovery import Passed, below
from vae_checked.linter.files.ignore_rules import Globs
from vae_checked.linter.files.newer_syntax import as_earlier
from vae_checked.record import dataclass, field
from vae_checked.regular_files import content

T = TypeVar("T")
N = TypeVar("N", bound=ast.AST)

MAX_BYTES = 4_000_000
# A node of a parsed file takes up to 900 bytes while it is made.
MOST_PARTS = 300_000
# The grammar is that of the Python that runs this: a file may be written for a newer one.
_THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class UnreadableError(Exception):
    """A file that cannot be read as Python; the message is the reason in a few words."""


@dataclass(slots=True)
class Cell:
    """One piece of parsed text: a whole file (`number` None), or a code cell of a notebook."""

    tree: ast.Module
    text: str
    number: int | None
    _lines: list[str] = field(default_factory=list)
    _nodes: list[ast.AST] = field(default_factory=list)
    _of: dict[type[ast.AST], list[ast.AST]] = field(default_factory=dict)
    _functions: list[syntax.Definition] = field(default_factory=list)
    _read: dict[Callable[[Cell], object], object] = field(default_factory=dict, repr=False)

    @property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the tree in the order of `ast.walk`, held until `let_go`."""
        if not self._nodes:
            self._nodes = list(syntax.descendants(self.tree))
        return self._nodes

    def of(self, kind: type[N]) -> Sequence[N]:
        """All nodes of one class, in the same order: most readers of a file ask for few of its nodes."""
        if not self._of:
            for node in self.nodes:
                self._of.setdefault(node.__class__, []).append(node)
        return cast("Sequence[N]", self._of.get(kind, ()))

    @property
    def functions(self) -> list[syntax.Definition]:
        """The functions that are defined in it, outer ones before those in them."""
        if not self._functions:
            self._functions = [node for node in self.nodes if isinstance(node, syntax.DEFINITIONS)]
        return self._functions

    @property
    def lines(self) -> list[str]:
        """The lines of the text, held until `let_go`."""
        if not self._lines:
            self._lines = self.text.split("\n")
        return self._lines

    def read_once(self, reader: Callable[[Cell], T]) -> T:
        """What `reader` finds in this text: asked for by each evaluation, read once, held until `let_go`."""
        if reader not in self._read:
            self._read[reader] = reader(self)
        return cast("T", self._read[reader])

    def let_go(self) -> None:
        """Hold the text and the tree alone, of which parts may be parsed again from now on."""
        self._lines, self._nodes, self._of, self._functions, self._read = [], [], {}, [], {}


@dataclass(slots=True)
class SourceCell:
    """One cell of a file together with the path it came from: what identifies a place."""

    path: str
    cell: Cell

    def place(self, node: ast.AST) -> Place:
        """The place of `node`, with its line as an excerpt."""
        line = getattr(node, "lineno", 1)
        text = self.cell.lines[line - 1] if 0 < line <= len(self.cell.lines) else ""
        return Place(
            self.path,
            line,
            _characters(text, getattr(node, "col_offset", 0)) + 1,
            getattr(node, "end_lineno", None),
            self._end_column(node),
            self.cell.number,
            text,
        )

    def _end_column(self, node: ast.AST) -> int | None:
        end_line, end = getattr(node, "end_lineno", None), getattr(node, "end_col_offset", None)
        if end is None or end_line is None or not 0 < end_line <= len(self.cell.lines):
            return None
        return _characters(self.cell.lines[end_line - 1], end) + 1

    def segment(self, node: ast.AST) -> str:
        """The text of `node` on one line, as it is written."""
        first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0) or 0
        if not 0 < first <= last <= len(self.cell.lines):
            return ""
        lines = self.cell.lines[first - 1 : last]
        start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 0) or 0
        if first == last and lines[0].isascii():
            return " ".join(lines[0][start:end].split())
        last_line = lines[-1].encode()[:end].decode(errors="replace")
        lines = [*lines[:-1], last_line]
        lines[0] = lines[0].encode()[start:].decode(errors="replace")
        return " ".join(" ".join(lines).split())


def _characters(line: str, offset: int) -> int:
    """The parser counts UTF-8 bytes, people count characters."""
    return offset if line.isascii() else len(line.encode()[:offset].decode(errors="replace"))


@dataclass(slots=True)
class File:
    """A file that was read: its cells in order, and those that are not Python with the reason.

    `imported` are the parts of the names that it imports from, `ways` these names: read once, as the trees may be let
    go.
    """

    path: str
    cells: list[Cell]
    broken: list[tuple[int, str]] = field(default_factory=list)
    imported: frozenset[str] = field(init=False)
    ways: frozenset[tuple[str, ...]] = field(init=False)

    def of(self, kind: type[N]) -> list[N]:
        """The nodes of one class in all of its cells."""
        return [node for cell in self.cells for node in cell.of(kind)]

    def __post_init__(self) -> None:
        self.imported = frozenset(name for cell in self.cells for name in syntax.imported(cell.tree))
        self.ways = frozenset(way for cell in self.cells for way in syntax.ways(cell.tree))


def discover(
    paths: Sequence[str | Path],
    passed: Passed,
    excluded: Globs | None = None,
    force_exclude: bool = False,
    texts: Collection[str] = (),
) -> Iterator[tuple[Path, bool]]:
    """Every Python file and notebook at or below `paths`, each once, with whether it was named itself.

    What git ignores or `excluded` names is left out below a folder, by `force_exclude` also where `excluded` names one
    of `paths`. Links to folders are not followed; a folder that cannot be listed, and what is left out, are noted in
    `passed` with the reason. What is among `texts` need not exist. Raises UsageError for a path that does not exist or
    is no file or folder.
    """
    seen: set[Path] = set()
    for given in paths:
        path = Path(given)
        try:
            mode = 0 if str(path) in texts else _mode(path)
        except OSError as error:
            raise UsageError(f"{given}: {error.strerror or error}: give a file or folder that can be read") from None
        file = str(path) in texts or stat.S_ISREG(mode)
        folder = stat.S_ISDIR(mode)
        if force_exclude and excluded is not None and excluded.match(path, folder):
            passed.left_out.append((str(path), "excluded"))
            continue
        if folder:
            found: Iterator[Path] = below(path, passed, excluded)
        elif file:
            found = iter((path,))
        elif mode:
            raise UsageError(f"{given}: neither a file nor a folder: give a Python file, a notebook or a folder")
        else:
            raise UsageError(f"{given}: no such file or folder")
        for item in found:
            if item not in seen:
                seen.add(item)
                yield item, file


def _mode(path: Path) -> int:
    """What stands at a path, as in `st_mode`; 0 for nothing. OSError where that is not known.

    From Python 3.14 on `Path.is_file` calls a file that cannot be reached none.
    """
    try:
        return path.stat().st_mode
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP):
            return 0
        raise
    except ValueError:  # a path with a NUL in it
        return 0


def read(path: Path) -> bytes:
    """The bytes of a file; UnreadableError with the reason when they cannot be had."""
    try:
        return content(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        raise UnreadableError(getattr(error, "strerror", None) or str(error)) from None


def parse(path: str, data: bytes | str) -> File:
    """Parse a Python file or a notebook; UnreadableError with the reason when it is neither.

    What is text already has no encoding to look for.
    """
    if path.endswith(".ipynb"):
        return _notebook(path, data)
    return File(path, [_cell(data if isinstance(data, str) else _decode(data), None)])


def texts(path: str, data: bytes | str) -> dict[int | None, str]:
    """The text of each cell of a file that was parsed before, by its number; a file of Python is not parsed again.

    UnreadableError as for `parse`.
    """
    if path.endswith(".ipynb"):
        return {cell.number: cell.text for cell in _notebook(path, data).cells}
    return {None: _plain(data if isinstance(data, str) else _decode(data))}


def _decode(data: bytes) -> str:
    if b"\0" in data:
        raise UnreadableError("not Python: it holds NUL bytes, as binary files and UTF-16 do")
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        return data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        raise UnreadableError("not Python: no text in its declared encoding (UTF-8 if none)") from None


def _parts(text: str) -> int:
    """About how many nodes a text is parsed into: no two stand side by side without one of these letters."""
    data = text.encode(errors="replace")
    return len(data) - len(data.translate(None, b"\n,;.:([{+-*/%@&|^<>=~!"))


def parsed(text: str) -> ast.Module:
    """The tree of a text; what Python warns of there is the author's affair.

    What Python 3.12 brought is read by earlier ones too; SyntaxError where no Python reads a text. The cells of a
    notebook of marimo stand at the top level.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(text)
        except SyntaxError:
            earlier = as_earlier(text)
            if earlier is None:
                raise
            tree = ast.parse(earlier)
    return marimo.opened(tree) if marimo.is_notebook(text) else tree


def _plain(text: str) -> str:
    """A text as it is parsed: no mark at its beginning, and lines that end as those of Python do."""
    return text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _cell(text: str, number: int | None) -> Cell:
    text = _plain(text)
    if len(text) > MOST_PARTS and _parts(text) > MOST_PARTS:
        raise UnreadableError(f"a table or generated: more than the {MOST_PARTS} parts that are parsed")
    try:
        tree = parsed(text)
    except SyntaxError as error:
        raise UnreadableError(f"not Python {_THIS_PYTHON}: {error.msg} (line {error.lineno})") from None
    except (RecursionError, MemoryError):
        raise UnreadableError("not Python that can be parsed: nested too deeply") from None
    except ValueError as error:
        raise UnreadableError(f"not Python: {error}") from None
    return Cell(tree, text, number)


# ------------------------------------------------------------------------------------------------ notebooks

_PYTHON_MAGICS = frozenset(("time", "timeit", "capture", "prun", "memit", "python", "python3", "writefile", "vae_lint"))
_MAGIC = re.compile(r"\s*+(?:[%!?]|[\w\s,.\[\]]++=\s*[%!])")
# What IPython takes for a magic without its `%`, where it is no Python: `cd data`.
_AUTOMAGIC = re.compile(
    r"\s*+(?:cd|ls|ll|mkdir|rm|rmdir|cp|mv|cat|less|more|man|pip|conda|mamba|uv|load_ext|reload_ext|matplotlib|run|env|"
    r"set_env|time|timeit|who|whos|pylab|config|store|pinfo)\s++[^\s=([,:)\]]"
)


def _notebook(path: str, data: bytes | str) -> File:
    try:
        notebook = json.loads(data)
        cells = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
        sources = [
            (number, cell.get("source", cell.get("input", "")))
            for number, cell in enumerate(cells)
            if cell.get("cell_type") == "code"
        ]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise UnreadableError("not a notebook: no JSON with a list of cells") from None
    made: list[Cell] = []
    broken: list[tuple[int, str]] = []
    for number, source in sources:
        text = "".join(map(str, source)) if isinstance(source, list) else str(source)
        try:
            made.append(_notebook_cell(text, number))
        except UnreadableError as error:
            # A cell that its author left broken: the others are still read.
            broken.append((number, str(error)))
    return File(path, made, broken)


def _notebook_cell(text: str, number: int) -> Cell:
    lines = text.split("\n")
    if text.lstrip().startswith("%%"):
        first = next(index for index, line in enumerate(lines) if line.strip())
        name = lines[first].strip()[2:].split()[0:1]
        lines = ["" if index <= first else line for index, line in enumerate(lines)]
        if not name or name[0] not in _PYTHON_MAGICS:
            lines = [""] * len(lines)
    try:
        return _cell("\n".join(lines), number)
    except UnreadableError:
        # A line may begin with % as part of an expression: magics are looked for where the text is no Python.
        return _cell("\n".join(map(_without_magic, lines)), number)


def _without_magic(line: str) -> str:
    """`pass` in place of IPython's `%`, `!` and `?` lines, so that the numbers of the lines stay."""
    bare = line.strip()
    is_asked = bare.endswith("?") and not bare.startswith("#")
    if _MAGIC.match(line) or is_asked or (_AUTOMAGIC.match(line) and not _is_python(bare)):
        return f"{line[: len(line) - len(line.lstrip())]}pass"
    return line


def _is_python(line: str) -> bool:
    """Whether a line is Python by itself, and no magic: `ls - 1`."""
    try:
        parsed(line)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
