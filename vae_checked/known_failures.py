"""What is known to fail of the models of pyproject.toml: a file of laws and mistakes, by model."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from vae_checked.errors import UsageError
from vae_checked.record import dataclass
from vae_checked.regular_files import MOST_WRITTEN, content, write_baseline

_FORMAT_VERSION = 1
Entry = tuple[str, str]


@dataclass(frozen=True, slots=True)
class KnownFailures:
    """The entries of one file, each a model and what of it fails: the name of a law or a threshold, or a code."""

    file: Path
    entries: frozenset[Entry] = frozenset()

    def of(self, model: str) -> frozenset[str]:
        """What is known to fail of a model."""
        return frozenset(item for name, item in self.entries if name == model)

    def with_outcome(self, failed: Iterable[Entry], gone: Iterable[Entry]) -> KnownFailures:
        """What is known after a run: what failed in it is added, what is gone is dropped, and the rest stays."""
        return KnownFailures(self.file, (self.entries - frozenset(gone)) | frozenset(failed))

    def write(self) -> None:
        """Put the entries into the file, whole or not at all; UsageError when it cannot be written."""
        lines = [
            json.dumps({"model": model, "fails": item}, ensure_ascii=False) for model, item in sorted(self.entries)
        ]
        # One entry a line, so that git merges what two branches add.
        known = "[\n    " + ",\n    ".join(lines) + "\n  ]" if lines else "[]"
        write_baseline(self.file, f'{{\n  "format_version": {_FORMAT_VERSION},\n  "known": {known}\n}}\n')


def load_known(file: Path | None, *, may_be_absent: bool = False) -> KnownFailures | None:
    """What the file holds; None without a file. UsageError when it is not there, or holds something else.

    may_be_absent: an absent file holds nothing, as one that is about to be written.
    """
    if file is None:
        return None
    try:
        document = json.loads(content(file, MOST_WRITTEN))
    except FileNotFoundError:
        if may_be_absent:
            return KnownFailures(file)
        raise UsageError(
            f"the baseline of models {file}: no such file: pytest --vae-write-baseline writes it"
        ) from None
    except OSError as error:
        raise UsageError(f"the baseline of models {file}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise _damaged(file, "no JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("known"), list):
        raise _damaged(file, "no list of what is known")
    version = document.get("format_version")
    if version != _FORMAT_VERSION:
        raise _damaged(file, f"format_version {version!r}, and {_FORMAT_VERSION} is understood")
    entries = set()
    for number, entry in enumerate(document["known"]):
        if not isinstance(entry, dict) or entry.keys() != {"model", "fails"}:
            raise _damaged(file, f"entry {number} has not the keys fails and model")
        if not all(isinstance(word, str) for word in entry.values()):
            raise _damaged(file, f"entry {number} is not of texts")
        entries.add((entry["model"], entry["fails"]))
    return KnownFailures(file, frozenset(entries))


def _damaged(file: Path, reason: str) -> UsageError:
    return UsageError(f"the baseline of models {file}: not one, {reason}: restore it, or delete it and write it anew")
