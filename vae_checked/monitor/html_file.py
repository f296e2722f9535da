"""A page on a whole training: KL, active units and effective beta by step, the KL of each latent, causes, pictures."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from vae_checked.errors import UsageError
from vae_checked.html_page import html_page, html_section
from vae_checked.markup import html_text
from vae_checked.monitor.reading import ACTIVE, Picture, Reading
from vae_checked.monitor.words import told

T = TypeVar("T")

_WIDTH, _HEIGHT, _LEFT, _RIGHT = 640, 150, 70, 60
# What an eye can tell apart, and a page can hold: a long run is shown by evenly spread readings.
_COLUMNS, _LATENTS = 120, 64
_LARGEST_PIXEL = 4


class HTMLFile:
    """Writes the page when the monitor closes; UsageError for a path in no folder."""

    def __init__(self, path: Path) -> None:
        if not path.parent.is_dir():
            raise UsageError(f"{path.parent} is no folder: make it, or write elsewhere")
        self._path = path
        self._readings: list[Reading] = []
        self._pictures: tuple[Picture, ...] = ()

    def __str__(self) -> str:
        return str(self._path)

    def write(self, reading: Reading) -> None:
        """Keep it for the page; of pictures the last."""
        self._pictures = reading.pictures or self._pictures
        self._readings.append(replace(reading, pictures=()))

    def close(self) -> None:
        """Write the page; none where nothing was read."""
        if self._readings:
            self._path.write_text(run_page(self._readings, self._pictures), encoding="utf-8")


def run_page(readings: Sequence[Reading], pictures: Sequence[Picture] = ()) -> str:
    """The page on these readings, in their order, and the pictures of the last."""
    last = readings[-1]
    header = [f"<p>{len(readings)} readings, steps {readings[0].step} to {last.step}</p>", _counts(last)]
    return html_page("a training", header, [*_causes(readings), *_plots(readings), *map(_shown, pictures)])


def _counts(last: Reading) -> str:
    said = []
    if last.kl is not None:
        said.append(f"<li><b>{last.kl:.3g}</b> nats of KL</li>")
        said.append(f"<li><b>{last.active_units}</b> of {len(last.kl_per_latent or ())} latents active</li>")
    if last.balance is not None:
        said.append(f"<li>effective beta <b>{html_text(f'{last.balance.beta:.4g}')}</b></li>")
    return f'<ul class="counts">{"".join(said)}</ul>'


def _causes(readings: Sequence[Reading]) -> Iterator[str]:
    known: set[str] = set()
    lines = [line for reading in readings for line in told(reading, known)]
    yield html_section("Causes, when each first showed", [each for each in lines if "not seen: " not in each])
    yield html_section("Not seen", [each for each in lines if "not seen: " in each])


def _plots(readings: Sequence[Reading]) -> Iterator[str]:
    curves: list[tuple[str, list[tuple[int, float | None]]]] = [
        ("KL of a sample, in nats", [(each.step, each.kl) for each in readings]),
        ("Active latents, by Var(E[z|x]) > 0.01", [(each.step, each.active_units) for each in readings]),
        (
            "Effective beta: the weight of the summed KL against the summed error",
            [(each.step, None if each.balance is None else each.balance.beta) for each in readings],
        ),
        *(
            (f"{name}, as given to monitor.step()", [(each.step, each.terms.get(name)) for each in readings])
            for name in readings[-1].terms
        ),
    ]
    marks = _first_shown(readings)
    for caption, points in curves:
        seen = [(step, float(value)) for step, value in points if value is not None and math.isfinite(value)]
        if seen:
            yield _figure(caption, _curve(caption, _thinned(seen), marks))
    rows = [each for each in readings if each.kl_per_latent]
    if rows:
        yield _figure(
            f"KL of each latent over the steps: the stronger the colour the more, blank up to {ACTIVE:g} nats; at the "
            "right its last, in nats",
            _map(_thinned(rows)),
        )


def _shown(picture: Picture) -> str:
    data = b64encode(picture.png()).decode("ascii")
    scale = max(1, min(_LARGEST_PIXEL, _WIDTH // picture.width))
    size = f'width="{scale * picture.width}" height="{scale * picture.height}"'
    caption = html_text(picture.caption)
    return _figure(picture.caption, f'<img {size} alt="{caption}" src="data:image/png;base64,{data}">')


def _figure(caption: str, drawn: str) -> str:
    return f'<figure><figcaption>{html_text(caption)}</figcaption><div class="wide">{drawn}</div></figure>'


def _thinned(points: Sequence[T]) -> list[T]:
    """At most _COLUMNS of `points`, evenly spread, the first and the last among them."""
    if len(points) <= _COLUMNS:
        return list(points)
    return [points[round(place * (len(points) - 1) / (_COLUMNS - 1))] for place in range(_COLUMNS)]


def _first_shown(readings: Sequence[Reading]) -> dict[int, list[str]]:
    """The steps at which causes first showed, and which."""
    first: dict[str, int] = {}
    for reading in readings:
        for each in reading.causes:
            first.setdefault(str(each.cause), reading.step)
    marks: dict[int, list[str]] = {}
    for cause, step in first.items():
        marks.setdefault(step, []).append(cause)
    return marks


def _curve(label: str, points: Sequence[tuple[int, float]], marks: Mapping[int, Sequence[str]]) -> str:
    """The points as a line between their least and greatest, the steps of `marks` as lines across it."""
    low, high = min(value for _, value in points), max(value for _, value in points)
    # Ends that read alike are one value: its last digits would fill the picture with noise.
    varies = f"{low:.3g}" != f"{high:.3g}"
    first, last = points[0][0], points[-1][0]
    room = _WIDTH - _LEFT - 10

    def across(step: int) -> float:
        return _LEFT + room * (step - first) / ((last - first) or 1)

    def at(step: int, value: float) -> str:
        x = across(step)
        y = 120 - 100 * ((value - low) / (high - low) if varies else 0.5)
        return f"{x:.1f},{y:.1f}"

    line = " ".join(at(*point) for point in points)
    return _svg(
        label,
        _HEIGHT,
        [
            f'<path class="axis" d="M{_LEFT} 15 V125 H{_WIDTH - 5}"/>',
            *(_mark(across(step), causes) for step, causes in marks.items() if first <= step <= last),
            f'<polyline class="one" points="{line}"/>',
            _words(_LEFT - 6, 24 if varies else 74, f"{high:.3g}", "end"),
            _words(_LEFT - 6, 124, f"{low:.3g}", "end") if varies else "",
            _words(_LEFT, 142, f"step {first}"),
            _words(_WIDTH - 5, 142, f"step {last}", "end"),
        ],
    )


def _mark(x: float, causes: Sequence[str]) -> str:
    # The words stand on the side that has more room.
    left = x < _WIDTH / 2
    words = _words(x + (4 if left else -4), 10, ", ".join(causes), "start" if left else "end")
    return f'<path class="two" d="M{x:.1f} 2 V125"/>{words}'


def _map(rows: Sequence[Reading]) -> str:
    count = max(len(each.kl_per_latent or ()) for each in rows)
    final = rows[-1].kl_per_latent or ()
    order = sorted(range(count), key=lambda place: -final[place] if place < len(final) else 0.0)[:_LATENTS]
    most = max((value for each in rows for value in each.kl_per_latent or () if math.isfinite(value)), default=0.0)
    wide, tall = (_WIDTH - _LEFT - _RIGHT) / len(rows), 12
    parts = [_words(_LEFT - 6, 19 + tall * row, f"latent {place}", "end") for row, place in enumerate(order)]
    parts += [
        _words(_WIDTH - 5, 19 + tall * row, f"{final[place]:.3g}", "end")
        for row, place in enumerate(order)
        if place < len(final)
    ]
    for column, reading in enumerate(rows):
        values = reading.kl_per_latent or ()
        for row, place in enumerate(order):
            value = values[place] if place < len(values) and math.isfinite(values[place]) else 0.0
            if value > ACTIVE:
                # The root shows a few nats beside the hundreds of the first steps.
                share = max(0.1, math.sqrt(value / most))
                x, y = _LEFT + wide * column, 10 + tall * row
                box = f'x="{x:.1f}" y="{y}" width="{wide + 0.3:.1f}" height="{tall - 1}"'
                parts.append(f'<rect class="bar" style="stroke: none" {box} opacity="{share:.2f}"/>')
    left_out = [_words(_LEFT, 24 + tall * len(order), f"{count - _LATENTS} more latents carry less")]
    return _svg("KL of each latent", 30 + tall * len(order), [*parts, *(left_out if count > _LATENTS else [])])


def _svg(label: str, height: int, parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"'
    return "\n".join([f'<svg class="plot" {size} role="img" aria-label="{html_text(label)}">', *parts, "</svg>"])


def _words(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text class="small" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html_text(text)}</text>'
