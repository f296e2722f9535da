"""Whether a model is in training where its loss is differentiated, as the calls of `train` and `eval` around tell."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.roles import seeds
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Site, contains
from vae_checked.linter.symbols.values import Deferred, Function, Module
from vae_checked.linter.torch_model.optimizers import BACKWARD

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_NAMED = (ast.Name, ast.Attribute)
_DEPTH = 3


def may_be_evaluated(site: SamplerSite, losses: Losses) -> bool:
    """Whether a draw is made in training alone, and what is differentiated may be computed in evaluation."""
    asking = (branch for branch in losses.branches if any(contains(way, site.noise.uid) for way in branch.args[1:]))
    return any(asking) and losses.evaluation.read_once(_may_be_evaluated)


def _may_be_evaluated(evaluation: Evaluation) -> bool:
    sites = [root.site for root in evaluation.observations.roots if root.kind == "backward"]
    # A model that is read by itself is trained by functions beside it, which are handed it.
    return any(_is_left_in_evaluation(site, evaluation, _DEPTH) for site in sites or _differentiating(evaluation))


def _differentiating(evaluation: Evaluation) -> Iterator[Site]:
    """The calls that differentiate in the files of an evaluation."""
    for source in (source for module in evaluation.modules() for source in module.sources):
        for call in source.cell.of(ast.Call):
            if isinstance(call.func, ast.Attribute) and call.func.attr in BACKWARD:
                yield Site(source, call)


def _is_left_in_evaluation(site: Site, evaluation: Evaluation, depth: int) -> bool:
    """Whether the last mode set before a place is evaluation: in a loop around it from turn to turn, then before it.

    Where its own function sets none, it is that of the places from which this is called, or any that the files set
    where nothing there calls it.
    """
    nodes = [node for node in site.source.cell.nodes if isinstance(node, ast.stmt) and seeds.holds(node, site.node)]
    functions = [node for node in nodes if isinstance(node, syntax.DEFINITIONS)]
    inner = functions[-1:]
    loops = [node for node in nodes if isinstance(node, _LOOPS) and (not inner or node.lineno > inner[0].lineno)]
    line = getattr(site.node, "lineno", 0)
    whole: list[ast.AST] = [*inner] or [site.source.cell.tree]
    for around in (*reversed(loops), *whole):
        modes = sorted(_modes(around, inner, evaluation))
        before = [is_evaluation for at, is_evaluation in modes if at < line]
        after = [is_evaluation for at, is_evaluation in modes if at > line] if isinstance(around, _LOOPS) else []
        if before or after:
            return (before or after)[-1]
    if not inner or depth == 0:
        return False
    calls = [*_calls_of(inner[0], evaluation)]
    if not calls:
        return evaluation.read_once(_are_evaluated_alone)
    return any(_is_left_in_evaluation(call, evaluation, depth - 1) for call in calls)


def _are_evaluated_alone(evaluation: Evaluation) -> bool:
    """Whether the files of an evaluation set models to evaluation, and none to training."""
    cells = [source.cell for module in evaluation.modules() for source in module.sources]
    by_text = ((_called(cell.tree), cell.of(ast.Call)) for cell in cells)
    modes = {mode_set(call, called) for called, calls in by_text for call in calls}
    return True in modes and False not in modes


def _modes(around: ast.AST, within: list[syntax.Definition], evaluation: Evaluation) -> Iterator[tuple[int, bool]]:
    """The lines at which a mode is set in a loop, a function or a module, with whether it is that of evaluation."""
    apart = {
        id(inner)
        for node in syntax.descendants(around)
        if isinstance(node, (*syntax.DEFINITIONS, ast.Lambda)) and node is not around and node not in within
        for inner in syntax.descendants(node)
    }
    called, names = _called(around), _names_of_results(around)
    for call in _calls(around):
        if id(call) in apart:
            continue
        mode = mode_set(call, called, names.get(id(call)))
        if mode is None:
            # A function that ends in another mode than it began with leaves the model in it.
            set_there = [
                found
                for body in _bodies(call, evaluation)
                if isinstance(body, syntax.DEFINITIONS) and body not in within
                for each in sorted(_calls(body), key=lambda node: node.lineno)
                if (found := mode_set(each)) is not None
            ]
            mode = set_there[-1] if set_there else None
        if mode is not None:
            yield call.lineno, mode


def _bodies(call: ast.Call, evaluation: Evaluation) -> Iterator[ast.AST]:
    """What a call may run: the functions of its name that were run, and the one that a file imports or defines."""
    yield from (function.node for function in evaluation.functions() if function.name == syntax.called(call))
    method = call.func
    for module in evaluation.modules():
        names = module.scope.names
        if isinstance(method, ast.Attribute) and isinstance(method.value, ast.Name):
            owner = names.get(method.value.id)
            names, name = owner.scope.names if isinstance(owner, Module) else {}, method.attr
        else:
            name = method.id if isinstance(method, ast.Name) else ""
        found = names.get(name)
        if isinstance(found, Function):
            yield found.node


def _names_of_results(around: ast.AST) -> dict[int, str]:
    """By the calls that a result goes through, as in `net = Net().eval().cuda()`, the name that it is given."""
    found: dict[int, str] = {}
    for node in syntax.descendants(around):
        made = node.value if isinstance(node, ast.Assign) else None
        while isinstance(node, ast.Assign) and isinstance(made, ast.Call) and isinstance(made.func, ast.Attribute):
            found[id(made)] = ast.unparse(node.targets[0])
            made = made.func.value
    return found


def _called(around: ast.AST) -> set[str]:
    """What is called in some code, or handed to what may call it, as a model is."""
    called = {name for name in map(_callee, _calls(around)) if name}
    return called | {ast.unparse(arg) for call in _calls(around) for arg in call.args if isinstance(arg, _NAMED)}


def mode_set(call: ast.Call, called: set[str] | None = None, result: str | None = None) -> bool | None:
    """True for `model.eval()`, False for `model.train()`; None for another call, and for what is not `called`.

    What a call makes goes by the name that its `result` is given.
    """
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in ("eval", "train"):
        return None
    if function.attr == "eval" and (call.args or call.keywords):
        return None
    made = isinstance(function.value, ast.Call) and result is not None
    owner = result if made and result is not None else ast.unparse(function.value)
    # What holds a model may be what trains it.
    around = "" if owner.startswith("self.") else owner.rpartition(".")[0]
    is_used = called is None or any(
        name == owner or name.startswith((f"{owner}.", f"{around or owner}.")) for name in called
    )
    if not is_used and function.attr == "eval":
        return None
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    off = len(given) == 1 and isinstance(given[0], ast.Constant) and given[0].value is False
    return function.attr == "eval" or off


def _calls(node: ast.AST) -> list[ast.Call]:
    return [each for each in syntax.descendants(node) if isinstance(each, ast.Call)]


def _callee(call: ast.Call) -> str | None:
    """What is called as a model is, and not to set a mode."""
    name = ast.unparse(call.func) if isinstance(call.func, _NAMED) else ""
    return None if name.endswith((".eval", ".train")) else name


def _calls_of(function: syntax.Definition, evaluation: Evaluation) -> Iterator[Site]:
    """Where the code that was run calls a function by its name: a method of an object, and not the mode of a model."""
    arguments = function.args.args
    is_method, inside = bool(arguments) and arguments[0].arg == "self", {id(call) for call in _calls(function)}
    for module in evaluation.modules():
        for source in module.sources:
            text = source.cell.text
            for node in source.cell.nodes if function.name in text else ():
                # What it calls by its own name is another one: `optimizer.step()` in a method `step`.
                if isinstance(node, ast.Call) and syntax.called(node) == function.name and id(node) not in inside:
                    owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else None
                    is_mode = function.name == "train" and f"{owner}.eval(" in text
                    of_file = owner is None or isinstance(module.scope.names.get(owner), (Deferred, Module))
                    if (owner is not None and not is_mode) if is_method else of_file:
                        yield Site(source, node)
