"""A bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The child goes on only when it is told to, so that the bar has all the time it needs to appear.
SCRIPT = """
from vae_checked.cli import progress
progress.PATIENCE = {patience}
with progress.progress("auditing my.module:VAE", {steps}) as step:
    step("first step")
    input()
print("done")
"""
FOREVER = 1e6


def on_terminal(patience: float, steps: int | None, until: bytes) -> bytes:
    """All that the script writes to a terminal on standard error, told to go on once `until` was seen."""
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(patience=patience, steps=steps)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=slave,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(slave)
    seen = b""
    while until not in seen and select.select([master], [], [], 60)[0]:
        seen += os.read(master, 4096)
    out, _ = child.communicate(b"\n", timeout=60)
    while select.select([master], [], [], 0)[0]:
        try:
            seen += os.read(master, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
    os.close(master)
    assert out == b"done\n"
    return seen


def test_a_bar_appears_on_a_terminal_and_is_gone_at_the_end() -> None:
    seen = on_terminal(0.0, 3, until=b"first step")
    assert b"first step" in seen
    assert seen.rstrip().endswith((b"\x1b[2K", b"\x1b[?25h"))


def test_a_run_that_is_over_in_time_shows_nothing() -> None:
    assert b"first step" not in on_terminal(FOREVER, None, until=b"")


def test_nothing_in_a_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(patience=0.0, steps=3)],
        input=b"\n",
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stderr == b""
    assert done.stdout == b"done\n"
