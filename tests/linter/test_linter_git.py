"""Which files are read in a repository: git is asked, and the linter, which does not run it, must agree."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vae_checked.linter import lint
from vae_checked.linter.files.discovery import Passed
from vae_checked.linter.files.git_index import tracked
from vae_checked.linter.files.source import discover

TREE = ("top.py", "made.py", "data/kept.py", "data/loose.py", "data/deep/kept.py", "data/deep/loose.py", "notes.txt",
        "build/own.py", "build/lib/copy.py", "sub/plain.py", "sub/\u00fcber.py", "sub/a b.py")  # fmt: skip
TRACKED = ("top.py", "made.py", "data/kept.py", "data/deep/kept.py", "build/own.py", "sub/plain.py", "sub/\u00fcber.py")
IGNORED = "/data/\nmade.py\nsub/*\nbuild/\n"


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without rules of its own, for git and for the linter."""
    folder = tmp_path_factory.mktemp("home")
    for name in ("GIT_CONFIG_GLOBAL", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return folder


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")
    done = subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True, cwd=folder)
    return done.stdout


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import torch\n")


def repository(folder: Path, *begin: str) -> Path:
    """A repository in which some of the files that its rules ignore are tracked."""
    folder.mkdir(exist_ok=True)
    git(folder, "init", "-q", *begin)
    write(folder, *TREE)
    (folder / ".gitignore").write_text(IGNORED, encoding="utf-8")
    git(folder, "add", "-f", ".gitignore", *TRACKED)
    git(folder, "commit", "-qm", "begin")
    return folder


def shown(folder: Path, *, cached: bool = True) -> set[str]:
    """The Python files that git names: tracked and there, or neither tracked nor ignored."""
    which = ("--cached",) if cached else ()
    names = git(folder, "ls-files", *which, "--others", "--exclude-standard", "-z").split("\0")
    return {name for name in names if name.endswith(".py") and (folder / name).is_file()}


def read(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path, _ in discover([folder], Passed())}


def conflict(top: Path) -> None:
    """Leave a tracked, ignored file in the index three times."""
    git(top, "checkout", "-qb", "other")
    for branch, text in (("other", "1"), ("-", "2")):
        if branch != "other":
            git(top, "checkout", "-q", branch)
        (top / "made.py").write_text(text)
        git(top, "commit", "-qam", text)
    with pytest.raises(subprocess.CalledProcessError):
        git(top, "merge", "-q", "other")


