"""The layers that drop elements, and which of them stand in a value."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import cast

from vae_checked.linter.files import syntax
from vae_checked.linter.roles.batch_sizes import function_around
from vae_checked.linter.roles.built_anew import where_applied
from vae_checked.linter.roles.objective import Losses, differentiated
from vae_checked.linter.roles.phi import asks_for_mode
from vae_checked.linter.roles.switched_dropouts import is_held, may_be_switched
from vae_checked.linter.symbols.expression import Expr, walk
from vae_checked.linter.torch_model.optimizers import BACKWARD

# Calls of functions, by the place and the name of the rate that they are given.
_FUNCTIONS = {"dropout": (1, "p"), "attention_dropout": (4, "dropout_p")}
# What a training step is called where another library trains.
_STEPS = frozenset(("training_step", "train_step"))
# What an argument is called that says whether a pass is one of training.
_MODE = re.compile(r"(?i:train|eval|determin|infer)|(?<![a-zA-Z])[tT]est|(?<=[a-z])Test|TEST")


def dropouts(losses: Losses) -> Sequence[Expr]:
    """The layers of an evaluation that drop elements, each once."""
    return losses.read_once(_dropouts)


def _dropouts(losses: Losses) -> Sequence[Expr]:
    return [node for node in losses.graph.having("layer") if "dropout" in str(node.get("kind")).lower()]


def dropouts_in(values: Iterable[Expr], losses: Losses) -> list[Expr]:
    """Those of these layers that stand in one of some values."""
    standing_in, found = losses.read_once(_standing_in), 0
    for value in values:
        for node in (value,) if value in losses.graph else walk(value):
            found |= standing_in.get(node.uid, 0)
    return [node for place, node in enumerate(dropouts(losses)) if found >> place & 1]


def _standing_in(losses: Losses) -> Mapping[int, int]:
    return losses.graph.standing_in(dropouts(losses))


def is_always_on(losses: Losses, node: Expr) -> bool | None:
    """Whether evaluation does not switch a dropout off; None where that is open, as where a condition asks for it.

    A module that a pass builds is in training mode, and nothing that eval() is called on holds it.
    """
    is_function = node.get("kind") in _FUNCTIONS
    always = cast("bool | None", node.get("always_on")) if is_function else _is_made_anew(node)
    if not always:
        return None if always is False and not is_function and not is_held(losses, node) else always
    where, around = node.site, None
    if where is not None and isinstance(where.node, ast.expr):
        around = function_around(where.node, where.source.cell)
    is_open = (around is not None and (_asks_for_mode(around) or _trains(around))) or _is_of_training_alone(
        losses, node
    )
    is_open = is_open or may_be_switched(losses, node, _rate_written(node))
    is_open = is_open or (is_function and where is not None and _has_unread_options(where.node))
    # A class with a `train` of its own may set its rates there.
    is_open = is_open or (where is not None and _OWN_MODE.search(where.source.cell.text) is not None)
    return None if is_open else True


def _has_unread_options(call: ast.AST) -> bool:
    """Whether a call is given a mapping as a whole that is not written there: `training` may be among its keys."""
    keywords = call.keywords if isinstance(call, ast.Call) else ()
    return any(keyword.arg is None and not isinstance(keyword.value, ast.Dict) for keyword in keywords)


def is_of_training_branch(losses: Losses, node: Expr) -> bool:
    """Whether what has a layer in it has it in branches of training alone, as those that call its function may be."""
    anywhere, in_evaluation = losses.read_once(_met) if losses.unsettled.having("phi") else ((), ())
    written = None if node.site is None else node.site.node
    return written in anywhere and written not in in_evaluation


def _met(losses: Losses) -> tuple[frozenset[ast.AST], frozenset[ast.AST]]:
    """Where the layers are written that are part of some value of an evaluation, on any way and where it evaluates."""
    graph = losses.unsettled
    parts = {arg.uid for node in graph.nodes for arg in node.args}
    # What is part of another value is met there, or is not.
    stack, seen = [value for value in graph.values if value.uid not in parts], set[int]()
    while stack:
        value = stack.pop()
        if value.uid not in seen:
            seen.add(value.uid)
            by_mode = value.op == "phi" and asks_for_mode(value.args[0])
            stack += (_evaluated(value),) if by_mode else value.args
    written = {node.uid: node.site.node for node in graph.having("layer") if node.site is not None}
    return frozenset(written.values()), frozenset(node for uid, node in written.items() if uid in seen)


def _evaluated(choice: Expr) -> Expr:
    """What a choice by the mode hands on in evaluation."""
    condition, one, other = choice.args
    return other if condition.op == "training" else one


_OWN_MODE = re.compile(r"def train\(self, mode\b")
# What drops elements in a way that no value shows: in place, by a mask, by places that are drawn.
_DROPPING = re.compile(r"(?i:dropout(?!_p)|bernoulli|randperm|multinomial)|\brand(?:_like|int)?\(")
_PLACES = frozenset(
    "bernoulli bernoulli_ Bernoulli binomial multinomial rand rand_like randint randperm permutation choice uniform_ "
    "uniform random random_sample".split()
)


def may_drop(losses: Losses) -> bool:
    """Whether a file of an evaluation has anything that may drop elements, though no value that is computed has it."""
    texts = (source.cell.text for module in losses.evaluation.modules() for source in module.sources)
    return any(map(_DROPPING.search, texts))


def may_drop_by_hand(losses: Losses) -> bool:
    """Whether a model that is run, or what it calls, draws places or truth values that it may drop elements by."""
    passes = losses.read_once(_passes)
    called = frozenset[str]().union(*map(_calls, passes))
    functions = losses.evaluation.functions()
    helpers = {function.node for function in functions if function.owner is None and function.name in called}
    return any(not _PLACES.isdisjoint(_calls(node)) for node in passes | helpers)


def may_drop_unread(losses: Losses, node: Expr) -> bool:
    """Whether what is not read is part of a model: behind a layer, or written there. What reads the data is none."""
    if any(below.op == "layer" for below in walk(node)):
        return True
    written = None if node.site is None else node.site.node
    around = None
    if node.site is not None and isinstance(written, ast.expr):
        around = function_around(written, node.site.source.cell)
    return around is not None and around in losses.read_once(_passes)


def _passes(losses: Losses) -> frozenset[syntax.Definition]:
    """The methods of models that are run, but for steps of training."""
    functions = losses.evaluation.functions()
    nodes = {function.node for function in functions if function.owner is not None and function.owner.is_module}
    return frozenset(node for node in nodes if isinstance(node, syntax.DEFINITIONS) and not _trains(node))


@lru_cache(maxsize=64)
def _calls(function: ast.AST) -> frozenset[str]:
    return frozenset(syntax.called(node) for node in syntax.descendants(function) if isinstance(node, ast.Call))


def _is_of_training_alone(losses: Losses, node: Expr) -> bool:
    """Whether a rate is handed over, and by training alone: whoever evaluates the model may hand over 0."""
    rate = _rate_written(node)
    around = None if node.site is None or rate is None else function_around(rate, node.site.source.cell)
    if around is None or not isinstance(rate, ast.Name):
        return False
    spec = around.args
    asked = [*spec.posonlyargs, *spec.args][: len(spec.posonlyargs) + len(spec.args) - len(spec.defaults)]
    asked += [each for each, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if default is None]
    is_handed = rate.id in {each.arg for each in asked}
    return is_handed and (node.get("rate") is None or bool(losses.evaluation.read_once(differentiated)))


def _rate_written(node: Expr) -> ast.expr | None:
    """The rate that the call of a function is given, as it is written."""
    call = None if node.site is None else node.site.node
    written = _FUNCTIONS.get(str(node.get("kind")))
    if not isinstance(call, ast.Call) or written is None:
        return None
    place, name = written
    named = (each.value for each in call.keywords if each.arg == name)
    return next(iter((*call.args[place : place + 1], *named)), None)


def _is_made_anew(node: Expr) -> bool:
    """Whether the function in which a module is applied builds it, and keeps it nowhere."""
    around, where = where_applied(node), node.site
    if where is None or where.built is None or around is None or around.name == "__init__":
        return False
    made, call = where.built.node, where.node
    if not isinstance(made, ast.Call) or not isinstance(call, ast.Call) or _rate(made) == 0:
        return False
    return call.func is made or (isinstance(call.func, ast.Name) and call.func.id in _used_as_functions(around))


@lru_cache(maxsize=64)
def _asks_for_mode(function: syntax.Definition) -> bool:
    """Whether a function asks in a condition, or is given as an argument, whether this is training."""
    spec = function.args
    names = [each.arg for each in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    asked = [ast.unparse(node.test) for node in syntax.descendants(function) if isinstance(node, (ast.If, ast.IfExp))]
    return any(map(_MODE.search, (*names, *asked)))


@lru_cache(maxsize=64)
def _trains(function: syntax.Definition) -> bool:
    """Whether a function is a step of training by itself: nobody evaluates a model by it."""
    calls = (node.func for node in syntax.descendants(function) if isinstance(node, ast.Call))
    called = {func.attr for func in calls if isinstance(func, ast.Attribute)}
    return function.name in _STEPS or not called.isdisjoint(BACKWARD)


def _rate(made: ast.Call) -> object:
    """The rate as it is written; None where that is no number."""
    given = syntax.given(made, 0, "p")
    return given[0].value if given and isinstance(given[0], ast.Constant) else None


@lru_cache(maxsize=64)
def _used_as_functions(function: syntax.Definition) -> frozenset[str]:
    """The names of a function that are called, and of which nothing else is made than what is assigned to them."""
    nodes = [*syntax.descendants(function)]
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    names = [node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    used = {node.id for node in names if id(node) not in called}
    return frozenset({node.id for node in names} - used)
