"""Step 3: an abstract interpreter. Functions are run on symbols; what is not understood is opaque."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from vae_checked.linter.files.overwritten import Written, overwritten
from vae_checked.linter.interpreter import call_memo, calls, without_gradient
from vae_checked.linter.interpreter.context import RAISED, Ending, Frame, Imports, Outcome
from vae_checked.linter.interpreter.expressions import EXPRESSIONS
from vae_checked.linter.interpreter.parameters import are_refused, bind_parameters
from vae_checked.linter.interpreter.path_conditions import Path
from vae_checked.linter.interpreter.statements import run_block, run_statement
from vae_checked.linter.symbols.constants import extent
from vae_checked.linter.symbols.expression import Expr, Site, opaque
from vae_checked.linter.symbols.observations import Cut, Observations, ProjectObservations, Root
from vae_checked.linter.symbols.places import Grown
from vae_checked.linter.symbols.taken import Taken, taken
from vae_checked.linter.symbols.values import Class, Function, Instance, Module, Scope, Value, as_expr

MAX_DEPTH = 24
# The steps that all evaluations of one file may take together: some seconds.
MAX_STEPS = 250_000
# The steps of one call into a file that names no tensor library; a function that takes more is not run again.
MAX_PLAIN_STEPS = 1_000
# The steps of an evaluation in which a setting is supposed to be another one.
MAX_SUPPOSED_STEPS = 40_000
T = TypeVar("T")

# Models and losses by what stands for them in code that takes them from outside.
Substitutes = Mapping[Taken, Instance | Function]


# The steps of one definition at a top level whose budget has run out: what others import is still there.
MAX_DEFINITION_STEPS = 500
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
# The parts of a list, or of what it holds, that are gone through in the time of one step.
_PARTS_A_STEP = 8


class BudgetError(Exception):
    """A function took more steps than one is given; what was seen up to there is kept."""


class Interpreter:
    """Runs the project's functions on symbols. One per project; `observations` changes with each evaluation."""

    def __init__(self, imports: Imports, project_observations: ProjectObservations) -> None:
        self.imports = imports
        self.project_observations = project_observations
        self.observations = Observations()
        self.remaining = MAX_STEPS
        self.frames: list[Frame] = []
        self.path = Path()
        self._steps, self._limit = 0, 40_000
        # The steps that all evaluations that ended took together.
        self.taken = 0
        self._serial = 0
        self._no_grad = False
        self._turns = 1
        self._open: tuple[int, ...] = ()
        self._stand_ins: Substitutes = {}
        self.supposed: Mapping[str, str] = {}
        self.configured_by = ""
        # The classes of which objects are made in the place of other ones, known by their file and their name.
        self._instead: Mapping[tuple[str, str], Class] = {}
        self.goes_both_ways = False
        self.shuts_models = False
        self.trains_library_models = False
        # The functions that ended by raising, since whoever asks forgot them.
        self.refusing: set[ast.AST] = set()
        self._too_long: set[int] = set()
        # The steps that may be taken around the call into code without tensors that is being made.
        self._around: int | None = None
        self._call_memo = call_memo.CallMemo()
        # By the ids of their nodes, which they hold.
        self._sites: dict[int, Site] = {}
        # By the nodes of functions that were run.
        self._overwritten: dict[ast.AST, frozenset[Written]] = {}

    # ---------------------------------------------------------------------------------------- what surrounds a node

    def serial(self) -> int:
        """A number that was not given out before."""
        self._serial += 1
        return self._serial

    def stand_in(self, value: Value) -> Instance | Function | None:
        """The model or loss that stands in for something that code takes from outside, where one does."""
        if not self._stand_ins or not isinstance(value, Expr):
            return None
        what = taken(value)
        return None if what is None else self._stand_ins.get(what)

    def running(self) -> Iterator[Function]:
        """The functions that are being run."""
        return (frame.function for frame in self.frames if frame.function is not None)

    @property
    def gradient_is_off(self) -> bool:
        """Whether what is evaluated stands under `no_grad`."""
        return self._no_grad

    @contextmanager
    def gradient(self, *, off: bool) -> Iterator[None]:
        """What is run inside a `with` of this is run under torch's no_grad, or under its enable_grad."""
        before, self._no_grad = self._no_grad, off
        try:
            yield
        finally:
            self._no_grad = before

    @property
    def turns(self) -> int:
        """How often the loops around what is run go round together."""
        return self._turns

    @property
    def steps_left(self) -> int:
        """The steps that what is run may still take."""
        return min(self._limit - self._steps, self.remaining)

    @contextmanager
    def turning(self, count: int, loop: ast.AST | None = None) -> Iterator[None]:
        """What is run inside a `with` of this is run in so many turns of one more loop.

        Of a `loop` whose length is not known, one turn stands for all.
        """
        outer, self._turns = self._turns, self._turns * count
        around, self._open = self._open, self._open if loop is None else (*self._open, id(loop))
        try:
            yield
        finally:
            self._turns, self._open = outer, around

    @property
    def is_repeated(self) -> bool:
        """Whether what is run stands in a loop of unknown length."""
        return bool(self._open)

    def site(self, node: ast.AST) -> Site:
        """Where `node` is written: one and the same object as often as the node is evaluated."""
        found = self._sites.get(id(node))
        if found is None:
            frame = self.frames[-1]
            if frame.called_at is not None and frame.scope.module.known:
                return frame.called_at
            found = self._sites[id(node)] = Site(self.frames[-1].source, node)
        return found

    def forget_sites(self) -> None:
        """Hold no more of nodes, of which some are about to be let go."""
        self._sites.clear()
        self._overwritten.clear()

    # ------------------------------------------------------------------------------------------------ entry points

    def run(
        self, work: Callable[[], Value], limit: int = 40_000, stand_ins: Substitutes | None = None
    ) -> tuple[Value, Observations]:
        """Do `work` with a budget of its own: its value, None when that or the stack ran out, and what it observed.

        `stand_ins` are the models that it takes from outside, those of the evaluation around it where none are given.
        An error of this tool itself is noted where it happened, and is not the end of a run.
        """
        outer, self.observations = self.observations, Observations()
        steps, limit_before, self._steps = self._steps, self._limit, 0
        self._limit = min(limit, MAX_SUPPOSED_STEPS) if self.shuts_models else limit
        plain, self._around = self._around, None
        turns, self._turns = self._turns, 1
        around, self._open = self._open, ()
        models_before, self._stand_ins = self._stand_ins, self._stand_ins if stand_ins is None else stand_ins
        depth, no_grad = len(self.frames), self._no_grad
        try:
            value = work()
        except Exception as error:  # whatever one evaluation comes to, the others are made
            value = None
            self._note_cut(depth, error)
        finally:
            del self.frames[depth:]
            self._no_grad = no_grad
            self.taken += self._steps
            observations, self.observations = self.observations, outer
            self._steps, self._limit, self._turns, self._open = steps, limit_before, turns, around
            self._around = plain
            self._stand_ins = models_before
            if not depth:
                self.project_observations.shared_tables.forget()
        return value, observations

    def supposing(self, settings: Mapping[str, str], work: Callable[[], T]) -> T:
        """What `work` comes to where settings of today are others, beside the steps that its file may take."""
        self.supposed = settings
        try:
            return self._beside(work)
        finally:
            self.supposed = {}

    def configured(self, path: str, work: Callable[[], T]) -> T:
        """What `work` comes to by the settings of another file, beside the steps that its own may take."""
        self.configured_by = path
        try:
            return self._beside(work)
        finally:
            self.configured_by = ""

    def both_ways(self, work: Callable[[], T]) -> T:
        """What `work` comes to where the branches are run as well that defaults leave out and that use a VAE."""
        self.goes_both_ways = True
        try:
            return self._beside(work)
        finally:
            self.goes_both_ways = False

    def shutting_models(self, work: Callable[[], T]) -> T:
        """What `work` comes to where models are not entered that use no latents: what they give is not known."""
        self.shuts_models = True
        try:
            return self._beside(work)
        finally:
            self.shuts_models = False

    def training_library_models(self, work: Callable[[], T]) -> T:
        """What `work` comes to where what libraries have of VAEs is a model that it trains."""
        self.trains_library_models = True
        try:
            return self._beside(work)
        finally:
            self.trains_library_models = False

    def _beside(self, work: Callable[[], T]) -> T:
        remaining, self.remaining = self.remaining, max(self.remaining, MAX_SUPPOSED_STEPS)
        try:
            return work()
        finally:
            self.remaining = remaining

    def making(self, instead: Mapping[tuple[str, str], Class], work: Callable[[], T]) -> T:
        """What `work` comes to where objects of other classes are made, beside the steps that its file may take."""
        remaining, self.remaining = self.remaining, max(self.remaining, MAX_SUPPOSED_STEPS)
        self._instead = instead
        try:
            return work()
        finally:
            self._instead, self.remaining = {}, remaining

    def assume(self, condition: Expr, holds: bool) -> None:
        """Take note that a condition holds, or does not, with the model that is kept of those which it chooses from."""
        if not self._instead:
            self.observations.assume(condition, holds)

    def instead_of(self, cls: Class) -> Class:
        """The class of which an object is made where one of `cls` is asked for."""
        return self._instead.get((cls.scope.module.path, cls.name), cls) if self._instead else cls

    def aside(self, work: Callable[[], Value]) -> Value:
        """What `work` comes to, its observations left out of those of the evaluation that goes on."""
        value, _ = self.run(work)
        return value

    def run_module(self, module: Module) -> None:
        """Execute a module's top level into its scope, cell by cell, each statement whatever the last one gave."""
        depth = len(self.frames)
        for source in module.sources:
            for statement in source.cell.tree.body:
                if self._steps > self._limit and isinstance(statement, _DEFINITIONS):
                    self._limit = self._steps + MAX_DEFINITION_STEPS
                self.frames.append(Frame(None, module.scope, source))
                try:
                    with self.gradient(off=module.switched_off is not None):
                        run_statement(self, statement, module.scope)
                    if without_gradient.is_set_by(statement):
                        module.switched_off = None
                    if without_gradient.is_switched_off_from(self, statement, (), module.scope):
                        module.switched_off = self.site(statement)
                except Exception as error:  # as in `run`
                    self._note_cut(depth, error)
                finally:
                    del self.frames[depth:]
        self.project_observations.shared_tables.note(module.scope.names.values(), objects=False)

    def _note_cut(self, depth: int, error: Exception) -> None:
        """Note where the evaluation that began at this depth of frames ends too early; once where its steps ran out."""
        fault = None if isinstance(error, (BudgetError, RecursionError)) else error
        cuts = self.observations.cuts
        if fault is None and any(cut.fault is None for cut in cuts):
            return
        frame = self.frames[depth] if depth < len(self.frames) else None
        node = None if frame is None else frame.statement or frame.node
        site = None if frame is None or node is None else Site(frame.source, node)
        cuts.append(Cut(site, fault, of_file=self.remaining < 0))

    def root(self, value: Value, kind: str, name: str, node: ast.AST) -> None:
        """Record a value at the edge of a statement."""
        if not isinstance(value, Expr):
            if not isinstance(value, (tuple, list, dict)):
                return
            self.charge(value)
        function = self.frames[-1].function if self.frames else None
        if kind == "assign" and function is not None and self._is_overwritten(name, node, function):
            return
        held = without_gradient.detached(value, None) if self._no_grad else value
        depth, steps = len(self.frames), self.path.steps
        self.observations.roots.append(Root(held, kind, name, self.site(node), function, depth, self._open, steps))
        if name:
            self.observations.name(value, name)

    def _is_overwritten(self, name: str, node: ast.AST, function: Function) -> bool:
        """Whether a function assigns a value that it never reads, as another one takes its place."""
        if not isinstance(node, ast.expr):
            return False
        found = self._overwritten.get(function.node)
        if found is None:
            found = self._overwritten[function.node] = overwritten(function.node)
        # Of most functions it is nothing.
        return bool(found) and (name, node.lineno, node.col_offset) in found

    # ------------------------------------------------------------------------------------------------- calling

    def invoke(self, function: Function, args: list[Value], kwargs: dict[str, Value], site: Site | None) -> Value:
        """Run a function of the project on values; opaque when it recurses or is too deep, a list of what it yields."""
        node = function.node
        depth = len(self.frames)
        active = [frame for frame in self.frames if frame.node is node and _are_of_one_class(frame.function, function)]
        if depth > MAX_DEPTH or len(active) > 1 or id(node) in self._too_long or are_refused(function, args):
            return opaque(f"call:{function.name}", tuple(as_expr(item, site) for item in args), site)
        is_plain = (
            depth <= call_memo.MAX_DEPTH
            and not self.supposed
            and not self.goes_both_ways
            and not self.shuts_models
            and not self.trains_library_models
        )
        key = self._call_memo.key(function, args, kwargs) if is_plain else None
        if key is None:
            self.observations.entered.add(id(node))
            value = self._invoked(function, args, kwargs, site)
            if function.bound is not None and function.name in ("encode", "decode"):
                caller = self.frames[-1].function if self.frames else None
                self.observations.note_coding(function, args, value, site, caller)
            return value
        known = self._call_memo.get(key)
        if known is None:
            outer, self.observations.entered = self.observations.entered, {id(node)}
            try:
                value = self._invoked(function, args, kwargs, site)
                self._call_memo.put(key, value, self.observations.entered)
            finally:
                outer |= self.observations.entered
                self.observations.entered = outer
            return value
        value, entered = known
        self.observations.entered |= entered
        return value

    def _invoked(self, function: Function, args: list[Value], kwargs: dict[str, Value], site: Site | None) -> Value:
        node, module = function.node, function.scope.module
        inside = bool(self.frames) and self.frames[-1].scope.module.tensors
        if module.tensors and not inside and self._around is not None:
            return self._run_within(function, args, kwargs, site)
        if module.tensors or not inside:
            return self._run(function, args, kwargs, site)
        # A call from code with tensors into code without any.
        limit, self._limit = self._limit, min(self._limit, self._steps + MAX_PLAIN_STEPS)
        around, self._around = self._around, limit
        depth, no_grad = len(self.frames), self._no_grad
        try:
            return self._run(function, args, kwargs, site)
        except BudgetError:
            if self._steps > limit or self.remaining < 0:
                raise
            del self.frames[depth:]
            self._no_grad = no_grad
            self._too_long.add(id(node))
            return opaque(f"call:{function.name}", tuple(as_expr(item, site) for item in args), site)
        finally:
            self._limit, self._around = limit, around

    def _run_within(self, function: Function, args: list[Value], kwargs: dict[str, Value], site: Site | None) -> Value:
        """Run code with tensors that code without any calls, as a factory of models does, beside the steps of that."""
        assert self._around is not None  # noqa: S101  asked for by `_invoked` alone, which sees to it
        limit, around, before = self._limit, self._around, self._steps
        self._limit, self._around = around, None
        try:
            return self._run(function, args, kwargs, site)
        finally:
            self._limit, self._around = limit + self._steps - before, around

    def _run(self, function: Function, args: list[Value], kwargs: dict[str, Value], site: Site | None) -> Value:
        node = function.node
        scope = Scope({}, function.scope, function.scope.module)
        # What ends an evaluation leaves the frames as they are: whoever ends there sees how far it came.
        source, given = function.scope.module.source_of(node), (*args, *kwargs.values())
        before = len(self.path.steps)
        self.frames.append(Frame(function, scope, source, node, called_at=site, given=given, steps_before=before))
        bind_parameters(self, function, args, kwargs, scope, site)
        if isinstance(node, ast.Lambda):
            result: Outcome = self.eval(node.body, scope)
        else:
            switch = without_gradient.decorator_of(node) if node.decorator_list else None
            off = None if switch is None else self.site(switch)
            if len(self.frames) == 1 and not node.decorator_list:
                # What is run after its file was imported is run as that has left it.
                off = scope.module.switched_off
            if off is None:
                result = run_block(self, node.body, scope)
            else:
                with self.gradient(off=True):
                    result = run_block(self, node.body, scope)
                result = without_gradient.handed_on(self, result, off)
        yielded = self.frames.pop().yielded
        if yielded is not None and not getattr(node, "decorator_list", ()):
            # A decorator may make something else of a generator: a context, say.
            return Grown(yielded)
        if result is RAISED:
            self.refusing.add(node)
        return None if isinstance(result, Ending) else result

    def begin(self, statement: ast.stmt) -> None:
        """Count one step for a statement; BudgetError where no more are given."""
        self.frames[-1].statement = statement
        self._count(1)

    def charge(self, *values: Value) -> None:
        """Count the steps that going through values takes: a list is as long as its parts and theirs are many."""
        for value in values:
            # Most are tensors.
            if value.__class__ is not Expr and isinstance(value, (list, tuple, dict)):
                self._count(extent(value) // _PARTS_A_STEP)

    def _count(self, steps: int) -> None:
        self._steps += steps
        self.remaining -= steps
        if self._steps > self._limit or self.remaining < 0:
            raise BudgetError

    def call(self, target: Value, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        """Call any value."""
        self._count(1)
        if args:
            self.charge(*args)
        if kwargs:
            self.charge(*kwargs.values())
        return calls.call(self, target, args, kwargs, site)

    # --------------------------------------------------------------------------------------------- expressions

    def eval(self, node: ast.expr, scope: Scope) -> Value:
        """The value of an expression."""
        # Counted in place, as `_count` counts: most steps are taken here.
        self._steps += 1
        self.remaining -= 1
        if self._steps > self._limit or self.remaining < 0:
            raise BudgetError
        handler = EXPRESSIONS.get(type(node))
        if handler is None:
            return opaque(f"{type(node).__name__}:{ast.dump(node)}", (), self.site(node))
        return handler(self, node, scope)


def _are_of_one_class(outer: Function | None, inner: Function) -> bool:
    """Whether a function calls itself for an object of the same class, or for none: it may do so without an end.

    The constructor of a base class that makes parts which have the same base is called once for each class.
    """
    if outer is None or not isinstance(outer.bound, Instance) or not isinstance(inner.bound, Instance):
        return True
    return outer.bound.cls is inner.bound.cls
