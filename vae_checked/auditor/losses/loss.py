"""Finds the loss and calls it: its arguments are matched by name and by order against what the model returned."""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from vae_checked.adapters import LOSSES, Call, Inputs, Role, Subject, function_beside, role_of
from vae_checked.auditor.losses.arguments import MODEL, Matched, match
from vae_checked.auditor.losses.candidates import checked_bindings, parameters_of, parse_bindings
from vae_checked.auditor.losses.steps import NAME as STEP_NAME
from vae_checked.auditor.losses.steps import is_step, take_step, without_trainer
from vae_checked.auditor.recording.origins import described, line_at
from vae_checked.auditor.recording.run import Run, recording
from vae_checked.errors import ModelError, UsageError
from vae_checked.finding import Place
from vae_checked.laws.seeding import seed_draws
from vae_checked.mathematics.names import is_condition, is_kl_weight, plain

# A function or a module, or the name of a method of the model.
GivenLoss = Callable[..., object] | str
MOST_READINGS = 8


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss and where it came from; `given` when the user named it, else it was found and may be passed over.

    `bind` says what some of its arguments are, as `candidates` writes it.
    """

    function: Callable[..., object]
    name: str
    reason: str
    given: bool
    bind: Mapping[str, str] = field(default_factory=dict)

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The modules that the loss is, or is a method of."""
        target = self.function
        while isinstance(target, functools.partial):
            target = target.func
        owner = getattr(target, "__self__", target)
        return (owner,) if isinstance(owner, nn.Module) else ()

    def runs(self, model: nn.Module) -> bool:
        """Whether it runs the model itself: a method of it, or a function that takes it, and the input beside it."""
        if self.is_step and model in self.modules:
            return True
        required = self._required
        if any(p.kind is p.VAR_POSITIONAL for p in required) or self.bind:
            return False
        forwards = {plain(p.name) for p in parameters_of(model)}
        if required and required[0].name.lower() in MODEL:
            batch = required[1:]
            return bool(batch) and all(_is_of_a_batch(p.name) or plain(p.name) in forwards for p in batch)
        if model not in self.modules or self.function is model or self.is_forward:
            return False
        return bool(required) and all(role_of(p.name) is Role.INPUT or plain(p.name) in forwards for p in required)

    @property
    def place(self) -> Place | None:
        """The line at which it is defined."""
        target: object = self.function
        while isinstance(target, functools.partial):
            target = target.func
        target = inspect.unwrap(target.forward if isinstance(target, nn.Module) else self.function)
        code = getattr(target, "__code__", None)
        return None if code is None else line_at(code.co_filename, code.co_firstlineno)

    @property
    def is_forward(self) -> bool:
        """Whether it is the forward of the model, which returns its loss."""
        return self.name == "forward" and bool(self.modules)

    @property
    def takes_model(self) -> bool:
        """Whether the model is its first argument."""
        return bool(self._required) and self._required[0].name.lower() in MODEL

    @property
    def takes(self) -> int:
        """How many arguments it needs beside weights."""
        return len(self._required)

    @property
    def weights(self) -> tuple[str, ...]:
        """The weights of the KL that it needs, which nobody gives."""
        return tuple(p.name for p in self._needed if is_kl_weight(p.name))

    @property
    def is_step(self) -> bool:
        """Whether it is a training step as Lightning has it: `(batch, batch_idx)`."""
        return is_step(self.function, self.name)

    @property
    def circumstances(self) -> str:
        """What a report adds of how a step is taken; empty where nothing is to be said."""
        return without_trainer(self.modules) if self.is_step else ""

    @property
    def _needed(self) -> list[inspect.Parameter]:
        return [p for p in parameters_of(self.function) if p.default is p.empty and p.kind is not p.VAR_KEYWORD]

    @property
    def _required(self) -> list[inspect.Parameter]:
        return [p for p in self._needed if not is_kl_weight(p.name)]


def _is_of_a_batch(name: str) -> bool:
    return role_of(name) is Role.INPUT or is_condition(name)


