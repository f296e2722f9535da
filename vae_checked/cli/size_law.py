"""Shapes as formulas for an audit: of its stages, and the sizes that a model gives back (VAE105)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vae_checked.errors import VaeCheckedError

if TYPE_CHECKING:
    from torch import nn

    from vae_checked.auditor import AuditReport
    from vae_checked.shapes.model import ModelShapes

_LETTERS = {3: ("T",), 4: ("H", "W"), 5: ("T", "H", "W")}  # by the number of axes, behind batch and channels
_REACH = 256


def with_size_law(report: AuditReport, model: nn.Module, spec: str | None) -> AuditReport:
    """The report, the law of sizes added to the remedy of a reconstruction that misses the input's size.

    Unchanged where the sizes were not given as one specification, or follow no law that has a size near.
    """
    shape = report.facts[0].output.shape if report.facts else None
    if shape is None or spec is None or not _is_single(spec):
        return report
    if all(finding.code != "VAE105" for finding in report.findings):
        return report
    told = _law(model, shape.value.input.split(), shape.value.output.split())
    if not told:
        return report
    findings = tuple(
        replace(each, fix=f"{each.fix}; {told}") if each.code == "VAE105" else each for each in report.findings
    )
    return replace(report, findings=findings)


def with_stage_shapes(report: AuditReport, model: nn.Module, spec: str | None) -> AuditReport:
    """The report, its facts with the shapes of input, latent and reconstruction as formulas.

    Sizes that were given as numbers are varied where the model takes others. Unchanged where nothing can be inferred
    without running the model on data.
    """
    from vae_checked.shapes import infer

    if not report.facts:
        return report
    given = [spec, *([_varied(spec)] if spec is not None and _is_single(spec) else [])]
    for wanted in reversed(given):
        try:
            shapes = infer(model, wanted, False, how="meta")
        except VaeCheckedError:
            continue
        known = {"input": shapes.input, "latent": shapes.latent, "reconstruction": shapes.reconstruction}
        if len(report.facts) > 1:  # which of several latents it is, is not said
            del known["latent"]
        stages = {stage: axes for stage, axes in known.items() if axes}
        return replace(report, facts=tuple(replace(each, shapes=stages) for each in report.facts))
    return report


def _is_single(spec: str) -> bool:
    """Whether a specification is that of one input, of numbers and letters alone."""
    return not any(mark in spec for mark in ",:<{")


def _varied(spec: str) -> str:
    """The specification with its sizes behind batch and channels as letters that begin where they were given."""
    axes = spec.split()
    letters = _LETTERS.get(len(axes), ())
    varied = [f"{letter}={size}" if size.isdigit() else size for letter, size in zip(letters, axes[2:], strict=False)]
    return " ".join([*axes[:2], *varied]) if varied else spec


def _law(model: nn.Module, taken: list[str], made: list[str]) -> str:
    """Which sizes come back, the nearest of them, and the layer at which the others get lost."""
    from vae_checked.shapes import infer

    letters = _LETTERS.get(len(taken), ())
    if len(made) != len(taken) or taken[:2] != made[:2]:
        return ""
    varied = {place: letter for place, letter in enumerate(letters, 2) if taken[place] != made[place]}
    if not varied or not all(taken[place].isdigit() for place in varied):
        return ""
    spec = " ".join(varied.get(place, axis) for place, axis in enumerate(taken))
    try:
        shapes = infer(model, spec, False)
        lines = [_of_axis(shapes, place, varied, int(taken[place])) for place in varied]
    except VaeCheckedError:
        return ""
    return "; ".join(line for line in lines if line)


def _of_axis(shapes: ModelShapes, place: int, varied: dict[int, str], size: int) -> str:
    from vae_checked.shapes.formula import evaluate

    letter = varied[place]
    law = next((each for each in shapes.constraint.split(" and ") if each.startswith(f"{letter} ")), "")
    axes = shapes.reconstruction.split()
    if not law or place >= len(axes):
        return ""
    others = {key: value for key, value in shapes.sizes.items() if key != letter}

    def comes_back(candidate: int) -> bool:
        return candidate > 0 and evaluate(axes[place], {**others, letter: candidate}) == candidate

    nearest = [
        next((size + sign * step for step in range(1, _REACH) if comes_back(size + sign * step)), None)
        for sign in (-1, 1)
    ]
    known = [str(each) for each in nearest if each is not None]
    if not known:
        return ""
    lost = _lost_at(shapes, place, {**others, letter: size})
    return f"{letter} = {size} does not come back: it needs {law}, nearest {' and '.join(known)}{lost}"


def _lost_at(shapes: ModelShapes, place: int, sizes: dict[str, int]) -> str:
    """The first layer on the way up whose size the way down did not have; empty where none is."""
    from vae_checked.errors import UsageError

    seen: list[int] = [sizes[letter] for letter in shapes.input.split()[place : place + 1] if letter in sizes]
    for entry in shapes.layers:
        if not entry.gives or len(entry.gives[0].axes) <= place:
            continue
        try:
            made = entry.gives[0].at(sizes)[place]
        except UsageError:
            return ""
        if seen and made > min(seen) and made not in seen:
            return f" ({entry.name} makes {made}, where {min(seen, key=lambda each: abs(each - made))} went down)"
        seen.append(made)
    return ""
