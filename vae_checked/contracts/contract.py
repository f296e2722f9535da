"""One function under contract: a full check for a signature that is new, one look-up for a signature that was seen.

The full check IS jaxtyping with beartype: a stand-in with the same parameters goes through `jaxtyped`, and its body
calls the real function and hands the result to beartype, all in one jaxtyping scope. A call whose fingerprint passed
before skips the stand-in; it still runs in a scope with the same axes bound, so that an `isinstance(h, Float[Tensor,
"B L"])` in the body, or in a helper, is judged alike. The result is judged by the arguments as they were passed, also
where the body changes them in place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, cast

from beartype import beartype
from beartype.door import is_bearable
from beartype.roar import BeartypeException
from beartype.vale import Is
from jaxtyping import AnnotationError, TypeCheckError, config, jaxtyped
from torch import Tensor
from torch.fx import Proxy

from vae_checked.contracts import scope
from vae_checked.contracts.annotations import EMPTY, Signature, holds_tensor, resolve
from vae_checked.contracts.axes import parse_axes
from vae_checked.contracts.binding import Bindings, Bound, Mismatch, first_mismatch
from vae_checked.contracts.elements import contents_fit
from vae_checked.contracts.fingerprint import LONGEST_CONTAINER, Binder, Reads
from vae_checked.contracts.last_call import describe_call
from vae_checked.contracts.memo import MOST_RESULTS, MOST_SIGNATURES, Bounded, Entry
from vae_checked.contracts.message import call_site, compose
from vae_checked.contracts.order import names_read_early, sizes_of
from vae_checked.contracts.plan import Plan, leaves, make_plan
from vae_checked.contracts.tally import Count
from vae_checked.errors import ContractError, UsageError
from vae_checked.text import described

_DEEPEST = 32
"""Containers in containers that are looked through; one may hold itself."""


class _Refused(Exception):  # noqa: N818  a signal between the stand-in and its caller
    """An element of a container does not fit."""


class _Unseen(Exception):  # noqa: N818  likewise
    """A tensor was passed for an annotation that only type checkers see."""


@dataclass(slots=True)
class _Run:
    """One full check under way: `body` is what remains to be done once beartype has accepted the arguments."""

    signature: Signature
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    body: Callable[[], Any]
    entered: bool = False

    def enter(self, ahead: Mapping[str, int]) -> Any:
        """What the stand-in does; `ahead` are the axes to bind before the arguments."""
        if _IDLE:
            _bind_ahead(ahead)
        for where, hint, value in self.signature.passed(self.args, self.kwargs):
            if where in self.signature.unseen and holds_tensor(value):
                raise _Unseen(where)
            if hint is not EMPTY and not ((not _IDLE or is_bearable(value, hint)) and contents_fit(hint, value)):
                raise _Refused
        self.entered = True
        return self.body()


def _takes_nothing(number: int) -> None:
    """A function that beartype would hold to its annotation."""


# Under `python -O` beartype's decorator does nothing, and what it would ask is asked one argument at a time.
_IDLE = beartype(_takes_nothing) is _takes_nothing

_running: ContextVar[_Run] = ContextVar("vae_checked_contract_run")


@dataclass(frozen=True, slots=True)
class _Checks:
    """A signature made ready: its plan, its stand-in, and how to fingerprint a call where verdicts are remembered.

    `early` are the axes that are bound ahead of the arguments.
    """

    plan: Plan
    stand_in: Callable[..., Any]
    bind: Binder | None
    early: frozenset[str]


class Contract:
    """The checks of one function. `stage` is what messages call it, `last` its last good call in words."""

    def __init__(self, function: Callable[..., Any], local_names: Mapping[str, Any]) -> None:
        self.function = function
        self.stage = function.__qualname__.rpartition("<locals>.")[2]
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.seen: Bounded[Entry] = Bounded(MOST_SIGNATURES)
        self.last: str | None = None
        self.count = Count()
        self._local_names = local_names
        self._signature: Signature | None = None
        self._checks: _Checks | None = None

    def __getstate__(self) -> dict[str, Any]:
        """All but the stand-in and the count, which another process makes afresh."""
        return {**vars(self), "_checks": None, "count": Count()}

    @property
    def why_not_remembered(self) -> str:
        """Why every call is checked in full, or '' where a signature is checked once."""
        if not scope.AVAILABLE:
            return "this version of jaxtyping does not let its scope be entered again"
        return self._resolve_now().plan.why_not

    def resolve(self, *, for_type_checkers: bool = False) -> _Checks:
        """Evaluate the annotations; raises NameError or AttributeError for a missing name, UsageError otherwise.

        With `for_type_checkers`, one that names what does not exist at run time is one for type checkers alone.
        """
        if self._checks is None:
            signature = self._signature or resolve(
                self.function, self._local_names, for_type_checkers=for_type_checkers
            )
            plan = make_plan(signature)
            early = names_read_early(signature) if scope.AVAILABLE else frozenset[str]()
            stand_in = _stand_in(signature, self.stage, early)
            self._checks = _Checks(plan, stand_in, plan.bind if scope.AVAILABLE else None, early)
            if not signature.unseen:
                self._signature, self._local_names = signature, {}
        return self._checks

    def _resolve_now(self) -> _Checks:
        try:
            return self.resolve(for_type_checkers=True)
        except (NameError, AttributeError) as error:
            raise self._unseen(str(error)) from None

    def _unseen(self, reason: str) -> UsageError:
        return UsageError(
            f"@checked cannot evaluate the annotations of {self.stage}: {reason}; "
            f"import or define it where {self.function.__module__} can see it at run time"
        )

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the function under its contract; raises ContractError."""
        __tracebackhide__ = True
        self.count.calls += 1
        checks = self._checks or self._resolve_now()
        bind = checks.bind
        if bind is None:
            return self._in_full(checks, args, kwargs, None)
        try:
            arguments, key = bind(*args, **kwargs)
            entry = self.seen.get(key)
        except Exception:  # a symbolic size, an odd container, a template that fails: the full check deals with it
            return self._in_full(checks, args, kwargs, None)
        if entry is None:
            return self._in_full(checks, args, kwargs, key)
        scope.enter(entry.sizes, entry.groups, arguments)
        try:
            result = self.function(*args, **kwargs)
            plan = checks.plan
            if plan.result is Reads.NOTHING:
                self.last = entry.results.get(None)
                return result
            sizes, groups, trees, _ = scope.current()
            try:
                seen = entry.results.get(plan.read_result(result, arguments))
            except Exception:  # as above
                seen = None
            if seen is not None and sizes == entry.sizes and groups == entry.groups and not trees:
                self.last = seen
                return result
            return self._result_in_full(plan, args, kwargs, result, entry)
        finally:
            scope.leave()

    # ------------------------------------------------------------------------------------------- full checks

    def _in_full(self, checks: _Checks, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any) -> Any:
        __tracebackhide__ = True
        plan = checks.plan
        if config.jaxtyping_disable or is_symbolic(args) or is_symbolic(kwargs):
            return self.function(*args, **kwargs)
        try:
            plan.signature.parameters.bind(*args, **kwargs)
        except TypeError:
            return self.function(*args, **kwargs)  # which raises Python's own error

        def body() -> Any:
            __tracebackhide__ = True
            before = scope.snapshot()
            entry = None
            if key is not None and before is not None:
                entry = self.seen.add(key, Entry(before.sizes, before.groups, Bounded(MOST_RESULTS)))
            return self._result_in_full(plan, args, kwargs, self.function(*args, **kwargs), entry)

        run = _Run(plan.signature, args, kwargs, body)
        token = _running.set(run)
        try:
            if checks.early:
                early = sizes_of(checks.early, plan.signature.passed(args, kwargs))
                return checks.stand_in({name: size for name, (size, _) in early.items()}, *args, **kwargs)
            return checks.stand_in(*args, **kwargs)
        except AnnotationError as error:
            if run.entered:
                raise
            # A letter that is bound ahead may be missing because the argument that binds it has other axes.
            mismatch = self._walk(plan.signature, args, kwargs)[0] if checks.early else None
            if mismatch is None:
                raise UsageError(f"{self.stage}: {' '.join(str(error).split())}") from None
            fault: Exception = ContractError(compose(self.stage, mismatch, call_site()))
        except _Unseen as error:
            self._checks = None  # the name may be defined by the next call
            fault = self._unseen(plan.signature.unseen[str(error)])
        except Exception as error:
            if run.entered:
                raise
            fault = self._argument_fault(plan.signature, args, kwargs, error)
        finally:
            _running.reset(token)
        raise fault from None

    def _result_in_full(
        self, plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, entry: Entry | None
    ) -> Any:
        """Judge the result in the scope that runs, and remember it where there is an entry to do so."""
        __tracebackhide__ = True
        hint = plan.signature.result
        after = scope.snapshot()
        if "return" in plan.signature.unseen and holds_tensor(result):
            raise self._unseen(plan.signature.unseen["return"])
        if hint is not EMPTY and not is_symbolic(result):
            try:
                fits = is_bearable(result, hint) and contents_fit(hint, result)
            except AnnotationError as error:
                raise UsageError(f"{self.stage}: {' '.join(str(error).split())}") from None
            except Exception as error:  # an axis may read an attribute, and that may raise anything; so may the result
                if _reads(hint):
                    raise _unreadable(self.stage, error) from None
                raise self._unlocated(plan.signature, "result does", error) from None
            if not fits:
                raise self._result_fault(plan.signature, args, kwargs, result, after) from None
        if entry is not None:
            with suppress(Exception):  # an odd container, as in `call`: checked in full again the next time
                self._remember(plan, args, kwargs, result, entry, after)
        return result

    def _remember(
        self,
        plan: Plan,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
        entry: Entry,
        after: scope.Scope | None,
    ) -> None:
        described = describe_call(self.stage, plan.signature, args, kwargs, result)
        self.last = described
        if plan.result is Reads.NOTHING:
            entry.results.add(None, described)
        elif plan.bind is not None and after == scope.Scope(entry.sizes, entry.groups, {}):
            # Otherwise axes that the body bound had a say in the verdict.
            arguments, _ = plan.bind(*args, **kwargs)
            entry.results.add(plan.read_result(result, arguments), described)

    # ------------------------------------------------------------------------------------------------- faults

    def _argument_fault(
        self, signature: Signature, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception
    ) -> Exception:
        try:
            mismatch, _ = self._walk(signature, args, kwargs)
            if mismatch is not None:
                return ContractError(compose(self.stage, mismatch, call_site()))
        except Exception as odd:  # an object that raises when it is looked at
            return self._unlocated(signature, "arguments do", odd)
        refused = isinstance(error, (TypeCheckError, BeartypeException, _Refused))
        while isinstance(error.__cause__, Exception):
            error = error.__cause__
        if isinstance(error, (TypeCheckError, BeartypeException, _Refused)):
            return self._unlocated(signature, "arguments do")
        if refused and any(_reads(hint) for _, hint, _ in signature.passed(args, kwargs)):
            return _unreadable(self.stage, error)
        return self._unlocated(signature, "arguments do", error)

    def _result_fault(
        self,
        signature: Signature,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
        bound: scope.Scope | None,
    ) -> Exception:
        try:
            _, bindings = self._walk(signature, args, kwargs)
            if bound is not None:
                for name, size in bound.sizes.items():
                    if bindings.sizes.get(name) != size:
                        bindings.names[name] = Bound(size, "the body")
            mismatch = first_mismatch(signature.result, result, "result", bindings)
            if mismatch is not None:
                return ContractError(compose(self.stage, mismatch, call_site()))
        except Exception as odd:  # as above
            return self._unlocated(signature, "result does", odd)
        return self._unlocated(signature, "result does")

    def _walk(
        self, signature: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Mismatch | None, Bindings]:
        """The first argument that does not fit, if any, and what was bound up to there."""
        bound = signature.parameters.bind(*args, **kwargs)
        bound.apply_defaults()
        early = sizes_of(names_read_early(signature), signature.passed(args, kwargs))
        bindings = Bindings(bound.arguments, {name: Bound(size, where) for name, (size, where) in early.items()})
        for where, hint, value in signature.passed(args, kwargs):
            mismatch = first_mismatch(hint, value, where, bindings)
            if mismatch is not None:
                return mismatch, bindings
        return None, bindings

    def _unlocated(self, signature: Signature, part: str, odd: Exception | None = None) -> ContractError:
        why = "" if odd is None else f"; looking at one of its parts raised {described(odd)}"
        return ContractError(
            f"{self.stage}(): the {part} not fit {self.stage}{signature.parameters}{why}\n  called at: {call_site()}"
        )


