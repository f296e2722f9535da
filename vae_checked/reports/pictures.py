"""What a VAE does, as pictures for a page: its flow, std, noise, KL and ranges, and its effective beta.

Each is SVG of some hundred elements, drawn from facts alone; a plotting library would weigh more than the report, and
the core has none. Colours are those of the page, light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vae_checked.finding import Severity
from vae_checked.markup import html_text
from vae_checked.mathematics.effective_beta import rendered
from vae_checked.mathematics.gaussians import std_at
from vae_checked.record import dataclass

if TYPE_CHECKING:
    from vae_checked.facts import Facts, Interval, Parametrisation
    from vae_checked.finding import Finding


def pictures(views: Sequence[Facts], findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """(caption, SVG) of all that the facts of one VAE are enough for."""
    yield "What goes where; what is found is marked at the stage where it happens.", _flow(views, findings)
    for caption, drawn in (
        ("The standard deviation over the head for std: what the sampler does, and what the KL assumes.", _std(views)),
        ("eps as it is drawn, against N(0, 1).", _eps(views)),
        ("The KL that the code computes over the closed form: on the line they agree.", _kl(views)),
        ("What the decoder can reach, what the loss takes, and where the data lie.", _ranges(views)),
        ("The effective beta: the weight of the summed KL against the summed error.", _beta(views)),
    ):
        if drawn:
            yield caption, drawn


def _svg(width: int, height: int, label: str, parts: Sequence[str], kind: str = "plot") -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}"'
    head = f'<svg class="{kind}" {size} role="img" aria-label="{html_text(label)}">'
    return "\n".join([head, *parts, "</svg>"])


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>{html_text(words)}</text>'


# ------------------------------------------------------------------------------------------------------- flow


@dataclass(frozen=True, slots=True)
class _Stage:
    """A box of the flow: where it stands, what it is called, and the codes of mistakes that happen there."""

    name: str
    title: str
    x: int
    y: int
    codes: tuple[str, ...]


_W, _H = 128, 62
_STAGES = (
    _Stage("input", "input x", 10, 30, ("VAE1",)),
    _Stage("encoder", "encoder", 168, 30, ("VAE106",)),
    _Stage("heads", "heads", 326, 30, ("VAE204", "VAE205", "VAE208")),
    _Stage("sampler", "sampler", 484, 30, ("VAE2",)),
    _Stage("decoder", "decoder", 642, 30, ("VAE403", "VAE405", "VAE406", "VAE105", "VAE7", "VAE8")),
    _Stage("kl", "KL", 405, 160, ("VAE3",)),
    _Stage("recon", "reconstruction", 642, 160, ("VAE4", "VAE501", "VAE505", "VAE506")),
    _Stage("loss", "loss", 524, 260, ("VAE5", "VAE6")),
)
_ARROWS = (
    (138, 61, 168, 61), (296, 61, 326, 61), (454, 61, 484, 61), (612, 61, 642, 61), (706, 92, 706, 160),
    (400, 92, 445, 160), (469, 222, 560, 260), (690, 222, 610, 260),
)  # fmt: skip


# Where the shape of what goes along an arrow is written: below it, or beside one that goes down.
_SHAPES = {"input": (153, 110, "middle"), "latent": (627, 110, "middle"), "reconstruction": (714, 130, "start")}


def _stage_of(code: str) -> str:
    """The stage whose codes say most of this one: `VAE204` the heads, `VAE201` the sampler."""
    fits = [(len(start), each.name) for each in _STAGES for start in each.codes if code.startswith(start)]
    return max(fits)[1] if fits else "loss"


def _flow(views: Sequence[Facts], findings: Sequence[Finding]) -> str:
    known, shapes = _labels(views), next((view.shapes for view in views if view.shapes), {})
    marks: dict[str, list[Finding]] = {}
    for each in findings:
        marks.setdefault(_stage_of(each.code), []).append(each)
    size = 'markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto"'
    parts = [f'<defs><marker id="tip" {size}><path d="M0 0 L8 4 L0 8 z" class="tip"/></marker></defs>']
    parts += [
        f'<line class="arrow" x1="{a}" y1="{b}" x2="{c}" y2="{d}" marker-end="url(#tip)"/>' for a, b, c, d in _ARROWS
    ]
    # The data are what the reconstruction is compared with.
    parts.append('<path class="arrow" d="M74 92 V136 H622 V191 H634" stroke-dasharray="3 4" marker-end="url(#tip)"/>')
    parts += [
        _text(x, y, _short(shapes[name], 24), "small", anchor)
        for name, (x, y, anchor) in _SHAPES.items()
        if shapes.get(name)
    ]
    for stage in _STAGES:
        found = marks.get(stage.name, [])
        worst = any(each.severity is Severity.ERROR for each in found)
        kind = "box" if not found else "box bad" if worst else "box doubt"
        parts.append(f'<rect class="{kind}" x="{stage.x}" y="{stage.y}" width="{_W}" height="{_H}" rx="7"/>')
        middle = stage.x + _W / 2
        lines = known.get(stage.name, [])[:2]
        parts.append(_text(middle, stage.y + (36 if not lines else 22), stage.title, anchor="middle"))
        parts += [
            _text(middle, stage.y + 39 + 15 * row, _short(words), "small", "middle") for row, words in enumerate(lines)
        ]
        codes, look = " ".join(sorted({each.code for each in found})), "code" if worst else "code mild"
        if codes and stage.name == "loss":  # arrows come in from above
            parts.append(_text(stage.x + _W + 8, stage.y + 36, codes, look))
        elif codes:
            parts.append(_text(middle, stage.y - 7, codes, look, "middle"))
    flowing = "".join(f"; {name} {shapes[name]}" for name in _SHAPES if shapes.get(name))
    said = ", ".join(f"{each.code} at the {name}" for name, found in marks.items() for each in found)
    width = 860 if shapes.get("reconstruction") else 780
    return _svg(
        width, 330, f"Flow of the VAE from the input to the loss: {said or 'no finding'}{flowing}", parts, "flow"
    )


def _short(words: str, letters: int = 21) -> str:
    return words if len(words) <= letters else f"{words[: letters - 1]}…"


def _labels(views: Sequence[Facts]) -> dict[str, list[str]]:
    """What is known of each stage, in a few words."""
    data, output, std = (_value(views, path) for path in ("data.interval", "output.interval", "sampler.std"))
    noise, form, kind = (_value(views, path) for path in ("sampler.noise", "kl.form", "recon.kind"))
    activations, reduced = _value(views, "output.activations"), _value(views, "kl.reduced")
    beta = _value(views, "objective.effective_beta")
    made = {
        "input": [f"in {data}"] if data else [],
        "sampler": [
            *([f"std = {std.parametrisation.formula}"] if std and std.parametrisation else []),
            *([f"eps {noise.law}"] if noise else []),
        ],
        "decoder": [*([f"in {output}"] if output else []), *([f"by {activations[-1]}"] if activations else [])],
        "kl": [
            *([f"s as {form.parametrisation.meaning}"] if form and form.parametrisation else []),
            *([f"latents {reduced.event}"] if reduced and reduced.event else []),
        ],
        "recon": [str(kind)] if kind else [],
        "loss": [f"beta = {rendered(beta).partition(' (')[0]}"] if beta else [],
    }
    names = next((view.names for view in views if view.names), {})
    made["heads"] = [", ".join(filter(None, (names.get("mu", "mu"), names.get("second", ""))))]
    return made


def _value(views: Sequence[Facts], path: str) -> Any:
    """What is known of the fact at `path`, of whatever type it is; None where nothing is."""
    return next((fact.value for view in views if (fact := view.get(path)) is not None), None)


# -------------------------------------------------------------------------------------------------------- std


def _std(views: Sequence[Facts]) -> str:
    """The two curves, where both are known: the sampler's measured points, or its formula."""
    curve, form = _value(views, "sampler.std"), _value(views, "kl.form")
    drawn_as = None if curve is None else curve.parametrisation
    read_as = None if form is None else form.parametrisation
    if drawn_as is None or read_as is None:
        return ""
    across = [-3.0 + step / 10 for step in range(51)]
    highest = 4.0

    def at(s: float, std: float) -> str:
        return f"{50 + (s + 3.0) / 5.0 * 420:.1f},{210 - min(std, highest) / highest * 180:.1f}"

    def line(kind: Parametrisation) -> str:
        points = [(s, value) for s in across if (value := _finite(kind, s)) is not None and value <= highest]
        return " ".join(at(s, value) for s, value in points)

    parts = ['<path class="axis" d="M50 30 V210 H470"/>']
    parts += [_text(50 + (s + 3) / 5 * 420, 227, f"{s:g}", "small", "middle") for s in (-3, -2, -1, 0, 1, 2)]
    parts += [_text(43, 214 - std / highest * 180, f"{std:g}", "small", "end") for std in (0, 1, 2, 3, 4)]
    parts.append(f'<polyline class="two" points="{line(read_as)}"/><polyline class="one" points="{line(drawn_as)}"/>')
    parts += [
        f'<circle class="one" r="3.5" cx="{x}" cy="{y}"/>'
        for s, std in curve.points
        if -3 <= s <= 2 and std <= highest
        for x, y in [at(s, std).split(",")]
    ]
    for x, kind, words in ((70, "one", f"sampler: {drawn_as.formula}"), (270, "two", f"KL: {read_as.formula}")):
        parts += [f'<path class="{kind}" d="M{x} 20 h30"/>', _text(x + 37, 24, words, "small")]
    parts.append(_text(260, 244, "head for std s", "small", "middle"))
    return _svg(490, 250, f"std over s: the sampler has {drawn_as.formula}, the KL assumes {read_as.formula}", parts)


