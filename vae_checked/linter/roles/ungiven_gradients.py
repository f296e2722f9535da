"""Steps of an optimizer that take no gradient: nothing is differentiated, it is erased, or no output is compared."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from vae_checked.facts import Fact, Ungiven
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import SourceCell
from vae_checked.linter.roles.erased_gradients import erased, holding, may_erase
from vae_checked.linter.roles.objective import Losses, handed_on
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.untaken_gradients import untaken
from vae_checked.linter.roles.view_sizes import VIEWS
from vae_checked.linter.roles.written_copies import may_be_written
from vae_checked.linter.symbols import given
from vae_checked.linter.symbols.expression import Expr, Site, origin, strip
from vae_checked.linter.symbols.values import Module
from vae_checked.linter.torch_model import optimizers
from vae_checked.mathematics.names import Role, likely_role_of
from vae_checked.record import dataclass

# By which a gradient is taken, or training is left to something else; whatever has `backward` in its name does as well.
_DIFFERENTIATING = frozenset(
    "grad vjp jvp jacobian minimize closure fit train_step value_and_grad grad_and_value loss_scaler".split()
)
# What runs the steps of a model, and differentiates what they hand on.
_RUNNING_STEPS = frozenset(("fit",))
_RELABELLED = VIEWS | {"flatten"}
_PICKED = frozenset(("item", "index", "part"))
# What shows a number, keeps it for later, or writes it down.
TELLING = frozenset(
    "text sequence print format append add_scalar add_scalars log log_metric info debug warning write writerow update "
    "set_postfix set_description set_postfix_str set_description_str isnan isinf isfinite".split()
)


def steps(losses: Losses) -> Fact[Ungiven] | None:
    """The step of an optimizer that has no gradient to take, where all of the code was read that may give it one.

    Or where its own `zero_grad()` erases the gradient before it, or where no error is of what the decoder makes.
    """
    found = _compared(losses) or erased(losses) or untaken(losses)
    if found is not None or losses.backward or not losses.totals:
        return found
    modules = losses.evaluation.modules()
    if any(module.read_once(_differentiates) for module in modules):
        return None
    takers = (node for node in losses.graph.having("opaque", "call") if not _tells(node))
    taken = [arg for node in takers for arg in node.args]
    if any(losses.flow.reaches([arg], total.uid) for arg in taken for total in losses.totals):
        # What takes the loss may differentiate it.
        return None
    if not any(_makes(node) for module in modules for node in module.file.of(ast.Call)):
        return None
    site = next((site for module in modules for site in module.read_once(_stepping)), None)
    return None if site is None else Fact(Ungiven.UNDIFFERENTIATED, site.origin)


def _compared(losses: Losses) -> Fact[Ungiven] | None:
    """Where the only error of a loss compares the data with themselves: no side of it is decoded."""
    for total in losses.totals:
        errors = [recon for recon in losses.recons if losses.graph.holds(total, recon.term.uid)]
        if not errors or not all(map(_is_of_data_alone, errors)) or any(_is_of_a_head(each, losses) for each in errors):
            continue
        sides = [side for each in errors for side in (each.first, each.second)]
        if any(_is_drawn_twice(side, losses.evaluation) for side in sides):
            continue
        if not may_be_written(sides, losses.evaluation, TELLING):
            return Fact(Ungiven.COMPARED, origin(errors[0].term))
    return None


def _is_of_a_head(recon: Reconstruction, losses: Losses) -> bool:
    """Whether what is compared is called after a head: as in the KL of a posterior to itself."""
    called = losses.evaluation.observations.names.get(_viewed(recon.first).uid, ())
    return not {Role.MU, Role.SECOND}.isdisjoint(map(likely_role_of, called))


def _is_of_data_alone(recon: Reconstruction) -> bool:
    """Whether both sides of an error are the same tensor, which was handed in and at most viewed otherwise."""
    first, second = map(_viewed, (recon.first, recon.second))
    if recon.kind is None or first.uid != second.uid or _is_any_entry(first):
        return False
    return given.is_given(first) or given.is_data(first)


def _is_drawn_twice(side: Expr, evaluation: Evaluation) -> bool:
    """Whether one function takes what a value stands for by two names: two batches of one loader, each another one."""
    names, node = evaluation.observations.names, side
    while True:
        node = _viewed(node)
        named = set(names.get(node.uid, ()))
        if any(len(named & taken) > 1 for module in evaluation.modules() for taken in module.read_once(_taken)):
            return True
        if node.op not in _PICKED or not node.args:
            return False
        node = node.args[0]


def _taken(module: Module) -> list[set[str]]:
    """By function, or cell, the names by which loops go through data, or that are given the next of them."""
    return [
        {each.id for node in syntax.descendants(around) for each in _targets(node)}
        for cell in module.file.cells
        for around in (cell.tree, *cell.functions)
    ]


def _targets(node: ast.AST) -> Iterator[ast.Name]:
    """The names that a loop gives what it goes through, or that are given the next of something."""
    given: list[ast.expr] = []
    if isinstance(node, (ast.For, ast.AsyncFor)):
        given = [node.target]
    elif isinstance(node, ast.Assign) and any(map(_is_next, ast.walk(node.value))):
        given = node.targets
    for target in given:
        yield from (each for each in ast.walk(target) if isinstance(each, ast.Name))


def _is_next(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and syntax.called(node) in ("next", "__next__")


def _is_any_entry(side: Expr) -> bool:
    """Whether a value is what a key that is not known picks, or a part of it: two loops have two of them in hand.

    Or what a key picks of a dict that something fills which is not read, as a hook does: each pass has another one.
    """
    node = side
    while node.op in _PICKED and node.args:
        key = node.get("key")
        if isinstance(key, tuple) and any(_is_unknown_key(part) for part in key):
            return True
        node = node.args[0]
    return node.op == "atom" and str(node.get("name")).startswith(("item", "['"))


def _is_unknown_key(part: object) -> bool:
    return isinstance(part, tuple) and part[:1] == ("expr",)


def _viewed(side: Expr) -> Expr:
    node = strip(side)
    while node.op in _RELABELLED and node.args:
        node = strip(node.args[0])
    return node


def may_lack(losses: Losses) -> bool:
    """Whether a gradient may be cleared before the step that takes it, or no step takes it, or a step has none to take.

    The last where nothing that is read differentiates the loss, and an optimizer moves or a call may differentiate.
    """
    if may_erase(losses):
        return True
    ends, said = losses.backward, losses.evaluation.read_once(_run)
    if ends and any(each.makes for each in said) and not any(each.steps for each in said):
        # An optimizer that is made here, beside what is differentiated here, is stepped here.
        return True
    ends = [*ends, *losses.read_once(handed_on)] if _is_left_to_a_trainer(losses) else ends
    if not losses.totals or any(losses.graph.holds(end, total.uid) for end in ends for total in losses.totals):
        terms = [*(kl.term.uid for kl in losses.kls), *(recon.term.uid for recon in losses.recons)]
        # Of a loss without its gradient the number alone is differentiated.
        return bool(ends and losses.totals and terms) and not any(losses.flow.reaches(ends, term) for term in terms)
    if _is_left_to_a_trainer(losses):
        # Its step hands no loss on.
        return True
    # What takes a gradient in a way that is not read may take that of another loss, or for some of the parameters.
    return any(each.moves or each.takes for each in said)


def _is_left_to_a_trainer(losses: Losses) -> bool:
    """Whether another library differentiates what a step returns: nothing that runs with it does so by a name."""
    steps = [function for function in losses.evaluation.functions() if function.name == "training_step"]
    said = losses.evaluation.read_once(_run) if steps and not losses.backward else []
    return bool(said) and not any(each.may_differentiate for each in said)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a piece of code names: an optimizer that is made, anything that steps, an optimizer's step.

    And, last, a call that takes a gradient, and anything that does, or that may.
    """

    makes: bool
    steps: bool
    moves: bool
    takes: bool
    may_differentiate: bool


