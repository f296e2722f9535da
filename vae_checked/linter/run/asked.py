"""What the report on a whole project says of the files that were asked about."""

from __future__ import annotations

from vae_checked.catalogue.coverage import is_vae
from vae_checked.facts import Facts
from vae_checked.finding import Place
from vae_checked.linter.files.projects import ProjectFiles
from vae_checked.linter.run.coverage_lines import recognised, unobserved
from vae_checked.linter.run.report import LintReport
from vae_checked.record import replace


def of_asked(report: LintReport, project: ProjectFiles) -> LintReport:
    """`report` without what it says of other files of the project than those that were asked about.

    A VAE is reported where one of its parts stands in such a file.
    """
    asked = project.asked
    if len(asked) == len(project.given):
        return report

    def is_asked(place: Place | None) -> bool:
        return place is None or place.path in asked

    def concerns(facts: Facts) -> bool:
        if facts.subject.rpartition(":")[0] in asked or facts.subject in asked:
            return True
        places = (fact.origin.place for _, fact in facts.known())
        return any(place is not None and place.path in asked for place in places)

    pairs = [pair for pair in zip(report.facts, report.judgements, strict=True) if concerns(pair[0])]
    theirs = {(each.code, each.place) for _, judgement in pairs for each in judgement.findings}
    vaes = [pair for pair in pairs if is_vae(pair[0])]
    return replace(
        report,
        findings=tuple(each for each in report.findings if is_asked(each.place)),
        judgements=tuple(judgement for _, judgement in pairs),
        facts=tuple(facts for facts, _ in pairs),
        recognised=tuple(recognised(facts) for facts, _ in vaes),
        unobserved=tuple(line for facts, judgement in vaes for line in unobserved(facts, judgement)),
        unread=tuple((path, why) for path, why in report.unread if path.partition(":cell ")[0] in asked),
        files=tuple(path for path in report.files if path in asked),
        files_concerned=sum(path in asked for path, _ in project.concerned),
        files_using=sum(path in asked for path, _ in project.using),
        remarks=tuple(each for each in report.remarks if is_asked(each.place)),
        beside=sum(path not in asked for path, _ in (*project.concerned, *project.feeding, *project.using)),
        elsewhere=tuple(
            f"{each.code} at {each.place}"
            for each in report.findings
            if not is_asked(each.place) and (each.code, each.place) in theirs
        ),
        whole=project.whole,
    )
