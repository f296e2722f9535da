"""The inferred shapes of a model as a page for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from vae_checked.shapes.fold import fold


class Row(Protocol):
    """A stage or a layer, whose `str()` is its shapes."""

    @property
    def key(self) -> str: ...


class Shown(Protocol):
    """What a listing says of one model's shapes."""

    @property
    def name(self) -> str: ...
    @property
    def input(self) -> str: ...
    @property
    def probes(self) -> int: ...
    @property
    def how(self) -> str: ...
    @property
    def stages(self) -> Sequence[Row]: ...
    @property
    def layers(self) -> Sequence[Row]: ...
    @property
    def parameters(self) -> Mapping[str, str]: ...
    @property
    def buffers(self) -> Mapping[str, str]: ...
    @property
    def constraint(self) -> str: ...
    @property
    def smallest(self) -> str: ...
    @property
    def crashes(self) -> Sequence[str]: ...
    @property
    def without_formula(self) -> Mapping[str, str]: ...
    @property
    def notes(self) -> Sequence[str]: ...


def listing(shapes: Shown) -> str:
    """The stages, then the layers in order of execution with repeated blocks once, then what is accepted."""
    lines = [f"{shapes.name}: input {shapes.input}, {shapes.probes} probes with {shapes.how} tensors", "", "stages:"]
    lines += _rows(shapes.stages)
    lines += ["", "layers:", *_rows(shapes.layers)]
    sizes = f"{len(shapes.parameters)} parameter tensors, {len(shapes.buffers)} buffers"
    lines += ["", sizes, f"the reconstruction has the input's shape: {shapes.constraint}"]
    lines.append(f"smallest accepted size: {shapes.smallest}")
    for title, rows in (
        ("crashes", shapes.crashes),
        ("no formula", [f"{where}: {table}" for where, table in shapes.without_formula.items()]),
        ("notes", shapes.notes),
    ):
        if rows:
            lines += [f"{title}:", *(f"  {row}" for row in rows)]
    return "\n".join(lines) + "\n"


def rows(entries: Sequence[Row]) -> list[tuple[str, str]]:
    """`entries` as (key, text), folded, each at the place of the first that it covers."""
    order = {entry.key: position for position, entry in enumerate(entries)}
    folded = fold({entry.key: str(entry) for entry in entries})
    return sorted(folded.items(), key=lambda row: order[_first(row[0])])


def _rows(entries: Sequence[Row]) -> list[str]:
    found = rows(entries)
    width = max((len(key) for key, _ in found), default=0)
    return [f"  {key:{width}}  {text}" for key, text in found]


def _first(key: str) -> str:
    """The first key that a folded one stands for."""
    while "{" in key:
        head, _, rest = key.partition("{")
        first, _, rest = rest.partition("..")
        key = f"{head}{first}{rest.partition('}')[2]}"
    return key
