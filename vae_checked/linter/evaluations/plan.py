"""Which evaluations to make: each model run forward with its losses, each function that nobody calls."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial

from vae_checked.linter.evaluations import definitions, linking, peers
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.evaluations.reader import RoleReader
from vae_checked.linter.evaluations.uncalled_losses import UncalledLosses
from vae_checked.linter.files import syntax
from vae_checked.linter.files.test_code import is_of_a_test
from vae_checked.linter.interpreter.interpreter import Interpreter, Substitutes
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.interpreter.trainers import differentiates
from vae_checked.linter.symbols.drawing import DRAWS, rank
from vae_checked.linter.symbols.expression import Site
from vae_checked.linter.symbols.values import Class, Function, Instance, Module, Value


class Plan:
    """The evaluations to make of a project; `roles` know which of its values are heads."""

    def __init__(self, project: Project, roles: RoleReader) -> None:
        self._project = project
        self._roles = roles
        self._losses = UncalledLosses(project, roles)
        self._called = set[str]()
        # The classes that were run by themselves, with the choices that they were made by and the names of calls.
        self._alone: dict[str, tuple[Class, set[str], list[dict[str, Value]]]] = {}

    def evaluations(self, modules: Iterable[Module], *, feeding: bool = False) -> Iterator[Evaluation]:
        """Run the modules, then every model, then every function not entered on the way; each as it is asked for.

        A function that takes both heads runs by itself too: its callers may hand it what can not be read any more. So
        does one that stands in another function and that no call was read of.
        """
        project, given = self._project, list(modules)
        noted = partial(self._losses.noted, feeding=feeding)
        entered: set[int] = set()
        inner: dict[int, Function] = {}
        # What is only defined and registered is there before a script asks for it by a name.
        for module in sorted(given, key=_is_script):
            project.follow_for(module)
            project.run(module)
            observations = project.take_top_level(module)
            if observations is not None:
                entered |= observations.entered
                inner |= observations.inner
                again = partial(self._of_top_level, module)
                yield noted(Evaluation(f"{module.path}", module, observations, again=again))
        called = _called_names(given)
        self._called |= called
        # Tests last: what they call with sizes and settings of their own is first looked at as the project uses it.
        for tests in (False, True):
            for module in given:
                project.follow_for(module)
                # Those first that are no part of another model in this file: with one of these its parts are run too.
                parts, seen = module.read_once(definitions.parts_of_models), set[int]()
                classes = (each for each in definitions.classes_of(module) if _is_of_a_test(each) is tests)
                for cls in sorted(classes, key=lambda each: each.name in parts):
                    if cls.name in parts and _is_seen(cls, seen):
                        continue
                    evaluation = self._of_class(cls, called)
                    seen |= evaluation.observations.entered
                    entered |= evaluation.observations.entered
                    inner |= evaluation.observations.inner
                    yield noted(evaluation, (each for each in cls.names.values() if isinstance(each, Function)))
            for wanted in (False, True):
                for module in given:
                    project.follow_for(module)
                    for function in definitions.functions_of(module, project.observed.defined()):
                        if (function.name in called) is not wanted or _is_of_a_test(function) is not tests:
                            continue
                        if id(function.node) not in entered or linking.takes_heads(function):
                            evaluation = self._of_function(function)
                            entered |= evaluation.observations.entered
                            inner |= evaluation.observations.inner
                            yield noted(evaluation, [function])
        for function in filter(definitions.is_entry, inner.values()):
            if id(function.node) not in entered:
                project.follow_for(function.scope.module)
                yield noted(self._of_function(function), [function])

    def with_uncalled_losses(self) -> Iterator[Evaluation]:
        """The losses that nothing in these calls, called with what the one model returns that they can belong to."""
        return self._losses.evaluations()

    def supposed(self, evaluation: Evaluation) -> Iterator[Evaluation]:
        """A model or a function run once more, where settings of today that leave a formula out are others.

        A script too, unless today's settings have a KL of what it draws.
        """
        again, module, skipped = evaluation.again, evaluation.module, evaluation.observations.skipped
        is_script = evaluation.subject == module.path
        # What trains alone, by a formula that stands elsewhere, is the whole of a script.
        told = [choice for choice, is_told in skipped.items() if is_told]
        training = [choice for choice in skipped if is_script and choice not in told]
        choices = [{value: other} for value, other in (*told, *training)[:_MAX_SUPPOSED]]
        if again is None or not choices:
            return
        if not is_script:
            for choice in choices:
                yield self._project.supposing(choice, module, partial(again, {}))
        elif not self._roles.joins(evaluation):
            for choice in choices:
                yield self._project.interpreter.supposing(choice, partial(again, {}))

    def both_ways(self, evaluation: Evaluation) -> Iterator[Evaluation]:
        """An evaluation once more, where it left out a branch that uses a VAE: both branches are run in this one."""
        again = evaluation.again
        if again is not None and evaluation.observations.left_out:
            yield self._project.interpreter.both_ways(partial(again, {}))

    def around_models(self, evaluation: Evaluation) -> Iterator[Evaluation]:
        """An evaluation once more that ran out of steps, without those that its models take.

        What they give is not known then, and what is made of it is: a trainer says by itself what it does with latents.
        """
        again = evaluation.again
        if again is None or not evaluation.module.read_once(_has_codes):
            return
        if any(cut.fault is None for cut in evaluation.observations.cuts):
            yield self._project.interpreter.shutting_models(partial(again, {}))

    def as_chosen(self, told: Callable[[], Collection[str]]) -> Iterator[Evaluation]:
        """Classes that were run by their defaults, and that all calls read since then make by another choice.

        Those of which something was `told`, by their subjects: what is known of the defaults is true of no object.
        """
        for subject, (cls, called, by) in list(self._alone.items()):
            choices = self._project.observed.choices(cls)
            if choices != by and subject in told():
                # A loss that nothing calls is put to what some call makes, not to what nobody does.
                self._losses.forget(subject)
                own = [each for each in cls.names.values() if isinstance(each, Function)]
                for chosen in choices:
                    evaluation = self._of_class(cls, called, chosen=chosen)
                    yield self._losses.noted(evaluation, own) if chosen is choices[0] else evaluation

    def with_parts_of_the_project(self) -> Iterator[Evaluation]:
        """Models and trainers that are handed parts from outside, run with the parts that the project gives them."""
        for instance in self._project.observed.assembled():
            module = instance.cls.scope.module
            if module.given and (_is_model(instance) or any(map(_is_model, instance.attributes.values()))):
                yield self._of_class(instance.cls, set(), made=instance)

    def _of_class(
        self,
        cls: Class,
        called: set[str],
        stand_ins: Substitutes | None = None,
        *,
        made: Instance | None = None,
        chosen: dict[str, Value] | None = None,
    ) -> Evaluation:
        """A model run forward, or an object made, with each of its own methods that this did not enter."""
        interpreter, module = self._project.interpreter, cls.scope.module
        subject = f"{module.path}:{cls.name}"
        choices = self._project.observed.choices(cls)
        if made is None:
            self._alone[subject] = cls, called, choices

        def work() -> Value:
            site = Site(module.source_of(_first_function(cls)), cls.node)
            instance = peers.made(interpreter, cls, site, chosen or choices[0]) if made is None else made
            if not isinstance(instance, Instance):
                return None
            forward = cls.find("forward")
            if isinstance(forward, Function):
                inputs = linking.atoms_for(interpreter, forward, skip=1, given=True)
                outputs = interpreter.invoke(forward.bound_to(instance), inputs, {}, site)
                linking.own_losses(interpreter, self._roles, instance, inputs, outputs, site, self._called)
            methods = [(name, each) for name, each in cls.names.items() if isinstance(each, Function)]
            first, training = _setters(cls), _training(methods)
            # What nobody is seen to call before it trains may have changed what it keeps, or not.
            order = partial(_place, first, training, called)
            for name, method in sorted(methods, key=lambda each: order(each[0])):
                if id(method.node) not in interpreter.observations.entered and name not in ("__init__", "forward"):
                    _run_method(interpreter, instance, method, site)
            for method in _inherited_terms(cls):
                # What code calls of a library's class stands where it is called.
                is_called = method.scope.module.known and method.name in self._called
                if id(method.node) not in interpreter.observations.entered and not is_called:
                    interpreter.invoke(method.bound_to(instance), [], {}, site)
            for method in _inherited_steps(cls) if cls.is_module or _has_what_draws(instance) else ():
                if id(method.node) not in interpreter.observations.entered:
                    _run_method(interpreter, instance, method, site)
            return instance

        run, observations = interpreter.run(work, 120_000, stand_ins)
        again = None if made is not None else partial(self._of_class, cls, called)
        instance = run if isinstance(run, Instance) else None
        tests = _is_of_a_test(cls)
        return Evaluation(subject, module, observations, again=again, instance=instance, of_a_test=tests)

    def _of_top_level(self, module: Module, stand_ins: Substitutes) -> Evaluation:
        """A module's top level, run once more."""
        return Evaluation(f"{module.path}", module, self._project.run_again(module, stand_ins))

    def _of_function(self, function: Function, stand_ins: Substitutes | None = None) -> Evaluation:
        """A function run on unknown arguments."""
        interpreter, module = self._project.interpreter, function.scope.module

        def work() -> Value:
            site = Site(module.source_of(function.node), function.node)
            return interpreter.invoke(function, linking.atoms_for(interpreter, function, skip=0), {}, site)

        _, observations = interpreter.run(work, stand_ins=stand_ins)
        again = partial(self._of_function, function)
        subject = f"{module.path}:{function.name}"
        tests = _is_of_a_test(function)
        return Evaluation(subject, module, observations, again=again, function=subject, of_a_test=tests)


