"""Disturbances of the process: Python's own settings, its environment, and those of numpy."""

from __future__ import annotations

import builtins
import decimal
import gc
import io
import locale
import logging
import math
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from disturbances import Disturbance
from disturbances.of_torch import attribute, replaced


def _handler(*_: Any) -> None:
    return None


def _umask() -> int:
    found = os.umask(0o22)
    os.umask(found)
    return found


def _alarm(_: Any) -> None:
    signal.setitimer(signal.ITIMER_REAL, 900.0)


PYTHON: dict[str, Disturbance] = {
    "a variable of the environment": Disturbance(
        lambda m: os.environ.update(OMP_WAIT_POLICY="active"), lambda m: dict(os.environ)
    ),
    "a variable that is deleted": Disturbance(lambda m: os.environ.pop("HOME", None), lambda m: dict(os.environ)),
    "the current folder": Disturbance(lambda m: os.chdir("/"), lambda m: Path.cwd()),
    "the path of imports": Disturbance(lambda m: sys.path.insert(0, "/nowhere"), lambda m: list(sys.path)),
    "the path of imports, another list": Disturbance(
        lambda m: setattr(sys, "path", ["/nowhere", *sys.path]), lambda m: (id(sys.path), list(sys.path))
    ),
    "the arguments": Disturbance(lambda m: sys.argv.append("--late"), lambda m: list(sys.argv)),
    "the standard output": attribute(sys, "stdout", io.StringIO()),
    "the standard error": attribute(sys, "stderr", io.StringIO()),
    "the handler of an interruption": Disturbance(
        lambda m: signal.signal(signal.SIGINT, _handler), lambda m: signal.getsignal(signal.SIGINT)
    ),
    "the handler of a termination": Disturbance(
        lambda m: signal.signal(signal.SIGTERM, _handler), lambda m: signal.getsignal(signal.SIGTERM)
    ),
    "signals that are held back": Disturbance(
        lambda m: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1}),
        lambda m: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
    ),
    "an alarm": Disturbance(_alarm, lambda m: signal.getitimer(signal.ITIMER_REAL)[0] > 0),
    "the limit of recursion": Disturbance(lambda m: sys.setrecursionlimit(50_000), lambda m: sys.getrecursionlimit()),
    "the limit of digits": Disturbance(
        lambda m: sys.set_int_max_str_digits(9_000), lambda m: sys.get_int_max_str_digits()
    ),
    "the turns of threads": Disturbance(lambda m: sys.setswitchinterval(0.25), lambda m: sys.getswitchinterval()),
    "the collector": Disturbance(lambda m: gc.disable(), lambda m: gc.isenabled()),
    "the thresholds of the collector": Disturbance(lambda m: gc.set_threshold(9, 8, 7), lambda m: gc.get_threshold()),
    "what the collector calls": Disturbance(lambda m: gc.callbacks.append(_handler), lambda m: list(gc.callbacks)),
    "what is done with an error": attribute(sys, "excepthook", _handler),
    "what is done with an error of a thread": attribute(threading, "excepthook", _handler),
    "filters of warnings": Disturbance(lambda m: warnings.simplefilter("error"), lambda m: list(warnings.filters)),
    "how warnings are shown": attribute(warnings, "showwarning", _handler),
    "logging switched off": Disturbance(
        lambda m: logging.disable(logging.CRITICAL), lambda m: logging.root.manager.disable
    ),
    "the level of the root logger": Disturbance(
        lambda m: logging.root.setLevel(logging.DEBUG), lambda m: logging.root.level
    ),
    "the handlers of the root logger": Disturbance(
        lambda m: logging.root.addHandler(logging.NullHandler()), lambda m: list(logging.root.handlers)
    ),
    "files that are made": Disturbance(lambda m: os.umask(0o77), lambda m: _umask()),
    "the language": Disturbance(
        lambda m: locale.setlocale(locale.LC_ALL, "C.UTF-8"), lambda m: locale.setlocale(locale.LC_ALL)
    ),
    "decimal numbers": Disturbance(
        lambda m: setattr(decimal.getcontext(), "prec", 9), lambda m: decimal.getcontext().prec
    ),
    "the patience of sockets": Disturbance(
        lambda m: socket.setdefaulttimeout(2.0), lambda m: socket.getdefaulttimeout()
    ),
    "print": replaced(builtins, "print"),
    "a function of mathematics": replaced(math, "exp"),
    "the clock": replaced(time, "time"),
    "the stream of Python": Disturbance(lambda m: random.seed(77), lambda m: random.getstate()),
    "a function of random": replaced(random, "random"),
    "the stream of numpy": Disturbance(
        lambda m: np.random.seed(77), lambda m: [np.asarray(part).tolist() for part in np.random.get_state()]
    ),
    "a function of numpy": replaced(np, "exp"),
    "a random function of numpy": replaced(np.random, "gamma"),
    "errors of numpy": Disturbance(lambda m: np.seterr(all="raise"), lambda m: np.geterr()),
    "numbers that numpy shows": Disturbance(
        lambda m: np.set_printoptions(precision=2), lambda m: np.get_printoptions()
    ),
    "a module that is replaced": Disturbance(
        lambda m: sys.modules.__setitem__("fractions", sys.modules["math"]), lambda m: sys.modules.get("fractions")
    ),
}
