"""What a run of the linter is asked for, beside the paths."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from vae_checked.record import dataclass

if TYPE_CHECKING:
    from vae_checked.catalogue import Mistake
    from vae_checked.finding import Finding


@dataclass(frozen=True, slots=True)
class Options:
    """Which mistakes, where.

    `select` and `ignore` are codes or their beginnings. `exclude` and the first of each pair of `per_file_ignores` are
    patterns as in a .gitignore that lies in `folder`; what `exclude` names is left out below folders, and with
    `force_exclude` where it is named itself, too. `data_ranges` holds (file, class or factory, low, high): where the
    data of a model lie that its source does not tell.
    """

    select: Collection[str] = ()
    ignore: Collection[str] = ()
    folder: str = "."
    exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    per_file_ignores: tuple[tuple[str, Collection[str]], ...] = ()
    data_ranges: tuple[tuple[str, str, float, float], ...] = ()


def chosen(options: Options) -> list[Mistake]:
    """The mistakes that are looked for: what is selected, or all but mere information, without what is ignored."""
    from vae_checked.catalogue import CATALOGUE, Observer  # noqa: PLC0415  a run that finds no VAE code needs none
    from vae_checked.finding import Severity  # noqa: PLC0415  likewise

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
        from vae_checked.linter.files.discovery import Globs  # noqa: PLC0415  only a run with such ignores needs patterns here

        return tuple(
            code.upper()
            for pattern, codes in self._options.per_file_ignores
            if Globs((pattern,), self._options.folder).match(path)
            for code in codes
        )