def _is_model(value: Value) -> bool:
    return isinstance(value, Instance) and isinstance(value.cls.find("forward"), Function)


# The other choices of settings that are tried for one model or function.
_MAX_SUPPOSED = 2
# What a term of the loss that takes no argument is called.
_DIVERGING = re.compile(r"kl|loss|diverg", re.IGNORECASE)
# A VAE, or what may be one, in use.
_CODES = re.compile(r"(?:vae|ae|auto_?encoder|first_stage|model)\w*\.(?:tiled_)?(?:en|de)code\w*\(", re.IGNORECASE)
# What a sampler, a KL or a loss is written with.
_TELLING = re.compile(r"rand|ormal|exp|log|[lL]oss|\*\*|pow|square|abs|sample|mse|bce|kl|norm")


def _has_codes(module: Module) -> bool:
    return any(_CODES.search(cell.text) is not None for cell in module.file.cells)


def _is_script(module: Module) -> bool:
    return any("__main__" in cell.text for cell in module.file.cells)


def _is_of_a_test(definition: Class | Function) -> bool:
    return is_of_a_test(definition.scope.module.source_of(definition.node), definition.node)


def _called_names(modules: Iterable[Module]) -> set[str]:
    return {
        name for module in modules for cell in module.file.cells for name in definitions.CALL.findall(cell.text) if name
    }


