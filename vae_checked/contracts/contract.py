"""One function under contract: a full check for a signature that is new, one look-up for a signature that was seen.

The full check IS jaxtyping with beartype: a stand-in with the same annotations goes through `jaxtyped`, and its body
calls the real function. A call whose fingerprint passed before skips it; it still runs in a jaxtyping scope with the
same axes bound, so that an `isinstance(h, Float[Tensor, "B L"])` in the body, or in a helper, is judged alike.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn

from beartype import beartype
from beartype.roar import BeartypeException
from jaxtyping import AnnotationError, TypeCheckError, config, jaxtyped
from torch import Tensor
from torch.fx import Proxy

from vae_checked.contracts import scope
from vae_checked.contracts.annotations import EMPTY, Signature, resolve
from vae_checked.contracts.binding import Bindings, Bound, Mismatch, first_mismatch
from vae_checked.contracts.elements import contents_fit
from vae_checked.contracts.fingerprint import Binder, Reads
from vae_checked.contracts.last_call import describe_call
from vae_checked.contracts.memo import MOST_RESULTS, MOST_SIGNATURES, Bounded, Entry
from vae_checked.contracts.message import call_site, compose
from vae_checked.contracts.plan import Plan, make_plan
from vae_checked.errors import ContractError, UsageError


class Phase(enum.Enum):
    """How far a full check has come."""

    ARGUMENTS = enum.auto()
    BODY = enum.auto()
    RESULT = enum.auto()


class _Refused(Exception):  # noqa: N818  a signal between the stand-in and its caller
    """An element of a container does not fit."""


class _StepAside(Exception):  # noqa: N818  likewise
    """The result is symbolic."""


@dataclass(slots=True)
class _Run:
    """One full check under way: what to call, and what is learnt on the way."""

    signature: Signature
    call: Callable[[], Any]
    adopt: scope.Scope | None = None
    phase: Phase = Phase.ARGUMENTS
    result: Any = None
    before: scope.Scope | None = None
    after: scope.Scope | None = None

    def body(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What the stand-in does once beartype has accepted the arguments."""
        for _, hint, value in self.signature.passed(args, kwargs):
            self._elements(hint, value)
        self.before = scope.snapshot()
        self.phase = Phase.BODY
        self.result = self.call()
        if is_symbolic(self.result):
            raise _StepAside
        if self.adopt is not None:
            scope.adopt(self.adopt)
        self.after = scope.snapshot()
        self.phase = Phase.RESULT
        self._elements(self.signature.result, self.result)
        return self.result

    def _elements(self, hint: Any, value: Any) -> None:
        if hint is not EMPTY and not contents_fit(hint, value):
            raise _Refused


_running: ContextVar[_Run] = ContextVar("vae_checked_contract_run")


@dataclass(frozen=True, slots=True)
class _Checks:
    """A signature made ready: its plan, and its stand-in under jaxtyping and beartype."""

    plan: Plan
    stand_in: Callable[..., Any]
    bind: Binder | None


