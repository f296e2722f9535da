"""What a model is made of and holds, followed through containers and through the user's objects, functions and classes.

What belongs to other packages is not followed: a trainer, a logger or a loader is at work elsewhere as well.
"""

from __future__ import annotations

import argparse
import array
import functools
import io
import pickle
import random
import sys
import sysconfig
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FunctionType, GeneratorType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.jit import ScriptModule
from torch.optim.lr_scheduler import LRScheduler

from vae_checked.auditor.restoring.kept import Kept, Setting, settings_kept
from vae_checked.auditor.restoring.tables import (
    KeptByCopy,
    KeptClass,
    KeptDefaults,
    KeptDict,
    KeptEmpty,
    KeptKind,
    KeptNames,
    KeptSequence,
    KeptSlots,
    WatchedGenerator,
    WatchedObject,
    clear_deque,
    clear_list,
    content_of,
)
from vae_checked.auditor.restoring.tensors import KeptTensor, has_content, size_of

MOST_ENTRIES = 1_000_000
MOST_BYTES = 2**28
_MOST_IN_A_GLOBAL = 10_000

_ATOMS = frozenset(
    {type(None), bool, int, float, complex, str, bytes, range, torch.dtype, torch.device, torch.Size, type(...)}
)
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")} - {None})
_NOT_FOLLOWED = frozenset({"torch", "vae_checked", "builtins"})
# Plain holders of values, whoever wrote them.
_HOLDERS = (
    SimpleNamespace,
    argparse.Namespace,
    torch.optim.Optimizer,
    LRScheduler,
    torch.distributions.Distribution,
)


