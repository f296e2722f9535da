"""A shell completes commands, options and codes by the script that `completion` prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vae_checked.cli import main
from vae_checked.cli.completion import SHELLS, script


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "completion.bash"
    path.write_text(script("bash"), encoding="utf-8")
    return path


def completed(bash: Path, *words: str) -> set[str]:
    """What bash offers for the last of the words that were typed."""
    typed = " ".join(f"'{word}'" for word in ("vae-checked", *words))
    lines = (
        f"source {bash}",
        f"COMP_WORDS=({typed}); COMP_CWORD={len(words)}",
        "$(complete -p vae-checked | sed 's/.*-F //; s/ .*//')",
        'printf "%s\\n" "${COMPREPLY[@]}"',
    )
    done = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, text=True, check=True, cwd=bash.parent)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("li",), {"lint"}),
        (("sh",), {"shapes"}),
        (("shapes", "lo"), {"lock"}),
        (("audit", "--data"), {"--data-range"}),
        (("lint", "--format", "gi"), {"github", "gitlab"}),
        (("explain", "VAE30"), {f"VAE30{number}" for number in range(1, 7)}),
        (("lint", "completion.b"), {"completion.bash"}),
    ],
)
def test_what_was_typed_is_completed(bash: Path, words: tuple[str, ...], offered: set[str]) -> None:
    assert completed(bash, *words) == offered


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_gets_a_script_of_its_own(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert "vae-checked" in printed
    assert all(command in printed for command in ("lint", "audit", "explain"))


def test_without_its_package_the_line_that_brings_it_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "zsh"]) == 2
    assert "pip install 'vae-checked[terminal]'" in capsys.readouterr().err
