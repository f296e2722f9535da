"""Lint one piece of hostile code after the other, each in a process that may take so much of the machine and no more.

`python -m hostile_code.limited KIND` prints a JSON object: per piece what the report says, or how the process ended.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from pathlib import Path

from hostile_code import KINDS, module
from vae_checked.finding import RemarkKind
from vae_checked.linter import lint
from vae_checked.reports import FORMATS, render

SECONDS, BYTES = 20, 500_000_000


def said(path: Path) -> dict[str, object]:
    """What the report on a file says, which is told in every format."""
    report = lint([path.parent])
    for name in FORMATS:
        render(report, name, verbose=True)
    return {
        "codes": sorted({finding.code for finding in report.findings}),
        "cut": [str(each) for each in report.remarks if each.kind is RemarkKind.UNEXAMINED],
        "errors": [str(each) for each in report.remarks if each.kind is RemarkKind.INTERNAL_ERROR],
        "unread": len(report.unread),
        "clean": sorted({code for judgement in report.judgements for code in judgement.clean}),
    }


def limited(text: str) -> dict[str, object]:
    """What is said of a file with this text by a process of its own, and how that ended where nothing is."""
    with tempfile.TemporaryDirectory() as folder:
        path, answer = Path(folder, "model.py"), Path(folder, "answer.json")
        path.write_bytes(text.encode(errors="surrogatepass"))
        child = os.fork()
        if not child:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
            resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
            try:
                made = said(path)
            except BaseException as error:
                made = {"ended": f"{type(error).__name__}: {error}"}
            answer.write_text(json.dumps(made), encoding="utf-8")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status or not answer.exists():
            return {"ended": f"status {status}"}
        result: dict[str, object] = json.loads(answer.read_text(encoding="utf-8"))
        return result


def started() -> None:
    """Import once what every process needs, by linting a file without any piece of hostile code."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.py")
        path.write_text(module(), encoding="utf-8")
        said(path)


if __name__ == "__main__":
    started()
    json.dump({name: limited(module(in_loss=text)) for name, text in KINDS[sys.argv[1]].items()}, sys.stdout)
