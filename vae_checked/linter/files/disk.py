"""What the linter reads beyond the files it was given, and a note of it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from vae_checked.linter.files import source as sources
from vae_checked.linter.files.projects import Text

# The content of what is not there, or cannot be read.
NOTHING = ""
# The folders that hold settings, by how their names begin, and the files of settings.
_OF_SETTINGS = re.compile(r"conf|cfg|param|hparam|hyper|setting|option|exp|yaml|json", re.IGNORECASE)
_SETTINGS = (".yaml", ".yml", ".json")
_MOST_NAMES = 200
# What marks, in what was seen, a folder whose own folders were all looked at.
_WHOLE = "/*/"


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
        if name.endswith("/"):
            self.settings_in(Path(name.removesuffix(_WHOLE)), whole=name.endswith(_WHOLE))
            return None
        text = self._texts.get(os.path.abspath(name)) if self._texts else None  # noqa: PTH100  pathlib keeps `..`
        if text is None:
            try:
                text = sources.read(Path(name)) if os.path.isfile(name) else None  # noqa: PTH113  most of these are not there
            except sources.UnreadableError:
                text = None
        if self._noting:
            self.seen[name] = NOTHING if text is None else fingerprint(text)
        return text

    def settings_in(self, folder: Path, *, whole: bool) -> list[str]:
        """The names of the files of settings in a folder, and of the folders in it that hold such, with a `/`.

        Of a `whole` folder for settings those are all in it.
        """
        found: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name[:1] not in "._" and (whole or _OF_SETTINGS.match(entry.name)):
                            found.append(f"{entry.name}/")
                    elif entry.name.endswith(_SETTINGS):
                        found.append(entry.name)
        except OSError:
            found = []
        found = sorted(found)[:_MOST_NAMES]
        if self._noting:
            self.seen[f"{folder}{_WHOLE if whole else '/'}"] = fingerprint("\n".join(found))
        return found


def fingerprint(text: Text) -> str:
    """A hash of a content, and of whether it is bytes, whose encoding is still to be found."""
    from hashlib import sha256  # noqa: PLC0415  a run without a cache does without OpenSSL

    if isinstance(text, str):
        return "text:" + sha256(text.encode(errors="surrogatepass")).hexdigest()
    return sha256(text).hexdigest()
