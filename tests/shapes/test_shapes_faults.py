"""What a fault leaves of a lock: writers killed or at once, full and read-only disks, locks that are not whole."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_vaes.any_size import SOURCE

from vae_checked.cli import main
from vae_checked.shapes import LockedModel, read_lock, render_lock, write_lock
from vae_checked.shapes.disk import replace_file

FACTS = {"constraint": "always", "input": "B N", "smallest": "B=1"}
SMALL = LockedModel(FACTS, {}, {}, {}, {})

WRITER = """
import sys
from pathlib import Path
from vae_checked.shapes.lock import LockedModel
from vae_checked.shapes.lock_file import write_lock
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
        cwd=Path(__file__).parents[2],
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


def test_a_pipe_is_no_place_for_a_lock_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "shapes.lock"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="no regular file"):
        replace_file(pipe, "anything")
    assert [path.name for path in tmp_path.iterdir()] == ["shapes.lock"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_to_a_lock_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real, link = tmp_path / "elsewhere" / "shared.lock", tmp_path / "vae-shapes.lock"
    write_lock(real, {"old": SMALL})
    real.chmod(0o640)
    link.symlink_to(real)
    write_lock(link, {"new": SMALL}, keep=True)
    assert link.is_symlink()
    assert sorted(read_lock(real).models) == ["new", "old"]
    assert real.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in real.parent.iterdir()] == ["shared.lock"]


# What a writer does in turn, by the names of Python's audit events: it is killed as it begins to do so.
STEPS = ("tempfile.mkstemp", "os.chmod", "os.rename")
KILLED = """
import os, signal, sys
from pathlib import Path
from vae_checked.shapes.lock import LockedModel
from vae_checked.shapes.lock_file import write_lock
path, step = Path(sys.argv[1]), sys.argv[2]
facts = {"constraint": "always", "input": "B N", "smallest": "B=1"}
model = LockedModel(facts, {}, {f"layer.{i}": f"Linear (float32[B {i}])" for i in range(3000)}, {}, {})
def hook(event, arguments):
    if event == step:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
write_lock(path, {"new": model}, keep=True)
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_writer_that_is_killed_at_any_step_leaves_the_lock_as_it_was(tmp_path: Path, step: str) -> None:
    path = tmp_path / "vae-shapes.lock"
    write_lock(path, {"old": SMALL})
    before = path.read_bytes()
    words = [sys.executable, "-c", KILLED, str(path), step]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    # The draft that may lie there is no hindrance to the next writer, who takes it away.
    write_lock(path, {"next": SMALL}, keep=True)
    assert sorted(read_lock(path).models) == ["next", "old"]
    assert [each.name for each in tmp_path.iterdir()] == ["vae-shapes.lock"]


# ------------------------------------------------------------------------------------------------ from the command


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a model that pyproject.toml names, to be the current one."""
    (tmp_path / "faulty.py").write_text(SOURCE, encoding="utf-8")
    table = '[tool.vae-checked.models.vae]\nmodel = "faulty:VAE"\nshapes = "B 3 H W"\n'
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("faulty", None)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 KiB; skipped where this process may mount none."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    words = [mount or "mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(folder)]
    if mount is None or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted without the rights of root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said, which is one line on standard error and nothing else."""
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.usefixtures("project")
def test_a_disk_that_is_full_or_read_only_is_one_line(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock, filler, source = disk / "vae-shapes.lock", disk / "filler", disk / "crowded.py"
    write_lock(lock, {"old": SMALL})
    source.write_text(SOURCE, encoding="utf-8")
    sys.path.insert(0, str(disk))
    before = lock.read_bytes()
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(64 * 1024))
    assert main(["shapes", "lock", "--lock", str(lock)]) == 2
    assert f"the lock cannot be written to {str(lock)!r}: No space left on device" in one_line(capsys)
    assert lock.read_bytes() == before
    assert sorted(each.name for each in disk.iterdir() if each.suffix) == ["crowded.py", "vae-shapes.lock"]
    assert main(["shapes", "annotate", "crowded:VAE", "--input", "B 3 H W", "--write"]) == 2
    # What would be written is shown, and said to be, before.
    said = capsys.readouterr()
    assert "def decode(" in said.out
    assert said.err.splitlines()[1:] == [f"vae-checked: error: {source} cannot be written: No space left on device"]
    assert source.read_text(encoding="utf-8") == SOURCE
    sys.modules.pop("crowded")
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert main(["shapes", "lock", "--lock", str(lock)]) == 2
    assert "Read-only file system" in one_line(capsys)
    assert lock.read_bytes() == before
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert main(["shapes", "lock", "--lock", str(lock)]) == 0
    assert sorted(read_lock(lock).models) == ["vae"]


READ_ONLY = """
import sys
from pathlib import Path
from vae_checked.errors import UsageError
from vae_checked.shapes.lock import LockedModel
from vae_checked.shapes.lock_file import write_lock
try:
    write_lock(Path(sys.argv[1]), {"m": LockedModel({}, {}, {}, {}, {})})
