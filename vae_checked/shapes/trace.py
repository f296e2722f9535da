"""One pass of a model's copy, with the shape of everything that goes into and comes out of its modules and stages."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from torch import Tensor, nn

from vae_checked.adapters import Inputs, Role, Subject, adapt, role_of
from vae_checked.errors import UsageError
from vae_checked.shapes.ghost import Ghost, How
from vae_checked.shapes.losses import call_loss
from vae_checked.shapes.makers import Makers
from vae_checked.shapes.memory import AtRest, Remembered
from vae_checked.signatures import signature_of

ROOT = "forward"
OUTPUT = "output of the model"


class Kind(StrEnum):
    """What an entry is: a layer (a module that calls no other), or a stage (a method, or a part of the model)."""

    LAYER = "layer"
    STAGE = "stage"


@dataclass(slots=True)
class Item:
    """One tensor as it passed: where in the arguments or the output it stood, its sizes, its dtype, and who made it."""

    path: str
    sizes: tuple[int, ...]
    dtype: str
    role: Role | None = None
    source: str = ""


@dataclass(slots=True)
class Call:
    """One call: its key (`encoder.0`, the second call `encoder.0@2`), what it is, and what went in and out."""

    key: str
    kind: Kind
    type: str
    takes: list[Item]
    gives: list[Item]
    parent: str | None = None
    form: str = ""
    private: bool = False
    calls_others: bool = False


@dataclass(slots=True)
class Trace:
    """Everything that one pass recorded, in order of execution.

    `notes` say what could not be run; `x_hat` is the number of the reconstruction among what the call OUTPUT gives;
    `work` is the number of operators that ran, where they can be counted, else of calls.
    """

    calls: dict[str, Call] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    x_hat: int | None = None
    work: int = 0


class CrashError(Exception):
    """A pass that raised: in which layer, the first line of what it said, and what had been recorded by then."""

    def __init__(self, layer: str, message: str, *, for_lack_of_data: bool, trace: Trace) -> None:
        super().__init__(f"{layer}: {message}")
        self.layer = layer
        self.message = message
        self.for_lack_of_data = for_lack_of_data
        self.trace = trace


class Tracer:
    """The copy of a model with every module and stage watched."""

    def __init__(self, ghost: Ghost, adapter: str | None, loss: Any, method: str | None = None) -> None:
        self.ghost = ghost
        self.loss = loss
        self.subject: Subject = adapt(ghost.module, adapter, method)
        self._trace = Trace()
        self._stack: list[Call] = []
        self._counts: dict[str, int] = {}
        self._failed: tuple[BaseException, str] | None = None
        self._roles: dict[int, Role] = {}
        self._kept: list[Any] = []
        self._makers = Makers()
        self._composite: set[str] = set()
        self._watch(ghost.module)
        self._at_rest = AtRest(ghost.module)

    def run(self, inputs: Inputs) -> Trace:
        """One pass; CrashError when the model raises."""
        try:
            return self._run(inputs)
        except CrashError as crash:
            if self.ghost.with_gradients or "does not require grad" not in crash.message:
                raise
            self.ghost.need_gradients()
            return self._run(inputs)

    def _run(self, inputs: Inputs) -> Trace:
        # What one pass left behind, such as a cache, must not be found by the next.
        self._at_rest.restore()
        self._trace = Trace()
        self._stack, self._counts, self._failed, self._roles, self._kept = [], {}, None, {}, []
        self._makers = Makers()
        for name, tensor in inputs.tensors():
            self._makers.given(name, tensor)
        data = [tensor for _, tensor in inputs.tensors() if tensor.is_floating_point()] or [inputs.tensors()[0][1]]
        operators = self.ghost.operators
        operators.forget_sizes()
        before = operators.count
        try:
            with self.ghost.entered():
                output = self.subject.run(inputs)
                self._remember_roles(output)
                if self.loss is not False:
                    self._run_loss(output, data[0])
        except UsageError:
            raise
        except Exception as error:
            raise self._crash(error) from error
        self._find_reconstruction(output, data[0])
        done = self._trace
        done.work = operators.count - before or len(done.calls)
        self._kept.clear()
        return done

    def _run_loss(self, output: Any, x: Tensor) -> None:
        """Call the loss; where it raises, the forward has run all the same, and the loss has no calls."""
        before = set(self._trace.calls)
        try:
            note = call_loss(self.ghost.module, self.loss, self._output_roles(output, x), output, self)
        except UsageError:
            raise
        except Exception as error:
            if self.ghost.how is not How.REAL and _lacks_data(error):
                raise
            note = f"the loss raises: {_first_line(error)}"
            for key in set(self._trace.calls) - before:
                del self._trace.calls[key]
        self._trace.notes += [note] if note else []

    def called(self, name: str) -> bool:
        """Whether a stage of that name ran in this pass."""
        return name in self._trace.calls

    def recorded(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, its calls recorded as the stage `name`."""
        return self._stage(name, function, private=False)

    # ------------------------------------------------------------------------------------------------ watching

    def _watch(self, root: nn.Module) -> None:
        remembered = Remembered(self.ghost.operators) if self.ghost.how is How.META else None
        for name, module in root.named_modules():
            forward = module.forward
            if remembered is not None and name and remembered.covers(module):
                forward = remembered.forward(module)
            module.__dict__["forward"] = self._module(name or ROOT, module, forward)
            kind: Any = type(module)  # a metaclass may make types that mypy takes for unhashable
            for method in _methods(kind):
                if name and method.startswith("_"):
                    continue
                bound = getattr(module, method)
                label = f"{name}.{method}" if name else method
                module.__dict__[method] = self._stage(label, bound, private=method.startswith("_"))

    def _module(self, name: str, module: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
        kind = Kind.STAGE if name == ROOT else Kind.LAYER
        return self._call(name, kind, type(module).__qualname__, forward, private=False)

    def _stage(self, name: str, function: Callable[..., Any], *, private: bool) -> Callable[..., Any]:
        return self._call(name, Kind.STAGE, "", function, private=private)

    def _call(
        self, name: str, kind: Kind, type_name: str, function: Callable[..., Any], *, private: bool
    ) -> Callable[..., Any]:
        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            count = self._counts[name] = self._counts.get(name, 0) + 1
            key = name if count == 1 else f"{name}@{count}"
            call = Call(key, kind, type_name, [], [], private=private)
            if self._stack:
                call.parent = self._stack[-1].key
                if kind is Kind.LAYER:
                    for each in self._stack:
                        each.calls_others = True
            # What goes through a module made of other modules is known by these.
            told_by_others = name in self._composite and kind is Kind.LAYER and "." in name
            if not told_by_others:
                call.takes = self._arguments(function, kind, args, kwargs)
            self._trace.calls[key] = call
            self._stack.append(call)
            try:
                output = function(*args, **kwargs)
            except Exception as error:
                if self._failed is None or self._failed[0] is not error:
                    self._failed = (error, name)
                raise
            finally:
                self._stack.pop()
            call.gives = self._items(output, "output")
            call.form = _form(output)
            if not private:
                self._note_maker(key, output, alone=kind is Kind.STAGE)
            if kind is Kind.STAGE:
                self._kept.append(output)
                self._remember_stage(name, output)
            return output

        return watched

    # ------------------------------------------------------------------------------------------------ tensors

    def _arguments(
        self, function: Callable[..., Any], kind: Kind, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> list[Item]:
        if kind is Kind.LAYER and len(args) == 1 and isinstance(args[0], Tensor) and not kwargs:
            return [self._item("x", args[0], None)]
        found: list[Item] = []
        for name, value in _bound(function, args, kwargs).items():
            items = self._items(value, name)
            role = role_of(name)
            if kind is Kind.STAGE and role and isinstance(value, Tensor):
                self._roles.setdefault(id(value), role)
                items[0].role = role
            found += items
        return found

    def _items(self, value: Any, path: str) -> list[Item]:
        if isinstance(value, Tensor):
            return [self._item(path, value, None)]
        if value is None or isinstance(value, (bool, int, float, str, bytes, nn.Module)):
            return []
        return [self._item(path + part.path[len("output") :], part.tensor, part.role) for part in self._parts(value)]

    def _note_maker(self, key: str, output: Any, *, alone: bool) -> None:
        """Note who gave these tensors; of several tensors of one stage its name would not tell which it is."""
        tensors = [output] if isinstance(output, Tensor) else [part.tensor for part in self._parts(output)]
        if not alone or len(tensors) == 1:
            for tensor in tensors:
                self._makers.made(tensor, key)

    def _parts(self, value: Any) -> tuple[Any, ...]:
        return self.subject.parts(value)

    def _item(self, path: str, tensor: Tensor, role: Role | None) -> Item:
        dtype = str(tensor.dtype).removeprefix("torch.")
        return Item(path, tuple(tensor.shape), dtype, role, self._makers.source(tensor))

    # ------------------------------------------------------------------------------------------------ roles

    def _remember_stage(self, name: str, output: Any) -> None:
        last = name.rpartition(".")[2]
        role = {"decode": Role.RECONSTRUCTION, "reparameterize": Role.LATENT, "reparametrize": Role.LATENT}.get(last)
        if role and isinstance(output, Tensor):
            self._roles.setdefault(id(output), role)

    def _remember_roles(self, output: Any) -> None:
        for part in self._parts(output):
            if part.role is not None:
                self._roles[id(part.tensor)] = part.role

    def _output_roles(self, output: Any, x: Tensor) -> dict[Role, Tensor]:
        """The tensor of each role: what the convention declares first, then what the stages were seen to pass."""
        found: dict[Role, Tensor] = {Role.INPUT: x}
        declared = [(part.role or self._roles.get(id(part.tensor)), part.tensor) for part in self._parts(output)]
        if all(role is not Role.RECONSTRUCTION for role, _ in declared):
            like = next((tensor for role, tensor in declared if role is None and tensor.dim() == x.dim()), None)
            if like is not None:
                declared = [(Role.RECONSTRUCTION, like), *declared]
        for role, tensor in declared:
            if role is not None:
                found.setdefault(role, tensor)
        return found

    def _find_reconstruction(self, output: Any, x: Tensor) -> None:
        items = self._items(output, "output")
        for item, part in zip(items, self._parts(output), strict=False):
            item.role = item.role or self._roles.get(id(part.tensor))
        named = [i for i, item in enumerate(items) if item.role is Role.RECONSTRUCTION]
        alike = [i for i, item in enumerate(items) if len(item.sizes) == x.dim() and item.role is None]
        self._trace.x_hat = next(iter((*named, *alike)), None)
        self._trace.calls[OUTPUT] = Call(OUTPUT, Kind.STAGE, "", [], items)
        call = self._trace.calls.get(ROOT)
        by_path = {item.path: item.role for item in items}
        for item in call.gives if call else []:
            item.role = by_path.get(item.path) or item.role

    # ------------------------------------------------------------------------------------------------ failures

    def _crash(self, error: Exception) -> CrashError:
        layer = self._failed[1] if self._failed else ROOT
        message = _first_line(error)
        call = next((each for key, each in self._trace.calls.items() if key.partition("@")[0] == layer), None)
        if call is not None and call.takes and not any(letter.isdigit() for letter in message):
            # Without its data a layer often complains and does not say of which sizes.
            message += f" (given {', '.join('x'.join(map(str, each.sizes)) for each in call.takes)})"
        lacks = self.ghost.how is not How.REAL and _lacks_data(error)
        return CrashError(layer, message, for_lack_of_data=lacks, trace=self._trace)


def _lacks_data(error: BaseException) -> bool:
    """Whether `error` comes from having no values or no device, and says nothing about shapes."""
    kind, text = type(error).__name__, str(error)
    return (
        isinstance(error, NotImplementedError)
        or kind in ("DataDependentOutputException", "DynamicOutputShapeException", "UnsupportedOperatorException")
        or re.search(r"\bmeta\b", text.lower()) is not None
        or "fake" in text.lower()
        or "data-dependent" in text.lower()
        or "same device" in text
        or ".numpy()" in text
        or "data pointer" in text
    )


def _form(output: Any) -> str:
    """The Python type of an output; of a tuple also whether it holds anything but tensors."""
    if type(output) is tuple and not all(isinstance(each, Tensor) for each in output):
        return "tuple of more than tensors"
    return type(output).__name__


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _bound(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by the names that the signature gives them; `*args` and `**kwargs` one by one."""
    try:
        parameters = signature_of(function).parameters
    except (TypeError, ValueError):
        parameters = {}  # type: ignore[assignment]  # an empty mapping of any kind will do
    names = [p.name for p in parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    found: dict[str, Any] = {}
    for position, value in enumerate(args):
        found[names[position] if position < len(names) else f"[{position}]"] = value
    return {**found, **kwargs}


@functools.cache
def _methods(kind: type) -> tuple[str, ...]:
    """The methods that a model's class and its own bases define, those of torch excepted."""
    names: dict[str, None] = {}
    for owner in kind.__mro__:
        if owner is object or owner.__module__.partition(".")[0] == "torch":
            continue
        for name, value in vars(owner).items():
            if name.startswith("__") or name == ROOT:
                continue
            if inspect.isfunction(value) or isinstance(value, staticmethod):
                names[name] = None
    return tuple(name for name in names if not hasattr(nn.Module, name))
