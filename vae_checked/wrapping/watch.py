"""The contract of one stage of one model: a look-up for a call that is known, a judgement for one that is new."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from vae_checked.adapters import parts_of
from vae_checked.contracts.binding import Bindings, Bound, Mismatch, first_mismatch
from vae_checked.contracts.contract import is_symbolic
from vae_checked.contracts.memo import MOST_RESULTS, Bounded
from vae_checked.contracts.message import call_site, compose
from vae_checked.errors import ContractError
from vae_checked.signatures import signature_of
from vae_checked.text import described
from vae_checked.wrapping.fingerprint import fingerprint, switches
from vae_checked.wrapping.learned import BATCH, FIRST_CALLS, Family, Shape, inputs_of, results_of
from vae_checked.wrapping.specification import Specification

MOST_SIGNATURES = 256
MOST_FAMILIES = 64
MOST_BREACHES = 64
# What torch raises for tensors that do not go together; a class of its own is somebody's way of saying something else.
_OF_SHAPES = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)


@dataclass(eq=False)
class Options:
    """What the user asked of `wrap`; `broken` is the tensor that broke a contract last, and the stage's title."""

    inputs: Specification | None = None
    finite: bool = False
    raises: bool = True
    broken: tuple[weakref.ref[Tensor], str] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy has broken nothing yet."""
        return Options, (self.inputs, self.finite, self.raises)


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that is new: its tensors, its batch, and what it has in common with its family."""

    mode: str
    tensors: tuple[tuple[str, Tensor], ...]
    shapes: tuple[Shape, ...]  # as they were passed: the stage may change a tensor in place
    batch: int
    origin: str
    switches: Any


