"""What the contracts of a wrapped model have seen, on one process or merged from many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import distributed

from vae_checked.text import counted
from vae_checked.wrapping.learned import MOST_BATCHES, Family
from vae_checked.wrapping.watch import Watch


@dataclass(frozen=True, slots=True)
class Seen:
    """Calls of a stage that had one signature, in one mode; `words` says which, `calls` how many on each rank."""

    mode: str
    words: str
    batches: tuple[int, ...]
    calls: dict[int, int]


@dataclass(frozen=True, slots=True)
class StageReport:
    """One stage: on each rank the calls that were checked, that could not be and that raised; signatures; breaches.

    `breaches` holds the first line of each broken contract, and how often each rank broke it.
    """

    title: str
    checked: dict[int, int]
    skipped: dict[int, int]
    raised: dict[int, int]
    seen: tuple[Seen, ...]
    breaches: dict[str, dict[int, int]]


@dataclass(frozen=True, slots=True)
class WrapReport:
    """The stages of one wrapped model and what was seen on `ranks`.

    `not_watched` names what is called like a stage and is not under contract, with the reason. `str()` words it all,
    `gather()` merges the reports of all processes of torch.distributed.
    """

    model: str
    stages: tuple[StageReport, ...]
    ranks: tuple[int, ...]
    not_watched: tuple[str, ...] = ()

    @property
    def breaches(self) -> dict[str, dict[int, int]]:
        """Every broken contract, once: how often each rank broke it."""
        return {line: ranks for stage in self.stages for line, ranks in stage.breaches.items()}

    @property
    def disagreements(self) -> tuple[str, ...]:
        """What some ranks saw and others did not, and where their calls differ in number; empty on one process."""
        lines = []
        for stage in self.stages:
            lines += [
                f"{stage.title}: {seen.words} ({seen.mode}): {_ranks(seen.calls)} alone"
                for seen in stage.seen
                if set(seen.calls) != set(self.ranks)
            ]
            if len(set(stage.checked.values())) > 1:
                each = ", ".join(f"{count} on rank {rank}" for rank, count in sorted(stage.checked.items()))
                lines.append(f"{stage.title}: calls checked: {each}")
        return tuple(lines)

    def gather(self, group: distributed.ProcessGroup | None = None) -> WrapReport | None:
        """The reports of all ranks merged into one on rank 0 of `group`, None on the others; itself without a group.

        All ranks must call it, as every collective of torch.distributed.
        """
        if not (distributed.is_available() and distributed.is_initialized()):
            return self
        first = distributed.get_rank(group) == 0
        reports: list[WrapReport] | None = [self] * distributed.get_world_size(group) if first else None
        to = 0 if group is None else distributed.get_global_rank(group, 0)
        distributed.gather_object(self, reports, dst=to, group=group)
        return merged(reports) if reports is not None else None

    def __str__(self) -> str:
        many = len(self.ranks) > 1
        head = f"{self.model}: {counted(len(self.stages), 'stage')} under contract"
        lines = [head + (f", {counted(len(self.ranks), 'rank')}" if many else "")]
        for stage in self.stages:
            lines.append(f"  {stage.title}: {_calls(stage, many)}")
            for seen in stage.seen:
                batches = ", ".join(map(str, seen.batches)) + (", ..." if len(seen.batches) == MOST_BATCHES else "")
                count = counted(sum(seen.calls.values()), "call")
                who = f" on {_ranks(seen.calls)}" if many else ""
                lines.append(f"    {seen.mode}, {count}{who}: {seen.words}; B = {batches}")
        lines += [f"  not watched: {each}" for each in self.not_watched]
        lines.append("broken contracts:" if self.breaches else "broken contracts: none")
        for line, calls in self.breaches.items():
            times = counted(sum(calls.values()), "time")
            lines.append(f"  {line} ({times}{f', {_ranks(calls)}' if many else ''})")
        if many:
            lines.append("ranks disagree:" if self.disagreements else "ranks disagree: nowhere")
            lines += [f"  {line}" for line in self.disagreements]
        return "\n".join(lines)


def report_of(model: str, watches: Iterable[Watch], not_watched: Sequence[str]) -> WrapReport:
    """The report of this process."""
    here = distributed.is_available() and distributed.is_initialized()
    rank = distributed.get_rank() if here else 0
    return WrapReport(model, tuple(_stage(watch, rank) for watch in watches), (rank,), tuple(not_watched))


def merged(reports: Sequence[WrapReport]) -> WrapReport:
    """One report of the same model on several ranks: alike lines once, with all who saw them."""
    titles = dict.fromkeys(stage.title for report in reports for stage in report.stages)
    stages = [
        _merged_stage([stage for report in reports for stage in report.stages if stage.title == title])
        for title in titles
    ]
    ranks = sorted({rank for report in reports for rank in report.ranks})
    return WrapReport(reports[0].model, tuple(stages), tuple(ranks), reports[0].not_watched)


def _stage(watch: Watch, rank: int) -> StageReport:
    return StageReport(
        watch.title,
        {rank: watch.checked},
        {rank: watch.skipped},
        {rank: watch.raised},
        tuple(_alike(_seen(family, rank) for family in watch.families.values())),
        {line: {rank: count} for line, count in watch.breaches.items()},
    )


def _seen(family: Family, rank: int) -> Seen:
    return Seen(family.mode, str(family), tuple(family.batches), {rank: family.calls})


def _merged_stage(stages: Sequence[StageReport]) -> StageReport:
    breaches: dict[str, dict[int, int]] = {}
    for stage in stages:
        for line, calls in stage.breaches.items():
            breaches[line] = _added(breaches.get(line, {}), calls)
    return StageReport(
        stages[0].title,
        _sum(stage.checked for stage in stages),
        _sum(stage.skipped for stage in stages),
        _sum(stage.raised for stage in stages),
        tuple(_alike(seen for stage in stages for seen in stage.seen)),
        breaches,
    )


def _alike(every: Iterable[Seen]) -> list[Seen]:
    """The same signatures in one entry each."""
    found: dict[tuple[str, str], Seen] = {}
    for seen in every:
        known = found.get((seen.mode, seen.words))
        if known is not None:
            batches = tuple(dict.fromkeys((*known.batches, *seen.batches)))[:MOST_BATCHES]
            found[seen.mode, seen.words] = Seen(seen.mode, seen.words, batches, _added(known.calls, seen.calls))
        else:
            found[seen.mode, seen.words] = seen
    return list(found.values())


def _sum(counts: Iterable[dict[int, int]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for each in counts:
        total = _added(total, each)
    return total


def _added(left: dict[int, int], right: dict[int, int]) -> dict[int, int]:
    return {rank: left.get(rank, 0) + right.get(rank, 0) for rank in (*left, *right)}


def _calls(stage: StageReport, many: bool) -> str:
    total = sum(stage.checked.values())
    words = f"{counted(total, 'call')} checked"
    if many and total:
        words += f" ({', '.join(f'{count} on rank {rank}' for rank, count in sorted(stage.checked.items()))})"
    for name, counts in (("not checked", stage.skipped), ("raised", stage.raised)):
        if sum(counts.values()):
            words += f", {sum(counts.values())} {name}"
    return words


def _ranks(ranks: Iterable[int]) -> str:
    each = sorted(ranks)
    return f"rank {each[0]}" if len(each) == 1 else f"ranks {', '.join(map(str, each))}"
