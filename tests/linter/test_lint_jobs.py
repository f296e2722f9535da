"""`--jobs`: whatever their number the report is the same; an interruption or a lost process leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vae_checked.catalogue import find
from vae_checked.cli import main
from vae_checked.linter import lint

ROOT = Path(__file__).resolve().parents[2]
CODES = ("VAE201", "VAE202", "VAE203", "VAE302")


def repositories(folder: Path) -> Path:
    """Four repositories with a mistake each, a package that is installed, and files that belong to none."""
    for code in CODES:
        repository = folder / f"r{code}"
        (repository / ".git").mkdir(parents=True)
        (repository / "model.py").write_text(find(code).bad, encoding="utf-8")
        (repository / "good.py").write_text(find(code).good, encoding="utf-8")
    package = folder / "site-packages" / "models"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(find("VAE206").bad, encoding="utf-8")
    (folder / "loose.py").write_text(find("VAE204").bad, encoding="utf-8")
    (folder / "broken.py").write_text("import torch; logvar = torch.randn(", encoding="utf-8")
    return folder


def test_the_report_is_the_same_for_every_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repositories(tmp_path))
    (tmp_path / "known.json").write_text('{"format_version": 1, "findings": []}', encoding="utf-8")
    paths = (".", "site-packages")
    alone = lint(paths)
    assert [finding.code for finding in alone.findings if finding.code in CODES] == list(CODES)
    assert "broken.py" in [path for path, _ in alone.unread]
    assert any("site-packages" in judgement.subject for judgement in alone.judgements)
    for jobs in (2, 3, 8):
        assert lint(paths, jobs=jobs) == alone
        assert lint(paths, jobs=jobs, cache="kept") == alone
    said = set()
    for words in ([], ["--jobs", "2"], ["--jobs", "auto"], ["--jobs", "5", "--no-cache"]):
        assert main(["lint", *paths, "--format", "json", "--baseline", "known.json", *words]) == 2
        said.add(capsys.readouterr().out)
    assert len(said) == 1


def test_a_project_is_never_torn_apart(tmp_path: Path) -> None:
    """A model and its loss, in two folders of one repository, that no import links."""
    head, _, loss = find("VAE201").bad.partition("def loss_function")
    for name in ("one", "two"):
        (tmp_path / name / ".git").mkdir(parents=True)
    imports = "import torch\nimport torch.nn.functional as F\n\n\n"
    (tmp_path / "one" / "models").mkdir()
    (tmp_path / "one" / "models" / "vae.py").write_text(head, encoding="utf-8")
    (tmp_path / "one" / "losses.py").write_text(f"{imports}def loss_function{loss}", encoding="utf-8")
    (tmp_path / "two" / "model.py").write_text(find("VAE202").bad, encoding="utf-8")
    for jobs in (1, 2):
        assert {finding.code for finding in lint([tmp_path], jobs=jobs).findings} == {"VAE201", "VAE202"}


def test_repositories_side_by_side_do_not_speak_for_each_other(tmp_path: Path) -> None:
    """The loss of one repository is not that of the model of another."""
    head, _, loss = find("VAE201").bad.partition("def loss_function")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "model.py").write_text(head, encoding="utf-8")
    imports = "import torch\nimport torch.nn.functional as F\n\n\n"
    (tmp_path / "two" / "losses.py").write_text(f"{imports}def loss_function{loss}", encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == ["VAE201"]
    for name in ("one", "two"):
        (tmp_path / name / ".git").mkdir()
    assert lint([tmp_path]).findings == ()


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1.5", "", "1000"])
def test_another_number_is_refused(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--jobs", jobs]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "neither a number from 1 to 256 nor auto" in err


# ------------------------------------------------------------------------------------------ ends before its time


# A shell's job in the background ignores interruptions, and what it starts inherits that.
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from vae_checked.cli import main
sys.exit(main())
"""


def _busy(folder: Path) -> subprocess.Popen[str]:
    """A run over two repositories with much to do, in a group of its own, once its processes are there."""
    head, _, loss = find("VAE201").bad.partition("def loss_function")
    classes = head[head.index("class VAE") :]
    many = "".join(classes.replace("class VAE", f"class VAE{number}") for number in range(400))
    for name in ("one", "two"):
        (folder / name / ".git").mkdir(parents=True)
        (folder / name / "model.py").write_text(f"{head}{many}\n\ndef loss_function{loss}", encoding="utf-8")
    run = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "lint", "--no-cache", "--jobs", "2", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    while run.poll() is None and len(_children(run)) < 2:
        os.sched_yield()
    assert run.poll() is None
    return run


def _children(run: subprocess.Popen[str]) -> list[int]:
    threads = Path(f"/proc/{run.pid}/task")
    return [int(child) for thread in threads.iterdir() for child in (thread / "children").read_text().split()]


LINUX = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes by Linux's /proc")


@LINUX
def test_an_interruption_ends_every_process_in_one_line(tmp_path: Path) -> None:
    run = _busy(tmp_path)
    os.killpg(run.pid, signal.SIGINT)
    out, err = run.communicate()
    assert (run.returncode, out, err) == (130, "", "vae-checked: interrupted\n")
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)


@LINUX
def test_a_process_that_is_killed_is_told_in_one_line(tmp_path: Path) -> None:
    run = _busy(tmp_path)
    os.kill(_children(run)[0], signal.SIGKILL)
    out, err = run.communicate()
    assert (run.returncode, out) == (2, "")
    assert err == "vae-checked: error: a worker process died (out of memory?): try a smaller --jobs\n"
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)
