"""The frame of a SARIF 2.1.0 log (OASIS standard, 2020): one run of vae-checked with its rules and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vae_checked.markup import json_text

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
Entry = Mapping[str, object]


def sarif_log(
    *,
    rules: Sequence[Entry],
    results: Sequence[Entry],
    notes: Sequence[Entry],
    successful: bool,
    more: Entry | None = None,
) -> str:
    """The log as text; `notes` tell of the run itself, `successful` is false where something was not looked at.

    `more` are further properties of the run.
    """
    from vae_checked import __version__  # noqa: PLC0415  avoids a cycle: the package resolves its public names lazily

    home = documentation()
    driver: dict[str, object] = {
        "name": "vae-checked",
        "version": __version__,
        "semanticVersion": __version__,
        **({"informationUri": home} if home else {}),
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": successful, "toolExecutionNotifications": notes}],
        "results": results,
        **(more or {}),
    }
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def documentation() -> str:
    """The address of the documentation, as the installed package states it; empty where it states none."""
    from importlib.metadata import PackageNotFoundError, metadata  # noqa: PLC0415  beside its one use

    try:
        stated: list[str] = metadata("vae-checked").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    addresses = dict(each.split(", ", 1) for each in stated if ", " in each)
    return addresses.get("Documentation", "").rstrip("/")


def artifact(path: str) -> dict[str, object]:
    """The location of a file, its path as a URI: `notes, 50%.py` becomes `notes%2C%2050%25.py`."""
    from pathlib import PurePath  # noqa: PLC0415  beside its one use
    from urllib.parse import quote  # noqa: PLC0415  beside its one use

    pure = PurePath(path)
    return {"uri": pure.as_uri() if pure.is_absolute() else quote(pure.as_posix(), errors="surrogateescape")}