class Contents:
    """Everything that the given modules hold, as it is now: `kept`, and in `too_large` what was too large to keep.

    `streams` are the generators of random numbers among it: several runs must not draw the same.

    Their parameters, buffers and gradients are copied whatever their size, other tensors and arrays up to 256 MB in
    all. With `widely`, functions and methods are followed to what they close over and belong to, and the names of the
    modules that the user's classes are defined in are kept: not where others are at work on these meanwhile.
    """

    def __init__(self, modules: Iterable[nn.Module], *, widely: bool = True) -> None:
        self.kept: list[Kept] = []
        self.streams: list[Kept] = []
        self.too_large: list[str] = []
        self._entries, self._bytes = MOST_ENTRIES, MOST_BYTES
        self._seen: dict[int, object] = {}
        self._queue: deque[tuple[str, Any]] = deque()
        self._classes: dict[type, None] = {}
        self._users: dict[str, bool] = {}
        self._tensors: list[KeptTensor] = []
        self._empty = KeptEmpty()
        roots = list(modules)
        self._packages = {type(each).__module__.partition(".")[0] for each in roots} - _NOT_FOLLOWED
        self._widely = widely
        for root in roots:
            self._module("", root, whole=True)
        self._follow()
        for kind in list(self._classes):
            self._class(kind)
        self._follow()
        if widely:
            self._globals()
        # Names first, so that every holder holds what it held, then the numbers.
        self.kept += [self._empty, *self._tensors]

    # ------------------------------------------------------------------------------------------------ following

    def _follow(self) -> None:
        while self._queue:
            place, value = self._queue.popleft()
            if type(value) in _ATOMS or id(value) in self._seen:
                continue
            self._seen[id(value)] = value
            self._value(place, value)

    def _value(self, place: str, value: Any) -> None:
        if isinstance(value, Tensor):
            self._tensor(place, value)
        elif isinstance(value, nn.Module):
            self._module(place, value)
        elif isinstance(value, (list, tuple, dict, set, frozenset, deque, bytearray, array.array)):
            self._container(place, value)
        elif isinstance(value, (FunctionType, MethodType, functools.partial)):
            if self._widely:
                self._function(place, value)
        elif isinstance(value, type):
            if self._is_users(value.__module__):
                self._classes.setdefault(value)
        elif isinstance(value, GeneratorType):
            self.kept.append(WatchedGenerator(place, value))
        elif not isinstance(value, ModuleType):
            self._object(place, value)

    def _push(self, place: str, entries: Mapping[Any, Any]) -> None:
        self._queue.extend(
            (f"{place}.{name}" if place else str(name), value)
            for name, value in entries.items()
            if type(value) not in _ATOMS
        )

    def _module(self, place: str, module: nn.Module, *, whole: bool = False) -> None:
        for name, each in module.named_modules(prefix=place):
            if id(each) in self._seen and each is not module:
                continue
            self._seen[id(each)] = each
            self._classes.update(dict.fromkeys(kind for kind in type(each).__mro__ if self._is_users(kind.__module__)))
            table = vars(each)
            self.kept += [KeptKind(name or type(each).__name__, each), KeptDict(name or type(each).__name__, table)]
            if isinstance(each, ScriptModule):  # its mode stands where `vars` does not see it
                self.kept += settings_kept([_mode_of(name, each)])
            for registered in (each._parameters, each._buffers):
                for own, tensor in registered.items():
                    if tensor is not None and id(tensor) not in self._seen:
                        self._seen[id(tensor)] = tensor
                        self._tensor(f"{name}.{own}" if name else own, tensor, whole=whole)
            self._push(name, table)

    def _tensor(self, place: str, tensor: Tensor, *, whole: bool = False) -> None:
        if not has_content(tensor):
            return
        size = size_of(tensor)
        copied = whole or size <= self._bytes
        if not whole and copied:
            self._bytes -= size
        self._tensors.append(KeptTensor(place, tensor, copied=copied))
        self._table(place, vars(tensor))
        self._push(place, vars(tensor))
        if tensor.is_leaf and tensor.grad is not None and id(tensor.grad) not in self._seen:
            self._seen[id(tensor.grad)] = tensor.grad
            self._tensor(f"{place}.grad", tensor.grad, whole=whole)

    def _container(self, place: str, value: Any) -> None:
        if len(value) > self._entries:
            self.too_large.append(f"{place} holds {len(value)} values, more than are looked through")
            return
        self._entries -= len(value)
        if isinstance(value, dict):
            self._table(place, value)
            for key, each in dict.items(value):
                if type(each) not in _ATOMS:
                    self._queue.append((f"{place}[{key!r}]" if type(key) in _ATOMS else f"{place}[...]", each))
        elif isinstance(value, set):
            self.kept.append(KeptByCopy(place, frozenset(value), lambda: value, lambda held: _refill(value, held)))
        elif isinstance(value, bytearray):
            self.kept.append(KeptByCopy(place, bytes(value), lambda: value, lambda held: _overwrite(value, held)))
        elif isinstance(value, array.array):
            self.kept.append(KeptByCopy(place, value[:], lambda: value, lambda held: _overwrite(value, held)))
        elif isinstance(value, list):
            self.kept.append(KeptSequence(place, value, clear_list))
        elif isinstance(value, deque):
            self.kept.append(KeptSequence(place, value, clear_deque))
        if isinstance(value, (list, tuple, deque, set, frozenset)):
            self._queue.extend((f"{place}[{i}]", each) for i, each in enumerate(value) if type(each) not in _ATOMS)
        if self._is_users(type(value).__module__):
            self._attributes(place, value)

    def _table(self, place: str, value: dict[Any, Any]) -> None:
        if type(value) in (dict, OrderedDict) and not value:
            self._empty.tables.append(value)
        else:
            self.kept.append(KeptDict(place, value))

    def _function(self, place: str, value: Any) -> None:
        if isinstance(value, functools.partial):
            self._queue.append((place, value.func))
            self._queue.append((place, value.args))
            self._queue.append((place, value.keywords))
        elif isinstance(value, MethodType):
            self._queue.append((place, value.__self__))
            self._queue.append((place, value.__func__))
        elif self._is_users(value.__module__):
            self.kept += [KeptDefaults(place, value), KeptDict(place, vars(value))]
            self._push(place, vars(value))
            held = [*(value.__defaults__ or ()), value.__kwdefaults__, *map(content_of, value.__closure__ or ())]
            self._queue.extend((place, each) for each in held)

    def _object(self, place: str, value: Any) -> None:
        if self._generator_of_numbers(place, value) or self._array(place, value):
            return
        if isinstance(value, io.IOBase):
            if not value.closed and value.seekable():
                self.kept.append(KeptByCopy(place, value.tell(), value.tell, value.seek))
            return
        if self._is_users(type(value).__module__):
            self._classes.update(dict.fromkeys(k for k in type(value).__mro__ if self._is_users(k.__module__)))
            self._attributes(place, value)
        elif isinstance(value, _HOLDERS):
            self._attributes(place, value)
        elif hasattr(value, "__dict__") and type(value).__module__.partition(".")[0] not in _NOT_FOLLOWED:
            self.kept.append(WatchedObject(place, value))

    def _attributes(self, place: str, value: object) -> None:
        self.kept.append(KeptKind(place, value))
        if hasattr(value, "__dict__"):
            self.kept.append(KeptDict(place, vars(value)))
            self._push(place, vars(value))
        names = [name for kind in type(value).__mro__ for name in _slots(kind)]
        if names:
            slots = KeptSlots(place, value, names)
            self.kept.append(slots)
            self._push(place, slots.held)

    def _generator_of_numbers(self, place: str, value: Any) -> bool:
        np: Any = sys.modules.get("numpy.random")
        if isinstance(value, torch.Generator):
            self.streams.append(KeptByCopy(place, value.get_state(), value.get_state, value.set_state, torch.equal))
        elif isinstance(value, random.Random):
            if not isinstance(value, random.SystemRandom):
                self.streams.append(KeptByCopy(place, value.getstate(), value.getstate, value.setstate))
        elif np is not None and isinstance(value, (np.Generator, np.RandomState, np.BitGenerator)):
            own: Any = getattr(value, "bit_generator", value)
            if isinstance(value, np.RandomState):  # which keeps the second number of a pair beside its bits
                state = Setting(place, value.get_state, value.set_state, pickle.dumps)
            else:
                state = Setting(place, lambda: own.state, lambda held: setattr(own, "state", held), pickle.dumps)
            self.streams += settings_kept([state])
        else:
            return False
        return True

    def _array(self, place: str, value: Any) -> bool:
        np: Any = sys.modules.get("numpy")
        if np is None or not isinstance(value, np.ndarray):
            return False
        if value.nbytes > self._bytes:
            self.too_large.append(f"{place} takes {value.nbytes / 2**20:.0f} MB, more than are copied")
            return True
        self._bytes -= value.nbytes
        if value.dtype.hasobject:
            self._queue.append((place, value.ravel().tolist()))
        if value.flags.writeable:
            same = _same_objects if value.dtype.hasobject else _same_bytes
            self.kept.append(
                KeptByCopy(place, value.copy(), lambda: value, lambda held: value.__setitem__(..., held), same)
            )
        return True

    # ------------------------------------------------------------------------------------- classes and modules

    def _class(self, kind: type) -> None:
        place = kind.__qualname__
        self.kept.append(KeptClass(place, kind))
        for name, value in list(vars(kind).items()):
            inner = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
            for each in (inner.fget, inner.fset) if isinstance(inner, property) else (inner,):
                if type(each) not in _ATOMS and not (name.startswith("__") and not isinstance(each, FunctionType)):
                    self._queue.append((f"{place}.{name}", each))

    def _globals(self) -> None:
        """The names of the user's modules; what their containers hold, where that is little; no tensors, no arrays."""
        for name in dict.fromkeys(kind.__module__ for kind in self._classes):
            module = sys.modules.get(name)
            if module is None or not self._is_users(name, by_package=False):
                continue
            self.kept.append(KeptNames(name, vars(module), whole=True))
            for own, value in list(vars(module).items()):
                self._small(f"{name}.{own}", value)

    def _small(self, place: str, value: Any) -> None:
        if isinstance(value, (list, dict, set, deque)) and id(value) not in self._seen:
            if len(value) > _MOST_IN_A_GLOBAL or place.endswith("__"):
                return
            self._seen[id(value)] = value
            waiting, self._queue = self._queue, deque()
            self._container(place, value)
            held, self._queue = self._queue, waiting
            for inner, each in held:
                self._small(inner, each)

    def _is_users(self, name: str | None, *, by_package: bool = True) -> bool:
        """Whether a module is the user's: of a package that a model comes from, or none that is installed."""
        if name is None:
            return False
        key = f"{name}:{by_package}"
        known = self._users.get(key)
        if known is None:
            top = name.partition(".")[0]
            known = top not in _NOT_FOLLOWED and ((by_package and top in self._packages) or _is_at_home(name))
            self._users[key] = known
        return known


