"""Files that lie in wait: pipes, devices, links in a circle, gigabytes of nothing, lines that patterns choke on."""

from __future__ import annotations

import os
import random
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_code import MISTAKE, module

from vae_checked.errors import UsageError
from vae_checked.linter import lint
from vae_checked.linter.files import ignore_rules
from vae_checked.linter.files.git_index import tracked
from vae_checked.linter.run import baseline
from vae_checked.regular_files import content

linux = pytest.mark.skipif(sys.platform != "linux", reason="pipes and devices are those of Linux")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def circle(path: Path) -> None:
    path.symlink_to(path.name)


def folder(path: Path) -> None:
    path.mkdir()


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3_000_000_000)


PLACED: dict[str, Callable[[Path], None]] = {each.__name__: each for each in (pipe, device, circle, folder, sparse)}
READ_BESIDE = ("other.py", "book.ipynb", ".gitignore", "config.py", ".git/index", ".git/config", ".git/info/exclude")


@linux
@pytest.mark.parametrize("kind", PLACED)
def test_what_lies_in_the_place_of_a_file_stops_nothing(kind: str, tmp_path: Path) -> None:
    for number, name in enumerate(READ_BESIDE):
        project = tmp_path / str(number)
        (project / ".git" / "info").mkdir(parents=True)
        PLACED[kind](project / name)
        (project / "model.py").write_text(f"from config import *\n{module()}", encoding="utf-8")
    # In a process of its own, so that one that waits for a pipe fails this test and not the run.
    script = (
        "import sys; from vae_checked.linter import lint\n"
        "for name, folder in zip(sys.argv[1::2], sys.argv[2::2]):\n"
        "    print(name, *(f.code for f in lint([folder]).findings), flush=True)\n"
    )
    folders = [word for number, name in enumerate(READ_BESIDE) for word in (name, str(tmp_path / str(number)))]
    done = subprocess.run(
        [sys.executable, "-c", script, *folders], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout.splitlines(), done.stderr) == ([f"{name} {MISTAKE}" for name in READ_BESIDE], "")


@linux
@pytest.mark.parametrize("kind", PLACED)
def test_only_regular_files_of_bounded_size_have_content(kind: str, tmp_path: Path) -> None:
    PLACED[kind](tmp_path / "placed")
    with pytest.raises(OSError, match=r"."):
        content(tmp_path / "placed", 1_000)
    with pytest.raises(UsageError, match="placed"):
        baseline.load(tmp_path / "placed")


def test_content_is_that_of_the_file_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"seven b")
    (tmp_path / "link").symlink_to("file")
    assert content(tmp_path / "link", 7) == b"seven b"
    with pytest.raises(OSError, match="larger than the 6 bytes"):
        content(tmp_path / "link", 6)


# ---------------------------------------------------------------------------------------------------- patterns


LINES = {
    "noqa": "noqa.Suppressions([source.parse('m.py', chr(34) * 3 + 'noqa ' * 500_000 + chr(34) * 3)])",
    "noqa with codes": "noqa.Suppressions([source.parse('m.py', 'x = 1  # vae-checked ' + 'noqa:' * 250_000)])",
    "import": "prefilter.concerns_vae(b'torch * logvar ' + b'import ' * 500_000)",
    "from import": "prefilter.concerns_vae(b'torch * logvar ' + b'from x import ' * 250_000)",
    "imported": "prefilter.imported(b'import ' * 500_000)",
    "scale": "prefilter.concerns_vae(b'torch randn std ' + b'std ' * 500_000)",
    "magic of blanks": "book(' ' * 500_000 + '$')",
    "magic of names": "book('a, ' * 500_000 + '$')",
}
SCRIPT = """
import json, resource
resource.setrlimit(resource.RLIMIT_CPU, (20, 21))
resource.setrlimit(resource.RLIMIT_AS, (500_000_000, 500_000_000))
from vae_checked.linter.files import noqa, prefilter, source
book = lambda text: source.parse('b.ipynb', json.dumps({'cells': [{'cell_type': 'code', 'source': text}]}))
%s
print('read')
"""