def _is_seen(cls: Class, entered: set[int]) -> bool:
    """Whether a class was run as part of another one, but for methods that tell nothing."""
    methods = [value for value in cls.names.values() if isinstance(value, Function)]
    fresh = [method.node for method in methods if id(method.node) not in entered]
    return len(fresh) < len(methods) and not any(
        isinstance(node, ast.Lambda)
        or node.name == "forward"
        or _TELLING.search(definitions.text_of(cls.scope.module, node))
        for node in fresh
    )


def _inherited_terms(cls: Class) -> Iterator[Function]:
    """The methods of a model's bases that need no argument and may be a KL of what the model itself holds."""
    for base in list(cls.mro())[1:] if "forward" in cls.names else ():
        for name, method in base.names.items():
            if isinstance(method, Function) and cls.find(name) is method and not method.is_static:
                spec = method.node.args
                alone = len(spec.posonlyargs) + len(spec.args) - len(spec.defaults) == 1
                if alone and isinstance(method.node, syntax.DEFINITIONS) and _DIVERGING.search(name):
                    yield method


def _inherited_steps(cls: Class) -> Iterator[Function]:
    """The methods of bases that train: what they train may be made by the derived class alone."""
    for base in list(cls.mro())[1:]:
        for name, method in base.names.items():
            if isinstance(method, Function) and not method.is_static and cls.find(name) is method:
                node = method.node
                if isinstance(node, syntax.DEFINITIONS) and (name == "training_step" or differentiates(node)):
                    yield method


