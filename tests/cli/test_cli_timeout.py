"""An audit that hangs ends after `--timeout`, with the line that it was at and the status of a command that failed."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from preloaded import run_python

from vae_checked.cli import main

MODEL = """
import time
import torch
from torch import nn


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(40, 6), nn.Linear(3, 40)

    def forward(self, x):
        mu, logvar = self.encoder(x).chunk(2, 1)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


class Sleeps(Base):
    def forward(self, x):
        time.sleep(600)  # Sleeps


class Turns(Base):
    def forward(self, x):
        while True:
            x = x + 1  # Turns


class Swallows(Base):
    def forward(self, x):
        while True:
            try:
                time.sleep(600)  # Swallows
            except Exception:
                pass


class Stubborn(Base):
    passed = 0

    def forward(self, x):
        while True:
            try:
                time.sleep(600)  # Stubborn
            except BaseException:
                self.passed += 1
                if self.passed > 1:
                    raise


def builds():
    time.sleep(600)  # builds


class Deaf(Base):
    def forward(self, x):
        import signal
        import threading

        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        threading.Event().wait(600)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "hanging.py").write_text(MODEL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "hanging", raising=False)
    return tmp_path


needs_alarm = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no alarm")


@needs_alarm
@pytest.mark.parametrize("model", ["Sleeps", "Turns", "Swallows", "Stubborn", "builds"])
def test_an_audit_that_hangs_ends_with_the_line_it_was_at(
    folder: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    before = signal.getsignal(signal.SIGALRM)
    assert main(["audit", f"hanging:{model}", "--input", "B 40", "--timeout", "0.5"]) == 2
    said = capsys.readouterr().err
    assert f"the audit of hanging:{model} did not end in 0.5 s, and was at hanging.py:" in said
    line = next(n for n, text in enumerate(MODEL.splitlines(), 1) if text.endswith(f"# {model}"))
    assert int(said.rpartition("hanging.py:")[2].partition(":")[0]) in (line - 1, line), "its loop or what that runs"
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


IMPORTS = {
    "hangs": "time.sleep(600)  # here\n",
    "makes another error of it": """
try:
    time.sleep(600)  # here
except BaseException as error:
    raise SystemError("returned a result with an exception set") from error
""",
    "passes over it": """
try:
    time.sleep(600)  # here
except BaseException:
    pass
""",
}


@needs_alarm
@pytest.mark.parametrize("statements", IMPORTS.values(), ids=IMPORTS)
def test_an_import_that_hangs_ends_with_the_line_it_was_at(
    folder: Path, capsys: pytest.CaptureFixture[str], statements: str
) -> None:
    text = MODEL + statements
    (folder / "hanging.py").write_text(text, encoding="utf-8")
    assert main(["audit", "hanging:Base", "--input", "B 40", "--timeout", "0.5"]) == 2
    line = next(n for n, each in enumerate(text.splitlines(), 1) if each.endswith("# here"))
    out, err = capsys.readouterr()
    assert out == ""
    assert f"the audit of hanging:Base did not end in 0.5 s, and was at hanging.py:{line}: " in err


@needs_alarm
def test_an_audit_that_no_alarm_reaches_ends_too(folder: Path) -> None:
    text = (
        "import sys, vae_checked.auditor; import vae_checked.cli.time_limit as limit; limit._GRACE = 0.5; "
        "from vae_checked.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["audit", "hanging:Deaf", "--input", "B 40", "--timeout", "0.5"]
    done = run_python("-c", text, *words)
    assert done.returncode == 2
    assert "the audit of hanging:Deaf did not end in 0.5 s, and was at hanging.py:" in done.stderr


def test_an_audit_that_ends_in_time_is_as_without_a_limit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "hanging:Base", "--input", "B 40", "--timeout", "300"]) == 0
    with_limit = capsys.readouterr().out.rpartition(";")[0]
    assert main(["audit", "hanging:Base", "--input", "B 40"]) == 0
    assert capsys.readouterr().out.rpartition(";")[0] == with_limit


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_what_is_no_time_is_refused(folder: Path, capsys: pytest.CaptureFixture[str], seconds: str) -> None:
    assert main(["audit", "hanging:Base", "--input", "B 40", f"--timeout={seconds}"]) == 2
    assert "give a number of seconds above 0" in capsys.readouterr().err
