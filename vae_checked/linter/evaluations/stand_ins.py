"""The one model of a project, in the place of one that code takes from outside: a trainer's `self.model`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from vae_checked.finding import Place
from vae_checked.linter.evaluations import fitting_losses, fitting_models
from vae_checked.linter.evaluations.definitions import parts_of_models
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.evaluations.meeting import meet
from vae_checked.linter.evaluations.reader import LossCall, RoleReader
from vae_checked.linter.interpreter.interpreter import Substitutes
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.symbols.drawing import DRAWS, rank
from vae_checked.linter.symbols.expression import KL
from vae_checked.linter.symbols.taken import Call, Taken
from vae_checked.linter.symbols.values import Class, Function, Instance, Module, settle
from vae_checked.record import dataclass

_MAX_MODELS = 4
# How far a class is from a file that neither has nor imports it.
_FAR = 2
# The bytes of source held as parsed from before the evaluations that are made again.
_HELD = 500_000


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An evaluation of code whose KL reads what an unknown model returns; `one` are the calls that return no tuple.

    Where `function` is handed the `loss` as well, the KL is read in that, and where `trains` is set what the model
    returns is differentiated as it is: the KL is the model's own. So it may be where the code `has_formula` of none.
    `misfits` are those of the code without a model.
    """

    module: Module
    again: Callable[[Substitutes], Evaluation]
    taken: Taken
    calls: frozenset[Call]
    one: frozenset[str]
    loss: LossCall | None = None
    trains: bool = False
    function: int = 0
    misfits: frozenset[Place] = frozenset()
    has_formula: bool = False

    def may_be(self, model: Instance) -> bool:
        """Whether a model may be it, and its methods return no tuple where one value is asked."""
        return fitting_models.fits(model, self.taken, self.calls) and not self._gives_several(model.cls)

    def may_be_of(self, cls: Class) -> bool:
        """Whether a model of a class may be it, as far as the class alone tells."""
        return fitting_models.fits_class(cls, self.taken, self.calls) and not self._gives_several(cls)

    def _gives_several(self, cls: Class) -> bool:
        return any(fitting_models.returns_several(cls.find(name or "forward")) for name in self.one)