@linux
@pytest.mark.parametrize("line", LINES)
def test_long_lines_are_read_in_one_pass(line: str) -> None:
    # What is tried from every place to every other takes more than the 20 s of a processor that are given.
    done = subprocess.run([sys.executable, "-c", SCRIPT % LINES[line]], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("read\n", "", 0)


@linux
@pytest.mark.parametrize("written", ["1,", "a,", "a\\n", "a()\\n", "-1,", "a.a,", "a;", "a<a,", "x=1\\n"])
def test_what_would_fill_the_memory_when_it_is_parsed_is_refused(written: str) -> None:
    opening, closing = ("x = [", "]") if written.endswith(",") else ("", "")
    work = (
        f"text = {opening!r} + '{written}' * (3_900_000 // len('{written}')) + {closing!r}\n"
        "try:\n    source.parse('m.py', text)\n"
        "except source.UnreadableError as error:\n    assert 'parts' in str(error)"
    )
    done = subprocess.run([sys.executable, "-c", SCRIPT % work], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("read\n", "", 0)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 40 + "b", "a" * 3_000),
        ("**/" + "*a" * 40 + "b", "a" * 200 + "/" + "a" * 3_000),
        ("**/a" * 40 + "/b", "a/" * 1_500 + "a"),
        ("a/**/" * 40 + "b", "a/" * 1_500 + "a"),
        ("?*" * 60 + "b", "a" * 3_000),
        ("[a-b]*" * 60 + "c", "ab" * 1_500),
    ],
)
def test_hostile_rules_are_answered(pattern: str, path: str) -> None:
    # Tried in all ways, each of these takes longer than the world is old.
    assert not ignore_rules.Globs([pattern], ".").match(path)


def matches(pattern: str, path: str) -> bool:
    """A path under a pattern by the words of gitignore(5), letter by letter: no regular expression, no memory."""
    if not path:
        return not pattern.strip("*")
    if not pattern:
        return False
    if pattern.startswith("**/"):
        rest = pattern[3:]
        return matches(rest, path) or ("/" in path and matches(pattern, path.partition("/")[2]))
    if pattern[0] == "*":
        return matches(pattern[1:], path) or (path[0] != "/" and matches(pattern, path[1:]))
    if pattern[0] == "?":
        return path[0] != "/" and matches(pattern[1:], path[1:])
    if path[0] != pattern[0]:
        return False
    if pattern[0] == "/" and pattern[1:].startswith("**/"):
        return matches(pattern[1:], path[1:])
    return matches(pattern[1:], path[1:])


def test_rules_match_what_their_words_say() -> None:
    chance = random.Random(20260711)  # noqa: S311  patterns, no secret
    seen = {True: 0, False: 0}
    for _ in range(4_000):
        parts = chance.choices(("a", "b", "*", "?", "*a", "a*", "a*b", "*a*", "**", "ab"), k=chance.randrange(1, 5))
        pattern = "/".join(parts)
        if pattern.endswith("**") or not pattern.strip("/"):
            continue
        path = "/".join(chance.choices(("a", "b", "ab", "ba", "aab", "abab"), k=chance.randrange(1, 5)))
        rule = ignore_rules.parse_rule(pattern)
        assert rule is not None
        expected = matches(pattern if "/" in pattern else f"**/{pattern}", path)
        assert bool(rule.pattern.fullmatch(path)) is expected, (pattern, path)
        seen[expected] += 1
    assert min(seen.values()) > 300


def test_an_index_of_few_bytes_that_tells_of_very_long_paths_is_none(tmp_path: Path) -> None:
    head = struct.pack(">4sII", b"DIRC", 4, 9_000)
    # Each path is the one before and one letter more.
    entry = bytes(24) + struct.pack(">I", 0o100644) + bytes(12) + bytes(20) + struct.pack(">H", 1) + b"\0" + b"a\0"
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_bytes(head + entry * 9_000)
    assert tracked(tmp_path).files == frozenset()
    (tmp_path / ".git" / "index").write_bytes(struct.pack(">4sII", b"DIRC", 4, 3) + entry * 3)
    assert tracked(tmp_path).files == {"a", "aa", "aaa"}


def test_long_lines_and_many_names_are_read(tmp_path: Path) -> None:
    for name, text in {
        "one_line.py": f"import torch  # logvar\nx = [{'1,' * 90_000}]\n",
        "deep.py": f"import torch  # logvar\nx = {'(' * 90}1{')' * 90}\n",
        "deeper.py": f"import torch  # logvar\nx = {'-' * 100_000}1\n",
        "nul.py": "import torch  # logvar\0\n",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "model.py").write_text(module(), encoding="utf-8")
    report = lint([tmp_path])
    assert [finding.code for finding in report.findings] == [MISTAKE]
    assert {Path(path).name for path, _ in report.unread} == {"deeper.py", "nul.py"}
    assert re.search("2 could not be read", report.summary)