def _is_at_home(name: str) -> bool:
    """Whether a module was read from a file that is no part of Python or of an installed package."""
    if name == "__main__":
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:
        return False
    return not file.startswith(_INSTALLED) and not {"site-packages", "dist-packages"} & set(Path(file).parts)


def _mode_of(place: str, module: nn.Module) -> Setting:
    return Setting(place, lambda: module.training, lambda value: setattr(module, "training", value))


@functools.cache
def _slots(kind: type) -> list[str]:
    slots = vars(kind).get("__slots__", ())
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    private = f"_{kind.__name__.lstrip('_')}"
    mangled = (private + name if name.startswith("__") and not name.endswith("__") else name for name in names)
    return [name for name in mangled if name not in ("__dict__", "__weakref__")]


def _refill(value: set[Any], held: Iterable[Any]) -> None:
    set.clear(value)
    set.update(value, held)


def _overwrite(value: Any, held: Any) -> None:
    value[:] = held


def _same_bytes(left: Any, right: Any) -> bool:
    return bool(left.shape == right.shape and left.dtype == right.dtype and left.tobytes() == right.tobytes())


def _same_objects(left: Any, right: Any) -> bool:
    return left.shape == right.shape and all(a is b for a, b in zip(left.flat, right.flat, strict=True))