def _said_by(nodes: Iterable[ast.AST]) -> _Said:
    held = list(nodes)
    calls = [node for node in held if isinstance(node, ast.Call)]
    names = {name for node in held if node.__class__ in _NAMING for name in _name_of(node)}
    called = {name for call in calls for name in _name_of(call.func)}
    return _Said(
        makes=any(_makes(call) or _makes_by_name(call) for call in calls),
        steps=any(map(_steps, calls)),
        moves=any(map(_is_step, calls)),
        takes=_takes_gradients(called),
        may_differentiate=_takes_gradients(names),
    )


def _takes_gradients(names: Iterable[str]) -> bool:
    """Whether one of some names is of what takes a gradient; who runs the steps of a model may leave that to them."""
    return any("backward" in name or name in _DIFFERENTIATING - _RUNNING_STEPS for name in names)


def _run(evaluation: Evaluation) -> list[_Said]:
    """What the functions that were run name, and a script itself outside of its functions and classes."""
    found: list[_Said] = []
    functions = {id(function.node): function for function in evaluation.functions()}
    for function in functions.values():
        known = function.scope.module.read_once(_by_function)
        if function.node not in known:
            known[function.node] = _said_by(syntax.descendants(function.node))
        found.append(known[function.node])
    if evaluation.subject == evaluation.module.path:
        found.append(evaluation.module.read_once(_of_script))
    return found