# Words of `git init`, and what is done to the repository once it is there.
FORMS: dict[str, tuple[tuple[str, ...], Callable[[Path], object]]] = {
    "plain": ((), lambda top: None),
    "paths shortened": ((), lambda top: git(top, "update-index", "--index-version", "4")),
    "an entry meant to be added": ((), lambda top: git(top, "add", "-f", "-N", "data/loose.py")),
    "split": ((), lambda top: (git(top, "update-index", "--split-index"), git(top, "add", "-f", "data/loose.py"))),
    "names of 32 bytes": (("--object-format=sha256",), lambda top: None),
    "packed for few files": ((), lambda top: git(top, "sparse-checkout", "set", "--cone", "--sparse-index", "sub")),
    "nothing tracked": ((), lambda top: git(top, "rm", "-rq", "--cached", ".")),
    "in conflict": ((), conflict),
    "a tracked file taken away": ((), lambda top: (top / "data" / "kept.py").unlink()),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_git_names_is_read(form: str, tmp_path: Path) -> None:
    begin, change = FORMS[form]
    top = repository(tmp_path / "top", *begin)
    change(top)
    expected = shown(top)
    assert expected != shown(top, cached=False) or form == "nothing tracked"
    assert read(top) == expected


def test_a_folder_inside_is_read_by_the_same_rules(tmp_path: Path) -> None:
    top = repository(tmp_path / "top")
    inside = {name.removeprefix("sub/") for name in shown(top) if name.startswith("sub/")}
    assert read(top / "sub") == inside == {"plain.py", "\u00fcber.py"}


def test_an_ignored_folder_that_was_named_is_read(tmp_path: Path) -> None:
    top = repository(tmp_path / "top")
    assert read(top / "data") == {"kept.py", "loose.py", "deep/kept.py", "deep/loose.py"}


def test_work_trees_share_what_git_keeps(tmp_path: Path) -> None:
    top = repository(tmp_path / "top")
    git(top, "worktree", "add", "-q", "-b", "second", str(tmp_path / "second"))
    second = tmp_path / "second"
    write(second, "data/loose.py", "private.py")
    git(second, "add", "-f", "data/loose.py")
    (top / ".git" / "info").mkdir(exist_ok=True)
    (top / ".git" / "info" / "exclude").write_text("private.py\n")
    assert (second / ".git").is_file()
    assert read(second) == shown(second)
    assert "data/loose.py" in read(second)
    assert "private.py" not in read(second)


def test_repositories_within_one_have_rules_of_their_own(tmp_path: Path) -> None:
    """A submodule in a folder that is ignored, and a clone beside the sources: rules end where a repository begins."""
    top = repository(tmp_path / "top")
    part = repository(tmp_path / "part")
    git(top, "submodule", "add", "-q", "-f", str(part), "data/module")
    clone = repository(top / "clone")
    (top / ".gitignore").write_text(IGNORED + "top.py\n")
    module = top / "data" / "module"
    write(module, "made.py", "loose.py")
    assert "top.py" in shown(module)
    inner = {f"{folder.relative_to(top)}/{name}" for folder in (module, clone) for name in shown(folder)}
    assert read(top) == shown(top) | inner


TWICE = """\
# excludesFile = ~/no
[core]
excludesfile=/dev/null
[other "x"]
excludesFile = ~/no
[Core]
excludesFile="~/mine"
"""
RULES = {
    "of the repository": lambda top, home: (top / ".git" / "info" / "exclude", ""),
    "of the user": lambda top, home: (home / ".config" / "git" / "ignore", ""),
    "named by the user": lambda top, home: (home / "mine", "[core]\n\texcludesFile = ~/mine\n"),
    "named twice": lambda top, home: (
        home / "mine",
        TWICE,
    ),
}


@pytest.mark.parametrize("kind", RULES)
def test_rules_outside_of_a_gitignore_hold(kind: str, tmp_path: Path, home: Path) -> None:
    top = repository(tmp_path / "top")
    write(top, "private.py", "sub/private.py", "kept/private.py")
    (top / "kept" / ".gitignore").write_text("!private.py\n")
    rules, configuration = RULES[kind](top, home)
    (home / ".gitconfig").write_text(configuration)
    (home / "no").write_text("*\n")
    rules.parent.mkdir(parents=True, exist_ok=True)
    rules.write_text("private.py\n")
    assert read(top) == shown(top)
    assert {name for name in read(top) if name.endswith("private.py")} == {"kept/private.py"}


def test_rules_that_a_configuration_of_the_repository_names_hold(tmp_path: Path, home: Path) -> None:
    top = repository(tmp_path / "top")
    write(top, "private.py")
    (home / "mine").write_text("private.py\n")
    git(top, "config", "core.excludesFile", str(home / "mine"))
    assert read(top) == shown(top)
    assert "private.py" not in read(top)


def test_git_itself_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs, that is not there, or that obeys the configuration of what is read, is never in the way."""
    top = repository(tmp_path / "top")
    expected = shown(top)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "git").write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\nexec sleep 60\n")
    (tools / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    assert read(top) == expected
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_somebody_elses_repository_is_read_by_its_rules(tmp_path: Path) -> None:
    top = repository(tmp_path / "top")
    expected = shown(top)
    for path in (top, top / ".git"):
        os.chown(path, 4321, 4321)
    with pytest.raises(subprocess.CalledProcessError):
        shown(top)
    assert read(top) == expected


def damaged(data: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "no index": b"not an index at all, but as long as one",
        "of a later version": data[:4] + b"\0\0\0\x63" + data[8:],
        "cut short": data[: len(data) // 2],
        "more entries than there are": data[:8] + b"\xff\xff\xff\xff" + data[12:],
    }


@pytest.mark.parametrize("kind", damaged(b""))
def test_a_damaged_index_leaves_the_rules(kind: str, tmp_path: Path) -> None:
    top = repository(tmp_path / "top")
    index = top / ".git" / "index"
    expected = shown(top, cached=False) | {"top.py"}
    index.write_bytes(damaged(index.read_bytes())[kind])
    assert not tracked(top).files
    assert read(top) == expected


@pytest.mark.parametrize("kept", ["gitdir: /no/such/folder\n", "gitdir: .git\n", "", "\0"])
def test_a_git_file_that_points_nowhere_leaves_the_rules(kept: str, tmp_path: Path) -> None:
    write(tmp_path, "top.py", "made.py")
    (tmp_path / ".gitignore").write_text("made.py\n")
    (tmp_path / ".git").write_text(kept)
    assert read(tmp_path) == {"top.py"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_in_the_place_of_an_index_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, "top.py", "made.py")
    (tmp_path / ".git").mkdir()
    for name in (".git/index", ".git/config", ".gitignore"):
        os.mkfifo(tmp_path / name)
    assert read(tmp_path) == {"top.py", "made.py"}


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    top = repository(tmp_path / "top")
    write(top, "venv/lib/site.py", "node_modules/x.py", "__pycache__/y.py", ".venv/z.py", "gone.py")
    report = lint([top])
    assert ("venv/", "an environment or installed packages") in [
        (path.removeprefix(f"{top}/"), reason) for path, reason in report.left_out
    ]
    named = {path.removeprefix(f"{top}/") for path, _ in report.left_out}
    assert named == {
        "venv/", "node_modules/", "build/lib/", "data/loose.py", "data/deep/loose.py", "sub/a b.py"
    }  # fmt: skip
    assert "3 files and 3 folders left out: " in report.summary
    assert "ignored by git" in report.summary


def test_what_nothing_leaves_out_is_not_spoken_of(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "b/c.py")
    report = lint([tmp_path])
    assert report.left_out == ()
    assert "left out" not in report.summary


def test_folders_nested_too_deep_are_told(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 61)
    write(deep.parent, "there.py")
    write(deep, "below.py")
    report = lint([tmp_path])
    assert report.files_read == 1
    assert report.unread == ((str(deep), "nested deeper than 60 folders"),)


def test_the_copies_of_a_build_are_left_out_even_where_git_tracks_them(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    git(top, "init", "-q")
    write(top, "net/a.py", "src/more/b.py", "build/lib/net/a.py", "build/lib/more/b.py", "other/build/lib/own/c.py")
    git(top, "add", "-f", ".")
    report = lint([top])
    assert {path.as_posix() for path, _ in discover([top], Passed())} == {
        f"{top}/{name}" for name in ("net/a.py", "src/more/b.py", "other/build/lib/own/c.py")
    }
    assert [(path.removeprefix(f"{top}/"), reason) for path, reason in report.left_out] == [
        ("build/lib/", "made by a build")
    ]