def _finite(kind: Parametrisation, s: float) -> float | None:
    try:
        found = std_at(kind, s)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and found >= 0 else None


# ------------------------------------------------------------------------------------------------- eps and KL


# From one line of small text to the next one.
_LINE = 14.0

# A mean or a std beyond this cannot be drawn beside N(0, 1).
_LARGEST = 1e6


def _eps(views: Sequence[Facts]) -> str:
    """N(0, 1) beside the draws in bars; without draws beside the density of the law, or beside its mean and std."""
    noise = _value(views, "sampler.noise")
    if noise is None or noise.mean is None or noise.std is None:
        return ""
    if not (abs(noise.mean) < _LARGEST and 1 / _LARGEST < noise.std < _LARGEST):
        return ""
    mean, std = noise.mean, noise.std
    # A uniform law of this std is sqrt(12) of it wide.
    ends = (mean - math.sqrt(3.0) * std, mean + math.sqrt(3.0) * std)
    across = [-4.0 + step / 20 for step in range(161)]
    wide = 8.0 / len(noise.shares) if noise.shares else 0.0
    tops = [share / wide for share in noise.shares] or [_density(mean, mean, std)]
    highest = 1.1 * max(_density(0.0, 0.0, 1.0), min(2.0, max(tops)))

    def at(value: float, density: float) -> str:
        return f"{50 + (value + 4.0) / 8.0 * 420:.1f},{210 - min(density, highest) / highest * 180:.1f}"

    assumed = " ".join(at(value, _density(value, 0.0, 1.0)) for value in across)
    parts = ['<path class="axis" d="M50 30 V210 H470"/>', f'<polyline class="two" points="{assumed}"/>']
    parts += [_text(50 + (value + 4) / 8 * 420, 227, f"{value}", "small", "middle") for value in range(-4, 5, 2)]
    if noise.shares:
        # Drawn as one outline: up and down at the ends of every bin.
        corners = [
            (-4.0 + (place + end) * wide, share / wide) for place, share in enumerate(noise.shares) for end in (0, 1)
        ]
        shown = " ".join(at(*corner) for corner in [(-4.0, 0.0), *corners, (4.0, 0.0)])
    elif str(noise.law) == "uniform":
        height = 1.0 / (ends[1] - ends[0])
        corners = [(-4.0, 0.0), (ends[0], 0.0), (ends[0], height), (ends[1], height), (ends[1], 0.0), (4.0, 0.0)]
        shown = " ".join(at(*corner) for corner in corners)
    elif "normal" in str(noise.law) and str(noise.law) != "not normal":
        shown = " ".join(at(value, _density(value, mean, std)) for value in across)
    else:
        shown = f"{at(max(-4.0, mean - std), highest / 2)} {at(min(4.0, mean + std), highest / 2)}"
    parts.append(f'<polyline class="one" points="{shown}"/>')
    words = f"{noise.law}: mean {mean:.3g}, std {std:.3g}"
    for x, kind, said in ((70, "one", words), (350, "two", "N(0, 1)")):
        parts += [f'<path class="{kind}" d="M{x} 20 h30"/>', _text(x + 37, 24, said, "small")]
    return _svg(490, 240, f"eps is {words}; the KL assumes N(0, 1)", parts)