def _reads(hint: Any) -> bool:
    """Whether an axis of it is an expression, whose reading may raise anything."""
    return any(axis.expression for leaf in leaves(hint) for axis in parse_axes(leaf.dim_str))


def _unreadable(stage: str, error: Exception) -> UsageError:
    return UsageError(f"{stage}: an axis cannot be read: {type(error).__name__}: {error}")


def _bind_ahead(sizes: Mapping[str, int]) -> bool:
    """Bind axes in the scope that has just begun, before any argument is looked at."""
    cast("dict[str, int]", scope.current()[0]).update(sizes)
    return True


# beartype looks at parameters from left to right: the first of a stand-in carries the axes to bind ahead of the others.
_AHEAD = inspect.Parameter("_vae_ahead", inspect.Parameter.POSITIONAL_ONLY, annotation=Annotated[dict, Is[_bind_ahead]])


def _stand_in(signature: Signature, stage: str, early: frozenset[str]) -> Callable[..., Any]:
    def stage_under_contract(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return _running.get().enter(args[0] if early else {})

    parameters = signature.parameters.replace(return_annotation=EMPTY)
    if early:
        parameters = parameters.replace(parameters=[_AHEAD, *parameters.parameters.values()])
    setattr(stage_under_contract, "__signature__", parameters)  # noqa: B010  mypy knows no such attribute
    try:
        if signature.result is not EMPTY:
            is_bearable(None, signature.result)
        return jaxtyped(stage_under_contract, typechecker=beartype)
    except AnnotationError:  # from reading an axis of the result outside of any scope
        return jaxtyped(stage_under_contract, typechecker=beartype)
    except BeartypeException as error:
        raise UsageError(f"@checked cannot check {stage}: {' '.join(str(error).split())}") from None


def is_symbolic(value: Any, depth: int = _DEEPEST) -> bool:
    """Whether sizes are symbols or recordings rather than numbers, as while a graph is traced; there is no verdict."""
    kind = type(value)  # what `__class__` says may be made up
    if issubclass(kind, Tensor):
        return not value.is_nested and any(type(size) is not int for size in Tensor.size(value))
    if depth and issubclass(kind, (tuple, list)):
        return any(is_symbolic(each, depth - 1) for each in value[:LONGEST_CONTAINER])
    if depth and issubclass(kind, dict):
        return any(is_symbolic(each, depth - 1) for each in islice(value.values(), LONGEST_CONTAINER))
    return issubclass(kind, Proxy)
