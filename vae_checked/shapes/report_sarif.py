"""Differences of shapes for code scanning services, as SARIF 2.1.0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.sarif_log import artifact, sarif_log
from vae_checked.shapes.comparison import Difference, What
from vae_checked.shapes.messages import followers, message_of

if TYPE_CHECKING:
    from vae_checked.shapes.report import ShapesReport

_MEANS = {
    What.MISSING: "A model is not in the lock.",
    What.UNUSED: "The lock holds a model that is not checked.",
    What.CHANGED: "The shapes of a layer are not those of the lock.",
    What.ADDED: "A layer is not in the lock.",
    What.REMOVED: "A layer of the lock is not in the model.",
    What.RENAMED: "A layer has another name than in the lock.",
    What.REGROUPED: "Layers stand in other containers than in the lock.",
    What.DTYPE: "The dtype of a model is not that of the lock.",
    What.FAILED: "A model cannot be built or probed.",
}


def render(report: ShapesReport) -> str:
    """One run: a rule for each kind of difference, each difference as a result at its line of the lock."""
    kinds = sorted({each.what for each in report.differences})
    rules = [{"id": _rule(each), "shortDescription": {"text": _MEANS[each]}} for each in kinds]
    notes = [{"level": "note", "message": {"text": each}} for each in report.notes]
    results = [{**_result(each, report), "ruleIndex": kinds.index(each.what)} for each in report.differences]
    return sarif_log(rules=rules, results=results, notes=notes, successful=not report.failed)


def _rule(what: What) -> str:
    return f"shapes-{what}"


def _result(each: Difference, report: ShapesReport) -> dict[str, object]:
    text = "\n".join(filter(None, [f"{each.model}: {message_of(each)}", followers(each)]))
    location = {"artifactLocation": artifact(report.path), "region": {"startLine": report.line(each)}}
    return {
        "ruleId": _rule(each.what),
        "level": "error",
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
    }
