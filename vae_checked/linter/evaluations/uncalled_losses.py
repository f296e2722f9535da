"""The losses that nothing was seen to call, called with what the one model returns that they can belong to."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from vae_checked.linter.evaluations import fitting_models, linking, peers
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.evaluations.meeting import meet
from vae_checked.linter.evaluations.reader import RoleReader
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.symbols.expression import SAMPLE, Expr, Site, walk
from vae_checked.linter.symbols.observations import Root
from vae_checked.linter.symbols.taken import Call, Taken
from vae_checked.linter.symbols.values import Class, Function, Instance, Module, Value
from vae_checked.mathematics.names import Role, likely_role_of
from vae_checked.record import dataclass


@dataclass(frozen=True, slots=True)
class _Model:
    """A model whose forward pass returned both heads; `calls` tells whether it calls a loss that it is handed."""

    evaluation: Evaluation
    returned: Root
    roles: dict[str, Value]
    calls: bool

    @property
    def names(self) -> dict[int, list[str]]:
        """Those that its values went by."""
        return self.evaluation.observations.names


@dataclass(frozen=True, slots=True)
class _Loss:
    """A function, or the one that an object of a class is called with, and what it is called with.

    `called` where code was seen to call it.
    """

    function: Function
    owner: Class | None
    args: list[Value]
    called: bool

    def takes(self, *roles: Value | None) -> bool:
        """Whether all of these values are among what it is called with."""
        return all(any(given is role for given in self.args) for role in roles)


def _kept(module: Module) -> frozenset[str]:
    """The names that a file reads otherwise than to call what they stand for."""
    called = {id(node.func) for node in module.file.of(ast.Call)}
    names = module.file.of(ast.Name)
    return frozenset(node.id for node in names if isinstance(node.ctx, ast.Load) and id(node) not in called)


def _losses_of_a_mean(module: Module) -> Iterator[Function]:
    """What of a file is called a loss, functions and the forward passes of classes, and takes a posterior's mean."""
    methods = (cls.names.get("forward") for cls in module.classes() if cls.is_module)
    losses = (each for each in (*module.functions(), *methods) if isinstance(each, Function))
    for function in filter(linking.is_called_loss, losses):
        if any(likely_role_of(item.arg) is Role.MU for item in function.node.args.args):
            yield function


