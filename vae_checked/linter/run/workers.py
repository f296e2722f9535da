"""The projects of a run: from the cache, else examined here or in several processes."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from vae_checked.errors import VaeCheckedError
from vae_checked.linter.files.disk import Disk
from vae_checked.linter.files.projects import ProjectFiles, Text
from vae_checked.linter.options import Options
from vae_checked.linter.run.report import LintReport

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from pathlib import Path

    from vae_checked.linter.run.cache import Cache

_Outcome = tuple[LintReport, dict[str, str]]


def reports_of(
    projects: Sequence[ProjectFiles], options: Options, texts: Mapping[str, Text], jobs: int, folder: str | Path | None
) -> list[LintReport]:
    """The report of each project, in order, whatever `jobs` and the `folder` of a cache are.

    Raises VaeCheckedError when a process ended early.
    """
    cache = None if folder is None else _cache(folder)
    reports = [None if cache is None else cache.get(project, options, Disk(texts, noting=True)) for project in projects]
    missing = [index for index, report in enumerate(reports) if report is None]
    made = _reports([projects[index] for index in missing], options, texts, jobs, cache is not None)
    for index, (report, seen) in zip(missing, made, strict=True):
        reports[index] = report
        if cache is not None:
            cache.put(projects[index], options, report, seen)
    return [report for report in reports if report is not None]


def _cache(folder: str | Path) -> Cache:
    from vae_checked.linter.run.cache import Cache  # noqa: PLC0415  a run without a cache needs no JSON

    return Cache(folder)


def _reports(
    projects: Sequence[ProjectFiles], options: Options, texts: Mapping[str, Text], jobs: int, noting: bool
) -> Iterator[_Outcome]:
    if jobs < 2 or len(projects) < 2:
        for number, project in enumerate(projects):
            if number and not gc.isenabled():
                # Whoever switched the collector off asked for no look at what was there before: this is newer.
                gc.collect(1)
            yield _report_of(project, options, texts, noting)
        return
    # The largest first, so that no process is left with one at the end.
    order = sorted(range(len(projects)), key=lambda index: -sum(len(text) for _, text in projects[index].concerned))
    with _processes(min(jobs, len(projects))) as pool:
        with _undisturbed():
            futures = {index: pool.submit(_report_of, projects[index], options, texts, noting) for index in order}
        for index in range(len(projects)):
            yield futures[index].result()


def _report_of(project: ProjectFiles, options: Options, texts: Mapping[str, Text], noting: bool) -> _Outcome:
    # What is remembered needs no interpreter, which takes longer to import than an entry to read.
    from vae_checked.linter.run.project_run import lint_project  # noqa: PLC0415  as said

    disk = Disk(texts, noting)
    # Little of what is made dies before the project is done: looking for it all the time takes longer than the rest.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return lint_project(project, options, disk), disk.seen
    finally:
        if collecting:
            gc.enable()


@contextlib.contextmanager
def _processes(number: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes end with the run, also when it is interrupted."""
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415  a run in one process needs none of it
    from concurrent.futures.process import BrokenProcessPool  # noqa: PLC0415  likewise
    from multiprocessing import active_children, get_context  # noqa: PLC0415  likewise

    before = set(active_children())
    # Python 3.14 would start them on Linux by a server of its own, which outlives an interruption by a moment, and
    # would import the linter anew in each.
    started = get_context("fork" if sys.platform == "linux" else None)
    pool = ProcessPoolExecutor(number, started, _quiet)
    try:
        yield pool
    except BrokenProcessPool:
        raise VaeCheckedError("a worker process died (out of memory?): try a smaller --jobs") from None
    except BaseException:
        for process in set(active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep an interruption until the processes are started: one that comes while Python forks is lost."""
    import signal  # noqa: PLC0415  a run in one process needs none of it

    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _quiet() -> None:
    """An interruption is the first process's to answer: it ends the others."""
    import signal  # noqa: PLC0415  only processes of a pool come here

    signal.signal(signal.SIGINT, signal.SIG_IGN)
