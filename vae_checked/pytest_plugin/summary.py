"""What a run says of itself: how many models, laws and contracts were active, also where workers ran them."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from vae_checked.text import counted

if TYPE_CHECKING:
    from vae_checked.contracts.package import Package

PUT, RAN, LOCKED, FAILED, HOLDS, KEY = "put", "ran", "locked", "failed", "holds", "key"
_PROPERTY = "vae_checked"
# How many reasons a line has.
_REASONS = 3
_OUTCOMES = ("passed", "failed", "skipped", "xfailed", "xpassed")
Told = dict[str, int]
_ELSEWHERE = pytest.StashKey[list[Told]]()


def mark(item: pytest.Item, what: str, name: str) -> None:
    """Note on the item's report what it did; reports travel from a worker to the process that gathers them."""
    item.user_properties.append((_PROPERTY, f"{what} {name}"))


def header(models: list[str], path: str, *, left_out: bool, unchanged: Collection[str]) -> str:
    """The line before a run; `unchanged` are the models that no change concerns."""
    models_in_all = counted(len(models), "model")
    names = f" ({', '.join(models)})" if models else ""
    where = "; left out: this run names its tests" if left_out else ""
    where += f"; no change concerns {', '.join(sorted(unchanged))}" if unchanged else ""
    switch = f"; VAE_CHECKED={word}" if (word := os.environ.get("VAE_CHECKED", "")) else ""
    return f"vae-checked: {models_in_all}{names} of {path}{where}{switch}"


def told() -> Told:
    """The checked calls of every function under contract in this process, those of this package left out."""
    from vae_checked.contracts.tally import TALLY

    return {name: count.calls for name, count in TALLY.items() if not name.startswith("vae_checked.")}


def remember(config: pytest.Config, elsewhere: Told) -> None:
    """Keep what contracts did in another process."""
    config.stash.setdefault(_ELSEWHERE, []).append(elsewhere)


def lines(reporter: Any, config: pytest.Config, package: Package | None) -> Iterator[str]:
    """The lines after a run; `package` is what `--vae-contracts` brought under contract in this process."""
    yield from of_models(reporter)
    rewritten = sorted(set(_marked(reporter, LOCKED)))
    if rewritten:
        yield f"vae-checked: vae-shapes.lock written for {', '.join(rewritten)}: review it, and commit it"
    if package is not None and not config.pluginmanager.hasplugin("dsession"):
        named = ", ".join(config.getoption("--vae-contracts"))
        yield f"vae-checked: {named}: {len(package.checked)} functions and classes came under contract"
        yield from (f"  not under contract: {name}: {why}" for name, why in package.refused)
    calls = _contracts(config)
    if calls:
        active = sum(map(bool, calls.values()))
        yield (
            f"vae-checked: {active} of {counted(len(calls), 'contract')} active, "
            f"{counted(sum(calls.values()), 'call')} checked"
        )


def of_models(reporter: Any) -> Iterator[str]:
    """How many items of models held, and why others were not tested; nothing where there were none."""
    counts = {outcome: len(_reports(reporter, outcome)) for outcome in _OUTCOMES}
    if sum(counts.values()):
        models, laws = len(set(_marked(reporter, RAN))), len(_laws_put(reporter))
        known = counts["xfailed"]
        yield (
            f"vae-checked: {counted(models, 'model')} active, {counted(laws, 'law')} tested; "
            f"{counted(sum(counts.values()), 'item')}: {counts['passed'] + counts['xpassed']} held, "
            f"{counts['failed']} failed, {f'{known} known to fail, ' if known else ''}{counts['skipped']} not tested"
        )
        yield from _not_put(reporter)
        if not models:
            yield "vae-checked: no model ran, so nothing was checked: see the build items"


def _not_put(reporter: Any) -> Iterator[str]:
    """A line per model: which key would add how many of its items, and why others were not tested."""
    counts: dict[str, Counter[tuple[str, str]]] = {}
    for report in _reports(reporter, "skipped"):
        model = report.nodeid.split("::")[1]
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        # Where several keys are lacking, the first is to be given first.
        key = next((str(value).partition(" ")[2] for _, value in _noted(report) if str(value).startswith(KEY)), "")
        counts.setdefault(model, Counter())[key, "" if key else _cause(why.removeprefix("Skipped: "))] += 1
    for model, found in counts.items():
        awaited = [f"the key {key} would add up to {number}" for (key, _), number in found.most_common() if key]
        others = [(why, number) for (key, why), number in found.most_common() if not key]
        told = [*awaited, *(f"{number} because {why}" for why, number in others[:_REASONS])]
        rest = sum(number for _, number in others[_REASONS:])
        told += [f"{rest} for other reasons (-rs lists them)"] if rest else []
        yield f"  {model}: {found.total()} not tested: {'; '.join(told)}"


def _noted(report: pytest.TestReport) -> list[tuple[str, object]]:
    return [(key, value) for key, value in report.user_properties if key == _PROPERTY]


def _cause(why: str) -> str:
    """Why something is not known, where that is said: it is the same for all that is not known because of it."""
    return why.partition(" not known: ")[2] or why


def none_ran(reporter: Any) -> bool:
    """Whether there were items of models, and none got a model to run."""
    return any(_reports(reporter, outcome) for outcome in _OUTCOMES) and not _marked(reporter, RAN)


def marked_by_model(reporter: Any, what: str) -> set[tuple[str, str]]:
    """(model, name) of what the items noted."""
    return {
        (report.nodeid.split("::")[1], str(value).partition(" ")[2])
        for outcome in _OUTCOMES
        for report in _reports(reporter, outcome)
        for key, value in report.user_properties
        if key == _PROPERTY and str(value).partition(" ")[0] == what
    }


def _contracts(config: pytest.Config) -> Counter[str]:
    calls: Counter[str] = Counter()
    for each in config.stash.get(_ELSEWHERE, []):
        calls.update(each)
    if "vae_checked.contracts" in sys.modules:
        calls.update(told())
    return calls


def _reports(reporter: Any, outcome: str) -> list[pytest.TestReport]:
    return [
        report
        for report in reporter.stats.get(outcome, [])
        if isinstance(report, pytest.TestReport) and report.nodeid.startswith("vae::")
    ]


def _laws_put(reporter: Any) -> list[object]:
    return [
        value
        for outcome in _OUTCOMES
        if outcome != "skipped"
        for report in _reports(reporter, outcome)
        for key, value in report.user_properties
        if key == _PROPERTY and str(value).startswith(PUT)
    ]


def _marked(reporter: Any, what: str) -> list[str]:
    return [
        str(value).partition(" ")[2]
        for outcome in _OUTCOMES
        for report in _reports(reporter, outcome)
        for key, value in report.user_properties
        if key == _PROPERTY and str(value).startswith(what)
    ]
