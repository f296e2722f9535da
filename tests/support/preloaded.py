"""Python processes that begin with torch imported, which takes seconds in each that imports it by itself.

One server for each worker of the tests imports torch, and nothing that is tested, and forks for each process that is
asked for. That has a working folder, an environment, arguments, streams and an exit status of its own; what it lacks is
the start of an interpreter, so options of Python's own but `-P` (`-O`, `-I`, `-S`) and what is imported at the start
are not for it.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

PRELOADED = "torch"


Done = subprocess.CompletedProcess[str]


def run_python(
    *words: str,
    python: str = sys.executable,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    given: str = "",
) -> Done:
    """Run `python *words` as `subprocess.run` does, its output captured as text, with torch imported already.

    `words` are `-c TEXT`, `-m MODULE` or a script, before them `-P` or not, and its arguments; `given` is what it
    reads. `python` is the interpreter whose packages it has.
    """
    environments = [os.environ if env is None else env]
    (done,) = run_together([words], python=python, cwd=cwd, environments=environments, given=given)
    return done


def run_together(
    commands: Sequence[Sequence[str]],
    *,
    environments: Sequence[Mapping[str, str]],
    python: str = sys.executable,
    cwd: Path | str | None = None,
    given: str = "",
) -> list[Done]:
    """Run several at once, each in its environment; where one fails, those that still run are killed.

    Elsewhere than on Linux, where a fork may break what is imported, each is started afresh and runs to its end.
    """
    if sys.platform != "linux":
        return _started_afresh(python, commands, environments, cwd, given)
    with tempfile.TemporaryDirectory() as folder:
        asked = []
        for number, (words, env) in enumerate(zip(commands, environments, strict=True)):
            streams = [str(Path(folder, f"{name}{number}")) for name in ("in", "out", "err")]
            Path(streams[0]).write_text(given, encoding="utf-8")
            asked.append({"words": [*words], "cwd": str(cwd or Path.cwd()), "env": {**env}, "streams": streams})
        statuses = _Server.started(python).answer(asked)
        return [
            Done([python, *each["words"]], status, *map(_text, each["streams"][1:]))
            for each, status in zip(asked, statuses, strict=True)
        ]


def _started_afresh(
    python: str,
    commands: Sequence[Sequence[str]],
    environments: Sequence[Mapping[str, str]],
    cwd: Path | str | None,
    given: str,
) -> list[Done]:
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    started = [
        subprocess.Popen([python, *words], cwd=cwd, env=env, text=True, **pipes)
        for words, env in zip(commands, environments, strict=True)
    ]
    said = [each.communicate(given) for each in started]
    return [Done(each.args, each.returncode, out, err) for each, (out, err) in zip(started, said, strict=True)]


def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")


class _Server:
    """The process that forks: a line of JSON has what is asked for, and one that it writes how that ended."""

    def __init__(self, python: str) -> None:
        # Its paths are those that an interpreter has by itself: nothing of the tests, and no PYTHONPATH.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        words = [python, "-P", str(Path(__file__).resolve())]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=kept, cwd=Path(__file__).anchor
        )
        atexit.register(self._end)

    @staticmethod
    @cache
    def started(python: str) -> _Server:
        """The one server that this process has of an interpreter."""
        return _Server(python)

    def answer(self, asked: Sequence[dict[str, Any]]) -> list[int]:
        """The exit statuses of processes that run at once, as `subprocess` has them."""
        asks, answers = self._process.stdin, self._process.stdout
        assert asks is not None
        assert answers is not None
        asks.write(json.dumps(asked).encode() + b"\n")
        asks.flush()
        statuses: list[int] = json.loads(answers.readline())
        return statuses

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


# ------------------------------------------------------------------------------------------------ in the server


def _serve() -> None:
    """Fork for each line, until there is none."""
    __import__(PRELOADED)
    paths = list(sys.path)
    # Where answers go, and nothing that a process writes.
    asks, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    for line in iter(asks.readline, b""):
        running: dict[int, int] = {}
        asked = json.loads(line)
        for number, each in enumerate(asked):
            child = os.fork()
            if not child:
                asks.close()
                answers.close()
                _become(each, paths)
            running[child] = number
        statuses = [0] * len(asked)
        while running:
            child, status = os.wait()
            statuses[running.pop(child)] = os.waitstatus_to_exitcode(status)
            if status:
                for other in running:
                    os.kill(other, signal.SIGKILL)
        answers.write(json.dumps(statuses).encode() + b"\n")
        answers.flush()


def _become(asked: dict[str, Any], paths: Sequence[str]) -> None:
    """Be the process that is asked for, to its end."""
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    _redirect(asked["streams"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    added = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    sys.path[:] = [*added, *paths]
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    status = 1
    try:
        _run(asked["words"])
        status = 0
    except SystemExit as end:
        status = _status_of(end)
    except BaseException:  # an interpreter prints whatever reaches it
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            threading._shutdown()  # type: ignore[attr-defined]  what an interpreter does at its end
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _status_of(end: SystemExit) -> int:
    """The exit status of a process that ends so."""
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    sys.stderr.write(f"{end.code}\n")
    return 1


def _redirect(streams: Sequence[str]) -> None:
    """Take the three files for the standard streams."""
    for number, path in enumerate(streams):
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    stdin, stdout, stderr = (io.FileIO(number, mode, closefd=False) for number, mode in enumerate(("r", "w", "w")))
    sys.stdin = io.TextIOWrapper(io.BufferedReader(stdin), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(stdout), encoding="utf-8")
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(stderr), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )
    vars(sys).update(__stdin__=sys.stdin, __stdout__=sys.stdout, __stderr__=sys.stderr)


def _run(words: Sequence[str]) -> None:
    """Run `-c TEXT`, `-m MODULE` or a script as main module; its folder is among the paths unless `-P` stands first."""
    safe, (kind, *rest) = words[0] == "-P", words[words[0] == "-P" :]
    folder = {"-c": "", "-m": str(Path.cwd())}.get(kind, str(Path(kind).resolve().parent))
    sys.path[:0] = [] if safe else [folder]
    if kind == "-c":
        text, *rest = rest
        main = ModuleType("__main__")
        sys.modules["__main__"] = main
        sys.argv[:] = ["-c", *rest]
        exec(compile(text, "<string>", "exec"), vars(main))  # noqa: S102  as `python -c` does
    elif kind == "-m":
        name, *rest = rest
        sys.argv[:] = [name, *rest]
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = [kind, *rest]
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    _serve()
