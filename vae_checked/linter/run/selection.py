"""Which mistakes a run looks for, and in which files some of them are ignored."""

from __future__ import annotations

from collections.abc import Collection

from vae_checked.catalogue import CATALOGUE, Mistake, Observer
from vae_checked.finding import Finding, Severity
from vae_checked.linter.files.ignore_rules import Globs
from vae_checked.linter.options import Options


def chosen(options: Options) -> list[Mistake]:
    """The mistakes that are looked for: what is selected, or all but mere information, without what is ignored."""

    def matches(code: str, prefixes: Collection[str]) -> bool:
        return any(code.startswith(prefix.upper()) for prefix in prefixes)

    return [
        mistake
        for mistake in CATALOGUE
        if Observer.LINT in mistake.seen_by
        and not matches(mistake.code, options.ignore)
        and (matches(mistake.code, options.select) if options.select else mistake.severity is not Severity.INFO)
    ]


class PerFile:
    """The codes that are ignored in some files."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._known: dict[str, tuple[str, ...]] = {}

    def ignores(self, finding: Finding) -> bool:
        """Whether `finding` stands in a file for which its code is ignored."""
        if not self._options.per_file_ignores or finding.place is None:
            return False
        path = finding.place.path
        if path not in self._known:
            self._known[path] = self._for(path)
        return finding.code.startswith(self._known[path])

    def _for(self, path: str) -> tuple[str, ...]:
        return tuple(
            code.upper()
            for pattern, codes in self._options.per_file_ignores
            if Globs((pattern,), self._options.folder).match(path)
            for code in codes
        )