def run_by(loss: Loss, subject: Subject) -> Subject:
    """The subject as a loss runs it that takes the input, and perhaps the model beside it."""

    def step(model: nn.Module, inputs: Inputs) -> object:
        return take_step(loss.function, model, inputs)

    def run(model: nn.Module, inputs: Inputs) -> object:
        given: list[object] = [tensor for _, tensor in inputs.tensors()]
        if len(inputs.args) == 1 and not isinstance(inputs.args[0], Tensor):
            given = [inputs.args[0]]
        first: list[object] = [model] if loss.takes_model else []
        count = loss.takes - len(first)
        # `loss(x, y)` of an autoencoder: the target is the input again.
        return loss.function(*first, *(given + given[:1] * count)[:count], **dict.fromkeys(loss.weights, 1.0))

    what = "the model and the input" if loss.takes_model else "the input alone"
    return replace(
        subject,
        call=Call(step if loss.is_step else run, f"{loss.name} takes {what}: it runs the model itself"),
    )


def find_loss(model: nn.Module, loss: GivenLoss | None, bind: Mapping[str, str] | str | None = None) -> Loss | None:
    """The loss that the user named, or one that the model or its module has; UsageError for what is no loss.

    A name is that of a method of the model, or of a function of the module that defines it. `bind` says what the
    arguments of the loss are.
    """
    bindings = parse_bindings(bind) if isinstance(bind, str) else checked_bindings(bind or {})
    found = _found_loss(model, loss)
    if found is None and bindings:
        raise UsageError("bind is given, and there is no loss whose arguments it could name: give loss=")
    return found if found is None else replace(found, bind=bindings)


def _found_loss(model: nn.Module, loss: GivenLoss | None) -> Loss | None:
    if isinstance(loss, str):
        method = getattr(model, loss, None)
        if callable(method):
            return Loss(method, loss, "named by the user", True)
        return _beside(model, loss)
    if isinstance(loss, type) and issubclass(loss, nn.Module):
        loss = _built(loss)
    if loss is not None:
        if not callable(loss):
            raise UsageError(f"loss is a {type(loss).__name__}: give a function, a loss module or a method's name")
        return Loss(loss, _name_of(loss), "given", True)
    for name in LOSSES:
        method = getattr(model, name, None)
        if callable(method) and not isinstance(method, type) and parameters_of(method):
            return Loss(method, name, f"{type(model).__name__} has a method {name}", False)
    step = getattr(model, STEP_NAME, None)
    if callable(step):
        found = Loss(step, STEP_NAME, f"{type(model).__name__} has a training step", False)
        if found.is_step:
            return found
    home = sys.modules.get(type(model).__module__)
    for name in LOSSES:
        function = getattr(home, name, None)
        if inspect.isfunction(function) and function.__module__ == type(model).__module__:
            return Loss(
                function, name, f"{name} stands next to {type(model).__name__} in {type(model).__module__}", False
            )
    return None


def _built(kind: type[nn.Module]) -> nn.Module:
    """The loss module of a class that was named in its place; UsageError where it needs arguments."""
    try:
        return kind()
    except TypeError as error:
        raise UsageError(
            f"loss is the class {kind.__name__}, which is built with arguments ({error}): give an instance of it"
        ) from error


def _beside(model: nn.Module, name: str) -> Loss:
    """The function of this name in a module that defines the model's class; UsageError where there is none."""
    function = function_beside(model, name)
    if function is not None:
        return Loss(function, name, f"{name} next to {type(model).__name__}, named by the user", True)
    methods = [each for each in LOSSES if callable(getattr(model, each, None))]
    known = f"it has {', '.join(methods)}" if methods else "give package.module:function"
    raise UsageError(
        f"loss {name!r} is no method of {type(model).__name__}, and no function of {type(model).__module__}; {known}"
    )


@dataclass(frozen=True, slots=True)
class Called:
    """What a loss returned, with what it was called, and the bindings of the other readings that it runs with."""

    result: object
    matched: Matched
    others: tuple[Mapping[str, str], ...] = ()


