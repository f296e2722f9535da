"""On and off: `VAE_CHECKED=off` in the environment for a whole process, `contracts_off()` for a stretch of code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from vae_checked.errors import UsageError

ENVIRONMENT = "VAE_CHECKED"
_WORDS = {"": False, "on": False, "1": False, "true": False, "off": True, "0": True, "false": True}

_off: ContextVar[bool] = ContextVar("vae_checked_contracts_off", default=False)
_not_learned: ContextVar[bool] = ContextVar("vae_checked_nothing_learned", default=False)


def is_off() -> bool:
    """Whether contracts are off here and now."""
    return _off.get()


def off_in_environment() -> bool:
    """Whether `VAE_CHECKED` says off, read when a contract is made; raises UsageError on a word it does not know."""
    word = os.environ.get(ENVIRONMENT, "")
    try:
        return _WORDS[word.strip().lower()]
    except KeyError:
        raise UsageError(f"{ENVIRONMENT}={word}: no such switch; say {ENVIRONMENT}=on or {ENVIRONMENT}=off") from None


@contextmanager
def contracts_off() -> Iterator[None]:
    """Let every `@checked` stage run unchecked inside a `with` block, or in a function that this decorates.

    Holds for the current thread or asyncio task, and nests.
    """
    token = _off.set(True)
    try:
        yield
    finally:
        _off.reset(token)


@contextmanager
def nothing_learned() -> Iterator[None]:
    """Let wrapped models run unchecked and learn nothing, as while they are measured on inputs that are not theirs."""
    token = _not_learned.set(True)
    try:
        yield
    finally:
        _not_learned.reset(token)


def is_nothing_learned() -> bool:
    """Whether contracts that are learned from calls rest here and now."""
    return _not_learned.get()
