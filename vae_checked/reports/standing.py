"""How the VAEs of a report stand, in a line each: what was found, what is clean, and what is open and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from vae_checked.finding import Severity
from vae_checked.reports import all_examined
from vae_checked.text import CORE_CHECKED, audit_command, counted
from vae_checked.training_facts import LOOP

if TYPE_CHECKING:
    from vae_checked.catalogue import Undecided
    from vae_checked.catalogue.coverage import Examined, Gap
    from vae_checked.facts import Facts
    from vae_checked.finding import Finding
    from vae_checked.reports import Report

NOUNS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
# The fact that a term was found, by the group of what is asked of it.
_TERMS = {"kl": "kl.form", "recon": "recon.kind"}


def by_severity(findings: Iterable[Finding]) -> str:
    """`1 error, 2 warnings`; `no finding` without any."""
    numbers = dict.fromkeys(Severity, 0)
    for each in findings:
        numbers[each.severity] += 1
    words = [counted(number, NOUNS[severity]) for severity, number in numbers.items() if number]
    return ", ".join(words) or "no finding"


def by_subject(report: Report) -> dict[str, list[Finding]]:
    """The findings of each VAE, or of what else was judged, in the order of their places."""
    owners: dict[str, dict[str, Examined]] = {}
    for each in all_examined(report):
        for view in each.views:
            owners.setdefault(view.subject, {})[each.subject] = each
    found: dict[str, list[Finding]] = {}
    for finding in sorted(report.findings, key=lambda each: each.sort_key):
        among = list(owners.get(finding.subject, {}).values())
        # A script that trains several models is a view of each of them: a finding in it is of one that makes it.
        making = [each for each in among if _makes(each, finding)] or among[-1:]
        found.setdefault(making[0].subject if making else finding.subject, []).append(finding)
    return found


def shared_by(report: Report, examined: Examined) -> list[Finding]:
    """The findings that are reported of another VAE, and are of this one as well: of a line that both run."""
    return [each for each in report.findings if examined.subject in each.also or _makes(examined, each)]


def _makes(examined: Examined, finding: Finding) -> bool:
    return any((each.code, each.place) == (finding.code, finding.place) for each in examined.findings)


def own_views(examined: Examined) -> list[Facts]:
    """What was seen of the VAE itself; where that is nothing, of its parts: a loss of its own, a training function."""
    return [view for view in examined.views if view.subject == examined.subject] or list(examined.views)


def of_whole(report: Report, lines: Iterable[str]) -> list[str]:
    """The lines that are not of a part of a VAE whose own lines say as much: what a VAE is, is said once.

    Several draws and KLs of one function, as of a hierarchy, may have the same line.
    """
    parts = {subject for each in all_examined(report) for subject in _told_by_whole(each)}
    return [line for line in dict.fromkeys(lines) if line.partition(": ")[0] not in parts]


def portraits(report: Report) -> list[str]:
    """What each VAE does, in lines; of a part of one, as a script that trains it, those that say more than its own."""
    from vae_checked.reports.portrait import portrait  # noqa: PLC0415  a short report does without the facts

    lines = []
    for each in all_examined(report):
        # What several evaluations show alike is said once.
        seen = dict.fromkeys((view.subject, *portrait(view, of_vae=each.is_vae)) for view in own_views(each))
        own = dict.fromkeys(line for _, *said in seen for line in said)
        parts = [view for view in each.views if view not in own_views(each)]
        lines += [f"{subject}: {line}" for subject, *said in seen for line in said]
        lines += [f"{view.subject}: {line}" for view in parts for line in portrait(view) if _says_more(line, own)]
    return lines


def _says_more(line: str, told: Collection[str]) -> bool:
    """Whether a line goes on where another one ends, or is of what no other one is of."""
    title = line.partition(": ")[0]
    alike = [each for each in told if each.startswith(f"{title}: ")]
    return not alike or any(line.startswith(each) and line != each for each in alike)


def not_seen(report: Report) -> list[str]:
    """Lines per VAE: why codes are open, what no view of it showed, and the audit that settles them."""
    if not report.of_source:
        told = {
            reason
            for each in all_examined(report)
            if each.is_vae
            for reason in (*_why_audited(each).values(), *_around(each))
        }
        rest = of_whole(report, report.unobserved)
        return [*undecided(report), *(line for line in rest if not line.endswith(tuple(told)))]
    vaes = [each for each in all_examined(report) if each.is_vae]
    return [line for each in vaes for line in lacking(each.subject, each.is_function, each.undecided, each.views)]


def lacking(
    subject: str, of_function: bool, open_questions: Mapping[str, Undecided], views: Sequence[Facts]
) -> Iterator[str]:
    """The facts that some mistakes were not judged for, with their codes, together where one thing is why.

    What is said of latents in use has lines of its own.
    """
    from vae_checked.catalogue import OF_LATENTS  # noqa: PLC0415  only what is open needs the catalogue
    from vae_checked.catalogue.support.fact_names import FACT_NAMES  # noqa: PLC0415  likewise

    of_vae = {code: question for code, question in open_questions.items() if code not in OF_LATENTS}
    missing: dict[str, list[str]] = {}
    for code, question in of_vae.items():
        for path in question.missing if not question.reason else ():
            missing.setdefault(path, []).append(_number(code))
    by_reason: dict[str, list[str]] = {}
    for path, codes in sorted(missing.items()):
        by_reason.setdefault(reason_of(path, views), []).append(f"{FACT_NAMES[path]} ({' '.join(sorted(codes))})")
    unseen = by_reason.pop("", [])
    yield from (f"{subject}: {', '.join(parts)}: {reason}" for reason, parts in by_reason.items())
    yield from _with_reasons(subject, {code: question.reason for code, question in of_vae.items() if question.reason})
    if unseen:
        settles = audit_command(subject, of_function)
        yield f"{subject}: not seen in the source: {', '.join(unseen)}; {settles} measures it"


def reason_of(path: str, views: Sequence[Facts]) -> str:
    """Why a fact is not known, with the place: by the view that knows one, before one that did not see as far.

    What is asked of a term that was not found is not known for the reason for which that was not.
    """
    known = sorted((view for view in views if path in view.unobserved), key=lambda view: path not in view.stopped_at)
    if known:
        place = known[0].stopped_at.get(path)
        return known[0].unobserved[path] + (f", at {place}" if place is not None else "")
    term = _TERMS.get(path.partition(".")[0], path)
    is_found = term == path or any(view.get(term) is not None for view in views)
    return "" if is_found else reason_of(term, views)


def why_open(question: Undecided, views: Sequence[Facts]) -> str:
    """The reason of an open question, or why the first of the facts that it lacks is not known; empty without any."""
    return question.reason or next(filter(None, (reason_of(path, views) for path in question.missing)), "")


def _with_reasons(subject: str, why: Mapping[str, str]) -> Iterator[str]:
    """The codes that are open for a reason, together where that is one."""
    reasons: dict[str, list[str]] = {}
    for code, reason in why.items():
        reasons.setdefault(reason, []).append(code)
    yield from (f"{subject}: {_codes(codes)}: {reason}" for reason, codes in reasons.items())


def _told_by_whole(examined: Examined) -> Iterator[str]:
    """What a VAE was seen in, where nothing of it was recognised there that was not of the VAE itself."""
    own = [_parts(view) for view in examined.views if view.subject == examined.subject]
    seen: dict[str, list[frozenset[str]]] = {}
    for view in examined.views:
        if view.subject != examined.subject:
            seen.setdefault(view.subject, []).append(_parts(view))
    for subject, all_parts in seen.items():
        if own and all(any(parts <= each for each in own) for parts in all_parts):
            yield subject


def _parts(facts: Facts) -> frozenset[str]:
    """Which of sampler, KL and reconstruction were recognised together."""
    found = {
        "sampler": facts.sampler.std or facts.sampler.noise,
        "KL": facts.kl.form or facts.kl.unread,
        "reconstruction": facts.recon.kind or facts.recon.unread,
    }
    return frozenset(part for part, fact in found.items() if fact is not None)


def verdict(examined: Examined | None, findings: Iterable[Finding]) -> str:
    """How a VAE stands; of what is none, the findings alone.

    `1 error; 23 checked and clean, 4 not decided; sampler, KL and loss checked`.
    """
    words = by_severity(findings)
    if examined is None or not examined.is_vae:
        return words
    kinds = (
        (examined.clean, "checked and clean"),
        (examined.weighted, "weighted"),
        (examined.undecided, "not decided"),
    )
    looked = ", ".join(f"{len(codes)} {how}" for codes, how in kinds if codes)
    whole = CORE_CHECKED if examined.core_checked else "checked in part"
    return "; ".join(filter(None, (words, looked, whole)))


def clean_codes(report: Report, examined: Examined) -> tuple[str, ...]:
    """What is said to be clean: source that is no VAE was not looked at for the mistakes of one."""
    return examined.said_clean if report.of_source else examined.clean


def clean(report: Report) -> list[str]:
    """A line per VAE, or use of its latents: the mistakes it does not make, what is weighted, and what is open."""
    lines = []
    for each in all_examined(report):
        codes = clean_codes(report, each)
        if codes:
            rest = [f"weighted, not judged: {' '.join(map(_number, each.weighted))}"] if each.weighted else []
            rest += [f"{len(each.undecided)} not decided"] if each.undecided else []
            lines.append(f"{each.subject}: {'; '.join([_codes(codes), *rest])}")
    return lines


def in_part(report: Report) -> list[str]:
    """A line per VAE whose core is open: the first question, what stopped the reading, and what measures it."""
    lines = []
    for each in all_examined(report):
        gap = each.gap if each.is_vae else None
        if gap is not None:
            settles = f"; {audit_command(each.subject, each.is_function)} measures it" if report.of_source else ""
            lines.append(f"{each.subject}: {_of_gap(gap)}{settles}")
    return lines


def undecided(report: Report) -> list[str]:
    """Per VAE the codes that are open, together where one thing settles them, and that thing."""
    from vae_checked.catalogue import OF_LATENTS  # noqa: PLC0415  a report of no VAE does without the catalogue

    lines: list[str] = []
    for each in all_examined(report):
        if not each.is_vae or not each.undecided:
            continue
        if not report.of_source:
            lines += _with_reasons(each.subject, _why_audited(each))
            lines += [f"{each.subject}: {reason}" for reason in _around(each)]
            continue
        gap = each.gap
        settled = () if gap is None else gap.codes
        rest = _codes(sorted(each.undecided.keys() - {*settled, *OF_LATENTS}))
        words = [*([] if gap is None else [_of_gap(gap)]), *([rest] if rest else [])]
        if words:
            settles = audit_command(each.subject, each.is_function)
            lines.append(f"{each.subject}: {'; '.join(words)}; {settles} measures it")
    return lines


def undecided_of_latents(report: Report) -> list[str]:
    """Why codes are open of what is no VAE: of latents that are followed what was read of them, and what was not."""
    from vae_checked.catalogue import OF_LATENTS  # noqa: PLC0415  as above
    from vae_checked.catalogue.support.fact_names import FACT_NAMES  # noqa: PLC0415  likewise

    lines: list[str] = []
    for each in all_examined(report) if report.of_source else ():
        told: dict[str, str] = {}
        unseen: dict[str, list[str]] = {}
        for code, question in each.undecided.items():
            of_latents = code in OF_LATENTS
            if each.is_vae and not of_latents:
                continue
            reason = why_open(question, each.views) if of_latents else question.reason
            if reason:
                told[code] = reason
            for path in question.missing if of_latents and not reason else ():
                unseen.setdefault(FACT_NAMES[path], []).append(_number(code))
        lines += _with_reasons(each.subject, told)
        parts = [f"{name} ({' '.join(codes)})" for name, codes in unseen.items()]
        lines += [f"{each.subject}: not seen in the source: {', '.join(parts)}"] if parts else []
    return lines


def _why_audited(examined: Examined) -> Mapping[str, str]:
    """What the open codes of an audited latent lack, in the words that say what settles it."""
    return {code: _why(code, examined, question) for code, question in examined.undecided.items()}


def _around(examined: Examined) -> Iterable[str]:
    """What of the training around a loss was not seen."""
    return dict.fromkeys(view.unobserved[LOOP] for view in examined.views if LOOP in view.unobserved)


def _why(code: str, examined: Examined, question: Undecided) -> str:
    from vae_checked.catalogue import Observer, find  # noqa: PLC0415  only an audit with open questions needs it
    from vae_checked.catalogue.support.fact_names import FACT_NAMES  # noqa: PLC0415  likewise

    if Observer.AUDIT not in find(code).seen_by:
        return "a model alone does not tell: vae-checked lint reads the source"
    missing, reason = question.missing, question.reason
    known = (view.unobserved[path] for path in missing for view in examined.views if path in view.unobserved)
    lacking = ", ".join(FACT_NAMES.get(path, path) for path in missing)
    return next(known, reason or f"not observed: {lacking}")


def _of_gap(gap: Gap) -> str:
    """`the KL (201 301) is not known: loss = LOSSES[name](x) is not resolved, at train.py:31`."""
    from vae_checked.catalogue.support.fact_names import FACT_NAMES  # noqa: PLC0415  only what is open needs the names

    codes = " ".join(map(_number, gap.codes))
    what = f"{FACT_NAMES[gap.path]} is not known ({codes})" if gap.path else f"{codes} is open"
    why = f": {gap.reason or 'nothing was seen of it'}"
    return f"{what}{why}{f', at {gap.place}' if gap.place is not None else ''}"


def _codes(codes: Iterable[str]) -> str:
    """`VAE201 203 301`."""
    return " ".join(_numbered(iter(codes)))


def _numbered(codes: Iterator[str]) -> Iterator[str]:
    yield from ([first] if (first := next(codes, "")) else [])
    yield from map(_number, codes)


def _number(code: str) -> str:
    return code.removeprefix("VAE")
