"""Training steps as Lightning has them, `training_step(batch, batch_idx)`, taken without a trainer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vae_checked.adapters import Inputs
from vae_checked.auditor.losses.candidates import parameters_of
from vae_checked.errors import ModelError

NAME = "training_step"
# Far enough that a warm-up of the KL's weight is over, and no multiple of the length of a cycle.
EPOCH, STEP = 997, 99_991
_LOGS = ("log", "log_dict")


class StandIn:
    """What a step asks a trainer for that is no more than a number."""

    current_epoch = EPOCH
    global_step = STEP
    max_epochs = EPOCH + 1
    max_steps = STEP + 1
    num_training_batches = 101
    estimated_stepping_batches = STEP + 1
    world_size = 1
    is_global_zero = True
    training = True
    sanity_checking = False


def is_step(function: Callable[..., object], name: str) -> bool:
    """Whether it is a training step, by its arguments `(batch, batch_idx)` or by its name."""
    parameters = [p.name for p in parameters_of(function)]
    return parameters[:2] == ["batch", "batch_idx"] or (name == NAME and 1 <= len(parameters) <= 3)


def take_step(function: Callable[..., object], model: nn.Module, inputs: Inputs) -> object:
    """What the step returns for one batch of the inputs; ModelError where it reads another kind of batch."""
    needed = [p for p in parameters_of(function) if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    # The number of the batch, and of the optimizer.
    numbers = (0,) * (max(1, len(needed)) - 1)
    with _without_trainer(model):
        given = [tensor for _, tensor in inputs.tensors()]
        if len(inputs.args) == 1 and not isinstance(inputs.args[0], Tensor):
            return function(inputs.args[0], *numbers)
        if len(given) > 1:
            return function(tuple(given), *numbers)
        # Most data come with labels, and most steps take these off first; one that does not refuses the pair.
        labels = torch.zeros(len(given[0]), dtype=torch.long, device=given[0].device)
        try:
            return function((given[0], labels), *numbers)
        except (TypeError, AttributeError) as error:
            key = _key_asked_for(function, numbers) if isinstance(error, TypeError) else None
            if key is not None:
                raise ModelError(
                    f"the training step takes {key!r} out of its batch: give a mapping as input, such as "
                    f"'{{{key}: B {' '.join(map(str, given[0].shape[1:]))}}}'"
                ) from error
            return function(given[0], *numbers)


def without_trainer(modules: Iterable[nn.Module]) -> str:
    """How the step of a Lightning module is taken, as a report says it; empty for another."""
    if not any(_is_lightning(type(each)) for each in modules):
        return ""
    return f", as at epoch {EPOCH} and step {STEP}: no trainer is attached"


class _KeyAskedForError(Exception):
    pass


class _Asked(dict[str, Tensor]):
    def __missing__(self, key: str) -> Tensor:
        raise _KeyAskedForError(key)


def _key_asked_for(function: Callable[..., object], numbers: tuple[int, ...]) -> str | None:
    """The first key that the step takes out of a batch that is a mapping; None where it takes none."""
    try:
        function(_Asked(), *numbers)
    except _KeyAskedForError as error:
        return str(error.args[0])
    except Exception:  # it takes something else, which is found out by giving it that
        return None
    return None


@contextmanager
def _without_trainer(model: nn.Module) -> Iterator[None]:
    """In the block Lightning modules log nothing, and have a trainer that knows its epoch; afterwards as before."""
    modules = [each for each in model.modules() if _is_lightning(type(each))]
    silenced = [(each, name) for each in modules for name in _LOGS if name not in vars(each)]
    trainer = StandIn()
    attached = [each for each in modules if _attach(each, trainer)]
    try:
        for each, name in silenced:
            vars(each)[name] = _logs_nothing
        yield
    finally:
        for each, name in silenced:
            del vars(each)[name]
        for each in attached:
            setattr(each, "trainer", None)  # noqa: B010  a Module has no such name


def _logs_nothing(*args: object, **kwargs: object) -> None:
    """In the place of what asks a trainer where to log."""


def _attach(module: nn.Module, trainer: StandIn) -> bool:
    """Hand a module its trainer, where it has none."""
    try:
        if getattr(module, "trainer", None) is not None:
            return False
    except RuntimeError:  # as Lightning says that there is none
        pass
    try:
        setattr(module, "trainer", trainer)  # noqa: B010  as above
    except (AttributeError, TypeError):
        return False
    return True


def _is_lightning(kind: type) -> bool:
    return any(each.__name__ == "LightningModule" for each in inspect.getmro(kind))
