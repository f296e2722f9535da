"""Models wrapped and monitored while two processes train them: DDP, DDP compiled and FSDP2.

All with autocast, a checkpointed decoder, and gradients accumulated over two micro batches.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from newer_torch import COMPILES_CHECKPOINTS_UNDER_DDP, HAS_FSDP2
from ranks import written_by_ranks

from vae_checked.monitor.probe import SHARDED

HERE = Path(__file__).resolve().parent
PIXELS, LATENTS = 24, 3
WATCHED = ((False, True), (True, True))
WAYS = ["ddp", *(["ddp compiled"] if COMPILES_CHECKPOINTS_UNDER_DDP else []), *(["fsdp"] if HAS_FSDP2 else [])]
INSIDE = "the reconstruction's gradient at the heads: it stays inside compiled code or a custom function"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each rank wrote, for each way of training and of watching it."""
    return written_by_ranks(HERE / "monitor_ranks.py", tmp_path_factory.mktemp("ranks"))


def test_training_is_the_same_to_the_bit_however_it_is_watched(runs: list[dict[str, Any]]) -> None:
    ran = sorted((run["way"], run["wrapped"], run["monitored"], run["rank"]) for run in runs)
    assert ran == [(way, *watched, rank) for way in WAYS for watched in WATCHED for rank in (0, 1)]
    assert all(run["same"] for run in runs)
    assert all(run["breaches"] == ({} if run["wrapped"] else None) for run in runs)


def test_the_monitor_reads_beta_and_the_kl_in_every_way(runs: list[dict[str, Any]]) -> None:
    for run in runs:
        assert run["steps"] == [1, 2, 4]
        assert run["betas"] == pytest.approx([PIXELS] * 3, rel=0.01), "the mean over 24 elements beside the KL's sum"
        assert run["latents"] == [LATENTS] * 3
        assert run["causes"] == []


def test_what_compiled_code_and_shards_hide_is_said(runs: list[dict[str, Any]]) -> None:
    hidden = {"ddp": [], "ddp compiled": [INSIDE], "fsdp": [SHARDED]}
    for run in runs:
        assert run["unobserved"] == [hidden[run["way"]]] * 3
        assert all((each is None) == (run["way"] == "fsdp") for each in run["follows z"])


def test_rank_0_alone_writes(runs: list[dict[str, Any]]) -> None:
    assert all(run["lines"] == (None if run["rank"] else 1 + len(run["steps"])) for run in runs)
    assert not any(run["opened"] for run in runs if run["rank"])