def _by_function(_: Module) -> dict[ast.AST, _Said]:
    """What the functions of a file name, of those that were asked for: most are run in several evaluations."""
    return {}


def _of_script(module: Module) -> _Said:
    held: list[ast.AST] = []
    stack: list[ast.AST] = [each for cell in module.file.cells for each in cell.tree.body]
    while stack:
        node = stack.pop()
        if not isinstance(node, (*syntax.DEFINITIONS, ast.ClassDef)):
            held.append(node)
            stack += syntax.children(node)
    return _said_by(held)


def _steps(node: ast.AST) -> bool:
    """Whether a node is a call of anything that steps, by its name; a schedule of the learning rate moves nothing."""
    if not isinstance(node, ast.Call) or not any("step" in name for name in _name_of(node.func)):
        return False
    return not (isinstance(node.func, ast.Attribute) and optimizers.is_schedule(node.func.value))


def _is_step(node: ast.AST) -> bool:
    """Whether a node is the step of what is called an optimizer."""
    return _stepped(node) is not None


def _stepped(node: ast.AST) -> str | None:
    """The optimizer that a call moves, by its name: what has the `step`, or what a scaler is handed."""
    method = node.func if isinstance(node, ast.Call) else None
    if not isinstance(node, ast.Call) or not isinstance(method, ast.Attribute) or method.attr != "step":
        return None
    named = [ast.unparse(each) for each in (method.value, *node.args[:1])]
    return next((each for each in named if "opt" in each.lower()), None)


# The nodes that may have one.
_NAMING = frozenset((ast.Attribute, ast.Name, ast.Constant))


def _name_of(node: ast.AST) -> tuple[str, ...]:
    """The name or the text that a node is."""
    name = getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "value", None)
    return (name,) if isinstance(name, str) else ()


def _tells(node: Expr) -> bool:
    """Whether a call shows, keeps or writes down what it is given, by its name."""
    return str(node.get("name")).rpartition(".")[2] in TELLING


def _differentiates(module: Module) -> bool:
    """Whether a file names anything that takes a gradient, or that may."""
    return any("backward" in name or name in _DIFFERENTIATING for name in module.read_once(_names))


def _names(module: Module) -> frozenset[str]:
    """The names that stand in a file, texts among them."""
    file = module.file
    texts = (node.value for node in file.of(ast.Constant) if isinstance(node.value, str))
    named = (node.name for node in file.of(ast.alias))
    read = {node.attr for node in file.of(ast.Attribute)} | {node.id for node in file.of(ast.Name)}
    return frozenset(read.union(texts, named))


def _stepping(module: Module) -> list[Site]:
    """The steps of what is called an optimizer and clears the gradients in the same cell.

    One that is handed a function leaves it to that to differentiate.
    """
    found = []
    for cell in module.file.cells:
        called = [(node, node.func) for node in cell.of(ast.Call)]
        methods = [(call, method) for call, method in called if isinstance(method, ast.Attribute)]
        cleared = {ast.unparse(method.value) for _, method in methods if method.attr == "zero_grad"}
        found += [
            Site(SourceCell(module.file.path, cell), call)
            for call, method in methods
            if (stepped := _stepped(call)) is not None and not cleared.isdisjoint(holding(stepped, cell))
            if not call.args or ast.unparse(call.args[0]) == stepped
        ]
    return found


def _makes(node: ast.AST) -> bool:
    """Whether a node makes an optimizer of torch."""
    return isinstance(node, ast.Call) and syntax.called(node) in optimizers.NAMES


def _makes_by_name(node: ast.AST) -> bool:
    """Whether a node makes an optimizer that is chosen by a name: `getattr(optim, name)(model.parameters())`."""
    if not isinstance(node, ast.Call):
        return False
    chosen = isinstance(node.func, ast.Call) and syntax.called(node.func) == "getattr"
    if not (chosen or isinstance(node.func, ast.Subscript) or syntax.called(node).lower().startswith("optim")):
        return False
    return any("parameters" in ast.unparse(each) for each in node.args[:1])
