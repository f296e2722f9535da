"""The models that a setting chooses between: what is trained as it is set today is trained with each of the others."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.evaluations.reader import RoleReader
from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.interpreter import Substitutes
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.symbols.drawing import DRAWS, rank
from vae_checked.linter.symbols.values import Class, Function, Module, Value, settle
from vae_checked.record import dataclass

# The other models of one choice, and of all choices of a project, that are tried.
_MAX_OTHERS, _MAX_TRIED = 6, 8
_FEWEST = 2
# What a model is handed over by.
_RETURNED = "return"
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An evaluation that trains one model of a choice, and another one, each by its file and its name."""

    again: Callable[[Substitutes], Evaluation]
    module: Module
    chosen: Name
    other: Name


class ModelChoices:
    """The choices between models of a project, and the code that trains the one that is chosen."""

    def __init__(self, project: Project, reader: RoleReader) -> None:
        self._project = project
        self._reader = reader
        self._wanted: dict[Name, _Wanted] = {}
        self._run: set[Name] = set()

    def note(self, evaluation: Evaluation) -> None:
        """Take note of the models that an evaluation trains, and of those that it chooses them from."""
        # What chooses between models is looked for where one is trained: a whole file is gone through for it.
        if evaluation.again is None or not (self._reader.joins(evaluation) or self._trains_what_draws(evaluation)):
            return
        choices = [
            (module, names)
            for module in evaluation.modules()
            for names in (*module.read_once(_choices), *module.read_once(_by_name))
            if len(names) > 1
        ]
        entered = evaluation.observations.entered
        for module, names in choices:
            classes = [cls for name in names if isinstance(cls := _named(module, name), Class) and rank(cls) >= DRAWS]
            if evaluation.observations.chosen.difference(id(cls.node) for cls in classes):
                # The loss is chosen by a name as well: which of them goes with another model is not known.
                continue
            run = [cls for cls in classes if _is_run(cls, entered)]
            # What is run of a class is run of its bases as well.
            bases = {id(base) for cls in run for base in cls.mro()[1:]}
            run = [cls for cls in run if id(cls) not in bases]
            self._run.update(map(_name, run))
            if len(run) == 1:
                others = [cls for cls in classes if id(cls) not in bases and _is_other(cls, run[0])][:_MAX_OTHERS]
                for other in others:
                    wanted = _Wanted(evaluation.again, evaluation.module, _name(run[0]), _name(other))
                    self._wanted.setdefault(_name(other), wanted)
                if others and not _has_own(run[0], entered):
                    # What draws for all of them is the same line: nothing else says of which of them this is.
                    evaluation.subject = ":".join(_name(run[0]))

    def _trains_what_draws(self, evaluation: Evaluation) -> bool:
        """Whether something is differentiated beside a sampler whose KL is not read: that of another model may be."""
        return any(root.kind == "backward" for root in evaluation.observations.roots) and self._reader.draws(evaluation)

    def evaluations(self) -> Iterator[Evaluation]:
        """The evaluations made again with a model that nothing else trains in the place of the one that is chosen.

        What a loss needs of a model's output may be settled by the same choice: it is not asked.
        """
        wanted = [(name, each) for name, each in self._wanted.items() if name not in self._run]
        homes = {module.path: module for module in self._project.modules.values()}
        for (path, name), each in wanted[:_MAX_TRIED]:
            self._project.follow_for(each.module)
            other = _named(homes[path], name) if path in homes else None
            if isinstance(other, Class):
                again = self._project.interpreter.making({each.chosen: other}, partial(each.again, {}))
                if self._reader.joins(again):
                    again.subject = f"{path}:{name}"
                    again.loss_is_one_of_several = True
                    yield again


def _name(cls: Class) -> Name:
    return cls.scope.module.path, cls.name


def _is_run(cls: Class, entered: set[int]) -> bool:
    """Whether more was run of a class than what makes an object of it.

    Of one that has nothing but its layers, an object is made, and the `forward` that it has from another class is run.
    Where a method of its base was run, and its own in the place of that was not, it is the base that was run.
    """
    if _has_own(cls, entered):
        return True
    made = cls.names.get("__init__"), cls.find("forward")
    return all(map(partial(_entered, entered), made)) and not any(
        _entered(entered, base.names.get(name)) for name in _methods(cls) for base in cls.mro()[1:]
    )


def _entered(entered: set[int], method: Value) -> bool:
    return isinstance(method, Function) and id(method.node) in entered


def _methods(cls: Class) -> list[str]:
    return [name for name, value in cls.names.items() if name != "__init__" and isinstance(value, Function)]


def _has_own(cls: Class, entered: set[int]) -> bool:
    return any(_entered(entered, cls.names[name]) for name in _methods(cls))


