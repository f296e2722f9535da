"""Fixes that hold: edits are kept only where a second look at the edited text no longer names the mistake."""

from __future__ import annotations

import difflib
import os
import tempfile
import tokenize
from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from vae_checked.errors import UsageError
from vae_checked.finding import Finding
from vae_checked.linter import Options, lint
from vae_checked.linter.fixing.notebook_edits import propose_in
from vae_checked.linter.run.fixes import Edit, apply, propose
from vae_checked.record import dataclass


@dataclass(frozen=True, slots=True)
class FixedFile:
    """One file before and after its fixes, and the findings that they answer."""

    path: str
    before: str
    after: str
    encoding: str
    findings: tuple[Finding, ...]

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        lines = (self.before.splitlines(keepends=True), self.after.splitlines(keepends=True))
        return "".join(difflib.unified_diff(*lines, fromfile=self.path, tofile=self.path))


def fixed_files(paths: Sequence[str | Path], *, options: Options | None = None) -> tuple[FixedFile, ...]:
    """What fixing the files at or below `paths` would change; nothing is written.

    A fix is kept when linting its result names that mistake no more and no other one instead. Raises UsageError as
    `lint` does.
    """
    findings = lint(paths, options=options).findings
    known = Counter(_kind(finding) for finding in findings)
    texts: dict[str, str] = {}
    originals: dict[str, tuple[str, str]] = {}
    kept: list[tuple[str, Finding, tuple[Edit, ...]]] = []
    for finding in findings:
        if finding.place is None:
            continue
        path = finding.place.path
        if path not in originals:
            originals[path] = _decoded(Path(path))
        text, encoding = originals[path]
        find_edits = propose if finding.place.cell is None else propose_in
        edits = find_edits(finding, text) if encoding else ()
        if not edits:
            continue
        tried = [*kept, (path, finding, edits)]
        try:
            after = apply(text, [edit for where, _, each in tried if where == path for edit in each])
        except ValueError:
            continue
        wanted = known - Counter(_kind(answered) for _, answered, _ in tried)
        left = lint(paths, options=options, texts={**texts, path: after}).findings
        if not Counter(map(_kind, left)) - wanted:
            kept, texts[path] = tried, after
    fixed = []
    for path, after in sorted(texts.items()):
        before, encoding = originals[path]
        answered = tuple(finding for where, finding, _ in kept if where == path)
        fixed.append(FixedFile(path, before, after, encoding, answered))
    return tuple(fixed)


def settling(finding: Finding, path: str, texts: Mapping[str, str], options: Options) -> tuple[Edit, ...]:
    """The edits that fix `finding` in the text of `path`, none unless linting the result names no mistake instead.

    `texts` holds the text of `path`, and of other files that are not saved yet. Raises UsageError as `lint` does.
    """
    edits = propose(finding, texts[path])
    if not edits:
        return ()
    before = Counter(map(_kind, lint([path], texts=texts, options=options).findings))
    changed = {**texts, path: apply(texts[path], edits)}
    after = Counter(map(_kind, lint([path], texts=changed, options=options).findings))
    return () if after - (before - Counter([_kind(finding)])) else edits


def _kind(finding: Finding) -> tuple[str, str]:
    return ("" if finding.place is None else finding.place.path, finding.code)


def _decoded(path: Path) -> tuple[str, str]:
    """The text of a file and its encoding, which is empty where the text does not give back the same bytes."""
    data = path.read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        text = data.decode(encoding)
        same = text.encode(encoding) == data
    except (SyntaxError, UnicodeError, LookupError):
        return "", ""
    lone = "\r" in text.replace("\r\n", "")
    return (text, encoding) if same and not lone else ("", "")


def write_fixed(fixed: FixedFile) -> None:
    """Put the fixed text in the file's place at once, with the file's mode; UsageError when that is not possible."""
    target = Path(fixed.path).resolve()
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        scratch = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(fixed.after.encode(fixed.encoding))
            scratch.chmod(target.stat().st_mode)
            scratch.replace(target)
        except OSError:
            scratch.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{fixed.path}: not fixed, {error.strerror}: the file is as it was") from None
