"""Locks that no run has written: refused with their line, in bounded time and memory, and never waited for."""

from __future__ import annotations

import os
import random
import re
import sys
import tomllib
from pathlib import Path

import pytest
from locks import signed

from vae_checked.errors import UsageError
from vae_checked.shapes.fold import MOST, natural, unfold
from vae_checked.shapes.lock import LockedModel
from vae_checked.shapes.lock_file import _alone_in, read_lock
from vae_checked.shapes.lock_text import parse_lock, render_lock

FACTS = {"constraint": "", "input": "B 3 H W", "smallest": "B 3 8 8"}
linux = pytest.mark.skipif(sys.platform != "linux", reason="pipes, devices and locks of folders are those of Linux")


def lock(**layers: str) -> str:
    return render_lock({"VAE": LockedModel(FACTS, {}, layers or {"encoder.0": "B 8 H W"}, {}, {})})


@pytest.mark.parametrize("version", ["true", "2.0", '"2"', "[2]", "0", "-1", "1", "02", "2 ", "²"])
def test_a_format_that_only_equals_the_number_is_refused(version: str) -> None:
    assert parse_lock(lock(), "vae-shapes.lock").models["VAE"].layers
    with pytest.raises(UsageError, match=r"vae-shapes\.lock:2: format"):
        parse_lock(lock().replace("format = 2", f"format = {version}"), "vae-shapes.lock")


@pytest.mark.parametrize(
    "key",
    [
        f"a.{{0..{MOST + 1}}}",
        "a.{0..999999999999}",
        "a.{0..9999}.b.{0..9999}.c.{0..9999}",
        f"a.{{0..{'9' * 5_000}}}",
        "a.{7..3}",
    ],
)
def test_ranges_that_no_model_has_are_refused(key: str) -> None:
    text = signed(lock().replace('"encoder.0"', f'"{key}"'))
    assert key in text
    with pytest.raises(UsageError, match=r"vae-shapes\.lock:\d+: damaged: .*(range|entries)"):
        parse_lock(text, "vae-shapes.lock")


def test_ranges_that_models_have_are_read() -> None:
    assert len(unfold({"a.{0..299}.b.{0..6}": "x"})) == 300 * 7
    assert list(unfold({"a.{3..3}": "x"})) == ["a.3"]


def test_letters_that_are_digits_elsewhere_have_an_order() -> None:
    assert sorted(["b²", "²", "b10", "b9", "٣"], key=natural) == sorted(["٣", "b9", "²", "b10", "b²"], key=natural)
    assert sorted([f"a.{'9' * 5_000}", "a.10", "a.9"], key=natural)[:2] == ["a.9", "a.10"]


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
    text = lock(**{"encoder.0": "B 8 H W", 'decoder."x = y".1': "B 3 H W", "é.2": "B 1", "a\u2028b\x85c\x7fd": "B 2"})
    read = parse_lock(text, "vae-shapes.lock")
    lines = text.splitlines()
    for key, shape in read.models["VAE"].layers.items():
        assert shape in lines[read.line("VAE", "layers", key) - 1]


# What a model of one part looks like, so that every line of a lock occurs: facts, how it is built, each table.
WHOLE = {
    "VAE": LockedModel(
        {**FACTS, "latent": "B 6"},
        {"encode": "(float32[B 3 H W]) -> float32[B 6]"},
        {f"encoder.{i}.conv": f"Conv2d (float32[B {i + 3} H W]) -> float32[B {i + 4} H W]" for i in range(4)},
        {f"encoder.{i}.conv.weight": f"float32[{i + 4} {i + 3} 3 3]" for i in range(4)},
        {"codebook.counts": "float32[12]"},
        {"model": "project.model:VAE", "spec": "B 3 H W"},
    ),
    "other": LockedModel(FACTS, {"decode": "(float32[B 6]) -> float32[B 3 16 24]"}, {}, {}, {}),
}


def lines_left_out(before: str, after: str) -> bool:
    """Whether `after` is `before` less whole lines, which `shapes check` tells as entries that are not in the lock."""
    rest = iter(before.split("\n"))
    return all(any(line == other for other in rest) for line in after.split("\n"))


def damaged_once(text: str, rng: random.Random) -> str:
    """`text` with one change of the kind that disks, editors, merges and hands make."""
    at, to = sorted(rng.sample(range(len(text) + 1), 2))
    kind = rng.randrange(6)
    if kind == 0:
        return text[: at - 1] + chr(ord(text[at - 1]) ^ (1 << rng.randrange(7))) + text[at:] if at else text[1:]
    if kind == 1:
        return text[:at] + text[min(to, at + rng.randrange(1, 40)) :]
    if kind == 2:
        return text[:at] + text[at : at + 9] + text[at:]
    if kind == 3:
        return text[:at]
    lines = text.split("\n")
    one, other = rng.sample(range(len(lines)), 2)
    if kind == 4:
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines[one] = lines[one].replace(*rng.choice([("3", "4"), ("H", "W"), ("conv", "norm"), ("float32", "float16")]))
    return "\n".join(lines)


def test_no_damage_is_read_as_another_lock() -> None:
    # A damage that a checksum of 32 bits passes by chance: below 3,000 / 2**32 = 7e-7 over all of these.
    rng, text = random.Random(41), render_lock(WHOLE)  # noqa: S311  no secret
    assert parse_lock(text, "vae-shapes.lock").models == WHOLE
    said = []
    for _ in range(3_000):
        changed = damaged_once(text, rng)
        try:
            models = parse_lock(changed, "vae-shapes.lock").models
        except UsageError as error:
            said.append(str(error))
        else:
            assert models == WHOLE or lines_left_out(text, changed), changed
    assert len(said) > 2_000
    assert [each for each in said if not re.match(r"vae-shapes\.lock:\d+: ", each)] == []


def test_an_entry_is_not_read_in_another_section() -> None:
    text = render_lock(WHOLE)
    for old, new in (('[models."VAE".buffers]', '[models."other".buffers]'), ('[models."VAE".layers]\n', "")):
        assert text.count(old) == 1
        with pytest.raises(UsageError, match="its checksum disagree"):
            parse_lock(text.replace(old, new), "vae-shapes.lock")


def test_a_lock_is_toml_for_everybody_else() -> None:
    read = tomllib.loads(render_lock(WHOLE))
    assert read["format"] == 2
    assert read["models"]["VAE"]["layers"] == dict(WHOLE["VAE"].layers)
    assert read["models"]["other"]["constraint"] == FACTS["constraint"]


def test_windows_line_ends_change_nothing() -> None:
    assert parse_lock(render_lock(WHOLE).replace("\n", "\r\n"), "vae-shapes.lock").models == WHOLE
