"""Which of several models a setting chooses: one that draws, as what is looked for is a VAE."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from vae_checked.linter.symbols.values import Class, Function, Instance, Value, settle

# What draws, by the last part of its name, and what a divergence or a positive scale is written with.
_DRAWS = frozenset("randn randn_like rand_like Normal rsample normal_ normal randn_tensor MultivariateNormal".split())
_SCALES = frozenset("exp log softplus sqrt elu log_prob rsample kl_divergence kl_loss kld_loss kl_div".split())
# The least rank of what draws.
DRAWS = 2
_INITIALISED = frozenset(("init", "weight", "bias", "data"))
_MAX_PARTS, _MAX_DEPTH = 24, 4


def rank(value: Value) -> int:
    """How much a class or function, its parts among it, has of a VAE: `DRAWS` for what draws, 1 more for a scale.

    Noise alone may be the first state of a recurrent network, and a scale alone is what a divergence is written with.
    """
    nodes = [node for part in _parts(_class(value), _MAX_DEPTH) for node in ast.walk(part.node)]
    draws = any(isinstance(node, ast.Call) and _draws(node) for node in nodes)
    return DRAWS * draws + any(isinstance(node, ast.Attribute) and node.attr in _SCALES for node in nodes)


def first_that_draws(values: Iterable[Value]) -> Value:
    """The first of the models that draw, of the highest rank, and no part of another one of them; None without any."""
    ranks = [(rank(value), value) for value in values]
    highest = max((each for each, _ in ranks), default=0)
    if highest < DRAWS:
        return None
    found = [value for each, value in ranks if each == highest]
    parts = {id(part) for value in found for part in _parts(_class(value), 1) if part is not _class(value)}
    whole = [value for value in found if id(_class(value)) not in parts]
    return (whole or found)[0]


def _class(value: Value) -> Value:
    return value.cls if isinstance(value, Instance) else value


def _parts(value: Value, depth: int) -> list[Class | Function]:
    """A class with its bases, or a function, and what they call of the project by its name, down to a depth."""
    if not isinstance(value, (Class, Function)):
        return []
    found: list[Class | Function] = _whole(value)
    level = found
    while level and depth and len(found) < _MAX_PARTS:
        depth -= 1
        called = [part for caller in level for part in _called(caller)]
        level = [*{id(part): part for part in called if part not in found}.values()]
        found = [*found, *level]
    return found


def _called(caller: Class | Function) -> Iterator[Class | Function]:
    names = caller.scope.module.scope.names
    for node in ast.walk(caller.node):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            made = settle(names, node.func.id)
            if isinstance(made, (Class, Function)):
                yield from _whole(made)


def _whole(value: Class | Function) -> list[Class | Function]:
    return [*value.mro()] if isinstance(value, Class) else [value]


def _draws(call: ast.Call) -> bool:
    """Whether a call draws something, and does not fill a weight."""
    target = call.func
    if isinstance(target, ast.Name):
        return target.id in _DRAWS
    if not isinstance(target, ast.Attribute) or target.attr not in _DRAWS:
        return False
    owner = target.value
    return getattr(owner, "attr", getattr(owner, "id", "")) not in _INITIALISED