def _density(value: float, mean: float, std: float) -> float:
    return math.exp(-0.5 * ((value - mean) / std) ** 2) / (std * math.sqrt(2.0 * math.pi))


def _kl(views: Sequence[Facts]) -> str:
    """A point per pair of heads at which the formula was evaluated, and the line on which it is the closed form."""
    form = _value(views, "kl.form")
    points = [] if form is None else [(closed, code) for _, _, code, closed in form.values]
    if len(points) < 2 or not all(map(math.isfinite, (each for point in points for each in point))):
        return ""
    low, high = min(map(min, points)), max(map(max, points))
    if high <= low:
        return ""

    # Nearly logarithmic, so that a small KL shows beside a large one; a wrong one may be below 0.
    span = math.asinh(high) - math.asinh(low)

    def at(value: float) -> float:
        return (math.asinh(value) - math.asinh(low)) / span

    parts = [
        '<path class="axis" d="M60 20 V220 H330"/>',
        '<path class="two" d="M60 220 L330 20"/>',
        *(
            f'<circle class="one" r="4" cx="{60 + 270 * at(closed):.1f}" cy="{220 - 200 * at(code):.1f}"/>'
            for closed, code in points
        ),
        *(
            _text(70 + 270 * at(closed), line, f"{code:.3g} for {closed:.3g}", "small")
            for (closed, code), line in _on_lines_apart(points, [224 - 200 * at(code) for _, code in points])
        ),
        _text(54, 222, f"{low:.3g}", "small", "end"),
        _text(54, 26, f"{high:.3g}", "small", "end"),
        _text(330, 237, f"{high:.3g}", "small", "middle"),
        _text(195, 237, "closed form, in nats", "small", "middle"),
        _text(70, 16, "the code's KL", "small"),
    ]
    values = "; ".join(f"{code:.3g} for {closed:.3g}" for closed, code in points)
    return _svg(440, 245, f"the KL of the code against the closed form: {values}", parts)


