"""The processes of `tests/support/preloaded.py` are processes of their own, as `subprocess` starts them."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from preloaded import run_python, run_together

SAID = """
import os, sys
print(__name__, os.getcwd(), sys.argv, os.environ["SAID"], "PATH" in os.environ, input(), "torch" in sys.modules)
sys.stderr.write("σ")
sys.exit(7)
"""


def test_a_process_has_all_that_a_process_has_of_its_own(tmp_path: Path) -> None:
    before, here = dict(os.environ), Path.cwd()
    done = run_python("-c", SAID, "x", "--y", cwd=tmp_path, env={"SAID": "ü"}, given="read\n")
    preloaded = sys.platform == "linux"
    assert done.stdout == f"__main__ {tmp_path} ['-c', 'x', '--y'] ü False read {preloaded}\n"
    assert (done.returncode, done.stderr) == (7, "σ")
    assert (dict(os.environ), Path.cwd()) == (before, here)


def test_a_process_imports_what_its_paths_name_and_no_more(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thing.py").write_text(f"print({name!r}, __name__)\n", encoding="utf-8")
    for name in ("one", "two"):
        elsewhere = {**os.environ, "PYTHONPATH": str(tmp_path / name)}
        assert run_python("-m", "thing", cwd=tmp_path, env=elsewhere).stdout == f"{name} __main__\n"
        assert run_python("-c", "import thing", cwd=tmp_path, env=elsewhere).stdout == f"{name} thing\n"
        assert run_python(str(tmp_path / name / "thing.py")).stdout == f"{name} __main__\n"
    where = "import sys; print('' in sys.path, sys.executable)"
    assert run_python("-c", where).stdout == f"True {sys.executable}\n"
    assert run_python("-P", "-c", where).stdout == f"False {sys.executable}\n"
    ours = "import sys; print([each for each in sys.modules if each.split('.')[0] in ('vae_checked', 'pytest')])"
    assert run_python("-c", ours).stdout == "[]\n"


@pytest.mark.parametrize(
    ("text", "status", "error"),
    [
        ("", 0, ""),
        ("import sys; sys.exit('no')", 1, "no\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import atexit, os; atexit.register(os.write, 2, b'left'); raise SystemExit(260)", 4, "left"),
    ],
)
def test_a_process_ends_as_an_interpreter_does(text: str, status: int, error: str) -> None:
    done = run_python("-c", text)
    assert done.returncode == status
    assert done.stderr.endswith(error)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each is started for itself")
def test_one_that_fails_ends_those_beside_it() -> None:
    waiting, killed = ["-c", "import time; time.sleep(600)"], ["-c", "import os; os.kill(os.getpid(), 9)"]
    done = run_together([waiting, killed], environments=[os.environ] * 2)
    assert [each.returncode for each in done] == [-signal.SIGKILL] * 2
