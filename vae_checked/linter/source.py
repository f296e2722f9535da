"""Step 1: from a path to parsed text. Nothing is imported or executed."""

from __future__ import annotations

import ast
import json
import re
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from vae_checked.errors import UsageError
from vae_checked.finding import Place

MAX_BYTES = 4_000_000
SKIPPED_FOLDERS = frozenset(
    (".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache", ".eggs",
     ".ruff_cache", ".pytest_cache", ".ipynb_checkpoints", "build", "dist", "site-packages")
)  # fmt: skip
_SUPPRESSION = re.compile(r"#\s*noqa(?P<noqa>\s*:\s*[A-Z0-9, ]+)?|#\s*vae-checked:\s*ignore(?P<ours>\[[^\]]*\])?", re.I)
_CODE = re.compile(r"VAE\d{3}", re.I)


class UnreadableError(Exception):
    """A file that cannot be read as Python; the message is the reason in a few words."""


@dataclass(slots=True)
class Cell:
    """One piece of parsed text: a whole file (`number` None), or a code cell of a notebook."""

    tree: ast.Module
    text: str
    number: int | None
    lines: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Source:
    """One cell of a file together with the path it came from: what a place is told by."""

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
        last_line = lines[-1].encode()[:end].decode(errors="replace")
        lines = [*lines[:-1], last_line]
        lines[0] = lines[0].encode()[start:].decode(errors="replace")
        return " ".join(" ".join(lines).split())


def _characters(line: str, offset: int) -> int:
    """The parser counts UTF-8 bytes, people count characters."""
    return offset if line.isascii() else len(line.encode()[:offset].decode(errors="replace"))


@dataclass(slots=True)
class File:
    """A file that was read: its cells in order."""

    path: str
    cells: list[Cell]


def concerns_vae(data: bytes) -> bool:
    """A cheap byte test that no file with a VAE in it fails: it mentions torch, and noise, a head or a loss."""
    return b"torch" in data and any(word in data for word in _WORDS)


_WORDS = (b"randn", b"rsample", b"normal", b"Normal", b"kl_div", b"logvar", b"log_var", b"logsigma", b"log_sigma",
          b"reparam", b"rand_like", b"mse_loss", b"MSELoss", b"BCELoss", b"BCEWithLogits", b"binary_cross_entropy",
          b"logstd", b"log_std")  # fmt: skip


def discover(paths: Sequence[str | Path]) -> Iterator[tuple[Path, bool]]:
    """Every Python file and notebook at or below `paths`, each once, with whether it was named itself.

    Raises UsageError for a path that does not exist.
    """
    seen: set[Path] = set()
    for given in paths:
        path = Path(given)
        if path.is_dir():
            found: Iterator[Path] = _below(path)
        elif path.exists():
            found = iter((path,))
        else:
            raise UsageError(f"{given}: no such file or folder")
        for file in found:
            if file not in seen:
                seen.add(file)
                yield file, file == path


def _below(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.is_dir():
            if entry.name not in SKIPPED_FOLDERS and not entry.is_symlink():
                yield from _below(entry)
        elif entry.suffix in (".py", ".ipynb"):
            yield entry


def read(path: Path) -> bytes:
    """The bytes of a file; UnreadableError with the reason when they cannot be had."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from None
    if len(data) > MAX_BYTES:
        raise UnreadableError(f"{len(data)} bytes, more than the {MAX_BYTES} that are read")
    return data


def parse(path: str, data: bytes) -> File:
    """Parse a Python file or a notebook; UnreadableError with the reason when it is neither."""
    if path.endswith(".ipynb"):
        return File(path, _notebook_cells(data))
    return File(path, [_cell(_decode(data), None)])


def _decode(data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        return data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        raise UnreadableError("not a text in its declared encoding (UTF-8 if none)") from None


def _cell(text: str, number: int | None) -> Cell:
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        raise UnreadableError(f"not Python: {error.msg} (line {error.lineno})") from None
    except (ValueError, RecursionError, MemoryError) as error:
        reason = "nested too deeply" if not isinstance(error, ValueError) else str(error)
        raise UnreadableError(f"not Python: {reason}") from None
    return Cell(tree, text, number, text.split("\n"))


def _notebook_cells(data: bytes) -> list[Cell]:
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
    parsed = []
    for number, source in sources:
        text = "".join(source) if isinstance(source, list) else str(source)
        try:
            parsed.append(_cell(_without_magics(text), number))
        except UnreadableError:
            continue  # a cell of another language, or one that its author left broken: the others are still read
    return parsed


def _without_magics(text: str) -> str:
    """Replace IPython's `%`, `!` and `?` lines by `pass`, so that the numbers of the lines stay."""
    if text.lstrip().startswith("%%"):
        return ""
    lines = []
    for line in text.split("\n"):
        bare = line.lstrip()
        magic = bare.startswith(("%", "!", "?")) or (bare.endswith("?") and not bare.startswith("#"))
        lines.append(line[: len(line) - len(bare)] + "pass" if magic else line)
    return "\n".join(lines)


def suppressed(line: str) -> frozenset[str] | None:
    """The codes that a line's comment switches off: all for an empty set, none at all for None."""
    if "#" not in line:
        return None
    match = _SUPPRESSION.search(line)
    if match is None:
        return None
    listed = match["noqa"] or match["ours"]
    if not listed:
        return frozenset()
    return frozenset(code.upper() for code in _CODE.findall(listed)) or None
