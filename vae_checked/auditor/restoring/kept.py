"""What is kept of one thing, and how all that was kept is put back though one of them refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from vae_checked.text import described


class Kept(Protocol):
    """One thing as it was found; `place` says where, in the user's names."""

    @property
    def place(self) -> str:
        """Where it is."""

    def put_back(self) -> str | None:
        """Put it back where it has changed; the reason where that cannot be done. Whatever it raises is a reason."""


def put_back_all(kept: Iterable[Kept]) -> list[str]:
    """Put everything back, each whatever becomes of the others; what could not be, and why."""
    left = []
    for each in kept:
        try:
            reason = each.put_back()
        except Exception as error:  # a property that refuses, a folder that is gone: the others must still be put back
            reason = f"{each.place}: {described(error)}"
        if reason is not None:
            left.append(reason)
    return left


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the process: its name, how it is read and how it is set; values are compared by `key` if given."""

    place: str
    get: Callable[[], Any]
    put: Callable[[Any], object]
    key: Callable[[Any], Any] | None = None


@dataclass(slots=True)
class KeptSetting:
    """A setting with the value that it had."""

    setting: Setting
    value: Any
    key: Any

    @property
    def place(self) -> str:
        """The setting's name."""
        return self.setting.place

    def put_back(self) -> str | None:
        """Set it again where it reads otherwise, or cannot be read."""
        try:
            value, key = self.setting.get(), self.setting.key
            same = (value if key is None else key(value)) == self.key
        except Exception:  # a mixture of two ways of setting it, which can be set though it cannot be read
            same = False
        if not same:
            self.setting.put(self.value)
        return None


def settings_kept(settings: Iterable[Setting]) -> list[Kept]:
    """The settings with their values; one that cannot be read here and now is none of this process."""
    kept: list[Kept] = []
    for setting in settings:
        try:
            value = setting.get()
            kept.append(KeptSetting(setting, value, value if setting.key is None else setting.key(value)))
        except Exception:  # noqa: S112  as said: an old version, another thread, another system
            continue
    return kept


@contextmanager
def standing(keep: Callable[[], list[Kept]]) -> Iterator[None]:
    """What `keep` keeps is put back after the block; what cannot be is left to the block around this one."""
    kept = keep()
    try:
        yield
    finally:
        put_back_all(kept)
