"""Trainers of a library: they call the steps that they are given, of a model or of their own."""

from __future__ import annotations

import ast
from functools import lru_cache

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter import parts
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Site, atom
from vae_checked.linter.symbols.values import Function, Instance, Loader, Value
from vae_checked.linter.torch_model.optimizers import BACKWARD

_LOADERS = ("train_dataloaders", "train_dataloader", "datamodule")


def fit(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> None:
    """Run the training step of a Lightning model that is fitted, as a script has configured it, on a batch of its data.

    A model without such a step is left alone.
    """
    model = args[0] if args else kwargs.get("model")
    step = model.cls.find("training_step") if isinstance(model, Instance) else None
    if not isinstance(model, Instance) or not isinstance(step, Function):
        return
    configure = model.cls.find("configure_optimizers")
    if isinstance(configure, Function):
        context.invoke(configure.bound_to(model), [], {}, site)
    given = next((kwargs[name] for name in _LOADERS if name in kwargs), args[1] if len(args) > 1 else model)
    loader = _loader(context, given, site)
    spec = step.node.args
    names = [item.arg for item in (*spec.posonlyargs, *spec.args)][1:]
    required = names[: max(1, len(names) - len(spec.defaults))]
    inputs: list[Value] = [atom(name, site, context.serial()) for name in required]
    if loader is not None and inputs:
        inputs[0] = parts.batch(context, loader)
    context.invoke(step.bound_to(model), inputs, {}, site)


def handed(context: Context, args: list[Value], kwargs: dict[str, Value], site: Site) -> None:
    """Run the functions that something outside the project is handed, where they differentiate a loss: it calls them.

    So does an engine of ignite with its `update(engine, batch)`; nothing is known of what it hands over.
    """
    for step in (*args, *kwargs.values()):
        if isinstance(step, Function) and differentiates(step.node):
            spec = step.node.args
            names = [item.arg for item in (*spec.posonlyargs, *spec.args)][0 if step.bound is None else 1 :]
            required = names[: max(0, len(names) - len(spec.defaults))]
            context.invoke(step, [atom(name, site, context.serial()) for name in required], {}, site)


@lru_cache(maxsize=512)
def differentiates(function: ast.AST) -> bool:
    """Whether a function differentiates a loss, by whatever does that for it."""
    return any(isinstance(node, ast.Attribute) and node.attr in BACKWARD for node in syntax.descendants(function))


def _loader(context: Context, given: Value, site: Site) -> Loader | None:
    """The loader of the training data: itself, or what a data module or the model makes."""
    if isinstance(given, Instance):
        made = given.cls.find("train_dataloader")
        given = context.invoke(made.bound_to(given), [], {}, site) if isinstance(made, Function) else None
    return given if isinstance(given, Loader) else None
