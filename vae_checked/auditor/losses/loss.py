"""Finds the loss and calls it: its arguments are matched by name and by order against what the model returned."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from vae_checked.adapters import LOSSES, Call, Inputs, Role, Subject, role_of
from vae_checked.auditor.losses.arguments import Matched, match, parameters_of
from vae_checked.auditor.recording.origins import described
from vae_checked.auditor.recording.run import Run, recording
from vae_checked.errors import ModelError, UsageError
from vae_checked.mathematics.names import is_kl_weight

# A function or a module, or the name of a method of the model.
GivenLoss = Callable[..., object] | str


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss and where it came from; `given` when the user named it, else it was found and may be passed over."""

    function: Callable[..., object]
    name: str
    reason: str
    given: bool

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The modules that the loss is, or is a method of."""
        target = self.function
        while isinstance(target, functools.partial):
            target = target.func
        owner = getattr(target, "__self__", target)
        return (owner,) if isinstance(owner, nn.Module) else ()

    def runs(self, model: nn.Module) -> bool:
        """Whether it is a method of the model that takes the input alone: it runs the model itself."""
        if not self.given or model not in self.modules or self.function is model:
            return False
        if self.is_step:
            return True
        required = [p for p in parameters_of(self.function) if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        return bool(required) and all(
            p.kind is not p.VAR_POSITIONAL and role_of(p.name) is Role.INPUT for p in required
        )

    @property
    def is_step(self) -> bool:
        """Whether it is a training step as Lightning has it: `(batch, batch_idx)`."""
        return [p.name for p in parameters_of(self.function)][:2] == ["batch", "batch_idx"]


def run_by(loss: Loss, subject: Subject) -> Subject:
    """The subject as a loss runs it that takes the input alone."""
    count = len([p for p in parameters_of(loss.function) if p.default is p.empty])

    def step(model: nn.Module, inputs: Inputs) -> object:
        given = [tensor for _, tensor in inputs.tensors()]
        if len(given) > 1:
            return loss.function(tuple(given), 0)
        # Most data come with labels, and most steps take these off first; one that does not refuses the pair.
        try:
            return loss.function((given[0], torch.zeros(len(given[0]), dtype=torch.long, device=given[0].device)), 0)
        except (TypeError, AttributeError):
            return loss.function(given[0], 0)

    def run(model: nn.Module, inputs: Inputs) -> object:
        given = [tensor for _, tensor in inputs.tensors()]
        # `loss(x, y)` of an autoencoder: the target is the input again.
        return loss.function(*(given + given[:1] * count)[:count])

    return replace(
        subject,
        call=Call(step if loss.is_step else run, f"{loss.name} takes the input alone: it runs the model itself"),
    )


def find_loss(model: nn.Module, loss: GivenLoss | None) -> Loss | None:
    """The loss that the user named, or one that the model or its module has; UsageError for what is no loss."""
    if isinstance(loss, str):
        method = getattr(model, loss, None)
        if not callable(method):
            methods = [name for name in LOSSES if callable(getattr(model, name, None))]
            known = f"it has {', '.join(methods)}" if methods else "give package.module:function"
            raise UsageError(f"loss {loss!r} is no method of {type(model).__name__}; {known}")
        return Loss(method, loss, "named by the user", True)
    if loss is not None:
        if not callable(loss):
            raise UsageError(f"loss is a {type(loss).__name__}: give a function, a loss module or a method's name")
        return Loss(loss, _name_of(loss), "given", True)
    for name in LOSSES:
        method = getattr(model, name, None)
        if callable(method) and not isinstance(method, type) and parameters_of(method):
            return Loss(method, name, f"{type(model).__name__} has a method {name}", False)
    step = getattr(model, "training_step", None)
    if callable(step):
        found = Loss(step, "training_step", f"{type(model).__name__} has a training step", True)
        if found.is_step:
            return found
    home = sys.modules.get(type(model).__module__)
    for name in LOSSES:
        function = getattr(home, name, None)
        if inspect.isfunction(function) and function.__module__ == type(model).__module__:
            return Loss(
                function, name, f"{name} stands beside {type(model).__name__} in {type(model).__module__}", False
            )
    return None


def call_loss(loss: Loss, run: Run, roles: Mapping[str, Role]) -> tuple[object, Matched]:
    """Call the loss on what `run` returned, recorded; ModelError when its arguments cannot be matched or it raises."""
    matched = match(loss.function, loss.name, run, roles)
    try:
        try:
            with recording(run.recorder):
                return loss.function(*matched.args, **matched.kwargs), matched
        except KeyError as error:
            name = error.args[0] if error.args else None
            if not isinstance(name, str) or not _takes_any_keyword(loss.function) or name in matched.kwargs:
                raise
            matched = Matched(
                matched.args,
                {**matched.kwargs, name: 1.0},
                (*matched.words, f"{name} = 1.0, which it asks for and nobody gave"),
                (*matched.supplied, name),
                matched.named,
            )
            with recording(run.recorder):
                return loss.function(*matched.args, **matched.kwargs), matched
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"the loss {loss.name} raised {described(error)} when called with {', '.join(matched.words)}: "
            "give loss=lambda ... that takes what the model returns"
        ) from error


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
            torch.manual_seed(0)
            result = loss.function(*matched.args, **{**matched.kwargs, **changed})
    except Exception:  # a weight that the loss does not take at this value is not observed
        return None
    return [float(leaf.double().sum()) for leaf in pytree.tree_leaves(result) if isinstance(leaf, Tensor)]