@dataclass(slots=True)
class Watch:
    """One stage of one model under contract.

    `takes_inputs` says that it is the one whose inputs the user may have specified. `checked` calls were read,
    `skipped` ones had no tensor or none with sizes, `raised` ones ended in an exception of the stage. `breaches` holds
    the first line of each broken contract and how often it was broken.
    """

    title: str
    function: Callable[..., Any]
    options: Options
    takes_inputs: bool
    checked: int = 0
    skipped: int = 0
    raised: int = 0
    breaches: dict[str, int] = field(default_factory=dict)
    families: dict[Any, Family] = field(default_factory=dict)
    _known: Bounded[Bounded[Family]] = field(default_factory=lambda: Bounded(MOST_SIGNATURES))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _generation: int = 0
    _device: str = "cpu"

    def forget(self) -> None:
        """Learn anew: the model has changed its dtype or device. What was counted stays."""
        self._generation += 1
        self._known = Bounded(MOST_SIGNATURES)

    def call(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the stage; raises ContractError."""
        __tracebackhide__ = True
        try:
            device = self._device
            autocast = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
            key = (model.training, autocast, fingerprint(args), fingerprint(kwargs) if kwargs else None)
            known = self._known.get(key)
        except Exception:  # sizes that are symbols, a recording: there is nothing to check
            self.skipped += 1
            return self.function(model, *args, **kwargs)
        if known is None:
            return self._call_new(model, args, kwargs, key)
        try:
            result = self.function(model, *args, **kwargs)
        except Exception:
            self.raised += 1
            raise
        try:
            family = known.get(fingerprint(result))
        except Exception:  # as above
            family = None
        if family is None:
            self._judge(self._read(model, args, kwargs, autocast), result, known)
        else:
            family.calls += 1
            self.checked += 1
        if self.options.finite:
            self._judge_numbers(result)
        return result

    # --------------------------------------------------------------------------------------------- new calls

    def _call_new(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any) -> Any:
        __tracebackhide__ = True
        call = self._read(model, args, kwargs, key[1])
        if call is None:
            self.skipped += 1
            return self.function(model, *args, **kwargs)
        if self.takes_inputs and self.options.inputs is not None:
            self._hold(self.options.inputs.refused(call.tensors), "as wrap was asked")
        try:
            result = self.function(model, *args, **kwargs)
        except _OF_SHAPES as error:
            self.raised += 1
            if type(error) not in _OF_SHAPES:
                raise
            mismatch = self._deviation(call)
            if mismatch is None:
                raise
            message = self._message(mismatch, f"as its first {FIRST_CALLS} calls had it; with this one it raised")
            message += f"\n  raised: {described(error)}"
            self._count(message)
            if not self.options.raises:
                raise
            raise ContractError(message) from error
        except Exception:
            self.raised += 1
            raise
        self._judge(call, result, self._known.add(key, Bounded(MOST_RESULTS)))
        if self.options.finite:
            self._judge_numbers(result)
        return result

    def _read(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], autocast: Any) -> _Call | None:
        """The call by the names of its arguments; None where there is no tensor that has a batch."""
        try:
            passed = signature_of(self.function).bind(model, *args, **kwargs).arguments
            if torch._C._get_tracing_state() is not None:
                return None
            values = list(passed.items())[1:]
            tensors = tuple(found for name, value in values for found in _tensors(name, value))
        except Exception:  # the stage itself says what is wrong with its arguments
            return None
        if not all(_has_sizes(tensor) for _, tensor in tensors):
            return None
        origin = next(((path, tensor) for path, tensor in tensors if tensor.dim()), None)
        if origin is None or not origin[1].shape[0]:
            return None
        device = origin[1].device.type
        self._device = device if torch.amp.is_autocast_available(device) else "cpu"
        mode = ("training" if model.training else "evaluation") + (f" under autocast to {autocast}" if autocast else "")
        shapes = tuple(_shape(path, tensor) for path, tensor in tensors)
        batch = int(origin[1].shape[0])
        return _Call(mode, tensors, shapes, batch, origin[0], [(name, switches(value)) for name, value in values])

    # ---------------------------------------------------------------------------------------------- judgement

    def _judge(self, call: _Call | None, result: Any, known: Bounded[Family]) -> None:
        """Hold a result against its family, which learns from it."""
        __tracebackhide__ = True
        try:
            seen = fingerprint(result)
            tensors = tuple(_tensors("result", result))
        except Exception:  # a recording, or an object that cannot be read
            call = None
        if call is None or not all(_has_sizes(tensor) for _, tensor in tensors):
            self.skipped += 1
            return
        self.checked += 1
        shapes = tuple(_shape(path, tensor) for path, tensor in tensors)
        with self._lock:
            family = self._family(call, result, shapes)
            place = family.refused(shapes, call.batch) if family.is_firm and not len(known) else None
            if place is None:
                family.learn(shapes, call.batch)
        if place is None:
            with suppress(TypeError):  # a fingerprint that cannot be hashed is read anew each time
                known.add(seen, family)
            return
        bindings = Bindings({}, {BATCH: Bound(call.batch, call.origin)})
        path, tensor = tensors[place]
        mismatch = first_mismatch(family.results[place].hint, tensor, path, bindings)
        self._hold(mismatch, f"as {family.calls} calls in {family.mode} had it")

    def _family(self, call: _Call, result: Any, shapes: tuple[Shape, ...]) -> Family:
        inputs = inputs_of(call.shapes, call.batch)
        form = (type(result), tuple(shape.path for shape in shapes))
        key = repr((self._generation, call.mode, [str(each) for each in inputs], call.switches, form))
        family = self.families.get(key)
        if family is None:
            while len(self.families) >= MOST_FAMILIES:
                del self.families[next(iter(self.families))]
            family = Family(call.mode, call.origin, inputs, results_of(shapes, call.batch), {})
            self.families[key] = family
        return family

    def _deviation(self, call: _Call) -> Mismatch | None:
        """In what a call that raised differs from all calls that went well, seen from the nearest of these."""
        nearest: Mismatch | None = None
        tensors = dict(call.tensors)
        for family in self.families.values():
            if not family.is_firm:
                continue
            bindings = Bindings({})
            found = None
            for known in family.inputs:
                if known.path in tensors and found is None:
                    found = first_mismatch(known.hint, tensors[known.path], known.path, bindings)
            if found is None:
                return None
            if nearest is None or found.kind > nearest.kind:
                nearest = found
        return nearest

    def _judge_numbers(self, result: Any) -> None:
        """Hold the numbers of a result to be finite: on an accelerator this waits for them."""
        __tracebackhide__ = True
        for path, tensor in _tensors("result", result):
            if not _has_numbers(tensor) or bool(torch.isfinite(tensor.detach()).all()):
                continue
            bad = int((~torch.isfinite(tensor.detach())).sum())
            message = (
                f"{self.title}() {path}: {bad} of {tensor.numel()} numbers are not finite\n  called at: {call_site()}"
            )
            self._count(message)
            if self.options.raises:
                raise ContractError(message)

    # ----------------------------------------------------------------------------------------------- breaches

    def _hold(self, mismatch: Mismatch | None, source: str) -> None:
        __tracebackhide__ = True
        if mismatch is None:
            return
        broken, title = self.options.broken or (lambda: None, "")
        if broken() is mismatch.value and title != self.title and not self.options.raises:
            return  # the outer stage hands on what the inner one learned
        self.options.broken = (weakref.ref(mismatch.value), self.title)
        message = self._message(mismatch, source)
        self._count(message)
        if self.options.raises:
            raise ContractError(message)

    def _message(self, mismatch: Mismatch, source: str) -> str:
        first, second, *rest = compose(self.title, mismatch, call_site()).splitlines()
        return "\n".join((first, f"{second}, {source}", *rest))

    def _count(self, message: str) -> None:
        line = message.partition("\n")[0]
        if line in self.breaches or len(self.breaches) < MOST_BREACHES:
            self.breaches[line] = self.breaches.get(line, 0) + 1


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    for part in parts_of(value):
        yield name + part.path.removeprefix("output"), part.tensor


def _shape(path: str, tensor: Tensor) -> Shape:
    return Shape(path, tensor.dtype, tuple(tensor.shape))


def _has_sizes(tensor: Tensor) -> bool:
    """Whether the sizes are plain numbers: not symbols, and not those of a nested tensor."""
    return not (tensor.is_nested or is_symbolic(tensor))


def _has_numbers(tensor: Tensor) -> bool:
    """Whether the numbers can be looked at: not on the meta device, not faked, not inside vmap or grad."""
    if not (tensor.is_floating_point() or tensor.is_complex()) or tensor.is_meta or not _has_sizes(tensor):
        return False
    return type(tensor) in (Tensor, nn.Parameter) and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