def _is_other(one: Class, other: Class) -> bool:
    """Whether another model takes as many inputs, and returns as many values, as far as that is written."""
    first, second = one.find("forward"), other.find("forward")
    if one is other or not isinstance(first, Function) or not isinstance(second, Function):
        return False
    return _taken(first) == _taken(second) and _returned(first) == _returned(second)


def _taken(forward: Function) -> int:
    spec = forward.node.args
    return len(spec.posonlyargs) + len(spec.args) - len(spec.defaults)


def _returned(forward: Function) -> set[int]:
    """How many values a method returns: 1 for what is not written as a tuple."""
    returns = (each for each in syntax.statements(forward.node) if isinstance(each, ast.Return))
    return {len(each.value.elts) if isinstance(each.value, (ast.Tuple, ast.List)) else 1 for each in returns}


def _named(module: Module, dotted: str) -> Value:
    """What a name, or a name in an imported module, stands for in a file."""
    value: Value = module
    for name in dotted.split("."):
        names = value.scope.names if isinstance(value, Module) else {}
        value = settle(names, name) if name in names else None
    return value


def _choices(module: Module) -> list[Sequence[str]]:
    """The names of the classes that the code of a file chooses between, one of which is made."""
    found: list[Sequence[str]] = [
        [_dotted(value) for value in node.values if _dotted(value)] for node in module.file.of(ast.Dict)
    ]
    conditions = module.file.of(ast.If)
    functions = [node for cell in module.file.cells for node in cell.functions]
    after = {id(one): other for node in functions for one, other in pairwise(node.body)}
    inner = {id(node.orelse[0]) for node in conditions if len(node.orelse) == 1}
    for node in conditions:
        if id(node) not in inner:
            chain = list(_chain(node))
            made = [names for names in _made_in(chain, after.get(id(node))) if len(names) >= _FEWEST]
            if made and not _is_asked(_setting(node.test), (each for each in conditions if each not in chain)):
                found += made
    return [names for names in found if len(set(names)) >= _FEWEST]


def _by_name(module: Module) -> list[Sequence[str]]:
    """The names of the classes of a file one of which is made by a name: `getattr(models, name)`, `globals()[name]`."""
    calls = (call for call in module.file.of(ast.Call) if _dotted(call.func) == "getattr" and len(call.args) > 1)
    owners = [_dotted(call.args[0]) for call in calls if not isinstance(call.args[1], ast.Constant)]
    own = any(_dotted(call.func) == "globals" for call in module.file.of(ast.Call))
    found = [list(_classes_of(module, owner)) for owner in dict.fromkeys(owners) if owner]
    return [*found, *([list(_classes_of(module, ""))] if own else [])]


def _classes_of(module: Module, owner: str) -> Iterator[str]:
    """The names by which a file has the models of another one, or of itself."""
    others = _named(module, owner) if owner else module
    names = others.scope.names if isinstance(others, Module) else {}
    for name in list(names):
        if name[:1].isupper() and isinstance(settle(names, name), Class):
            yield f"{owner}.{name}" if owner else name


def _is_asked(setting: str, conditions: Iterable[ast.If]) -> bool:
    """Whether a setting stands in one of some conditions: what it chooses there goes with one of the models.

    What only refuses other values chooses nothing.
    """
    return any(
        setting in ast.unparse(each.test)
        for each in conditions
        if each.orelse or not all(isinstance(statement, ast.Raise) for statement in each.body)
    )


def _chain(node: ast.If) -> Iterator[ast.If]:
    """An `if` with its `elif`s."""
    yield node
    while len(node.orelse) == 1 and isinstance(inner := node.orelse[0], ast.If):
        node = inner
        yield node


def _setting(test: ast.expr) -> str:
    return ast.unparse(test.left if isinstance(test, ast.Compare) else test)


def _made_in(chain: Sequence[ast.If], after: ast.stmt | None) -> Iterator[Sequence[str]]:
    """Per name that the branches bind, or for what they return, the classes of which they make it.

    What is returned right `after` branches is returned otherwise.
    """
    made: dict[str, dict[str, None]] = {}
    otherwise = [after] if isinstance(after, ast.Return) and not chain[-1].orelse else chain[-1].orelse
    for body in (*(node.body for node in chain), otherwise):
        for statement in body:
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target, value = ast.unparse(statement.targets[0]), statement.value
            elif isinstance(statement, ast.Return) and statement.value is not None:
                target, value = _RETURNED, statement.value
            else:
                continue
            name = _called(value)
            if name:
                made.setdefault(target, {}).setdefault(name)
    yield from map(list, made.values())


def _called(value: ast.expr) -> str:
    """The name that is called for a value, what is done with the result left out: `VAE(7).to(device)`."""
    while isinstance(value, ast.Call):
        target = value.func
        if not isinstance(target, ast.Attribute) or not isinstance(target.value, ast.Call):
            return _dotted(target)
        value = target.value
    return ""


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return node.id if isinstance(node, ast.Name) else ""
