"""What a report looks like: its width, its colours, and the excerpts of source in it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vae_checked.catalogue import find
from vae_checked.cli import main
from vae_checked.cli.options import write
from vae_checked.cli.terminal import look_of_output
from vae_checked.finding import Place
from vae_checked.linter import lint
from vae_checked.reports import render
from vae_checked.reports.look import PAINT, Look, Role
from vae_checked.reports.source_excerpt import excerpt
from vae_checked.text import cells

ROOT = Path(__file__).resolve().parents[2]
BAD = find("VAE201").bad
LONG = (
    "            kl = torch.mean(-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1), dim=0) * self.weight"
)


# ------------------------------------------------------------------------------------------------ lines, words


@pytest.mark.parametrize("width", [40, 57, 80])
@pytest.mark.parametrize("indent", [0, 2, 4])
def test_lines_are_broken_between_words(width: int, indent: int) -> None:
    words = " ".join(f"word{'s' * (number % 11)}" for number in range(60))
    lines = Look(width).wrap(f"  {words}", indent)
    assert max(map(cells, lines)) <= width
    assert " ".join(line.strip() for line in lines) == words
    assert [len(line) - len(line.lstrip()) for line in lines] == [2] + [2 + indent] * (len(lines) - 1)


def test_a_word_longer_than_a_line_stays_whole() -> None:
    path = "deep/" * 20 + "model.py"
    assert Look(40).wrap(f"{path}: found", 2) == [path + ":", "  found"]


@pytest.mark.parametrize("interval", ["(0, 1)", "[-1, 1]", "(-inf, inf)", "[0, 2.5e-07),"])
@pytest.mark.parametrize("before", range(1, 12))
def test_an_interval_stands_on_one_line(interval: str, before: int) -> None:
    lines = Look(20).wrap(f"{'x' * before} lies in {interval} by sigmoid")
    assert [line for line in lines if interval in line] != []
    assert max(map(cells, lines)) <= 20


def test_other_words_in_brackets_are_broken_between_words() -> None:
    assert Look(20).wrap("a sum over samples (no mean, no weight)", 2) == [
        "a sum over samples",
        "  (no mean, no",
        "  weight)",
    ]


def test_wide_letters_take_two_columns() -> None:
    assert [cells(text) for text in ("ab", "方差", "e\u0301", "")] == [2, 4, 1, 0]
    assert max(map(cells, Look(40).wrap("方差 " * 30))) <= 40


def test_without_a_width_a_line_stays_whole() -> None:
    assert Look().wrap("a " * 300) == ["a " * 300]


def test_a_word_is_painted_in_the_colour_of_its_role() -> None:
    assert Look(colour=True).paint("error", Role.ERROR) == "\x1b[1;31merror\x1b[0m"
    assert Look(colour=True).paint("error", None) == Look().paint("error", Role.ERROR) == "error"


# ---------------------------------------------------------------------------------------------------- excerpts


def place(text: str, marked: str, line: int = 31) -> Place:
    column = text.index(marked) + 1
    return Place("m.py", line, column, line, column + len(marked), text=text)


@pytest.mark.parametrize("width", [40, 60, 80, 100])
@pytest.mark.parametrize("marked", ["kl", "mu.pow(2)", "dim=1)", "self.weight", "logvar.exp()"])
def test_a_long_line_is_cut_around_what_is_marked(marked: str, width: int) -> None:
    source, carets = excerpt(place(LONG, marked), width)
    assert max(cells(source), cells(carets)) <= width
    start = carets.index("^")
    assert source[start : start + len(marked)] == marked
    assert carets.count("^") == len(marked)


def test_what_is_marked_is_shown_whole_before_anything_around_it() -> None:
    marked = "-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)"
    source, carets = excerpt(place(LONG, marked), 80)
    assert marked in source
    assert carets.count("^") == len(marked)


def test_a_mark_longer_than_the_line_is_cut_at_its_end() -> None:
    source, carets = excerpt(place(LONG, LONG.strip()), 60)
    assert source.endswith("…")
    assert len(carets) <= len(source) <= 60


@pytest.mark.parametrize("width", [40, 61])
def test_wide_letters_are_cut_by_their_columns(width: int) -> None:
    text = "损失 = " + "方差 + " * 40 + "结果"
    source, carets = excerpt(place(text, "结果"), width)
    assert cells(source) <= width
    assert cells(source[: source.index("结果")]) == carets.index("^")


# ------------------------------------------------------------------------------------------------ whole reports


def lines_of(**look: object) -> list[str]:
    report = lint(["some/folder/model.py"], texts={"some/folder/model.py": BAD})
    return render(report, look=Look(**look)).splitlines()  # type: ignore[arg-type]


def words_of(text: str) -> list[str]:
    """The words of a report, without its excerpts, which are cut to the width."""
    return [word for line in text.splitlines() if " | " not in line for word in line.split()]


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("code", ["VAE201", "VAE105", "VAE403", "VAE502"])
def test_a_report_fits_80_columns(code: str, verbose: bool) -> None:
    report = lint(["model.py"], texts={"model.py": find(code).bad})
    text = render(report, verbose=verbose, look=Look(80))
    assert code in text
    assert [line for line in text.splitlines() if cells(line) > 80] == []
    assert words_of(text) == words_of(render(report, verbose=verbose))


def test_colours_add_nothing_but_colours() -> None:
    painted = lines_of(width=80, colour=True)
    assert [PAINT.sub("", line) for line in painted] == lines_of(width=80)
    assert any("\x1b[1;31m error: VAE201 " in line for line in painted)
    assert painted[-1] == "\x1b[1;31m1 error\x1b[0m"


def test_only_what_was_looked_at_whole_is_told_in_green() -> None:
    def last(text: str) -> str:
        report = lint(["model.py"], texts={"model.py": text})
        return render(report, look=Look(colour=True)).splitlines()[-1]

    assert last(find("VAE201").good) == "\x1b[1;32mno finding\x1b[0m"
    assert last("import torch\nz = 3\n") == "no finding"


# ---------------------------------------------------------------------------------------- terminals and pipes


def on_a_terminal(tmp_path: Path, *words: str, columns: int = 80, **environment: str) -> str:
    """What `vae-checked words` writes on a terminal of so many columns."""
    (tmp_path / "model.py").write_text(BAD, encoding="utf-8")
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    there, here = pty.openpty()
    os.set_blocking(there, False)
    import fcntl
    import struct
    import termios

    fcntl.ioctl(here, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    running = subprocess.Popen(
        [sys.executable, "-m", "vae_checked", *words],
        stdout=here,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", **environment},
    )
    running.wait(timeout=120)
    os.close(here)
    seen = b""
    os.set_blocking(there, True)
    try:
        while part := os.read(there, 4096):
            seen += part
    except OSError:
        pass
    os.close(there)
    return seen.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colours_and_lines_of_its_width(tmp_path: Path) -> None:
    text = on_a_terminal(tmp_path, "lint", "--no-cache", "model.py", columns=64)
    plain = PAINT.sub("", text)
    assert text != plain
    assert "\x1b" not in plain
    assert max(map(cells, plain.splitlines())) <= 64
    assert plain.endswith("1 error\n")


@pytest.mark.parametrize(
    "environment", [{"NO_COLOR": "1"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, {"TERM": "dumb"}, {"FORCE_COLOR": "0"}]
)
def test_a_terminal_without_colours_gets_none(environment: dict[str, str], tmp_path: Path) -> None:
    text = on_a_terminal(tmp_path, "lint", "--no-cache", "model.py", **environment)
    assert "VAE201" in text
    assert "\x1b" not in text


def test_a_pipe_gets_long_lines_without_colours_unless_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.py").write_text(BAD, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    assert look_of_output() == Look()
    assert main(["lint", "--no-cache", "model.py"]) == 1
    text = capsys.readouterr().out
    assert re.search(
        r"^model\.py:\d+:\d+: error: VAE201 log-std-read-as-logvar: the sampler .* as log variance$", text, re.M
    )
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "70")
    assert look_of_output() == Look(70, colour=True)
    assert main(["lint", "--no-cache", "model.py"]) == 1
    assert "\x1b[1;31m" in capsys.readouterr().out


def test_a_report_in_a_file_is_never_painted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.py").write_text(BAD, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["lint", "--no-cache", "model.py", "--output", "report.txt"]) == 1
    assert "\x1b" not in (tmp_path / "report.txt").read_text(encoding="utf-8")


def test_colours_are_all_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    write("\x1b[1;31mred\x1b[0m \x1b[2J\x07 \x1b]0;title\x07\n", painted=True)
    assert capsys.readouterr().out == "\x1b[1;31mred\x1b[0m \\x1b[2J\\x07 \\x1b]0;title\\x07\n"


def test_colours_in_a_name_are_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = lint(["a\x1b[31mred.py"], texts={"a\x1b[31mred.py": BAD})
    text = render(report, look=Look(80, colour=True))
    assert "a\\x1b[31mred.py" in text
    assert "\x1b[31m" not in text


def test_quiet_and_verbose_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--quiet", "--verbose", "."]) == 2
    assert "not allowed with argument" in capsys.readouterr().err