class StandIns:
    """The models of a project and the code that takes one of them from outside."""

    def __init__(self, project: Project, reader: RoleReader) -> None:
        self._project = project
        self._reader = reader
        self._models: dict[int, tuple[str, Instance]] = {}
        # Those that hand on a distribution for others to draw from.
        self._others: dict[int, tuple[str, Instance]] = {}
        self._wanted: list[_Wanted] = []
        # The functions that were run, by their nodes, where a KL was joined with a sampler.
        self._run_joined: set[int] = set()
        # Those that were run where such a KL is differentiated.
        self._run_trained: set[int] = set()

    def note(self, evaluation: Evaluation) -> None:
        """Take note of a model that draws, and of what the code of an evaluation takes in the place of one."""
        model = _model(evaluation)
        if model is not None and id(model.cls.node) not in self._models:
            if self._reader.draws(evaluation):
                self._models[id(model.cls.node)] = evaluation.subject, model
            elif rank(model) >= DRAWS:
                self._others[id(model.cls.node)] = evaluation.subject, model
        if self._reader.trains_joined(evaluation):
            self._run_trained |= evaluation.observations.entered
        if evaluation.again is not None:
            if self._reader.joins(evaluation):
                self._run_joined |= evaluation.observations.entered
            taken_models = evaluation.read_once(self._reader.taken_models)
            if taken_models and self._reader.joins(evaluation):
                # It has a model: what else it takes is something beside.
                return
            one = self._reader.used_as_one(evaluation) if taken_models else ()
            misfits = frozenset(evaluation.observations.misfits)
            has_formula = any(value.bits & KL == KL for value in evaluation.values())
            self._wanted += [
                _Wanted(
                    evaluation.module,
                    evaluation.again,
                    taken,
                    frozenset(calls),
                    frozenset(name for owner, name in one if owner == taken),
                    misfits=misfits,
                    has_formula=has_formula,
                )
                for taken, calls in taken_models.items()
            ]
            self._wanted += [
                _Wanted(
                    evaluation.module,
                    evaluation.again,
                    each.model,
                    each.calls,
                    frozenset(),
                    each.loss,
                    each.loss is None,
                    _outermost(evaluation),
                    misfits,
                    has_formula,
                )
                for each in self._reader.handed(evaluation)
            ]

    def evaluations(self) -> Iterator[Evaluation]:
        """The evaluations of code whose KL reads what an unknown model returns, with the model that fits as that one.

        A model fits where its sampler draws with the heads that the KL reads. Of several that are as near, which may
        all be trained by this code, those alone that no other code has a KL of, and whose heads this one reads as they
        are drawn with.
        """
        # What a few of the evaluations run once more is parsed again: most of what is held is done with.
        self._project.sweep(_HELD)
        # What tells by its formula which model it trains goes before what differentiates a result as it is.
        ordered = sorted(self._wanted, key=lambda each: each.trains)
        for wanted in ordered if self._models or self._others else ():
            if self._project.is_spent:
                return
            if wanted.loss is not None and wanted.function in self._run_joined:
                # Other code hands it a model and the loss that belongs to this one.
                continue
            self._project.follow_for(wanted.module)
            for near in self._by_nearness(wanted.module):
                likely = [(subject, model) for subject, model in near if wanted.may_be(model)]
                models = _most_general(likely)
                if len(models) > _MAX_MODELS:
                    break
                fitting = [each for loss in self._losses_for(wanted) for each in self._joined(wanted, models, loss)]
                several = len(fitting) > 1
                for made, model in fitting:
                    elsewhere = not wanted.trains and _is_run(model, self._run_joined)
                    if several and (elsewhere or self._reader.departs(made)):
                        continue
                    if wanted.loss is None and self._may_train_another(wanted, made, model):
                        continue
                    # One that is derived from it may be what this loss is for, and decode in another way.
                    derived = any(_decodes_otherwise(each.cls, model.cls) for _, each in likely)
                    apart = self._is_trained_apart(made, model, wanted)
                    made.loss_is_one_of_several |= several or derived or apart
                    yield made
                if fitting:
                    break

    def _is_trained_apart(self, made: Evaluation, model: Instance, wanted: _Wanted) -> bool:
        """Whether a model has a KL in other code, and no file speaks of both it and the code that was run with it."""
        is_near = _nearness(model.cls, wanted.module) < _FAR
        return not is_near and _is_run(model, self._run_joined) and not self._is_brought_together(made, model)

    def _may_train_another(self, wanted: _Wanted, made: Evaluation, model: Instance) -> bool:
        """Whether code that leaves the KL of a model out may be for another model, which has none.

        Other code trains this one, of another file, with its KL; or a class of the file fits as well and draws nothing,
        or one of any file where none speaks of both this code and the model.
        """
        if wanted.has_formula or not self._reader.leaves_out_joined(made):
            return False
        near = _nearness(model.cls, wanted.module)
        # In the file of the model itself other code may go on with it.
        if near and _is_run(model, self._run_trained):
            return True
        classes = (settle(wanted.module.scope.names, name) for name in wanted.module.scope.names)
        if any(isinstance(cls, Class) and self._is_another(cls, model, wanted, near) for cls in classes):
            return True
        return near == _FAR and not self._is_brought_together(made, model) and self._has_another(wanted, model)

    def _is_another(self, cls: Class, model: Instance, wanted: _Wanted, near: int) -> bool:
        """Whether a class is no part of a model and draws nothing, but fits as well, and is as near."""
        own = {*model.cls.mro(), *_classes_of_parts(model)}
        return (
            cls.is_module
            and cls not in own
            and model.cls not in cls.mro()
            and _nearness(cls, wanted.module) <= near
            and rank(cls) < DRAWS
            and wanted.may_be_of(cls)
        )

    def _has_another(self, wanted: _Wanted, model: Instance) -> bool:
        """Whether any file has a class that fits as well, draws nothing and is no part of other models."""
        modules = [module for module in self._project.modules.values() if module.given]
        parts = set[str]().union(*(module.read_once(parts_of_models) for module in modules))
        classes = (cls for module in modules for cls in module.classes() if cls.name not in parts)
        return any(self._is_another(cls, model, wanted, _FAR) for cls in classes)

    def _is_brought_together(self, made: Evaluation, model: Instance) -> bool:
        """Whether some file speaks of a model and of the code that was run with it."""
        outer = (root.function for root in made.observations.roots if root.depth == 1)
        names = {each.name if each.owner is None else each.owner.name for each in outer if each is not None}
        names = names or {made.module.path.rpartition("/")[2].partition(".")[0]}
        of_model = model.cls.scope.module
        return any(meet(self._project, name, made.module, model.cls.name, of_model) for name in names)

    def _losses_for(self, wanted: _Wanted) -> list[Function | Class | None]:
        """The losses that code may be handed; none where it has one of its own."""
        return [None] if wanted.loss is None else [*fitting_losses.fitting(self._project, wanted.loss)]

    def _by_nearness(self, module: Module) -> Iterator[list[tuple[str, Instance]]]:
        """The models of this file, those that it imports, and all others; then those that do not draw by themselves."""
        for models in (self._models, self._others):
            near: dict[int, list[tuple[str, Instance]]] = {0: [], 1: [], 2: []}
            for subject, model in models.values():
                near[_nearness(model.cls, module)].append((subject, model))
            yield from near.values()

    def _joined(
        self, wanted: _Wanted, models: list[tuple[str, Instance]], loss: Function | Class | None
    ) -> list[tuple[Evaluation, Instance]]:
        """The evaluations with each of some models in turn that join a KL with a sampler, and the model."""
        found: list[tuple[Evaluation, Instance]] = []
        for subject, model in models:
            made = self._with(wanted, subject, model, loss)
            if made is not None:
                found.append((made, model))
            elif not found:
                # What is yet to be read of an evaluation that fits refers to the trees as they are.
                self._project.sweep()
        return found

    def _with(self, wanted: _Wanted, subject: str, model: Instance, loss: Function | Class | None) -> Evaluation | None:
        """An evaluation made again with `model` as what it takes.

        None where this joins no KL with a sampler, or where the code would fail with this model: it takes apart what
        the model returns into more or fewer parts than there are.
        """
        if wanted.loss is None or loss is None:
            again = wanted.again({wanted.taken: model})
            joins = self._reader.joins(again)
        else:
            handed = fitting_losses.as_stand_in(self._project, loss)
            again = wanted.again(
                {wanted.taken: model} if handed is None else {wanted.taken: model, wanted.loss.taken: handed}
            )
            joins = self._reader.holds_joined(again)
            of_loss = loss.scope.module
            again.loss_is_one_of_several = not meet(self._project, loss.name, of_loss, subject, model.cls.scope.module)
        again.subject, again.model_is_supposed = subject, True
        return again if joins and again.observations.misfits <= wanted.misfits else None


