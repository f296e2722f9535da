"""The inferred shapes of a model as a page for a person."""

from __future__ import annotations

from vae_checked.shapes.fold import fold
from vae_checked.shapes.model import Entry, ModelShapes


def listing(shapes: ModelShapes) -> str:
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


def _rows(entries: tuple[Entry, ...]) -> list[str]:
    """The rows of `entries`, folded, each at the place of the first that it covers."""
    order = {entry.key: position for position, entry in enumerate(entries)}
    folded = fold({entry.key: str(entry) for entry in entries})
    rows = sorted(folded.items(), key=lambda row: order[_first(row[0])])
    width = max((len(key) for key, _ in rows), default=0)
    return [f"  {key:{width}}  {text}" for key, text in rows]


def _first(key: str) -> str:
    """The first key that a folded one stands for."""
    while "{" in key:
        head, _, rest = key.partition("{")
        first, _, rest = rest.partition("..")
        key = f"{head}{first}{rest.partition('}')[2]}"
    return key
