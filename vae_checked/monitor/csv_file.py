"""A CSV file with one row per reading: its header written whole or not at all, its rows appended, its end repaired."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from vae_checked.errors import UsageError
from vae_checked.monitor.reading import Reading
from vae_checked.monitor.words import numbers

_MOST = 512


class CSVFile:
    """Appends to `path`; a file of an earlier run goes on where it has the same columns.

    Each row is one write; a row that an earlier run left half-written is cut off. A latent space of more than 512
    latents has no columns per latent. Raises UsageError where the file has other columns or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns: list[str] | None = None
        if path.is_dir():
            raise UsageError(f"{path} is a folder: give the path of a file that ends in .csv")
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is a pipe or a device, which cannot be gone on with: give a regular file")
        if not path.parent.is_dir():
            raise UsageError(f"{path.parent} is no folder: make it, or write elsewhere")

    def __str__(self) -> str:
        return str(self._path)

    def write(self, reading: Reading) -> None:
        """Append the reading; the first one settles the columns."""
        row = self._row(reading)
        if self._columns is None:
            self._columns = self._begin(list(row))
        with self._path.open("a", newline="", encoding="utf-8") as file:
            file.write(_text([("" if row.get(name) is None else str(row[name])) for name in self._columns]))

    def close(self) -> None:
        """Nothing is held open."""

    def _row(self, reading: Reading) -> dict[str, float | int | str | None]:
        row: dict[str, float | int | str | None] = {"step": reading.step, **numbers(reading)}
        row["causes"] = "; ".join(each.cause for each in reading.causes)
        per_latent = reading.kl_per_latent or ()
        if len(per_latent) <= _MOST:
            row |= {f"kl_{place}": value for place, value in enumerate(per_latent)}
        return row

    def _begin(self, columns: list[str]) -> list[str]:
        """Write the header, or go on with the file that is there."""
        if not self._path.exists() or not self._path.stat().st_size:
            made = self._path.with_name(self._path.name + ".new")
            made.write_text(_text(columns), encoding="utf-8", newline="")
            made.replace(self._path)
            return columns
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        header = next(csv.reader(io.StringIO(whole.decode("utf-8", "replace"))), [])
        if header != columns:
            other = sorted(set(columns) ^ set(header))
            raise UsageError(
                f"{self._path} has other columns ({', '.join(other[:4]) or 'in another order'}): "
                "it is of another model or run, choose another file"
            )
        if len(whole) < len(content):
            with self._path.open("r+b") as file:
                file.truncate(len(whole))
        return header


def _text(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
