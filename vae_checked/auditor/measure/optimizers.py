"""Which parameters a training would use and no optimizer of it holds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import nn

from vae_checked.auditor.measure.gradients import Gradients
from vae_checked.auditor.measure.source_lines import call_in
from vae_checked.auditor.recording.origins import described
from vae_checked.errors import ModelError, UsageError
from vae_checked.facts import Fact, Origin
from vae_checked.finding import Place

# An optimizer, several, or a function of the model that makes them.
GivenOptimizer = torch.optim.Optimizer | Sequence[torch.optim.Optimizer] | Callable[[nn.Module], object]
_OWN = "configure_optimizers"


def optimizers_of(model: nn.Module, given: GivenOptimizer | None) -> tuple[list[torch.optim.Optimizer], str]:
    """The optimizers that were given, or that the model makes itself as Lightning has it; and a line where that fails.

    Raises ModelError for a function that raises, UsageError for what holds no optimizer.
    """
    if given is None:
        own = getattr(model, _OWN, None)
        if not callable(own):
            return [], ""
        try:
            return list(_within(own())), ""
        except Exception as error:  # what a model of Lightning needs a trainer for may raise anything
            return [], f"the optimizer: {_OWN} raised {described(error)}: optimizer= settles it"
    if callable(given) and not isinstance(given, torch.optim.Optimizer):
        try:
            made = given(model)
        except Exception as error:
            raise ModelError(
                f"the optimizer: its function raised {described(error)} when called with the model"
            ) from error
    else:
        made = given
    found = list(_within(made))
    if not found:
        raise UsageError(
            f"optimizer is a {type(made).__name__} that holds no torch.optim.Optimizer: give one, or a function of the "
            "model that returns one"
        )
    return found, ""


def without_optimizer(
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    gradients: Gradients,
    given: GivenOptimizer | None = None,
) -> Fact[tuple[str, ...]] | None:
    """The trainable parameters that a gradient reaches and that no optimizer holds; None without an optimizer.

    `given` is what was given to find them: where it is a function, it has the line at fault.
    """
    if not optimizers:
        return None
    held = {id(each) for optimizer in optimizers for group in optimizer.param_groups for each in group["params"]}
    unused = set() if gradients.without is None else set(gradients.without.value)
    lacking = tuple(
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and id(parameter) not in held and name not in unused
    )
    return Fact(lacking, Origin("the optimizer", _place(model, optimizers, given) if lacking else None))


def _place(model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], given: GivenOptimizer | None) -> Place | None:
    """The line of the function that makes the optimizers at which the first of them is made, or at which it begins."""
    function = getattr(model, _OWN, None) if given is None else given
    function = inspect.unwrap(function) if callable(function) else function
    if not inspect.isroutine(function):
        return None
    return call_in(function, frozenset(type(each).__name__ for each in optimizers))


def _within(made: object) -> Iterator[torch.optim.Optimizer]:
    """The optimizers in what a function of this kind returns: one, lists of them, or dictionaries that hold them."""
    if isinstance(made, torch.optim.Optimizer):
        yield made
    elif isinstance(made, Mapping):
        for each in made.values():
            yield from _within(each)
    elif isinstance(made, (list, tuple)):
        for each in made:
            yield from _within(each)
