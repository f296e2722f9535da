"""One recorded pass of a model, and of its loss, in one mode."""

from __future__ import annotations

import contextlib
import gc
import inspect
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.jit._fuser import optimized_execution
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from vae_checked.adapters import METHODS, Inputs, Part, Role, Subject, role_of
from vae_checked.auditor.recording import randomness
from vae_checked.auditor.recording.origins import described
from vae_checked.auditor.recording.recorder import Recorder
from vae_checked.auditor.recording.tape import Tape
from vae_checked.auditor.restoring import of_torch
from vae_checked.auditor.restoring.kept import standing
from vae_checked.auditor.restoring.restored import Generators
from vae_checked.errors import ModelError
from vae_checked.signatures import signature_of


@dataclass(frozen=True, slots=True)
class Run:
    """What one pass left: the recorder with its tape, the inputs, the raw output, and its parts.

    `takes` are the names that forward has for its inputs by place.
    """

    model: nn.Module
    recorder: Recorder
    inputs: Inputs
    output: object
    parts: tuple[Part, ...]
    takes: tuple[str, ...] = ()

    @property
    def tape(self) -> Tape:
        """What was recorded."""
        return self.recorder.tape

    @property
    def x(self) -> Tensor:
        """The data: the first input tensor of floating point."""
        return self.recorder.tape.values[self.x_number].tensor

    @property
    def x_number(self) -> int:
        """The tape's number of the data."""
        tensors = self.inputs.tensors()
        names = [name for name, tensor in tensors if tensor.is_floating_point()] or [tensors[0][0]]
        return self.recorder.input_numbers[names[0]]

    def number(self, part: Part) -> int | None:
        """The tape's number of a part of the output."""
        return self.recorder.find(part.tensor)


@contextlib.contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Everything in the block is recorded, numpy's draws as well; compiled code runs as it is written."""
    with (
        standing(of_torch.settings),  # or else what is measured afterwards would go by what the run has set
        _as_written(),
        _collector_waiting(),
        optimized_execution(False),
        torch.enable_grad(),
        warnings.catch_warnings(),
        randomness.numpy_draws(recorder.arrays),
        recorder,
        standing(of_torch.modes),  # the recorder takes off what stands on top, which must be itself
        _in_place(recorder),
    ):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _collector_waiting() -> Iterator[None]:
    """No search for garbage meanwhile: the tape keeps all that is made, and the search goes through it many times."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _as_written() -> contextlib.AbstractContextManager[object]:
    if "torch._dynamo" not in sys.modules:  # importing it costs seconds, and without it nothing is compiled
        return contextlib.nullcontext()
    if not hasattr(torch.compiler, "set_stance"):
        return _frames_left_alone()
    stance: contextlib.AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


def _unfused(model: nn.Module) -> None:
    """Drop what torch has made of scripted parts that ran before: in fused code no recorder sees a gradient."""
    for part in model.modules():
        if isinstance(part, torch.jit.ScriptModule):
            for name in part._c._method_names():
                part._c._get_method(name)._debug_flush_compilation_cache()


@contextlib.contextmanager
def _frames_left_alone() -> Iterator[None]:
    """What torch.compiler.set_stance("force_eager") does, for torch 2.4 and 2.5, which have no stances."""
    frames: Any = sys.modules["torch._dynamo.eval_frame"]
    compiling = frames.set_eval_frame
    frames.set_eval_frame = lambda callback: None
    try:
        yield
    finally:
        frames.set_eval_frame = compiling


@contextlib.contextmanager
def _in_place(recorder: Recorder) -> Iterator[None]:
    """ModelError where the block takes the recorder off."""
    yield
    if all(mode is not recorder for mode in _get_current_dispatch_mode_stack()):
        raise ModelError(
            "the run takes off a mode of torch that it did not put on, and what it computes then cannot be recorded: "
            "leave torch's stack of dispatch modes as it is"
        )


def output_alone(subject: Subject, inputs: Inputs) -> object:
    """What the model gives in eval mode, unrecorded, which takes a fraction of the time; ModelError when it raises.

    A run that is recorded may pass where this one does not: a loss that is refused what it is given is then cut to it.
    """
    nn.Module.train(subject.model, False)
    try:
        with (
            standing(of_torch.settings),
            _as_written(),
            optimized_execution(False),
            torch.enable_grad(),
            warnings.catch_warnings(),
            standing(of_torch.modes),
        ):
            warnings.simplefilter("ignore")
            return subject.run(inputs)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"the {subject.method} of {type(subject.model).__name__} raised {described(error)}") from error


def named_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers with their dotted names."""
    return {**dict(model.named_buffers()), **dict(model.named_parameters())}


