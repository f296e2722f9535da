"""Where the data of a model lie by what the user declares, as for the audit."""

from __future__ import annotations

import os

from vae_checked.facts import Fact, Interval, Origin
from vae_checked.linter.options import Options


class Declared:
    """The intervals of `Options.data_ranges`, by file and class."""

    def __init__(self, options: Options) -> None:
        self._ranges: dict[str, dict[str, Interval]] = {}
        for path, name, low, high in options.data_ranges:
            self._ranges.setdefault(os.path.realpath(path), {})[name] = Interval(low, high)

    def interval_for(self, path: str, subject: str) -> Fact[Interval] | None:
        """The interval given for a class of a file, or for all models of the file where they agree."""
        if not self._ranges:
            return None
        given = self._ranges.get(os.path.realpath(path), {})
        interval = given.get(subject.rpartition(":")[2])
        if interval is None and len(set(given.values())) == 1:
            interval = next(iter(given.values()))
        return None if interval is None else Fact(interval, Origin("data_range of pyproject.toml"))
