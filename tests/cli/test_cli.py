"""The command line: what each command prints and how it exits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vae_checked.catalogue import CATALOGUE
from vae_checked.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
CODES = sorted(each.code for each in CATALOGUE)


def command(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "vae_checked", *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
    )


# ----------------------------------------------------------------------------------------- explain and rules


def test_explain_says_what_why_bad_good_fix_and_where_it_is_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "VAE201"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("VAE201 log-std-read-as-logvar (error)\n")
    for part in ("what: ", "why: ", "bad:\n", "good:\n", "fix: ", "seen by: ", "references:\n"):
        assert f"\n{part}" in page
    bad, good = page.split("bad:\n")[1].split("good:\n")
    assert "std = torch.exp(logvar)" in bad
    assert "std = torch.exp(0.5 * logvar)" in good.split("fix:")[0]


@pytest.mark.parametrize("word", ["VAE201", "vae201", "201", "log-std-read-as-logvar"])
def test_explain_takes_codes_numbers_and_names(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", word]) == 0
    assert capsys.readouterr().out.startswith("VAE201 ")


@pytest.mark.parametrize("code", CODES)
def test_every_mistake_has_a_page_without_open_places(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", code]) == 0
    fix = capsys.readouterr().out.split("\nfix: ")[1].split("\n\n")[0]
    assert "{" not in fix


def test_rules_lists_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("VAE")] == CODES
    assert lines[0].split() == ["VAE101", "view-used-as-permute", "error", "lint,", "audit"]


def test_rules_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "--format", "json"]) == 0
    rules = {each["code"]: each for each in json.loads(capsys.readouterr().out)["rules"]}
    assert sorted(rules) == CODES
    assert rules["VAE201"]["name"] == "log-std-read-as-logvar"
    assert set(rules["VAE201"]["seen_by"]) <= {"lint", "audit"}


# ----------------------------------------------------------------------------------------------- the parser


def test_help_names_every_command() -> None:
    done = command("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f"\n    {name}" in done.stdout.replace(f"{name}\n", f"{name} ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: vae-checked {name}")


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    import vae_checked

    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"vae-checked {vae_checked.__version__}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lynt"], "no command 'lynt' (did you mean lint?): choose from lint, lsp, audit"),
        (["tests/"], "no command 'tests/' (did you mean vae-checked lint tests/?)"),
        (
            ["lint", "--frmat", "json"],
            "vae-checked lint: error: unrecognized arguments: --frmat (did you mean --format?)",
        ),
        (["shapes", "check", "--lok=x"], "unrecognized arguments: --lok (did you mean --lock?)"),
        (["lint", "--banana", "x"], "unrecognized arguments: --banana (vae-checked lint --help"),
        (["lint", "--format", "xml"], "invalid choice: 'xml'"),
        (["explain"], "the following arguments are required: WHAT"),
        (["explain", "VAE999"], "no mistake 'VAE999' in the catalogue: vae-checked rules lists"),
        (["lint", "--select", "VAE9", "."], "'VAE9' names no mistake in the catalogue"),
        (["audit", "--seed", "x", "m:VAE"], "invalid int value: 'x'"),
    ],
)
def test_a_refusal_is_one_line_and_exit_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert out == ""
    assert err.count("\n") == 1


# ------------------------------------------------------------------------------------------- pipes and ends


def test_a_closed_pipe_is_no_noise() -> None:
    script = f"{sys.executable} -m vae_checked rules --format json | head -c 1"
    done = subprocess.run(["bash", "-c", script], check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "{"
    assert done.stderr == ""


def test_a_terminal_that_knows_no_unicode_gets_escapes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from vae_checked.cli.options import write; write('σ²\\udc80\\n')"],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert done.stdout == b"\\u03c3\\xb2\\x80\n"


def test_nothing_heavy_is_imported_by_light_commands() -> None:
    script = (
        "import sys; from vae_checked.cli import main; main(['rules']); main(['explain', '201']);"
        "print(sorted({'torch', 'numpy', 'rich', 'jaxtyping', 'beartype', 'hypothesis'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
