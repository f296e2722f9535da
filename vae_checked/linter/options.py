"""What a run of the linter is asked for, beside the paths."""

from __future__ import annotations

from collections.abc import Collection

from vae_checked.record import dataclass


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