class Contract:
    """The checks of one function. `stage` is what messages call it."""

    def __init__(self, function: Callable[..., Any], local_names: Mapping[str, Any]) -> None:
        self.function = function
        self.stage = function.__qualname__.rpartition("<locals>.")[2]
        self.seen: Bounded[Entry] = Bounded(MOST_SIGNATURES)
        self.last: str | None = None
        self._local_names = local_names
        self._signature: Signature | None = None
        self._checks: _Checks | None = None

    def __getstate__(self) -> dict[str, Any]:
        """All but the stand-in, which another process makes afresh."""
        return {**vars(self), "_checks": None}

    @property
    def why_not_remembered(self) -> str:
        """Why every call is checked in full, or '' where a signature is checked once."""
        if not scope.AVAILABLE:
            return "this version of jaxtyping does not let its scope be entered again"
        return self._resolve_now().plan.why_not

    def resolve(self) -> _Checks:
        """Evaluate the annotations; raises NameError or AttributeError for a missing name, UsageError otherwise."""
        if self._checks is None:
            signature = self._signature or resolve(self.function, self._local_names)
            plan = make_plan(signature)
            stand_in = _stand_in(signature, self.stage)
            self._checks = _Checks(plan, stand_in, plan.bind if scope.AVAILABLE else None)
            self._signature, self._local_names = signature, {}
        return self._checks

    def _resolve_now(self) -> _Checks:
        try:
            return self.resolve()
        except (NameError, AttributeError) as error:
            raise UsageError(
                f"@checked cannot evaluate the annotations of {self.stage}: {error}; "
                f"import or define it where {self.function.__module__} can see it at run time"
            ) from None

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the function under its contract; raises ContractError."""
        __tracebackhide__ = True
        checks = self._checks or self._resolve_now()
        bind = checks.bind
        if bind is None:
            return self._in_full(checks, args, kwargs, None)
        plan = checks.plan
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
        finally:
            sizes, groups, trees, _ = scope.leave()
        if plan.result is Reads.NOTHING:
            self.last = entry.results.get(None)
            return result
        try:
            seen = entry.results.get(plan.read_result(result, arguments))
        except Exception:  # as above
            seen = None
        if seen is not None and sizes == entry.sizes and groups == entry.groups and not trees:
            self.last = seen
            return result
        bound = scope.Scope(sizes, groups, trees)
        return self._result_in_full(checks, args, kwargs, arguments, result, bound, entry)

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
        run = _Run(plan.signature, lambda: self.function(*args, **kwargs))
        result = self._judge(checks, run, args, kwargs)
        if key is not None and checks.bind is not None and run.before is not None and run.phase is Phase.RESULT:
            arguments, after = checks.bind(*args, **kwargs)
            if after == key:
                entry = self.seen.add(key, Entry(run.before.sizes, run.before.groups, Bounded(MOST_RESULTS)))
                self._remember(plan, entry, run, args, kwargs, arguments)
        return result

    def _result_in_full(
        self,
        checks: _Checks,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        arguments: Mapping[str, Any],
        result: Any,
        bound: scope.Scope,
        entry: Entry,
    ) -> Any:
        __tracebackhide__ = True
        run = _Run(checks.plan.signature, lambda: result, adopt=bound)
        self._judge(checks, run, args, kwargs)
        if run.phase is Phase.RESULT:
            self._remember(checks.plan, entry, run, args, kwargs, arguments)
        return result

    def _remember(
        self,
        plan: Plan,
        entry: Entry,
        run: _Run,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        arguments: Mapping[str, Any],
    ) -> None:
        described = describe_call(self.stage, plan.signature, args, kwargs, run.result)
        self.last = described
        if plan.result is Reads.NOTHING:
            entry.results.add(None, described)
        elif run.after == scope.Scope(entry.sizes, entry.groups, {}):  # else the body's axes had a say in the verdict
            with suppress(Exception):  # as in `call`: what has no fingerprint is checked in full again
                entry.results.add(plan.read_result(run.result, arguments), described)

    def _judge(self, checks: _Checks, run: _Run, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        token = _running.set(run)
        try:
            return checks.stand_in(*args, **kwargs)
        except _StepAside:
            return run.result
        except AnnotationError as error:
            if run.phase is Phase.BODY:
                raise
            raise UsageError(f"{self.stage}: {' '.join(str(error).split())}") from None
        except (TypeCheckError, _Refused) as error:
            if run.phase is Phase.BODY:
                raise
            self._refuse(run, args, kwargs, error)
        finally:
            _running.reset(token)

    def _refuse(self, run: _Run, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> NoReturn:
        __tracebackhide__ = True
        bound = run.signature.parameters.bind(*args, **kwargs)
        bound.apply_defaults()
        bindings = Bindings(bound.arguments)
        mismatch: Mismatch | None = None
        for where, hint, value in run.signature.passed(args, kwargs):
            mismatch = mismatch or first_mismatch(hint, value, where, bindings)
        if mismatch is None and run.phase is Phase.RESULT and run.after is not None:
            for name, size in run.after.sizes.items():
                bindings.names.setdefault(name, Bound(size, "the body"))
            mismatch = first_mismatch(run.signature.result, run.result, "result", bindings)
        if mismatch is not None:
            raise ContractError(compose(self.stage, mismatch, call_site())) from None
        while isinstance(error.__cause__, Exception):
            error = error.__cause__
        if not isinstance(error, (TypeCheckError, BeartypeException, _Refused)):
            raise UsageError(f"{self.stage}: an axis cannot be read: {type(error).__name__}: {error}") from None
        part = "result does" if run.phase is Phase.RESULT else "arguments do"
        raise ContractError(
            f"{self.stage}(): the {part} not fit {self.stage}{run.signature.parameters}\n  called at: {call_site()}"
        ) from None


def _stand_in(signature: Signature, stage: str) -> Callable[..., Any]:
    def stage_under_contract(*args: Any, **kwargs: Any) -> Any:
        return _running.get().body(args, kwargs)

    setattr(stage_under_contract, "__signature__", signature.parameters)  # noqa: B010  mypy knows no such attribute
    try:
        return jaxtyped(stage_under_contract, typechecker=beartype)
    except BeartypeException as error:
        raise UsageError(f"@checked cannot check {stage}: {' '.join(str(error).split())}") from None


def is_symbolic(value: Any) -> bool:
    """Whether sizes are symbols or recordings rather than numbers, as while a graph is traced; there is no verdict."""
    if isinstance(value, Tensor):
        return any(type(size) is not int for size in value.shape)
    if isinstance(value, (tuple, list)):
        return any(map(is_symbolic, value))
    if isinstance(value, dict):
        return any(map(is_symbolic, value.values()))
    return isinstance(value, Proxy)