def _has_what_draws(instance: Instance) -> bool:
    """Whether an object has a model that draws, or one of whose parts does: a base that trains trains it."""
    models = [value for value in instance.attributes.values() if isinstance(value, Instance) and _is_model(value)]
    parts = [part for model in models for part in model.attributes.values() if _is_model(part)]
    return any(rank(each) >= DRAWS for each in (*models, *parts))


def _place(
    first: Collection[str], training: Collection[str], called: Collection[str], name: str
) -> tuple[bool, bool, bool]:
    """When a method of a class is run that is run by itself: what sets attributes first, then what trains."""
    return name not in first, name not in training, name in called


def _training(methods: Collection[tuple[str, Function]]) -> frozenset[str]:
    """The names of methods that train, by themselves or by others of their class that they call."""
    calls = {name: _own_calls(method.node) for name, method in methods}
    found = {name for name, method in methods if syntax.trains(method.node)}
    while further := {name for name, called in calls.items() if name not in found and not found.isdisjoint(called)}:
        found |= further
    return frozenset(found)


def _own_calls(node: ast.AST) -> frozenset[str]:
    """The methods of its own object that a method calls."""
    functions = (each.func for each in syntax.descendants(node) if isinstance(each, ast.Call))
    return frozenset(
        each.attr for each in functions if isinstance(each, ast.Attribute) and getattr(each.value, "id", "") == "self"
    )


def _setters(cls: Class) -> frozenset[str]:
    """The names of methods that set an attribute which another one only reads: heads that a loss takes from `self`.

    Read once, however often the class is run.
    """
    known = cls.scope.module.read_once(_setters_by_class)
    if cls.node not in known:
        methods = (value for value in cls.names.values() if isinstance(value, Function))
        nodes = [method.node for method in methods if not isinstance(method.node, ast.Lambda)]
        known[cls.node] = _setters_among({node: definitions.text_of(cls.scope.module, node) for node in nodes})
    return known[cls.node]


def _setters_by_class(_: Module) -> dict[ast.AST, frozenset[str]]:
    return {}


def _setters_among(nodes: Mapping[syntax.Definition, str]) -> frozenset[str]:
    made: dict[str, set[str]] = {}
    for node in nodes:
        for attribute in syntax.assigned(node, "self"):
            made.setdefault(attribute, set()).add(node.name)
    wanted = {attribute: names for attribute, names in made.items() if "__init__" not in names}
    setters: set[str] = set()
    for node, text in nodes.items():
        others = {attribute: names for attribute, names in wanted.items() if node.name not in names}
        # What is read is written somewhere: most methods need not be gone through.
        for attribute in syntax.read(node, "self") if any(name in text for name in others) else ():
            setters.update(others.get(attribute, ()))
    return frozenset(setters)


def _run_method(interpreter: Interpreter, instance: Instance, method: Function, site: Site) -> None:
    free = method.is_static
    target = method if free else method.bound_to(instance)
    skip = 0 if free else 1
    inputs = linking.atoms_for(interpreter, method, skip)
    without = linking.atoms_for(interpreter, method, skip, heads=False)
    if len(without) < len(inputs):
        # Heads that nobody hands over are those that the instance keeps.
        interpreter.invoke(target, without, {}, site)
    interpreter.invoke(target, inputs, {}, site)
    place = peers.parameter(instance, method)
    if place is not None:
        # Made apart, the other one has heads of its own.
        other = peers.made(interpreter, instance.cls, site)
        name = method.node.args.args[skip + place].arg
        named = {} if place < len(inputs) else {name: other}
        given = [other if index == place else each for index, each in enumerate(inputs)]
        interpreter.invoke(target, given, named, site)


def _first_function(cls: Class) -> ast.AST:
    return next((value.node for value in cls.names.values() if isinstance(value, Function)), cls.node)
