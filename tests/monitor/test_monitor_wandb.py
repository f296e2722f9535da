"""A run of Weights & Biases that stays on this machine: what the monitor leaves in its file, record by record."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_monitor_sinks import CAUSE, PICTURES, READING, run

from vae_checked import Monitor
from vae_checked.errors import MissingDependencyError
from vae_checked.monitor.sinks import sinks_of

wandb = pytest.importorskip("wandb", reason="wandb is optional")


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is sent or left elsewhere; wandb reads its environment once, so that it is shut down afterwards."""
    for name, value in (("MODE", "offline"), ("DIR", tmp_path), ("CACHE_DIR", tmp_path), ("DATA_DIR", tmp_path)):
        monkeypatch.setenv(f"WANDB_{name}", str(value))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    yield
    wandb.teardown()


def records(path: Path) -> Iterator[Any]:
    """The records of a run's file: the log format of LevelDB behind a header of 7 bytes."""
    from wandb.proto import wandb_internal_pb2

    data, block, at, whole = path.read_bytes(), 1 << 15, 7, b""
    while at + 7 <= len(data):
        if block - at % block < 7:
            at += block - at % block
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def history(folder: Path) -> list[dict[str, Any]]:
    """What was logged, a row per step of the run; wandb's own process has written it whole when it has ended."""
    wandb.teardown()
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    rows: list[dict[str, Any]] = []
    for record in records(path):
        if record.WhichOneof("record_type") == "history":
            items = ((item.key or "/".join(item.nested_key), item.value_json) for item in record.history.item)
            rows.append({name: json.loads(value) for name, value in items})
    return rows


def test_a_run_of_its_own_gets_every_reading_at_its_step(tmp_path: Path) -> None:
    run("wandb:faces")
    rows = history(tmp_path)
    assert [row["vae/step"] for row in rows] == [1, 2, 4]
    assert all(row["vae/effective_beta"] == pytest.approx(1.0, rel=2e-3) for row in rows)
    assert wandb.run is None


def test_numbers_causes_and_pictures_are_logged(tmp_path: Path) -> None:
    (sink,) = sinks_of("wandb")
    sink.write(replace(READING, pictures=PICTURES))
    sink.write(replace(READING, step=30))
    sink.close()
    first, second = history(tmp_path)
    assert (first["vae/step"], first["vae/kl_nats"], first["vae/mu_min"]) == (20, pytest.approx(0.501), -1.5)
    assert CAUSE.measured in first["vae/causes"]
    assert "vae/causes" not in second
    assert "vae/x_hat_min" not in first
    files = {path.name.partition("_")[0] for path in tmp_path.glob("wandb/offline-run-*/files/media/images/vae/*.png")}
    assert files == {picture.name for picture in PICTURES}


def test_a_run_that_is_active_is_added_to_and_goes_on(tmp_path: Path) -> None:
    own = wandb.init(project="mine")
    run("wandb", steps=1)
    own.log({"mine": 7})
    assert wandb.run is own
    own.finish()
    (row,) = history(tmp_path)
    assert (row["mine"], row["vae/step"], row["_step"]) == (7, 1, 0)


def test_a_run_may_be_handed_over(tmp_path: Path) -> None:
    own = wandb.init(project="mine", reinit="create_new")
    run(own, steps=1)
    own.finish()
    assert [row["vae/step"] for row in history(tmp_path)] == [1]


def test_without_wandb_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from small_vaes.tiny import Tiny

    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'vae-checked\[wandb\]'"):
        Monitor(Tiny(), to="wandb")
