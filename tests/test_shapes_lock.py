"""The lock file: what is written, what is refused, what is said of a difference, and what survives a fault."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from shapes_edits import EDITS, HARMLESS, SOURCE, Edit, reordered, swapped_definitions

from vae_checked.errors import UsageError
from vae_checked.shapes import (
    LockedModel,
    compare,
    infer,
    locked,
    parse_lock,
    read_lock,
    render_lock,
    render_report,
    write_lock,
)
from vae_checked.shapes.report import ShapesReport
from vae_checked.shapes.words import words

ALSO = {
    "dropped layer": ("Conv2d(14, latents", "Conv2d(8, latents"),
    "renamed stage": ("def reparameterize", "def draw"),
    "list instead of arguments": ("nn.Sigmoid(),\n        )", "nn.Sigmoid(),\n        ])"),
}


def lock_of(source: str) -> LockedModel:
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102  the test's own text
    return locked(infer(names["VAE"](), "B 3 H W"))


def edited(edit: Edit) -> str:
    source = SOURCE.replace(edit.old, edit.new)
    source = source.replace(*ALSO[edit.name]) if edit.name in ALSO else source
    assert source != SOURCE
    return source


@pytest.fixture(scope="module")
def base() -> LockedModel:
    return lock_of(SOURCE)


# ------------------------------------------------------------------------------------------------ differences


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_is_reported_as_what_it_is(base: LockedModel, edit: Edit) -> None:
    lines = [words(each) for each in compare({"vae": base}, {"vae": lock_of(edited(edit))})]
    assert lines != []
    assert [said for said in edit.said if not any(said in line for line in lines)] == []


@pytest.mark.parametrize("edit", HARMLESS, ids=lambda edit: edit.name)
def test_an_edit_that_changes_no_shape_is_silent(base: LockedModel, edit: Edit) -> None:
    assert compare({"vae": base}, {"vae": lock_of(edited(edit))}) == ()


@pytest.mark.parametrize("rewrite", [reordered, swapped_definitions])
def test_another_order_of_definitions_is_silent(base: LockedModel, rewrite: Any) -> None:
    assert rewrite(SOURCE) != SOURCE
    assert compare({"vae": base}, {"vae": lock_of(rewrite(SOURCE))}) == ()


def test_there_are_enough_edits() -> None:
    assert len(EDITS) >= 30
    assert len(HARMLESS) + 2 >= 10


def test_what_follows_from_an_edit_is_told_by_it(base: LockedModel) -> None:
    (edit,) = [each for each in EDITS if each.name == "channels"]
    (found,) = compare({"vae": base}, {"vae": lock_of(edited(edit))})
    assert found.key == "encoder.0"
    assert found.follows == ("encoder.1", "encoder.2")


def test_missing_and_unused_entries_differ(base: LockedModel) -> None:
    found = compare({"a": base, "b": base}, {"b": base, "c": base})
    assert [(each.model, str(each.what)) for each in found] == [("a", "unused"), ("c", "missing")]


# ------------------------------------------------------------------------------------------------ the file


def test_what_is_written_is_read_again(tmp_path: Path, base: LockedModel) -> None:
    path = tmp_path / "vae-shapes.lock"
    other = LockedModel({**base.facts, "latent": 'B "6" \\ é'}, {}, {}, {}, {}, {"model": "a.b:C"})
    write_lock(path, {"zeta": base, 'al"pha': other})
    assert read_lock(path).models == {"zeta": base, 'al"pha': other}
    text = path.read_text(encoding="utf-8")
    assert text == render_lock({'al"pha': other, "zeta": base})
    assert read_lock(path).line("zeta", "layers", "encoder.0") == 1 + text.splitlines().index(
        '"encoder.0" = "Conv2d (float32[B 3 H W]) -> float32[B 8 (H+1)//2 (W+1)//2]"'
    )


def test_two_branches_that_add_a_model_each_merge_line_by_line(tmp_path: Path, base: LockedModel) -> None:
    texts = {
        "base": render_lock({"m": base}),
        "ours": render_lock({"a": base, "m": base}),
        "theirs": render_lock({"m": base, "z": base}),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["git", "merge-file", "-p", "ours", "base", "theirs"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout == render_lock({"a": base, "m": base, "z": base})


def damaged(text: str) -> dict[str, tuple[str, int, str]]:
    """Texts that are no lock: the text, the line that must be named, and what must be said."""
    lines = text.splitlines(keepends=True)
    middle = lines.index('[models."m".parameters]\n') + 2
    broken = [*lines[:middle], '"to_mu.bias" = "float32[6\n', *lines[middle:]]
    conflict = [*lines[:middle], "<<<<<<< ours\n", *lines[middle:]]
    number = [*lines[:middle], '"other" = 7\n', *lines[middle:]]
    section = lines.index('[models."m"]\n') + 1
    return {
        "cut in a line": (
            "".join(lines)[: len(text) // 2],
            "".join(lines)[: len(text) // 2].count("\n") + 1,
            "damaged",
        ),
        "cut between lines": ("".join(lines[:middle]), middle, "cut short"),
        "no quotation mark": ("".join(broken), middle + 1, "damaged"),
        "conflict": ("".join(conflict), middle + 1, "a merge conflict"),
        "number": ("".join(number), middle + 1, "damaged: other is 7, not a string"),
        "newer": (text.replace("format = 1", "format = 2"), 2, "install the version of vae-checked that wrote it"),
        "no version": (text.replace("format = 1\n", "\n"), 1, "format None"),
        "lacks": (text.replace('input = "B 3 H W"\n', ""), section, "lacks the entry 'input'"),
        "unknown": (text.replace('input = "B', 'inptu = "B'), section + 2, "an entry 'inptu' that no lock has"),
        "no table": (text.replace('[models."m".parameters]', '[models."m"]\nx=1\n[a]'), 0, "damaged"),
        "empty": ("", 1, "format None"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "cut in a line",
        "cut between lines",
        "no quotation mark",
        "conflict",
        "number",
        "newer",
        "no version",
        "lacks",
        "unknown",
        "no table",
        "empty",
    ],
)
def test_a_lock_that_is_not_whole_is_refused_with_its_line(base: LockedModel, case: str) -> None:
    text, line, said = damaged(render_lock({"m": base}))[case]
    with pytest.raises(UsageError) as caught:
        parse_lock(text, "vae-shapes.lock")
    message = str(caught.value)
    assert "\n" not in message
    assert said in message
    assert message.startswith(f"vae-shapes.lock:{line}:" if line else "vae-shapes.lock:")


def test_no_lock_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no .*: write it with vae-checked shapes lock"):
        read_lock(tmp_path / "vae-shapes.lock")


# ------------------------------------------------------------------------------------------------ faults

WRITER = """
import sys
from pathlib import Path
from vae_checked.shapes.lock import LockedModel, write_lock
path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
facts = {"constraint": "always", "input": "B N", "smallest": "B=1"}
model = LockedModel(facts, {}, {f"layer.{i}.{name}": f"Linear (float32[B {i}])" for i in range(count)}, {}, {})
print("ready", flush=True)
sys.stdin.readline()
for turn in range(int(sys.argv[4])):
    write_lock(path, {f"{name}{turn}": model}, keep=True)