def run_model(
    subject: Subject,
    inputs: Inputs,
    *,
    training: bool,
    others: Sequence[nn.Module] = (),
    generators: Generators | None = None,
) -> Run:
    """Run the model's forward in train or eval mode and record it; ModelError when it raises.

    `others` are modules whose parameters take part as well: a loss that has some. To `generators` is added every
    generator that is drawn from, with its state before that.
    """
    named = named_tensors(subject.model)
    for other in others:
        if other is not subject.model:
            named.update(named_tensors(other))
    recorder = Recorder(inputs.tensors(), named, generators)
    for module in (subject.model, *others):
        nn.Module.train(module, training)  # a model may have a method `train` of its own
        _unfused(module)
    try:
        with recording(recorder):
            output = subject.run(inputs)
    except ModelError:
        raise
    except Exception as error:
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in inputs.tensors())
        mode = "train" if training else "eval"
        other_ways = _without_braces(subject, inputs) or _other_methods(subject, inputs)
        raise ModelError(
            f"the {subject.method} of {type(subject.model).__name__} raised {described(error)} on {shapes} in {mode} "
            f"mode: give the inputs= that it takes{other_ways}"
        ) from error
    return Run(subject.model, recorder, inputs, output, subject.parts(output), subject.takes)


def _without_braces(subject: Subject, inputs: Inputs) -> str:
    """A hint where one dictionary was handed over whose keys are arguments of the method; empty where it was not."""
    (whole, *others) = inputs.args or (None,)
    method = getattr(subject.model, subject.method, None)
    if others or not isinstance(whole, Mapping) or not whole or method is None:
        return ""
    if not set(whole) <= set(signature_of(method).parameters):
        return ""
    return f", its arguments {', '.join(map(str, whole))} by their names and no dictionary: without the braces"


def _other_methods(subject: Subject, inputs: Inputs) -> str:
    """The methods that may take the data where forward does not, as a hint; empty where there are none.

    They are named and not tried: a method may train, or write files.
    """
    if subject.method != "forward":
        return ""
    given = len(inputs.tensors())
    known = {name for names in METHODS.values() for name in names}
    found = []
    for kind in type(subject.model).__mro__:
        if kind.__module__.partition(".")[0] in ("torch", "lightning", "pytorch_lightning", "builtins"):
            continue
        for name, function in vars(kind).items():
            if name.startswith("_") or name in known or not inspect.isfunction(function):
                continue
            parameters = list(signature_of(function).parameters.values())[1:]
            required = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
            if len(required) == given and role_of(required[0].name) is Role.INPUT:
                found.append(name)
    names = ", ".join(dict.fromkeys(found))
    return f", or forward= the method that takes the data and returns the reconstruction ({names})" if found else ""


def varies(subject: Subject, inputs: Inputs) -> bool | None:
    """Whether two runs on the same inputs, unrecorded, give different numbers; None where they cannot be made.

    The model is in the mode of the last run, and is not put back between the two.
    """
    try:
        with torch.no_grad():
            first, second = (_numbers(subject.run(inputs)) for _ in range(2))
    except Exception:  # whatever the model does in a run more than it was recorded in: then it is not known
        return None
    if len(first) != len(second) or any(a.shape != b.shape for a, b in zip(first, second, strict=False)):
        return None
    return any(not torch.allclose(a, b, equal_nan=True) for a, b in zip(first, second, strict=True))


def _numbers(output: object) -> list[Tensor]:
    found = [leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    return [leaf.detach().clone() for leaf in found]
