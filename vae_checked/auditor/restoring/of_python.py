"""Settings of Python and of numpy that hold for the whole process, and its streams of random numbers."""

from __future__ import annotations

import gc
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from vae_checked.auditor.restoring.kept import Kept, Setting, settings_kept


def settings() -> list[Kept]:
    """The settings but for the streams."""
    return settings_kept([*_of_the_process(), *_of_python(), *_of_signals(), *_of_numpy()])


def streams() -> list[Kept]:
    """The streams of random numbers of Python and numpy."""
    found = [Setting("the random numbers of Python", random.getstate, random.setstate)]
    np: Any = sys.modules.get("numpy")
    if np is not None:
        found.append(Setting("the random numbers of numpy", np.random.get_state, np.random.set_state, _numbers))
    return settings_kept(found)


def _numbers(state: Any) -> Any:
    return (state[0], state[1].tobytes(), *state[2:])


def _attribute(holder: Any, name: str) -> Setting:
    return Setting(
        f"{holder.__name__}.{name}", lambda: getattr(holder, name), lambda value: setattr(holder, name, value), id
    )


def _listed(holder: Any, name: str, after: Callable[[], object] = lambda: None) -> Setting:
    """A list that is known by its name: which it is, and what it holds."""

    def put(held: tuple[list[Any], list[Any]]) -> None:
        which, content = held
        which[:] = content
        setattr(holder, name, which)
        after()

    return Setting(
        f"{holder.__name__}.{name}",
        lambda: (getattr(holder, name), list(getattr(holder, name))),
        put,
        lambda held: (id(held[0]), [id(each) for each in held[1]]),
    )


def _of_the_process() -> Iterator[Setting]:
    yield Setting("the environment", lambda: dict(os.environ), _set_environment)
    yield Setting("the current folder", os.getcwd, os.chdir)
    yield Setting("the permissions of new files", _umask, os.umask)
    yield Setting("sys.modules", lambda: dict(sys.modules), _set_modules, partial(_ids, count=len(sys.modules)))
    socket: Any = sys.modules.get("socket")
    if socket is not None:
        yield Setting("the patience of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout)
    locale: Any = sys.modules.get("locale")
    if locale is not None:
        category = locale.LC_ALL
        yield Setting("the language", lambda: locale.setlocale(category), lambda held: locale.setlocale(category, held))


def _of_python() -> Iterator[Setting]:
    for name in ("path", "argv", "meta_path", "path_hooks"):
        yield _listed(sys, name)
    for name in ("stdin", "stdout", "stderr", "excepthook", "unraisablehook", "displayhook", "breakpointhook"):
        yield _attribute(sys, name)
    yield Setting("the limit of recursion", sys.getrecursionlimit, sys.setrecursionlimit)
    yield Setting("the limit of digits", sys.get_int_max_str_digits, sys.set_int_max_str_digits)
    yield Setting("the turns of threads", sys.getswitchinterval, sys.setswitchinterval)
    yield Setting("the tracer", sys.gettrace, sys.settrace, id)
    yield Setting("the profiler", sys.getprofile, sys.setprofile, id)
    yield _attribute(threading, "excepthook")
    yield Setting("the collector", gc.isenabled, lambda held: gc.enable() if held else gc.disable())
    yield Setting("the thresholds of the collector", gc.get_threshold, lambda held: gc.set_threshold(*held))
    yield _listed(gc, "callbacks")
    yield _listed(warnings, "filters", getattr(warnings, "_filters_mutated", lambda: None))
    yield _attribute(warnings, "showwarning")
    root = logging.root
    yield Setting("the level of the root logger", lambda: root.level, root.setLevel)
    yield Setting(
        "the handlers of the root logger", lambda: list(root.handlers), lambda held: _set_list(root.handlers, held)
    )
    yield Setting("logging", lambda: root.manager.disable, logging.disable)
    decimal: Any = sys.modules.get("decimal")
    if decimal is not None:
        yield Setting(
            "decimal numbers", lambda: decimal.getcontext().copy(), lambda held: decimal.setcontext(held.copy()), repr
        )


def _of_signals() -> Iterator[Setting]:
    if hasattr(signal, "pthread_sigmask"):
        yield Setting(
            "the signals that are held back",
            lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
            lambda held: signal.pthread_sigmask(signal.SIG_SETMASK, held),
        )
    if hasattr(signal, "setitimer"):
        yield Setting("the alarm", lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0, _set_alarm)


def _of_numpy() -> Iterator[Setting]:
    np: Any = sys.modules.get("numpy")
    if np is None:
        return
    yield Setting("the errors of numpy", np.geterr, lambda held: np.seterr(**held))
    yield Setting("printed arrays", np.get_printoptions, lambda held: np.set_printoptions(**held), repr)


def _set_environment(held: dict[str, str]) -> None:
    for name in [name for name in os.environ if name not in held]:
        del os.environ[name]
    for name, value in held.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _umask() -> int:
    """Read where that does not change it: for a moment, files of other threads would get other permissions."""
    lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
    return next(int(line.split()[1], 8) for line in lines if line.startswith("Umask:"))


def _ids(modules: dict[str, Any], count: int) -> list[int]:
    """The first `count` modules; those that are imported later stand behind them."""
    return list(map(id, islice(modules.values(), count)))


def _set_modules(held: dict[str, Any]) -> None:
    for name, module in held.items():
        if sys.modules.get(name) is not module:
            sys.modules[name] = module


def _set_list(value: list[Any], held: list[Any]) -> None:
    value[:] = held


def _set_alarm(held: bool) -> None:
    if not held:  # one that was set may have rung
        signal.setitimer(signal.ITIMER_REAL, 0.0)