"""


def writer(path: Path, name: str, count: int, turns: int, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(count), str(turns)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        **options,
    )


def started(*processes: subprocess.Popen[str]) -> None:
    """Every process has imported what it needs and begins to write."""
    for each in processes:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()


def test_two_writers_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "vae-shapes.lock"
    processes = [writer(path, name, 5, 6) for name in ("a", "b")]
    started(*processes)
    assert [each.wait() for each in processes] == [0, 0]
    assert sorted(read_lock(path).models) == sorted(f"{name}{turn}" for name in "ab" for turn in range(6))
    assert [each.name for each in tmp_path.iterdir()] == ["vae-shapes.lock"]
    for each in processes:
        each.communicate()


def test_a_writer_that_is_killed_leaves_the_lock_whole(tmp_path: Path) -> None:
    path = tmp_path / "vae-shapes.lock"
    facts = {"constraint": "always", "input": "B N", "smallest": "B=1"}
    write_lock(path, {"old": LockedModel(facts, {}, {}, {}, {})})
    process = writer(path, "new", 3000, 1000)
    started(process)
    # It is somewhere in its writing, which would take minutes: the file was replaced once at least.
    first = path.stat().st_ino
    while path.stat().st_ino == first and process.poll() is None:
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    models = read_lock(path).models
    assert "old" in models
    assert all(len(model.layers) == 3000 for name, model in models.items() if name != "old")
    write_lock(path, {"next": models["old"]}, keep=True)
    assert {"old", "next"} <= set(read_lock(path).models)


def small_files() -> None:
    """No file of this process may grow past 4 KiB, as on a disk that is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_a_full_disk_leaves_the_lock_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "vae-shapes.lock"
    facts = {"constraint": "always", "input": "B N", "smallest": "B=1"}
    write_lock(path, {"old": LockedModel(facts, {}, {}, {}, {})})
    before = path.read_bytes()
    process = writer(path, "new", 3000, 1, preexec_fn=small_files)
    started(process)
    _, stderr = process.communicate()
    assert process.returncode == 1
    assert "UsageError: the lock cannot be written to" in stderr.splitlines()[-1]
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["vae-shapes.lock"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into a read-only folder")
def test_a_read_only_folder_is_one_clear_line(tmp_path: Path, base: LockedModel) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(UsageError, match=r"the lock cannot be written to .*: Permission denied"):
            write_lock(tmp_path / "vae-shapes.lock", {"m": base})
    finally:
        tmp_path.chmod(0o755)


def test_a_folder_that_takes_no_files_is_one_clear_line(base: LockedModel) -> None:
    with pytest.raises(UsageError, match=r"the lock cannot be written to '/proc/vae-shapes\.lock'"):
        write_lock(Path("/proc/vae-shapes.lock"), {"m": base})


# ------------------------------------------------------------------------------------------------ reports


def test_every_format_says_the_difference(base: LockedModel) -> None:
    import json
    import xml.etree.ElementTree as ET

    lock = parse_lock(render_lock({"vae": base}), "vae-shapes.lock")
    (edit,) = [each for each in EDITS if each.name == "channels"]
    differences = compare(lock.models, {"vae": lock_of(edited(edit)), "other": base})
    report = ShapesReport(differences, lock, "vae-shapes.lock", ["other", "vae"])
    line = lock.line("vae", "layers", "encoder.0")
    said = "encoder.0: channels out 8 -> 9; output channels was 8, is 9"
    text = render_report(report, "text").splitlines()
    assert f"vae-shapes.lock:{line}: vae: {said}" in text
    assert text[-1].startswith("2 differences in 2 of 2 models: ")
    document = json.loads(render_report(report, "json"))
    assert [(each["model"], each["key"], each["line"]) for each in document["differences"]] == [
        ("other", "", 1),
        ("vae", "encoder.0", line),
    ]
    assert document["differences"][1]["follows"] == ["encoder.1", "encoder.2"]
    assert f"::error file=vae-shapes.lock,line={line},title=shapes changed::vae: {said}" in render_report(
        report, "github"
    )
    suite = ET.fromstring(render_report(report, "junit"))
    assert (suite.get("tests"), suite.get("failures")) == ("2", "2")
    assert [each.get("name") for each in suite.iter("testcase")] == ["missing", "layers encoder.0"]
