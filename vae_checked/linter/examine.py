"""From parsed files to a report: evaluate, collect facts, judge, drop what is suppressed."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable

from vae_checked.catalogue import CATALOGUE, Judgement, Mistake, Observer, judge
from vae_checked.facts import Facts
from vae_checked.finding import Finding, Severity
from vae_checked.linter import scenes, source
from vae_checked.linter.pipelines import Pipelines
from vae_checked.linter.project import Project
from vae_checked.linter.report import LintReport
from vae_checked.linter.roles import assemble
from vae_checked.linter.source import File


def examine(
    read: int,
    files: list[File],
    unread: tuple[tuple[str, str], ...],
    select: Collection[str],
    ignore: Collection[str],
) -> LintReport:
    """Evaluate the files as one project and judge every VAE in them."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 8_000))
    try:
        facts = _facts(files)
    finally:
        sys.setrecursionlimit(limit)
    judgements = [judge(item, _chosen(select, ignore)) for item in facts]
    kept, seen = [], set()
    for judgement in judgements:
        for finding in judgement.findings:
            key = (finding.code, finding.place)
            if key not in seen and not _suppressed(finding):
                seen.add(key)
                kept.append(finding)
    return LintReport(
        findings=tuple(sorted(kept, key=lambda finding: finding.sort_key)),
        judgements=tuple(judgements),
        facts=tuple(facts),
        recognised=tuple(_recognised(item) for item in facts),
        unobserved=_unobserved(judgements),
        unread=unread,
        files_read=read,
        files_concerned=len(files),
    )


def _facts(files: Iterable[File]) -> list[Facts]:
    project = Project()
    modules = [project.add(file) for file in files if file.cells]
    found: list[Facts] = []
    seen: set[str] = set()
    built = scenes.build(project, modules)
    pipelines = Pipelines(project, built)
    for scene in built:
        scene.data = pipelines.interval_for(scene.module.path)
        for facts in assemble.facts_of(scene):
            key = repr([(path, fact) for path, fact in facts.known()])
            if key not in seen:
                seen.add(key)
                found.append(facts)
    return found


def _chosen(select: Collection[str], ignore: Collection[str]) -> list[Mistake]:
    def matches(code: str, prefixes: Collection[str]) -> bool:
        return any(code.startswith(prefix.upper()) for prefix in prefixes)

    return [
        mistake
        for mistake in CATALOGUE
        if Observer.LINT in mistake.seen_by
        and not matches(mistake.code, ignore)
        and (matches(mistake.code, select) if select else mistake.severity is not Severity.INFO)
    ]


def _suppressed(finding: Finding) -> bool:
    if finding.place is None:
        return False
    codes = source.suppressed(finding.place.text)
    return codes is not None and (not codes or finding.code in codes)


def _recognised(facts: Facts) -> str:
    parts = [f"{path} at {fact.origin.place}" for path, fact in facts.known() if fact.origin.place is not None]
    return f"{facts.subject}: {'; '.join(parts) if parts else 'nothing that is judged'}"


def _unobserved(judgements: Iterable[Judgement]) -> tuple[str, ...]:
    lines = []
    for judgement in judgements:
        lacking = sorted({path for paths in judgement.unexamined.values() for path in paths})
        if lacking:
            lines.append(
                f"{judgement.subject}: {', '.join(lacking)} not seen in the source; vae-checked audit measures them"
            )
    return tuple(dict.fromkeys(lines))
