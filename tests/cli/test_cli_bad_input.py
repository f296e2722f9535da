"""What cannot be used is refused in one clear line with exit status 2, and nothing on disk changes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vae_checked.catalogue.support.example import EXAMPLE
from vae_checked.cli import main

ROOT = Path(__file__).resolve().parents[2]

MODELS = {
    "good.py": EXAMPLE,
    "raises.py": """
        from torch import nn

        class VAE(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(4, 4)

            def forward(self, x):
                raise RuntimeError("the encoder has no weights yet")
    """,
    "silent.py": """
        from torch import nn

        class VAE(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(4, 4)

            def forward(self, x):
                self.layer(x)
    """,
    "broken.py": "def f(:\n",
    "lacking.py": "import a_package_that_nobody_has\n",
    "leaving.py": "import sys\nsys.exit(3)\n",
    "failing.py": "TABLE = {}\nTABLE['missing']\n",
    "things.py": """
        from torch import nn

        number = 3
        instance = nn.Linear(2, 2)

        def maker():
            return "a string"

        class Demanding(nn.Module):
            def __init__(self, latents):
                super().__init__()
    """,
    "losses.py": """
        def two(x_hat, x):
            return ((x_hat - x) ** 2).mean()

        def five(recon, x, mu, logvar, temperature):
            return ((recon - x) ** 2).mean()

        number = 3
    """,
    "notes.txt": "these are notes\n",
    "notes.py": "these are notes, not Python\n",
    "binary.py": "\x00\x01VAE\x02\x03",
}


def dedented(text: str) -> str:
    return "\n".join(line.removeprefix("        ") for line in text.strip("\n").split("\n")).rstrip() + "\n"


def disk(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of models that go wrong, importable for one test, in which nothing may change."""
    for name, text in MODELS.items():
        (tmp_path / name).write_text(dedented(text) if text.startswith("\n") else text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    before, loaded = disk(tmp_path), set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - loaded:
        if f"{name}.py" in MODELS:
            del sys.modules[name]
    assert disk(tmp_path) == before


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line on standard error with which `vae-checked words` ends with status 2 and no report."""
    status = main(words)
    out, err = capsys.readouterr()
    assert status == 2, out + err
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("vae-checked: error: ")
    return lines[0].removeprefix("vae-checked: error: ")


# ------------------------------------------------------------------------------------------------------ lint


@pytest.mark.parametrize(
    ("path", "said"),
    [("nowhere", "nowhere"), ("nowhere/model.py", "nowhere/model.py")],
)
@pytest.mark.usefixtures("folder")
def test_lint_names_a_path_that_does_not_exist(path: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refusal(capsys, "lint", path)
    assert said in line
    assert "no such file or folder" in line


@pytest.mark.parametrize("path", ["notes.py", "notes.txt", "binary.py", "broken.py"])
@pytest.mark.usefixtures("folder")
def test_lint_names_a_file_that_is_not_python(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["lint", path])
    err = capsys.readouterr().err
    assert status == 2
    assert err.count("\n") == 1
    assert path in err
    assert "not Python" in err


@pytest.mark.usefixtures("folder")
def test_lint_goes_on_past_a_bad_file_in_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "."]) in (0, 1)
    assert capsys.readouterr().err == ""


# ----------------------------------------------------------------------------------------------------- audit

BAD_MODELS = {
    "no such module": (["nowhere.model:VAE"], ["no module 'nowhere'", "run from the folder that holds it"]),
    "no such attribute": (["good:VEA"], ["good has no 'VEA'", "did you mean VAE?"]),
    "a file": (["./good.py:VAE"], ["names a file", "good:VAE"]),
    "no attribute": (["good:"], ["not of the form package.module:attribute"]),
    "no model of that name": (["good"], ["no model 'good'", "package.module:attribute"]),
    "a module that lacks a package": (["lacking:VAE"], ["needs 'a_package_that_nobody_has'", "not installed"]),
    "a module with a syntax error": (["broken:VAE"], ["importing broken raised SyntaxError", "broken.py"]),
    "a module that fails": (["failing:VAE"], ["importing failing raised KeyError", "failing.py:2"]),
    "a module that exits": (["leaving:VAE"], ["ended the program (exit status 3)", 'if __name__ == "__main__":']),
    "a number": (["things:number"], ["is a int", "torch.nn.Module"]),
    "a factory of strings": (["things:maker"], ["returned a str", "torch.nn.Module"]),
    "missing arguments": (["things:Demanding"], ["missing 1 required positional argument: 'latents'", "kwargs"]),
    "unknown arguments": (["good:VAE", "--kwargs", '{"depth": 3}'], ["unexpected keyword argument 'depth'"]),
    "arguments for an instance": (["things:instance", "--kwargs", '{"bias": 1}'], ["is an instance already", "bias"]),
    "arguments that are no JSON": (["good:VAE", "--kwargs", "latents=3"], ["--kwargs is not JSON"]),
    "arguments that are a list": (["good:VAE", "--kwargs", "[3]"], ["--kwargs is '[3]'", "not an object"]),
}


@pytest.mark.parametrize(("words", "said"), BAD_MODELS.values(), ids=BAD_MODELS)
@pytest.mark.usefixtures("folder")
def test_audit_names_a_model_that_cannot_be_built(
    words: list[str], said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(capsys, "audit", *words, "--input", "B 3 8 12")
    for part in said:
        assert part in line


BAD_RUNS = {
    "forward raises": (
        ["raises:VAE", "--input", "B 4"],
        ["RuntimeError", "the encoder has no weights yet", "raises.py:9"],
    ),
    "nothing recognisable": (["silent:VAE", "--input", "B 4"], ["returned nothing", "reconstruction"]),
    "a shape that does not fit": (["good:VAE", "--input", "B 3 9 12"], ["(7, 3, 9, 12)", "input"]),
    "a shape that is none": (["good:VAE", "--input", "B 3 8.5 12"], ["B 3 8.5 12", "B 3 64 64"]),
    "a negative size": (["good:VAE", "--input", "B -3 8 12"], ["B -3 8 12"]),
    "a range upside down": (["good:VAE", "--input", "B 3 8 12", "--data-range", "1", "0"], ["--data-range"]),
    "a loss that does not exist": (
        ["good:VAE", "--input", "B 3 8 12", "--loss", "losses:three"],
        ["losses has no 'three'", "loss"],
    ),
    "a loss that is a number": (
        ["good:VAE", "--input", "B 3 8 12", "--loss", "losses:number"],
        ["losses:number", "not a function"],
    ),
    "a method that does not exist": (
        ["good:VAE", "--input", "B 3 8 12", "--loss", "elbo"],
        ["elbo"],
    ),
    "a loss with another argument": (
        ["good:VAE", "--input", "B 3 8 12", "--loss", "losses:five"],
        ["five", "temperature"],
    ),
    "an adapter that does not exist": (
        ["good:VAE", "--input", "B 3 8 12", "--adapter", "plug"],
        ["no adapter 'plug'", "choose from"],
    ),
}


@pytest.mark.parametrize(("words", "said"), BAD_RUNS.values(), ids=BAD_RUNS)
@pytest.mark.usefixtures("folder")
def test_audit_names_what_cannot_be_run(words: list[str], said: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    line = refusal(capsys, "audit", *words)
    for part in said:
        assert part in line


# -------------------------------------------------------------------------------------------- pyproject.toml

TABLES = {
    "not TOML": ("[tool.vae-checked.models.mine\n", ["pyproject.toml", "not readable as TOML"]),
    "an unknown key": (
        '[tool.vae-checked.models.mine]\nmodel = "good:VAE"\ninputs = "B 3 8 12"\n',
        ["unknown key 'inputs'", "did you mean input?", "model, kwargs, input, loss, data_range, adapter"],
    ),
    "an unknown table": ("[tool.vae-checked.modles.mine]\nmodel = 'good:VAE'\n", ["unknown key 'modles'", "models"]),
    "no model": ('[tool.vae-checked.models.mine]\ninput = "B 3 8 12"\n', ["lacks the key model"]),
    "another model": ('[tool.vae-checked.models.theirs]\nmodel = "good:VAE"\n', ["no model 'mine'", "has theirs"]),
    "a number for a name": ("[tool.vae-checked.models.mine]\nmodel = 3\n", ["model is 3, not a string"]),
    "a range of one": (
        '[tool.vae-checked.models.mine]\nmodel = "good:VAE"\ndata_range = [1]\n',
        ["data_range is [1]", "two numbers"],
    ),
    "a value for a table": ("[tool.vae-checked.models]\nmine = 'good:VAE'\n", ["is not a table with the keys model"]),
    "a value for all": ("[tool.vae-checked]\nmodels = 3\n", ["not a table of tables"]),
    "a value for the tool": ("[tool]\nvae-checked = 3\n", ["[tool.vae-checked] is 3, not a table"]),
}


@pytest.mark.parametrize(("text", "said"), TABLES.values(), ids=TABLES)
def test_audit_names_what_is_wrong_with_pyproject(
    text: str, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    line = refusal(capsys, "audit", "mine")
    for part in said:
        assert part in line
    assert list(disk(tmp_path)) == ["pyproject.toml"]


# ---------------------------------------------------------------------------------------------------- output


def test_a_report_that_cannot_be_written_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refusal(capsys, "lint", "good.py", "--output", "no/such/folder/report.json")
    assert "cannot be written to 'no/such/folder/report.json'" in line
    line = refusal(capsys, "lint", "good.py", "--output", str(folder))
    assert "cannot be written" in line


def test_a_report_goes_into_a_pipe_and_the_pipe_stays(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    pipe = tmp_path_factory.mktemp("out") / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True)
    assert main(["lint", "good.py", "--output", str(pipe)]) == 0
    shown, _ = reader.communicate(timeout=60)
    assert "1 file read" in shown
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_report_goes_through_a_link_and_the_link_stays(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("out")
    link, real = out / "link.txt", out / "real.txt"
    real.write_text("before")
    link.symlink_to(real)
    assert main(["lint", "good.py", "--output", str(link)]) == 0
    assert link.is_symlink()
    assert "1 file read" in real.read_text()


# -------------------------------------------------------------------------------------------- as a real process


def test_a_real_process_says_one_line_and_exits_with_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vae_checked", "lint", "nowhere"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("vae-checked: error: ")


def test_without_torch_the_extra_is_named(tmp_path: Path) -> None:
    """A fresh interpreter with neither site-packages nor torch: what a pre-commit environment is like."""
    (tmp_path / "model.py").write_text(EXAMPLE, encoding="utf-8")
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from vae_checked.cli import main; sys.exit(main(sys.argv[1:]))"
    )

    def bare(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-S", "-c", script, *words], check=False, capture_output=True, text=True, cwd=tmp_path
        )

    audited = bare("audit", "model:VAE", "--input", "B 3 8 12")
    assert audited.returncode == 2
    assert "'torch'" in audited.stderr
    assert "pip install 'vae-checked[torch]'" in audited.stderr
    assert audited.stderr.count("\n") == 1
    assert bare("lint", "model.py").returncode == 0
