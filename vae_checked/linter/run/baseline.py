"""Findings that are known already: a file of fingerprints that outlive moved lines."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

from vae_checked.errors import UsageError
from vae_checked.finding import Finding, Place, Remark, RemarkKind
from vae_checked.linter.run.report import LintReport
from vae_checked.record import dataclass, replace
from vae_checked.regular_files import MOST_WRITTEN, content, write_baseline

FORMAT_VERSION = 1
_KEYS = {"path", "code", "text", "count"}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is the same of a finding after lines above it came and went: its file, code, and line without its blanks.

    `path` is seen from the baseline's folder, with slashes. Two findings of one fingerprint differ by how many there
    are.
    """

    path: str
    code: str
    text: str


class Baseline:
    """The fingerprints in one file, and how often each is known."""

    def __init__(self, file: Path, known: Counter[Fingerprint]) -> None:
        self.file = file
        self._folder = os.path.abspath(file.parent)  # noqa: PTH100  as paths are compared below
        self._known = known

    def applied(self, report: LintReport, examined: Collection[str]) -> LintReport:
        """`report` without what is known, and with a remark per entry that nothing matches any more.

        `examined` are the codes that were looked for: nothing is said of another code, nor of files that were not read,
        nor where only a part of the project was.
        """
        left = Counter(self._known)
        new = []
        for finding in report.findings:
            mark = self.fingerprint(finding)
            if left[mark] > 0:
                left[mark] -= 1
            else:
                new.append(finding)
        settled = self._settled(report, examined)
        stale = [
            Remark(
                RemarkKind.STALE_BASELINE,
                f"{mark.code} in {mark.path}, `{mark.text}`, is gone: --write-baseline drops it",
                Place(str(self.file), 1),
            )
            for mark, number in sorted(left.items(), key=lambda item: _order(item[0]))
            if number > 0 and settled(mark)
        ]
        known = len(report.findings) - len(new)
        return replace(report, findings=tuple(new), known=known, remarks=(*report.remarks, *stale))

    def fingerprint(self, finding: Finding) -> Fingerprint:
        """The fingerprint of `finding` as this file holds it."""
        place = finding.place
        if place is None:
            return Fingerprint(finding.subject, finding.code, "")
        return Fingerprint(self._seen(place.path), finding.code, " ".join(place.text.split()))

    def write(self, report: LintReport, examined: Collection[str]) -> int:
        """Put the findings of `report` into the file, whole or not at all, and return how many it then holds.

        What was known of files that were not read, or of codes that were not looked for, stays. Raises UsageError when
        the file cannot be written.
        """
        counts = Counter(map(self.fingerprint, report.findings))
        settled = self._settled(report, examined)
        counts.update({mark: number for mark, number in self._known.items() if not settled(mark)})
        entries = [
            {"path": mark.path, "code": mark.code, "text": mark.text, "count": number}
            for mark, number in sorted(counts.items(), key=lambda item: _order(item[0]))
        ]
        text = json.dumps({"format_version": FORMAT_VERSION, "findings": entries}, indent=2, ensure_ascii=False)
        write_baseline(self.file, text + "\n")
        return counts.total()

    def _settled(self, report: LintReport, examined: Collection[str]) -> Callable[[Fingerprint], bool]:
        """Whether the run that made `report` would have found a fingerprint if it were there."""
        if not report.whole:
            return lambda mark: mark.code in examined and not self._exists(mark.path)
        unread = {path for path, _ in report.unread}
        files = {self._seen(path) for path in report.files if path not in unread}
        return lambda mark: mark.code in examined and (mark.path in files or not self._exists(mark.path))

    def _seen(self, path: str) -> str:
        try:
            return os.path.relpath(path, self._folder).replace(os.sep, "/")
        except ValueError:
            return Path(path).as_posix()

    def _exists(self, path: str) -> bool:
        return Path(self._folder, path).exists()


def _order(mark: Fingerprint) -> tuple[str, str, str]:
    return (mark.path, mark.code, mark.text)


def load(file: Path) -> Baseline:
    """The baseline in `file`; UsageError when it is not there, or holds something else."""
    try:
        document = json.loads(content(file, MOST_WRITTEN))
    except FileNotFoundError:
        raise UsageError(f"--baseline {file}: no such file: --write-baseline writes it") from None
    except OSError as error:
        raise UsageError(f"--baseline {file}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise _damaged(file, "no JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("findings"), list):
        raise _damaged(file, "no list of findings")
    version = document.get("format_version")
    if version != FORMAT_VERSION:
        raise _damaged(file, f"format_version {version!r}, and {FORMAT_VERSION} is understood")
    known: Counter[Fingerprint] = Counter()
    for number, entry in enumerate(document["findings"]):
        if not isinstance(entry, dict) or entry.keys() != _KEYS:
            raise _damaged(file, f"entry {number} has not the keys {', '.join(sorted(_KEYS))}")
        words, count = (entry["path"], entry["code"], entry["text"]), entry["count"]
        if not all(isinstance(word, str) for word in words) or type(count) is not int or count < 1:
            raise _damaged(file, f"entry {number} is not of texts and a count")
        known[Fingerprint(*words)] += count
    return Baseline(file, known)


def empty(file: Path) -> Baseline:
    """A baseline that knows nothing yet."""
    return Baseline(file, Counter())


def _damaged(file: Path, reason: str) -> UsageError:
    return UsageError(f"--baseline {file}: not a baseline, {reason}: restore it, or delete it and write it anew")