class UncalledLosses:
    """The models of some evaluations, and the losses that can only be meant for what they return."""

    def __init__(self, project: Project, reader: RoleReader) -> None:
        self._project = project
        self._reader = reader
        self._models: list[_Model] = []
        self._called: set[int] = set()
        self._called_apart: set[int] = set()
        self._called_with_a_draw: set[int] = set()
        # By the functions that code without a model enters the unknown things that it calls in the place of one.
        self._taken_for: dict[int, list[Mapping[Taken, Collection[Call]]]] = {}
        self._heads: dict[int, dict[str, Role]] = {}

    def noted(self, evaluation: Evaluation, own: Iterable[Function] = (), *, feeding: bool = False) -> Evaluation:
        """The evaluation itself, its model noted if it has one; `own` are the functions that it is of.

        Of code that is `feeding` what it calls is noted alone.
        """
        nodes = [id(function.node) for function in own]
        called = evaluation.observations.entered.difference(nodes)
        self._called |= called
        # What draws as well is the whole of a training; elsewhere the model was not read whose heads a loss is handed.
        whole = bool(called) and any(value.bits & SAMPLE for value in evaluation.values())
        (self._called_with_a_draw if whole else self._called_apart).update(called)
        if called and not whole:
            taken = evaluation.read_once(self._reader.taken_models)
            for node in called:
                self._taken_for.setdefault(node, []).append(taken)
        if len(nodes) == 1 and not feeding and (heads := self._reader.heads_of(evaluation)):
            self._heads[nodes[0]] = heads
        for root in () if feeding else evaluation.observations.roots:
            if root.kind == "return" and root.depth == 1 and root.function is not None:
                if root.function.name != "forward":
                    continue
                values = list(linking.opened_values(root.value))
                inputs = _inputs((leaf for leaf in walk(*values) if leaf.op == "atom"), root.function)
                roles = self._reader.roles_of_outputs(inputs, root.value, values, evaluation.observations.names)
                if {Role.MU, Role.SECOND} <= roles.keys():
                    calls = bool(self._reader.loss_calls(evaluation))
                    self._models.append(_Model(evaluation, root, roles, calls))
                    break
        return evaluation

    def forget(self, subject: str) -> None:
        """Leave out a model that was noted, by the subject of its evaluation: it is made in another way."""
        self._models = [model for model in self._models if model.evaluation.subject != subject]

    def evaluations(self) -> Iterator[Evaluation]:
        """The losses of each file, called on what the one model returns that they can belong to.

        A divergence and a reconstruction error in two functions are called together, where there is one of each.
        """
        for module in list(self._project.modules.values()):
            if not module.given:
                continue
            own = [model for model in self._models if model.evaluation.module is module]
            models = own or (self._models if len(self._models) == 1 else _whole(self._models))
            if len(models) != 1:
                continue
            model = models[0]
            mu, second, shown = (model.roles.get(role) for role in (Role.MU, Role.SECOND, Role.RECONSTRUCTION))
            losses = self._open(module, self._losses(module, model), (mu, second, shown))
            whole = [loss for loss in losses if loss.takes(mu, second, shown)]
            apart = [loss for loss in losses if loss.owner is None and loss not in whole]
            divergences = [
                loss for loss in apart if loss.takes(mu, second) and id(loss.function.node) not in self._called
            ]
            # Of those that are kept to be called, as a setting chooses one, the setting chooses the sampler as well.
            kept = module.read_once(_kept)
            losses = [loss for loss in losses if loss not in divergences or loss.function.name not in kept]
            divergences = [loss for loss in divergences if loss in losses]
            errors = [loss for loss in apart if loss.takes(shown)]
            pair = [*divergences, *errors] if len(divergences) == 1 and len(errors) == 1 and not whole else []
            for loss in losses:
                # What takes the heads alone may be of any posterior: some file has to speak of both.
                alone = loss.takes(mu, second) and loss not in whole
                if loss not in pair and (own or not alone or self._meets(loss, model)):
                    made = self._evaluation(module, model, [loss], with_model=loss in divergences)
                    made.order_is_supposed = self._is_called_otherwise(loss)
                    of_another = self._is_called_for_another(loss, model) or not self._meets(loss, model)
                    made.loss_is_one_of_several = (loss in whole and len(whole) > 1) or of_another
                    yield made
            if pair:
                yield self._evaluation(module, model, pair, with_model=True)

    def _open(self, module: Module, losses: Iterable[_Loss], roles: Sequence[Value | None]) -> list[_Loss]:
        """The losses that nothing calls, without those in whose place a training calls another one of the file.

        A divergence alone is none of a training that has one: its formula is read by itself.
        """
        known, heads = list(losses), roles[:2]
        taking = [loss.function for loss in known if loss.takes(*heads)]
        # One that takes the heads of a prior as well is none of those that could be meant.
        taking += list(_losses_of_a_mean(module))
        chosen = any(id(function.node) in self._called_with_a_draw for function in taking)
        return [loss for loss in known if not (loss.called or (chosen and loss.takes(*heads)))]

    def _is_called_otherwise(self, loss: _Loss) -> bool:
        """Whether all code that calls a loss was evaluated without the model whose heads it hands over."""
        node = id(loss.function.node)
        return node in self._called_apart and node not in self._called_with_a_draw

    def _is_called_for_another(self, loss: _Loss, model: _Model) -> bool:
        """Whether all code that calls a loss hands it what something returns that this model cannot be."""
        instance = model.evaluation.instance
        callers = self._taken_for.get(id(loss.function.node), [])
        return (
            instance is not None
            and bool(callers)
            and all(
                taken and not any(fitting_models.fits(instance, what, calls) for what, calls in taken.items())
                for taken in callers
            )
        )

    def _meets(self, loss: _Loss, model: _Model) -> bool:
        named = loss.function.name if loss.owner is None else loss.owner.name
        made = model.evaluation
        return meet(self._project, named, loss.function.scope.module, made.subject, made.module)

    def _losses(self, module: Module, model: _Model) -> Iterator[_Loss]:
        """The functions of a file that take what a model returns, and the classes that nothing calls an object of."""
        interpreter = self._project.interpreter
        for function in module.functions():
            # What it is called with was read: a log density may be called for the data as well as for the latents.
            called = id(function.node) in self._called_with_a_draw
            # Where a call has the heads in an order of its own, the names of the parameters have to say the same.
            heads = {} if model.calls else self._heads.get(id(function.node), {})
            args = linking.arguments(
                interpreter, function, model.returned.value, model.roles, 0, heads, names=model.names
            )
            if args is not None:
                yield _Loss(function, None, args, called)
        for cls in module.classes():
            method = cls.find("forward" if cls.is_module else "__call__")
            if not isinstance(method, Function):
                continue
            args = linking.arguments(interpreter, method, model.returned.value, model.roles, skip=1, names=model.names)
            if args is not None:
                yield _Loss(method, cls, args, id(method.node) in self._called)

    def _evaluation(self, module: Module, model: _Model, losses: Sequence[_Loss], *, with_model: bool) -> Evaluation:
        interpreter = self._project.interpreter

        def work() -> Value:
            for loss in losses:
                site = Site(module.source_of(loss.function.node), loss.function.node)
                target: Function | None = loss.function
                if loss.owner is not None:
                    instance = peers.made(interpreter, loss.owner, site)
                    target = loss.function.bound_to(instance) if isinstance(instance, Instance) else None
                if target is not None:
                    interpreter.invoke(target, loss.args, {}, site)
            return None

        _, observations = interpreter.run(work)
        if with_model:
            # A divergence by itself is handed the heads alone: what is drawn of them stands in the model's pass.
            observations.roots.insert(0, model.returned)
        return Evaluation(model.evaluation.subject, module, observations, model=model.evaluation)


def _whole(models: Iterable[_Model]) -> list[_Model]:
    """The models that return what they decode beside their heads: the others are parts of one."""
    return [model for model in models if Role.RECONSTRUCTION in model.roles]


def _inputs(atoms: Iterable[Expr], forward: Function) -> list[Value]:
    names = [item.arg for item in forward.node.args.args[1:2]]
    return [item for item in atoms if item.get("name") in names]
