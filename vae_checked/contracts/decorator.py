"""`@checked`: a function, a method or the stages of a class under contract."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

from torch.compiler import is_compiling

from vae_checked.contracts.annotations import has_annotations, resolve
from vae_checked.contracts.contract import Contract
from vae_checked.contracts.plan import leaves
from vae_checked.contracts.switch import is_off, off_in_environment
from vae_checked.contracts.tally import TALLY
from vae_checked.errors import UsageError

T = TypeVar("T")
_CONTRACT = "__vae_contract__"


def checked(subject: T) -> T:
    """Hold a function, a method, or the stages of a class to their jaxtyping annotations.

    Types, shapes, dtypes and the axes they share are checked by jaxtyping and beartype for each new combination of
    types, shapes and dtypes; a combination that passed before costs one look-up. Of a class, every method with a
    jaxtyping annotation is a stage, inherited ones included (those of torch excepted); a dataclass or NamedTuple is
    checked when it is made. While torch.compile, torch.export, torch.jit.trace or torch.fx record, nothing is checked.

    Args:
        subject: a function, a method, a class, a dataclass or a NamedTuple.

    Returns:
        The same under contract: a call that breaks it raises ContractError, a TypeError.

    Raises:
        UsageError: there are no annotations, it is a generator or an async function (their values come after the
            check), or neither a function nor a class.

    Examples:
        >>> import torch
        >>> from vae_checked import checked
        >>> from vae_checked.contracts import Float, Tensor
        >>> @checked
        ... def flatten(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C*H*W"]:
        ...     return x.flatten(1)
        >>> flatten(torch.zeros(2, 3, 4, 5)).shape
        torch.Size([2, 60])
    """
    if off_in_environment():
        return subject
    return cast("T", _checked(subject, dict(sys._getframe(1).f_locals)))


def contract_of(subject: Any) -> Contract | None:
    """The contract that a function or method is under, if any."""
    contract = getattr(subject, _CONTRACT, None)
    return contract if isinstance(contract, Contract) else None


def shapes_of(stage: Any) -> str:
    """The dtypes, shapes and axes of the last call of a `@checked` function that kept its contract.

    Words are kept, no tensors:

        encode(x: float32 (4, 3, 64, 48)) -> tuple (float32 (4, 16), float32 (4, 16))
        B = 4, H = 64, W = 48, L = 16

    Args:
        stage: what `@checked` returned.

    Raises:
        UsageError: it is not checked, was not called, or has annotations under which every call is checked in full and
            none is remembered.
    """
    contract = contract_of(stage)
    if contract is None:
        raise UsageError(f"shapes_of takes a @checked function or method, such as model.encode, not {stage!r}")
    if contract.why_not_remembered:
        raise UsageError(f"shapes_of: no call of {contract.stage} is remembered; {contract.why_not_remembered}")
    if contract.last is None:
        raise UsageError(f"shapes_of: {contract.stage} has kept its contract in no call yet; call it first")
    return contract.last


def _checked(subject: Any, names: Mapping[str, Any]) -> Any:
    if inspect.isclass(subject):
        return _checked_class(subject, names)
    if isinstance(subject, (staticmethod, classmethod)):
        return type(subject)(_checked(subject.__func__, names))
    if isinstance(subject, property):
        return _checked_property(subject, names)
    if inspect.ismethod(subject):
        return types.MethodType(_checked(subject.__func__, names), subject.__self__)
    if not inspect.isfunction(subject):
        raise UsageError(
            f"@checked takes a function, a method or a class, not {subject!r}; "
            "decorate the class of a model or the function inside a partial"
        )
    if contract_of(subject) is not None:
        return subject
    if not has_annotations(subject):
        raise UsageError(
            f"@checked found no annotations on {subject.__qualname__}; "
            'write what it takes and returns, such as x: Float[Tensor, "B 3 H W"]'
        )
    return _under_contract(subject, _contract(subject, names))


def _under_contract(function: Callable[..., Any], contract: Contract) -> Callable[..., Any]:
    # torch.jit.script reads the source of what a function wraps, and looks up its names where the wrapper has its own:
    # in its globals, which are therefore those of the function, and in its closure, whose names hide none of them.
    _vae_function, _vae_compiling, _vae_off = function, is_compiling, is_off

    def stage(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if _vae_compiling() or _vae_off():
            return _vae_function(*args, **kwargs)
        # Found through the function itself: a contract in the closure is nothing that torch.compile can look at.
        return _vae_stage.__vae_contract__.call(args, kwargs)

    names = inspect.unwrap(function).__globals__
    _vae_stage: Any = types.FunctionType(stage.__code__, names, stage.__name__, None, stage.__closure__)
    functools.update_wrapper(_vae_stage, function)
    setattr(_vae_stage, _CONTRACT, contract)
    contract.count = TALLY.setdefault(contract.name, contract.count)
    return cast("Callable[..., Any]", _vae_stage)


def _contract(function: Callable[..., Any], names: Mapping[str, Any]) -> Contract:
    inner = inspect.unwrap(function)
    for kind, holds in (
        ("an async generator", inspect.isasyncgenfunction),
        ("an async function", inspect.iscoroutinefunction),
        ("a generator", inspect.isgeneratorfunction),
    ):
        if holds(inner):
            raise UsageError(
                f"@checked cannot check {function.__qualname__}: {kind} hands out its values after the call; "
                "check the function that makes one value, and call it from here"
            )
    contract = Contract(function, names)
    try:
        contract.resolve()
    except (NameError, AttributeError):  # defined further down, perhaps: the first call tries again
        return contract
    return contract


# ---------------------------------------------------------------------------------------------------- classes


def _checked_class(cls: type, names: Mapping[str, Any]) -> type:
    module = sys.modules.get(cls.__module__)
    names = {**(vars(module) if module else {}), **names, cls.__name__: cls}
    stages = {name: made for name, value in _members(cls) if (made := _stage(value, names)) is not value}
    if not stages and not any(contract_of(function_of(value)) for _, value in _members(cls)):
        raise UsageError(
            f"@checked found no method of {cls.__qualname__} with a jaxtyping annotation; "
            'write them on forward and the other stages, such as x: Float[Tensor, "B 3 H W"]'
        )
    for name, stage in stages.items():
        setattr(cls, name, stage)
    return cls


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    made_of_fields = hasattr(cls, "__dataclass_fields__") or hasattr(cls, "_fields")
    known: set[str] = set()
    for owner in cls.__mro__:
        if owner is object or owner is tuple or owner.__module__.partition(".")[0] == "torch":
            continue
        for name, value in list(vars(owner).items()):
            dunder = name.startswith("__") and not (made_of_fields and name in ("__init__", "__new__"))
            if name not in known and not dunder:
                yield name, value
            known.add(name)


def _stage(value: Any, names: Mapping[str, Any]) -> Any:
    function = function_of(value)
    if not inspect.isfunction(function) or contract_of(function) is not None or not has_annotations(function):
        return value
    try:
        # What says nothing of shapes may have annotations that cannot be checked.
        signature = resolve(function, names)
    except (NameError, AttributeError):
        return _checked(value, names)
    hints = (*signature.hints.values(), signature.result)
    return _checked(value, names) if any(True for hint in hints for _ in leaves(hint)) else value


def function_of(value: Any) -> Any:
    """The function behind a static method, a class method or a property; anything else as it is."""
    if isinstance(value, (staticmethod, classmethod)):
        return value.__func__
    return value.fget if isinstance(value, property) else value


def _checked_property(subject: property, names: Mapping[str, Any]) -> property:
    if subject.fget is None:
        raise UsageError("@checked cannot check a property that cannot be read")
    return property(_checked(subject.fget, names), subject.fset, subject.fdel, subject.__doc__)
