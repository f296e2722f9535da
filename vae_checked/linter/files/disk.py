"""What the linter reads beyond the files it was given, and a note of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from vae_checked.linter.files import source as sources
from vae_checked.linter.files.projects import Text

# The content of what is not there, or cannot be read.
NOTHING = ""


class Disk:
    """Files by path, from the texts that are not saved yet or from the disk.

    With `noting`, `seen` holds a hash of each one that was asked for.
    """

    def __init__(self, texts: Mapping[str, Text], noting: bool = False) -> None:
        self._texts = {os.path.abspath(path): text for path, text in texts.items()}  # noqa: PTH100  as in `read`
        self._noting = noting
        self.seen: dict[str, str] = {}

    def read(self, path: str | Path) -> Text | None:
        """The content of a file, None where there is none or it cannot be read."""
        name = str(path)
        text = self._texts.get(os.path.abspath(name)) if self._texts else None  # noqa: PTH100  pathlib keeps `..`
        if text is None:
            try:
                text = sources.read(Path(name)) if os.path.isfile(name) else None  # noqa: PTH113  most of these are not there
            except sources.UnreadableError:
                text = None
        if self._noting:
            self.seen[name] = NOTHING if text is None else fingerprint(text)
        return text


def fingerprint(text: Text) -> str:
    """A hash of a content, and of whether it is bytes, whose encoding is still to be found."""
    from hashlib import sha256  # noqa: PLC0415  a run without a cache does without OpenSSL

    if isinstance(text, str):
        return "text:" + sha256(text.encode(errors="surrogatepass")).hexdigest()
    return sha256(text).hexdigest()