except UsageError as error:
    print(error)
"""


def test_a_read_only_folder_is_one_clear_line(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o555)
    words = [sys.executable, "-c", READ_ONLY, str(folder / "vae-shapes.lock")]
    if os.geteuid() == 0:
        # Root writes everywhere unless it gives that right away.
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("root may write into a read-only folder, and there is no setpriv")
        words = [setpriv, "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", *words]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert done.stdout == f"the lock cannot be written to {str(folder / 'vae-shapes.lock')!r}: Permission denied\n"
    assert list(folder.iterdir()) == []


def test_a_lock_of_a_later_version_is_left_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = project / "vae-shapes.lock"
    lock.write_text(render_lock({"vae": SMALL}).replace("format = 2", "format = 3"), encoding="utf-8")
    before = lock.read_bytes()
    for words in (["lock"], ["lock", "vae"], ["check"], ["diff", "vae-shapes.lock", "vae-shapes.lock"]):
        assert main(["shapes", *words]) == 2
        assert "vae-shapes.lock:2: format 3, this version reads format 2: install the" in one_line(capsys)
        assert lock.read_bytes() == before


def test_a_lock_cut_short_is_refused_until_it_is_written_anew(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["shapes", "lock"]) == 0
    lock = project / "vae-shapes.lock"
    whole = lock.read_bytes()
    cut = whole[: len(whole) // 2]
    line = cut.count(b"\n") + 1
    lock.write_bytes(cut)
    capsys.readouterr()
    # With a name the others stay, and of a lock that is damaged it is not known which they are.
    for words in (["check"], ["lock", "vae"], ["diff", "vae-shapes.lock", "vae-shapes.lock"]):
        assert main(["shapes", *words]) == 2
        assert f"vae-shapes.lock:{line}: damaged: " in one_line(capsys)
        assert lock.read_bytes() == cut
    assert main(["shapes", "lock"]) == 0
    assert lock.read_bytes() == whole


def test_a_damaged_lock_that_alone_knows_a_model_is_not_overwritten(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["shapes", "lock", "faulty:VAE", "--input", "B 3 H W"]) == 0
    lock = project / "vae-shapes.lock"
    damaged = lock.read_bytes().replace(b"input", b"<<<<<<< ours\ninput")
    lock.write_bytes(damaged)
    capsys.readouterr()
    assert main(["shapes", "lock"]) == 2
    assert "vae-shapes.lock:7: a merge conflict: repair it by hand" in one_line(capsys)
    assert lock.read_bytes() == damaged
    lock.write_bytes(b"\xff\n")
    assert main(["shapes", "check"]) == 2
    assert "vae-shapes.lock:1: damaged: it is not UTF-8" in one_line(capsys)