def call_loss(loss: Loss, run: Run, roles: Mapping[str, Role]) -> Called:
    """Call the loss on what `run` returned, recorded; ModelError when its arguments cannot be matched or it raises."""
    found = match(loss.function, loss.name, run, roles, loss.bind)
    if not found.groups:
        raise ModelError(found.refusal)
    readings = list(found.groups[0])
    if len(found.groups) > 1 or len(readings) > 1:
        # Where none runs, what the first raises is reported.
        tried = ([matched for matched in group if _runs(loss, matched)] for group in found.groups)
        readings = next((running for running in tried if running), readings[:1])
    if len(readings) > MOST_READINGS:
        written = _written(readings[0].bindings)
        raise ModelError(
            f"the loss {loss.name} runs with its arguments in {len(readings)} orders, and no name tells which is "
            f'meant: give bind="{written}" with what each is'
        )
    matched, *others = readings
    try:
        while True:
            try:
                with recording(run.recorder):
                    result = loss.function(*matched.args, **matched.kwargs)
                return Called(result, matched, tuple(other.bindings for other in others))
            except KeyError as error:
                weight = _asked_for(loss, matched, error)
                if weight is None:
                    raise
                matched = matched.with_weight(weight)
    except ModelError:
        raise
    except Exception as error:
        if matched.guessed:
            raise ModelError(f"{found.refusal} (in no order it runs: {described(error)})") from error
        raise ModelError(
            f"the loss {loss.name} raised {described(error)} when called with {', '.join(matched.words)}: "
            f'give bind="{_written(matched.bindings)}" with what each is, or loss=lambda ... that takes what the model '
            "returns"
        ) from error


def _written(bindings: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in bindings.items())


def _asked_for(loss: Loss, matched: Matched, error: KeyError) -> str | None:
    """The keyword that a loss takes out of its `**kwargs` and that nobody gave."""
    name = error.args[0] if error.args else None
    if not isinstance(name, str) or not _takes_any_keyword(loss.function) or name in matched.kwargs:
        return None
    return name


def _runs(loss: Loss, matched: Matched) -> bool:
    """Whether the loss can be called so; where it broadcasts one shape to another with a warning, it cannot."""
    try:
        with torch.random.fork_rng(), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message="Using a (target|input) size")
            while True:
                try:
                    loss.function(*matched.args, **matched.kwargs)
                    return True
                except KeyError as error:
                    weight = _asked_for(loss, matched, error)
                    if weight is None:
                        return False
                    matched = matched.with_weight(weight)
    except RuntimeError as error:
        return "between 0 and 1" in str(error)  # it runs, and what it is given is out of its domain
    except Exception:  # whatever it raises, this is not what it takes
        return False


def dead_weights(loss: Loss, matched: Matched) -> tuple[str, ...] | None:
    """The weights among the loss's own parameters, by their names, that no value of moves what it returns.

    None where another number that it takes, which may be a weight, moves nothing, or where it cannot be varied.
    """
    numbers = [
        p.name
        for p in parameters_of(loss.function)
        if isinstance(p.default, (int, float)) and not isinstance(p.default, bool)
    ]
    moves = {name: _moves(loss, matched, name) for name in dict.fromkeys((*numbers, *matched.supplied))}
    dead = tuple(name for name, moved in moves.items() if moved is False and is_kl_weight(name))
    return dead if dead or all(moves.values()) else None


def _moves(loss: Loss, matched: Matched, name: str) -> bool | None:
    """Whether a number moves what the loss returns; None where it cannot be varied."""
    outcomes = [_outcome(loss, matched, {name: value}) for value in (0.5, 3.0)]
    return None if None in outcomes else outcomes[0] != outcomes[1]


def _takes_any_keyword(function: Callable[..., object]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in parameters_of(function))


def _name_of(loss: Callable[..., object]) -> str:
    target = loss
    while isinstance(target, functools.partial):
        target = target.func
    if isinstance(target, nn.Module):
        return type(target).__name__
    return str(getattr(target, "__qualname__", None) or type(target).__name__)


def _outcome(loss: Loss, matched: Matched, changed: Mapping[str, float]) -> list[float] | None:
    """Every number that the loss returns when some of its keywords are changed; None when it cannot be called so."""
    try:
        with torch.random.fork_rng(), torch.no_grad():
            seed_draws(0)
            result = loss.function(*matched.args, **{**matched.kwargs, **changed})
    except Exception:  # a weight that the loss does not take at this value is not observed
        return None
    return [float(leaf.double().sum()) for leaf in pytree.tree_leaves(result) if isinstance(leaf, Tensor)]
