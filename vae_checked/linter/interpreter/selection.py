"""Choices by a name that is not known: of a module's classes and functions, of a registry, of the files of a folder."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence

from vae_checked.linter.interpreter import configured
from vae_checked.linter.interpreter.context import UNREAD, Context, Result
from vae_checked.linter.interpreter.texts import known_start
from vae_checked.linter.symbols.drawing import DRAWS, first_that_draws, is_of_data, rank
from vae_checked.linter.symbols.expression import Expr, Site, atom, const, opaque
from vae_checked.linter.symbols.values import (
    AnyOf,
    Choice,
    Class,
    Deferred,
    External,
    Function,
    Instance,
    Key,
    Layer,
    Module,
    Value,
    as_expr,
    settle,
)
from vae_checked.linter.torch_model import layers, losses

# The functions that are tried in turn.
_MAX_TRIED = 3
# What code asks of the dict of a module's names: `globals()`, `vars(module)`, `module.__dict__`.
OF_NAMES = frozenset(("get", "items", "values", "keys", "copy", "__getattribute__"))


def names_of(owner: Value) -> dict[str, Value]:
    """The classes and functions that a module, or any of several, has at its top level, by their names."""
    found: dict[str, Value] = {}
    for module in owner.items if isinstance(owner, AnyOf) else (owner,):
        names = module.scope.names if isinstance(module, Module) else {}
        for name in list(names):
            if isinstance(names[name], Deferred) and not name[:1].isupper():
                # Functions are looked for where they are written, classes where a package hands them on as well.
                continue
            value = settle(names, name)
            if isinstance(value, (Class, Function)):
                found.setdefault(name, value)
    return found


def of_module(owner: Value) -> AnyOf:
    """Any class or function of a module, or of several."""
    return AnyOf(tuple(names_of(owner).values()))


def of_entries(values: Iterable[Value]) -> Value:
    """What a registry may have for a name that is not known; None where it holds other things."""
    items = tuple(values)
    if items and all(isinstance(item, (Class, Function, AnyOf)) for item in items):
        return AnyOf(items)
    if items and all(isinstance(item, Instance) for item in items):
        return first_that_draws(items)
    if items and all(isinstance(item, tuple) and item and all(map(_is_part, item)) for item in items):
        # What goes together: of a setting that chooses what makes a model, how it is trained, and so on.
        whole = [item for item in items if isinstance(item, tuple)]
        best = max(whole, key=lambda item: max(map(rank, item)))
        return best if max(map(rank, best)) >= DRAWS else None
    return None


def _is_part(value: Value) -> bool:
    return isinstance(value, (Class, Function, External, str))


def of_folder(context: Context, start: str) -> Value:
    """Any file of the folder that the known start of a dotted name says; None where it says none."""
    found = context.imports.beside(start.rpartition(".")[0], context.frames[-1].scope.module) if "." in start else []
    return AnyOf(tuple(found)) if found else None


def imported(context: Context, name: Value) -> Value:
    """The file of a dotted name, or any of the folder that the known start of one says."""
    if isinstance(name, str):
        return _module(context, name)
    known = configured.texts(context, name, lambda text: isinstance(_module(context, text), Module))
    return either([_module(context, text) for text in known]) or of_folder(context, known_start(name))


def _module(context: Context, name: str) -> Value:
    """The file of a dotted name, as seen from the one that is being run."""
    bare = name.lstrip(".")
    importer = context.frames[-1].scope.module
    level = len(name) - len(bare)
    found = context.imports.deferred_name("", level, bare, importer) if level else None
    found = context.imports.deferred_module(bare, importer) if found is None else found
    return found.settle() if isinstance(found, Deferred) else found


def asked(context: Context, owner: Module | AnyOf, name: str, args: list[Value], site: Site) -> Result:
    """owner.name(*args) of a dict of a module's names."""
    if name in ("get", "__getattribute__"):
        return entry(context, owner, args[0], site) if args else UNREAD
    named = names_of(owner)
    if name == "items":
        return list[Value](named.items())
    return list[Value](named) if name == "keys" else list(named.values()) if name == "values" else owner


def entry(context: Context, owner: Module | AnyOf, key: Value, site: Site) -> Value:
    """What a dict of a module's names has for a key, or may have for one that is not known."""
    if isinstance(key, str):
        return attribute(context, owner, key, site)
    if not isinstance(key, Expr):
        return atom("item", site, id(owner))
    named = names_of(owner)
    settled = among(context, named, key)
    return of_module(owner) if settled is None else settled


def among(context: Context, named: Mapping[str, Value], key: Value) -> Value:
    """What the settings choose of several things that go by names; None where they say nothing of it.

    Nothing too where an option's default is a model that draws nothing, and others do: what is looked for is a VAE.
    """
    known = configured.texts(context, key, lambda text: 1 + rank(named[text]) if text in named else 0)
    found = list({id(named[text]): named[text] for text in known}.values())
    if configured.is_option(context, key) and found and not any(map(rank, found)) and _draws_any(named.values()):
        return None
    if not found:
        configured.note_left_open(context, key)
    elif configured.is_option(context, key):
        # Its default is there to be changed.
        for other in named.values():
            configured.note_other_part(context, found[0], other)
    context.observations.chosen |= {
        id(each.node) for each in found if isinstance(each, (Class, Function)) and rank(each)
    }
    return either(found)


