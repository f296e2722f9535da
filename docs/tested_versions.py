"""The table of the versions that the tests were run with, from docs/versions.jsonl."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDS = Path(__file__).resolve().parent / "versions.jsonl"
PACKAGES = ("torch", "numpy", "jaxtyping", "beartype", "rich", "hypothesis", "pytest")
# The rooms of tests that import torch.
ROOMS = frozenset(
    (
        "adapters",
        "auditor",
        "contracts",
        "laws",
        "monitor",
        "pytest_plugin",
        "reference",
        "shapes",
        "strategies",
        "wrapping",
    )
)


@dataclass(frozen=True)
class Tested:
    """What was run with the same versions: the last run of each room, its tests counted together."""

    versions: dict[str, str]
    rooms: frozenset[str]
    passed: int
    failed: int
    skipped: int
    date: str

    @property
    def green(self) -> bool:
        """Whether every room was run, and nothing failed."""
        return self.rooms >= ROOMS and not self.failed


def records() -> list[dict[str, Any]]:
    """Every run: its date, the versions, the rooms, and how many tests passed, failed and were skipped."""
    return [json.loads(line) for line in RECORDS.read_text(encoding="utf-8").splitlines()]


def tested() -> list[Tested]:
    """All versions that were run together, the oldest torch first."""
    together: dict[tuple[str, ...], dict[str, dict[str, Any]]] = {}
    for run in records():
        key = tuple(run[name] for name in ("python", *PACKAGES))
        together.setdefault(key, {})[" ".join(run["tests"])] = run
    found = []
    for key, by_rooms in together.items():
        runs = list(by_rooms.values())
        rooms = frozenset(room for run in runs for room in run["tests"])
        counts = [sum(run[name] for run in runs) for name in ("passed", "failed", "skipped")]
        versions = dict(zip(("python", *PACKAGES), key, strict=True))
        found.append(Tested(versions, rooms, *counts, max(run["date"] for run in runs)))
    return sorted(found, key=lambda each: (numbers(each.versions["torch"]), numbers(each.versions["python"])))


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers that can be compared; what stands behind a `+` is a build of the same."""
    return tuple(int(part) for part in version.partition("+")[0].split("."))


def table() -> str:
    """One row for all that was run with the same versions."""
    head = ["Python", *PACKAGES, "rooms", "passed", "failed", "skipped", "date"]
    rows = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for each in tested():
        missing = sorted(ROOMS - each.rooms)
        rooms = f"all but {', '.join(missing)}" if missing else "all"
        cells = [*each.versions.values(), rooms, each.passed, each.failed, each.skipped, each.date]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows) + "\n"