def _nearness(cls: Class, module: Module) -> int:
    """How far a class is from a file: 0 in it, 1 where it imports the class, 2 elsewhere."""
    if cls.scope.module is module:
        return 0
    return 1 if cls.name in module.scope.names and settle(module.scope.names, cls.name) is cls else _FAR


def _is_run(model: Instance, entered: Collection[int]) -> bool:
    """Whether the forward of a model is among the functions that were run, by their nodes."""
    forward = model.cls.find("forward")
    return isinstance(forward, Function) and id(forward.node) in entered


def _classes_of_parts(model: Instance) -> set[Class]:
    """The classes of the objects that a model holds."""
    return {part.cls for part in model.attributes.values() if isinstance(part, Instance)}


def _outermost(evaluation: Evaluation) -> int:
    """The function that an evaluation runs, by its node; 0 where it runs none."""
    outer = (root.function for root in evaluation.observations.roots if root.depth == 1)
    return next((id(function.node) for function in outer if function is not None), 0)


def _model(evaluation: Evaluation) -> Instance | None:
    """The model that an evaluation is the run of."""
    if evaluation.instance is not None:
        return evaluation.instance if _is_model(evaluation.instance) else None
    outer = (root.function for root in evaluation.observations.roots if root.function is not None and root.depth == 1)
    owners = (function.bound for function in outer)
    return next((owner for owner in owners if isinstance(owner, Instance) and _is_model(owner)), None)


def _is_model(instance: Instance) -> bool:
    """Whether an object is a module, or is derived from one of another library's."""
    cls = instance.cls
    return cls.is_module or any("nn" in base.split(".")[:-1] for base in cls.external_bases())


def _decodes_otherwise(derived: Class, base: Class) -> bool:
    """Whether a class overrides a method of one that it is derived from, but for what makes an object of it."""
    own = {name for name, value in derived.names.items() if isinstance(value, Function)} - {"__init__"}
    return derived is not base and base in derived.mro() and any(base.find(name) is not None for name in own)


def _most_general(models: list[tuple[str, Instance]]) -> list[tuple[str, Instance]]:
    """Models without those whose class is derived from that of another."""
    classes = [model.cls for _, model in models]
    return [item for item in models if not any(base in classes for base in item[1].cls.mro()[1:])]