def by_settings(context: Context, owner: Mapping[Key, Value], key: Expr) -> Value:
    """The layer that a file of settings names of those that a dict has; None where none names one of them.

    What a command line may set stays open: its default is there to be changed.
    """
    if not owner or not all(isinstance(value, (Layer, External)) for value in owner.values()):
        return None
    if configured.is_option(context, key):
        return None
    known = configured.texts(context, key, lambda text: int(text in owner))
    return owner[known[0]] if len(known) == 1 else None


def _draws_any(values: Iterable[Value]) -> bool:
    return any(rank(value) >= DRAWS for value in values)


def either(found: Sequence[Value]) -> Value:
    """One of several things, the first the likeliest; None without any."""
    return None if not found else found[0] if len(found) == 1 else AnyOf(tuple(found))


def of_library(context: Context, owner: External, key: Value) -> Value:
    """What the settings choose of the layers and losses of torch; None where they say nothing of it."""
    if not isinstance(key, Expr) or owner.dotted.partition(".")[0] != "torch":
        return None
    known = configured.texts(context, key, lambda text: _is_of_torch(owner.dotted, text))
    return either([External(f"{owner.dotted}.{text}") for text in known[:_MAX_TRIED]])


def _is_of_torch(dotted: str, name: str) -> bool:
    if not name.isidentifier():
        return False
    return layers.is_layer(f"{dotted}.{name}") or (dotted.endswith("functional") and (name in losses.FUNCTIONS))


def attribute(context: Context, owner: Module | AnyOf, name: str, site: Site) -> Value:
    """owner.name, of those modules that have it."""
    if isinstance(owner, Module):
        return context.imports.member(owner, name)
    found = [context.imports.member(item, name) for item in owner.items if _has(item, name)]
    if not found:
        return atom(name, site, id(owner))
    return found[0] if len(found) == 1 else AnyOf(tuple(found))


def _has(item: Value, name: str) -> bool:
    return isinstance(item, Module) and name in item.scope.names


def called(context: Context, target: AnyOf, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """target(*args, **kwargs): of what the arguments fit a model that draws, else a divergence, else some functions.

    Else some models, as of the decoders that a setting chooses from.
    """
    more = _hands_over_more(site)
    fitting = [item for item in _items(target) if accepts(item, args, kwargs, more)]
    if len(fitting) == 1:
        return context.call(fitting[0], args, kwargs, site)
    if fitting and all(map(is_of_data, fitting)):
        # Of several data sets none is likelier: which of them goes with a model is up to whoever names both.
        return _opaque(target, args, kwargs, site)
    model = first_that_draws(item for item in fitting if isinstance(item, Class))
    if model is not None:
        return context.call(model, args, kwargs, site)
    telling = [item for item in fitting if rank(item)]
    loss = next((item for item in telling if isinstance(item, Class)), None)
    if loss is not None:
        return context.call(loss, args, kwargs, site)
    functions: list[Value] = [item for item in (*telling, *fitting) if isinstance(item, Function)]
    models: list[Value] = [item for item in fitting if isinstance(item, Class) and item.is_module]
    models = models or [item for item in fitting if isinstance(item, External)]
    tried = list({id(item): item for item in functions or models}.values())[:_MAX_TRIED]
    if tried:
        return context.call(_in_turn(tried, site), args, kwargs, site)
    return _opaque(target, args, kwargs, site)


def _opaque(target: AnyOf, args: list[Value], kwargs: dict[str, Value], site: Site) -> Expr:
    return opaque("call", (as_expr(target, site), *(as_expr(item, site) for item in (*args, *kwargs.values()))), site)


def _hands_over_more(call: Site) -> bool:
    """Whether a call has more arguments, which are not known, by a dict: `make(**settings)`."""
    return isinstance(call.node, ast.Call) and any(keyword.arg is None for keyword in call.node.keywords)


def accepts(target: Value, args: list[Value], kwargs: dict[str, Value], more: bool = False) -> bool:
    """Whether a call with these arguments may be one of `target`: their number and names fit, or are not known.

    With `more` there may be others by their names.
    """
    if isinstance(target, Choice):
        return accepts(target.one, args, kwargs, more) or accepts(target.other, args, kwargs, more)
    if isinstance(target, Class):
        made = target.find("__init__")
        return accepts(made.bound_to(target), args, kwargs, more) if isinstance(made, Function) else True
    if not isinstance(target, Function) or any(isinstance(value, Expr) and value.op == "spread" for value in args):
        return True
    spec = target.node.args
    names = [item.arg for item in (*spec.posonlyargs, *spec.args)]
    given = len(args) + (target.bound is not None)
    required = names[given : len(names) - len(spec.defaults)]
    known = {*names[given:], *(item.arg for item in spec.kwonlyargs)}
    fits = (given <= len(names) or spec.vararg is not None) and (more or all(name in kwargs for name in required))
    return fits and (spec.kwarg is not None or kwargs.keys() <= known)


def _items(target: AnyOf) -> list[Value]:
    return [each for item in target.items for each in (_items(item) if isinstance(item, AnyOf) else [item])]


def _in_turn(tried: Sequence[Value], site: Site) -> Value:
    made: Value = tried[-1]
    for index, item in reversed(list(enumerate(tried[:-1]))):
        made = Choice(opaque(f"name:{site.place}", (const(index),), site), item, made)
    return made
