"""Step 3: an abstract interpreter. Functions are run on symbols; what is not understood is opaque."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Source
from vae_checked.linter.interpreter import branches, call_memo, calls, operators
from vae_checked.linter.interpreter.expressions import EXPRESSIONS
from vae_checked.linter.interpreter.observations import Frame, Observations, Root
from vae_checked.linter.interpreter.path_conditions import Path
from vae_checked.linter.interpreter.values import (
    Class,
    Function,
    Instance,
    Layer,
    Pipeline,
    Scope,
    Value,
    as_expr,
)
from vae_checked.linter.interpreter.values import Sequence as Layers
from vae_checked.linter.symbols.expression import Expr, Site, opaque, strip

if TYPE_CHECKING:
    from vae_checked.linter.interpreter.project import Module, Project

MAX_DEPTH = 24
MAX_UNROLL = 12
# The steps that all evaluations of one file may take together: some seconds.
MAX_STEPS = 250_000
# The steps of one call into a file that names no tensor library; a function that takes more is not run again.
MAX_PLAIN_STEPS = 1_000


class BudgetError(Exception):
    """A function took more steps than one is given; what was seen up to there is kept."""


class _NothingReturned:
    """No return statement was reached."""


class _Raised:
    """A raise statement was reached: this branch hands on nothing."""


NOTHING = _NothingReturned()
RAISED = _Raised()


class Interpreter:
    """Runs the project's functions on symbols. One per project; `observations` changes with each entry point."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.observations = Observations()
        self.steps, self.limit = 0, 40_000
        self.remaining = MAX_STEPS
        self.frames: list[Frame] = []
        self.no_grad = 0
        self.path = Path()
        self._serial = 0
        self.pipelines: dict[int, Pipeline] = {}
        self.options: dict[tuple[str, str], Value] = {}
        self.drawing: set[str] = set()
        self.assembled: dict[int, Instance] = {}
        self.stand_ins: dict[tuple[str, object], Instance] = {}
        self._too_long: set[int] = set()
        self._call_memo = call_memo.CallMemo()

    def serial(self) -> int:
        """A number that was not given out before."""
        self._serial += 1
        return self._serial

    def stand_in(self, value: Value) -> Instance | None:
        """The model that stands in for something that code takes from outside, where one does."""
        if not self.stand_ins or not isinstance(value, Expr):
            return None
        bare = strip(value)
        return self.stand_ins.get((bare.op, bare.get("name")))

    # ------------------------------------------------------------------------------------------- entry points

    def run(self, work: Callable[[], Value], limit: int = 40_000) -> tuple[Value, Observations]:
        """Do `work` with a budget of its own: its value, None when that or the stack ran out, and what it observed."""
        outer, self.observations = self.observations, Observations()
        steps, limit_before, self.steps, self.limit = self.steps, self.limit, 0, limit
        depth, no_grad = len(self.frames), self.no_grad
        try:
            value = work()
        except (BudgetError, RecursionError):
            value = None
        finally:
            del self.frames[depth:]
            self.no_grad = no_grad
            observations, self.observations = self.observations, outer
            self.steps, self.limit = steps, limit_before
        return value, observations

    def run_module(self, module: Module) -> None:
        """Execute a module's top level into its scope, cell by cell."""
        for source in module.sources:
            self.frames.append(Frame(None, module.scope, source))
            try:
                for statement in source.cell.tree.body:
                    try:
                        self._statement(statement, module.scope)
                    except RecursionError:
                        continue
            finally:
                self.frames.pop()

    # --------------------------------------------------------------------------------------------- statements

    @property
    def source(self) -> Source:
        """The text that is being run."""
        return self.frames[-1].source

    def site(self, node: ast.AST) -> Site:
        """Where `node` is written: one and the same object as often as the node is evaluated."""
        source = self.frames[-1].source
        found = source.sites.get(id(node))
        if found is None:
            found = source.sites[id(node)] = Site(source, node)
        return found

    def block(self, statements: Sequence[ast.stmt], scope: Scope) -> Value:
        """Run statements in order; the value returned, or NOTHING, or RAISED."""
        for index, statement in enumerate(statements):
            if isinstance(statement, ast.If):
                done, result = self._if(statement, statements[index + 1 :], scope)
                if done:
                    return result
                continue
            result = self._statement(statement, scope)
            if result is not NOTHING:
                return result
        return NOTHING

    def _if(self, node: ast.If, rest: Sequence[ast.stmt], scope: Scope) -> tuple[bool, Value]:
        """Run an if statement; (True, value) when it settles what the block returns."""
        test = self.eval(node.test, scope)
        truth, condition = operators.truth(test), None
        if truth is None:
            condition = as_expr(test, self.site(node.test))
            truth = self.path.holds(condition)
        if truth is not None or condition is None:
            result = self.block(node.body if truth else node.orelse, scope)
            return result is not NOTHING, result
        if not node.orelse and isinstance(node.body[0], ast.Raise):
            # A check of what was given: whoever passes it goes on with what is bound.
            return False, NOTHING
        before = branches.save(scope)
        with self.path.under(condition, True):
            one = self.block(node.body, scope)
        after_one = branches.save(scope)
        branches.restore(before)
        with self.path.under(condition, False):
            other = self.block(node.orelse, scope)
        if one is RAISED:
            return other is not NOTHING, other
        if other is RAISED:
            branches.restore(after_one)
            return one is not NOTHING, one
        if one is NOTHING and other is NOTHING:
            branches.merge(condition, before, after_one, self.site(node))
            return False, NOTHING
        if one is not NOTHING and other is not NOTHING:
            return True, operators.merge(condition, one, other)
        if one is NOTHING:
            branches.restore(after_one)
        with self.path.under(condition, one is NOTHING):
            then = self.block(rest, scope)
        return True, self._join(condition, *((then, other) if one is NOTHING else (one, then)))

    @staticmethod
    def _join(condition: Expr, one: Value, other: Value) -> Value:
        if one is RAISED or one is NOTHING:
            return other if other is not NOTHING else None
        if other is RAISED or other is NOTHING:
            return one
        return operators.merge(condition, one, other)

    def _statement(self, node: ast.stmt, scope: Scope) -> Value:
        self.steps += 1
        self.remaining -= 1
        if self.steps > self.limit or self.remaining < 0:
            raise BudgetError
        handler = _STATEMENTS.get(type(node))
        return NOTHING if handler is None else handler(self, node, scope)

    def _assign(self, node: ast.Assign, scope: Scope) -> Value:
        value = self.eval(node.value, scope)
        for target in node.targets:
            self.bind(target, value, scope, node.value)
        return NOTHING

    def _ann_assign(self, node: ast.AnnAssign, scope: Scope) -> Value:
        if node.value is not None:
            self.bind(node.target, self.eval(node.value, scope), scope, node.value)
        return NOTHING

    def _aug_assign(self, node: ast.AugAssign, scope: Scope) -> Value:
        load = ast.copy_location(syntax.as_load(node.target), node.target)
        left, right = self.eval(load, scope), self.eval(node.value, scope)
        site = self.site(node)
        if isinstance(left, list) and isinstance(right, (list, tuple)):
            left.extend(right[: max(0, operators.MAX_ITEMS - len(left))])
            return NOTHING
        self.bind(node.target, operators.binary(node.op, left, right, site), scope, node)
        return NOTHING

    def _return(self, node: ast.Return, scope: Scope) -> Value:
        value = None if node.value is None else self.eval(node.value, scope)
        self.root(value, "return", "", node.value or node)
        return value

    def _expr(self, node: ast.Expr, scope: Scope) -> Value:
        call = node.value
        if isinstance(call, ast.Constant):
            return NOTHING
        value = self.eval(call, scope)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            name = call.func.attr
            in_place = name.endswith("_") and not name.endswith("__")
            if in_place and isinstance(call.func.value, (ast.Name, ast.Attribute)) and isinstance(value, Expr):
                self.bind(syntax.as_store(call.func.value), value, scope, call)
                return NOTHING
        self.root(value, "expr", "", node.value)
        return NOTHING

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Value:
        scope.names[node.name] = Function(node, scope)
        return NOTHING

    def _class(self, node: ast.ClassDef, scope: Scope) -> Value:
        bases = tuple(self.eval(base, scope) for base in node.bases if not isinstance(base, ast.Starred))
        inner = Scope({}, scope, scope.module)
        cls = Class(node, scope, bases, inner.names)
        for statement in node.body:
            self._statement(statement, inner)
        for value in inner.names.values():
            if isinstance(value, Function) and value.owner is None:
                value.owner = cls
                # A method's free names are looked up around the class, never in it.
                value.scope = scope
        scope.names[node.name] = cls
        return NOTHING

    def _import(self, node: ast.Import, scope: Scope) -> Value:
        for name in node.names:
            if name.asname:
                scope.names[name.asname] = self.project.deferred_module(name.name, scope.module)
            else:
                top = name.name.split(".")[0]
                scope.names[top] = self.project.deferred_module(top, scope.module)
        return NOTHING

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> Value:
        for name in node.names:
            if name.name == "*":
                scope.names.update(self.project.star_import(node.module or "", node.level, scope.module))
            else:
                scope.names[name.asname or name.name] = self.project.deferred_name(
                    node.module or "", node.level, name.name, scope.module
                )
        return NOTHING

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> Value:
        iterable = self.eval(node.iter, scope)
        items = operators.items(self, iterable, self.site(node.iter))
        if len(items) > 1 and (len(items) > MAX_UNROLL or syntax.trains(node)):
            items = [operators.any_item(items, self.site(node.iter))]
        for item in items:
            self.bind(node.target, item, scope, node.target)
            result = self._loop_body(node.body, scope)
            if result is not NOTHING and result is not RAISED:
                return result
        return self.block(node.orelse, scope)

    def _while(self, node: ast.While, scope: Scope) -> Value:
        self.eval(node.test, scope)
        before = {name: scope.names.get(name) for name in syntax.asked_for_axes(node.test)}
        result = self._loop_body(node.body, scope)
        for name, value in before.items():
            if isinstance(value, Expr) and scope.names[name] is not value:
                # How often it is reduced depends on its axes: perhaps never.
                scope.names[name] = Expr("sum", (value,), (("axes", "unknown"), ("keepdim", False)), self.site(node))
        return result

    def _loop_body(self, body: Sequence[ast.stmt], scope: Scope) -> Value:
        return self.block([item for item in body if not isinstance(item, (ast.Break, ast.Continue))], scope)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> Value:
        off = 0
        for item in node.items:
            value = self.eval(item.context_expr, scope)
            off += operators.switches_gradient_off(value)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value, scope, item.context_expr)
        self.no_grad += off
        try:
            return self.block(node.body, scope)
        finally:
            self.no_grad -= off

    def _try(self, node: ast.Try, scope: Scope) -> Value:
        result = self.block(node.body, scope)
        if result is RAISED and node.handlers:
            result = self.block(node.handlers[0].body, scope)
        elif result is NOTHING:
            # Names that only a handler binds (import fallbacks) are wanted too.
            for handler in node.handlers:
                before = dict(scope.names)
                self.block(handler.body, scope)
                scope.names.update(before)
            result = self.block(node.orelse, scope)
        last = self.block(node.finalbody, scope)
        return result if last is NOTHING else last

    def _raise(self, node: ast.Raise, scope: Scope) -> Value:
        return RAISED

    def _if_statement(self, node: ast.If, scope: Scope) -> Value:
        return self._if(node, (), scope)[1]

    def _match(self, node: ast.Match, scope: Scope) -> Value:
        self.eval(node.subject, scope)
        for case in node.cases:
            self.block(case.body, scope)
        return NOTHING

    # ------------------------------------------------------------------------------------------------- binding

    def bind(self, target: ast.expr, value: Value, scope: Scope, written: ast.AST) -> None:
        """Assign `value`, written at node `written`, to a target; roots and names are recorded."""
        if isinstance(target, ast.Name):
            scope.names[target.id] = value
            self.root(value, "assign", target.id, written)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._bind_many(target, value, scope, written)
        elif isinstance(target, ast.Attribute):
            self._bind_attribute(self.eval(target.value, scope), target.attr, value, self.site(target))
            self.root(value, "assign", target.attr, written)
        elif isinstance(target, ast.Subscript):
            owner, key = self.eval(target.value, scope), self.eval(target.slice, scope)
            if isinstance(owner, (dict, list, Instance)):
                operators.store(owner, key, value)
            elif isinstance(owner, Layers) and isinstance(key, (str, int)):
                owner.items[str(key)] = value
            elif isinstance(owner, Expr) and isinstance(target.value, ast.Name):
                changed = operators.written_into(owner, key, value, self.site(target))
                if changed is not None:
                    self.bind(target.value, changed, scope, target)
            self.root(value, "assign", str(key) if isinstance(key, str) else "", written)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, value, scope, written)

    def _bind_many(self, target: ast.Tuple | ast.List, value: Value, scope: Scope, written: ast.AST) -> None:
        starred = [index for index, item in enumerate(target.elts) if isinstance(item, ast.Starred)]
        parts = operators.unpack(self, value, len(target.elts), self.site(written), starred[0] if starred else None)
        for item, part in zip(target.elts, parts, strict=True):
            self.bind(item, part, scope, written)

    def _bind_attribute(self, owner: Value, name: str, value: Value, site: Site) -> None:
        if isinstance(owner, (Instance, Layer)):
            owner.attributes[name] = operators.owned(self, owner, value)
            if isinstance(owner, Layer):
                owner.written[name] = site
        elif isinstance(owner, Class):
            owner.names[name] = value

    def root(self, value: Value, kind: str, name: str, node: ast.AST) -> None:
        """Record a value at the edge of a statement."""
        if not isinstance(value, (Expr, tuple, list, dict)):
            return
        function = self.frames[-1].function if self.frames else None
        self.observations.roots.append(Root(value, kind, name, self.site(node), function, len(self.frames)))
        if name and isinstance(value, Expr):
            known = self.observations.names.setdefault(value.uid, [])
            if name not in known:
                known.append(name)

    # ------------------------------------------------------------------------------------------------- calling

    def invoke(self, function: Function, args: list[Value], kwargs: dict[str, Value], site: Site | None) -> Value:
        """Run a function of the project on values; opaque when it recurses, is too deep, or is a generator."""
        node = function.node
        depth = len(self.frames)
        active = [frame for frame in self.frames if frame.node is node]
        refused = depth > MAX_DEPTH or len(active) > 1 or isinstance(node, ast.AsyncFunctionDef)
        if refused or id(node) in self._too_long:
            return opaque(f"call:{function.name}", tuple(as_expr(item, site) for item in args), site)
        key = self._call_memo.key(function, args, kwargs) if depth <= call_memo.MAX_DEPTH else None
        if key is None:
            self.observations.entered.add(id(node))
            return self._invoked(function, args, kwargs, site)
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
        if module.tensors or not (self.frames and self.frames[-1].scope.module.tensors):
            return self._run(function, args, kwargs, site)
        # A call from code with tensors into code without any.
        limit, self.limit = self.limit, min(self.limit, self.steps + MAX_PLAIN_STEPS)
        depth, no_grad = len(self.frames), self.no_grad
        try:
            return self._run(function, args, kwargs, site)
        except BudgetError:
            if self.steps > limit or self.remaining < 0:
                raise
            del self.frames[depth:]
            self.no_grad = no_grad
            self._too_long.add(id(node))
            return opaque(f"call:{function.name}", tuple(as_expr(item, site) for item in args), site)
        finally:
            self.limit = limit

    def _run(self, function: Function, args: list[Value], kwargs: dict[str, Value], site: Site | None) -> Value:
        node = function.node
        scope = Scope({}, function.scope, function.scope.module)
        self.frames.append(Frame(function, scope, function.scope.module.source_of(node), node))
        try:
            calls.bind_parameters(self, function, args, kwargs, scope, site)
            if isinstance(node, ast.Lambda):
                return self.eval(node.body, scope)
            result = self.block(node.body, scope)
            return None if result is NOTHING or result is RAISED else result
        finally:
            self.frames.pop()

    def call(self, target: Value, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        """Call any value."""
        self.steps += 1
        self.remaining -= 1
        if self.steps > self.limit or self.remaining < 0:
            raise BudgetError
        return calls.call(self, target, args, kwargs, site)

    # --------------------------------------------------------------------------------------------- expressions

    def eval(self, node: ast.expr, scope: Scope) -> Value:
        """The value of an expression."""
        self.steps += 1
        self.remaining -= 1
        if self.steps > self.limit or self.remaining < 0:
            raise BudgetError
        handler = EXPRESSIONS.get(type(node))
        if handler is None:
            return opaque(f"{type(node).__name__}:{ast.dump(node)}", (), self.site(node))
        return handler(self, node, scope)


_STATEMENTS: dict[type[ast.stmt], Callable[..., Value]] = {
    ast.Assign: Interpreter._assign,
    ast.AnnAssign: Interpreter._ann_assign,
    ast.AugAssign: Interpreter._aug_assign,
    ast.Return: Interpreter._return,
    ast.Expr: Interpreter._expr,
    ast.FunctionDef: Interpreter._function,
    ast.AsyncFunctionDef: Interpreter._function,
    ast.ClassDef: Interpreter._class,
    ast.Import: Interpreter._import,
    ast.ImportFrom: Interpreter._import_from,
    ast.For: Interpreter._for,
    ast.AsyncFor: Interpreter._for,
    ast.While: Interpreter._while,
    ast.With: Interpreter._with,
    ast.AsyncWith: Interpreter._with,
    ast.Try: Interpreter._try,
    ast.Raise: Interpreter._raise,
    ast.If: Interpreter._if_statement,
    ast.Match: Interpreter._match,
}
