"""Locks that no run has written: refused with their line, in bounded time and memory, and never waited for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from vae_checked.errors import UsageError
from vae_checked.shapes.fold import MOST, natural, unfold
from vae_checked.shapes.lock import LockedModel, _alone_in, parse_lock, read_lock, render_lock

FACTS = {"constraint": "", "input": "B 3 H W", "smallest": "B 3 8 8"}
linux = pytest.mark.skipif(sys.platform != "linux", reason="pipes, devices and locks of folders are those of Linux")


def lock(**layers: str) -> str:
    return render_lock({"VAE": LockedModel(FACTS, {}, layers or {"encoder.0": "B 8 H W"}, {}, {})})


@pytest.mark.parametrize("version", ["true", "1.0", '"1"', "[1]", "0", "-1"])
def test_a_format_that_only_equals_the_number_is_refused(version: str) -> None:
    assert parse_lock(lock(), "vae-shapes.lock").models["VAE"].layers
    with pytest.raises(UsageError, match=r"vae-shapes\.lock:2: format"):
        parse_lock(lock().replace("format = 1", f"format = {version}"), "vae-shapes.lock")


@pytest.mark.parametrize(
    "key",
    [
        f"a.{{0..{MOST + 1}}}",
        "a.{0..999999999999}",
        "a.{0..9999}.b.{0..9999}.c.{0..9999}",
        f"a.{{0..{'9' * 5_000}}}",
        "a.{7..3}",
        f"a.{'9' * 5_000}",
    ],
)
def test_ranges_that_no_model_has_are_refused(key: str) -> None:
    text = lock().replace('"encoder.0"', f'"{key}"')
    assert key in text
    with pytest.raises(UsageError, match=r"vae-shapes\.lock:\d+: damaged"):
        parse_lock(text, "vae-shapes.lock")


def test_ranges_that_models_have_are_read() -> None:
    assert len(unfold({"a.{0..299}.b.{0..6}": "x"})) == 300 * 7
    assert list(unfold({"a.{3..3}": "x"})) == ["a.3"]


def test_letters_that_are_digits_elsewhere_have_an_order() -> None:
    assert sorted(["b²", "²", "b10", "b9", "٣"], key=natural) == sorted(["٣", "b9", "²", "b10", "b²"], key=natural)


@linux
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "circle", "sparse"])
def test_only_a_regular_file_is_a_lock(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "vae-shapes.lock"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(3_000_000_000)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path.name)
    with pytest.raises(UsageError, match=r"vae-shapes\.lock cannot be read"):
        read_lock(path)


@linux
def test_another_writer_is_waited_for_no_longer_than_said(tmp_path: Path) -> None:
    with (
        _alone_in(tmp_path) as alone,
        pytest.raises(UsageError, match="another process writes a lock"),
        _alone_in(tmp_path, patience=0.0),
    ):
        assert alone
    with _alone_in(tmp_path, patience=0.0) as alone:
        assert alone


def test_lines_are_found_by_their_keys() -> None:
    text = lock(**{"encoder.0": "B 8 H W", 'decoder."x = y".1': "B 3 H W", "é.2": "B 1"})
    read = parse_lock(text, "vae-shapes.lock")
    lines = text.splitlines()
    for key, shape in read.models["VAE"].layers.items():
        assert shape in lines[read.line("VAE", "layers", key) - 1]