def _on_lines_apart(
    points: Sequence[tuple[float, float]], heights: Sequence[float]
) -> list[tuple[tuple[float, float], float]]:
    """The points from below to above, each with the height of its words: no line of text stands over another one."""
    placed: list[tuple[tuple[float, float], float]] = []
    for height, point in sorted(zip(heights, points, strict=True), reverse=True):
        placed.append((point, min(height, placed[-1][1] - _LINE) if placed else height))
    return placed


# ----------------------------------------------------------------------------------------------------- ranges


def _ranges(views: Sequence[Facts]) -> str:
    """Bars on one axis, those that are known; an open end runs out of the picture."""
    output, data, kind = (_value(views, path) for path in ("output.interval", "data.interval", "recon.kind"))
    rows: list[tuple[str, Interval]] = []
    rows += [("decoder's output", output)] if output else []
    rows += [("loss takes", kind.prediction)] if kind else []
    rows += [("data", data)] if data else []
    ends = [end for _, each in rows for end in (each.low, each.high) if math.isfinite(end)]
    if len(rows) < 2 or not ends:
        return ""
    low, high = min(ends), max(ends)
    room = (high - low or 1.0) * 0.25
    low, high = low - room, high + room

    def x(value: float) -> float:
        return 150 + (min(max(value, low), high) - low) / (high - low) * 320

    base = 30 + 34 * len(rows)
    parts = [f'<line class="axis" x1="150" y1="{base}" x2="470" y2="{base}"/>']
    parts += [_text(x(end), base + 16, f"{end:.4g}", "small", "middle") for end in sorted(set(ends))]
    for number, (title, each) in enumerate(rows):
        y = 22 + 34 * number
        parts.append(_text(140, y + 14, title, anchor="end"))
        wide = max(2.0, x(each.high) - x(each.low))
        parts.append(f'<rect class="bar" x="{x(each.low):.1f}" y="{y}" width="{wide:.1f}" height="18"/>')
        parts.append(_text(478, y + 14, str(each), "small"))
    label = "; ".join(f"{title} in {each}" for title, each in rows)
    return _svg(640, base + 26, label, parts)


# ------------------------------------------------------------------------------------------------------- beta


def _beta(views: Sequence[Facts]) -> str:
    """The factors in boxes, and what they make."""
    beta = _value(views, "objective.effective_beta")
    if beta is None:
        return ""
    boxes = [(f"{beta.constant:.4g}", "constant")] if beta.constant != 1.0 or not beta.factors else []
    for each in beta.factors:
        power = "" if each.power == 1 else f"^{each.power}"
        amount = f" = {each.value:.5g}" if each.value is not None else ""
        boxes.append((f"{each.symbol}{power}{amount}", each.name or "weight"))
    parts, x = [], 10.0
    for number, (words, name) in enumerate(boxes):
        width = max(90.0, 8.5 * max(len(words), len(name)) + 20)
        if number:
            parts.append(_text(x - 12, 46, "×", anchor="middle"))
        parts.append(f'<rect class="box" x="{x:.0f}" y="14" width="{width:.0f}" height="50" rx="7"/>')
        parts += [_text(x + width / 2, 36, words, anchor="middle"), _text(x + width / 2, 54, name, "small", "middle")]
        x += width + 24
    result = "= depends on the batch size" if beta.value is None else f"= {beta.value:.4g}"
    parts.append(_text(x - 8, 44, result))
    return _svg(int(x + 200), 80, f"effective beta {rendered(beta)}", parts)
