"""Wrapped models trained by two processes, under DistributedDataParallel and fully_shard, and their merged report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from newer_torch import HAS_FSDP2
from ranks import written_by_ranks

from vae_checked.wrapping.report import Seen, StageReport, WrapReport, merged

HERE = Path(__file__).resolve().parent
SQUEEZED = "VAE.encode() result[0]: 1 axis (5,), the contract says 2: B 5. The batch has one sample, and a squeeze()"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each rank wrote, for each way of training together."""
    return written_by_ranks(HERE / "wrapping_ranks.py", tmp_path_factory.mktemp("ranks"))


def test_every_way_of_training_together_ran_on_both_ranks(runs: list[dict[str, Any]]) -> None:
    ways = sorted((run["how"], run["wrapped first"], run["rank"]) for run in runs)
    wanted = (("ddp", True), *([("fsdp", False), ("fsdp", True)] if HAS_FSDP2 else []))
    assert ways == [(how, first, rank) for how, first in wanted for rank in (0, 1)]


def test_outputs_and_gradients_are_those_of_the_plain_model(runs: list[dict[str, Any]]) -> None:
    assert [(len(run["same"]), all(run["same"])) for run in runs] == [(27, True)] * len(runs)


def test_each_rank_reports_what_it_saw_itself(runs: list[dict[str, Any]]) -> None:
    for run in runs:
        assert (SQUEEZED in run["own"]) == (run["rank"] == 1)
        assert "VAE.encode: 4 calls checked\n" in run["own"]
        assert "ranks" not in run["own"]


def test_rank_0_has_one_report_of_both(runs: list[dict[str, Any]]) -> None:
    assert all((run["merged"] is None) == (run["rank"] == 1) for run in runs)
    for words in (run["merged"] for run in runs if run["rank"] == 0):
        assert words.startswith("VAE: 4 stages under contract, 2 ranks\n")
        assert "VAE.encode: 8 calls checked (4 on rank 0, 4 on rank 1)\n" in words
        signature = "x: float32[B 3 8 12] -> result[0]: float32[B 5], result[1]: float32[B 5]; B = 4, 6"
        assert f"    training, 7 calls on ranks 0, 1: {signature}\n" in words
        assert words.count("VAE.encode() result") == 1, "one finding, not one for each stage that hands it on"
        assert "squeeze(dim) (1 time, rank 1)\n" in words
        _, _, disagreements = words.partition("ranks disagree:\n")
        assert "VAE.reparameterize: mu: float32[B], logvar: float32[B] -> result: float32[B]" in disagreements
        assert disagreements.count("rank 1 alone") == disagreements.count("\n") + 1 == 2


def report(rank: int, **stages: Any) -> WrapReport:
    every = tuple(
        StageReport(title, {rank: calls}, {rank: 0}, {rank: 0}, seen, broken)
        for title, (calls, seen, broken) in stages.items()
    )
    return WrapReport("VAE", every, (rank,))


def test_reports_merge_by_signature_and_by_line() -> None:
    x, y = ("training", "x: float32[B 3]"), ("training", "x: float32[B 4]")
    left = report(0, encode=(5, (Seen(*x, (2, 7), {0: 5}),), {"broken": {0: 2}}), decode=(5, (), {}))
    right = report(
        1, encode=(4, (Seen(*x, (7, 3), {1: 3}), Seen(*y, (9,), {1: 1})), {"broken": {1: 1}}), decode=(5, (), {})
    )
    both = merged([left, right])
    encode, decode = both.stages
    assert encode.checked == {0: 5, 1: 4}
    assert [(seen.batches, seen.calls) for seen in encode.seen] == [((2, 7, 3), {0: 5, 1: 3}), ((9,), {1: 1})]
    assert both.breaches == {"broken": {0: 2, 1: 1}}
    assert both.disagreements == (
        "encode: x: float32[B 4] (training): rank 1 alone",
        "encode: calls checked: 5 on rank 0, 4 on rank 1",
    )
    assert decode.checked == {0: 5, 1: 5}
    assert "broken (3 times, ranks 0, 1)" in str(both)


def test_one_process_gathers_itself() -> None:
    alone = report(0, encode=(5, (), {}))
    assert alone.gather() is alone
    assert alone.disagreements == ()
    assert "ranks" not in str(alone)
