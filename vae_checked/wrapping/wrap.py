"""`wrap()` and `unwrap()`: a model's class replaced by a subclass of it whose stages are watched, and back.

The model stays the object that it was, with its parameters, hooks and attributes; so do the parts of it that are
stages. The subclass bears the class's names. What is known of a model is in one attribute of it, which no state_dict
holds; copies and unpickled models are wrapped too, and learn for themselves.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

import torch
from torch import nn
from torch.compiler import is_compiling
from torch.nn.parallel import DataParallel, DistributedDataParallel

from vae_checked.adapters import left_alone, stages_of
from vae_checked.contracts import checked
from vae_checked.contracts.annotations import has_annotations, resolve
from vae_checked.contracts.decorator import contract_of
from vae_checked.contracts.plan import leaves
from vae_checked.contracts.switch import is_nothing_learned, is_off, off_in_environment
from vae_checked.errors import UsageError
from vae_checked.wrapping.report import WrapReport, report_of
from vae_checked.wrapping.specification import specification_of
from vae_checked.wrapping.watch import Options, Watch

M = TypeVar("M", bound=nn.Module)
_RECORD = "_vae_contracts"


def wrap(model: M, inputs: str | None = None, *, finite: bool = False, raises: bool = True) -> M:
    """Put the stages of `model` under contract, in place: encode, reparameterize, decode, forward and loss.

    Calls of a stage with inputs of one shape, the batch free, teach what it returns: rank, dtype and sizes, fixed or so
    many times the batch. After three calls, a result that is otherwise for a batch size that they did not have breaks
    the contract; so do inputs that differ from all before and make the stage raise. Wrapping again begins anew, as for
    a model that was made to grow.

    Outputs, gradients, random streams, state_dict and hooks are the model's own. While torch.compile or torch.export
    record, nothing is checked.

    Args:
        model: the VAE.
        inputs: what forward takes, such as `B 3 H W`; it holds from the first call on.
        finite: whether every result has to be finite; on an accelerator each stage then waits for its result.
        raises: False counts a broken contract in the report and goes on.

    Returns:
        The same model.

    Raises:
        UsageError: `model` is no module, has no stage, or is compiled by torch.jit.
        ContractError: raised by the wrapped model, where a contract is broken.

    Examples:
        >>> import torch
        >>> from vae_checked import wrap, wrap_report
        >>> from vae_checked.reference import VAE
        >>> model = wrap(VAE((1, 4, 6), latents=5, encoder="mlp", decoder="mlp"), "B 1 4 6")
        >>> x_logits, mu, logvar = model(torch.rand(7, 1, 4, 6))
        >>> wrap_report(model).breaches
        {}
    """
    if not isinstance(model, nn.Module):
        raise UsageError(f"wrap takes a torch.nn.Module, not a {type(model).__name__}")
    root = _inner(model)
    if isinstance(root, torch.jit.ScriptModule):
        raise UsageError(f"wrap: {type(root).__name__} is compiled by torch.jit: wrap the model that it was made from")
    if inputs is not None and not isinstance(inputs, str):
        raise UsageError(f"wrap: inputs is a {type(inputs).__name__}: write the axes of each input, as in 'B 3 H W'")
    options = Options(None if inputs is None else specification_of(inputs), finite, raises)
    if off_in_environment():
        return model
    stages = stages_of(root)
    if not stages:
        raise UsageError(f"wrap: {type(root).__name__} has no forward, encode or decode of its own to watch")
    for owner in dict.fromkeys(each.owner for each in stages):
        own = [each for each in stages if each.owner is owner]
        if not isinstance(owner, UnderContract):
            _exchange(owner, _class_of(type(owner), tuple(each.name for each in own)))
        vars(owner)[_RECORD] = Record(options, own[0].path)
    return model


def unwrap(model: M) -> M:
    """Take the contracts off `model` and its parts, in place; nothing is to be done where there are none.

    Args:
        model: the wrapped model, or one that holds it.

    Returns:
        The same model.

    Raises:
        UsageError: the class of a wrapped module was replaced once more, as `fully_shard` does it.
    """
    wrapped = list(_wrapped(model))
    for module in wrapped:
        if UnderContract not in type(module).__bases__:
            kind: Any = type(module)
            raise UsageError(
                f"unwrap: {kind.__name__} was put on top of the wrapped {_bare(kind).__name__}: unwrap before that, or "
                "run it in contracts_off()"
            )
    for module in wrapped:
        module.__class__ = _bare(type(module))
        vars(module).pop(_RECORD, None)
    return model


def wrap_report(model: nn.Module) -> WrapReport:
    """What the contracts of a wrapped model have seen.

    Args:
        model: the wrapped model, or one that holds it.

    Raises:
        UsageError: nothing in it is wrapped.
    """
    wrapped = list(_wrapped(model))
    if not wrapped:
        raise UsageError(f"wrap_report: {type(model).__name__} is not wrapped, nor is a part of it: wrap(model) first")
    watches = [
        watch for module in wrapped if (record := vars(module).get(_RECORD)) for watch in record.all(type(module))
    ]
    kinds: Any = _bare(type(wrapped[0])).__mro__  # the first of them that no torch.distributed made
    name = next((kind.__name__ for kind in kinds if kind.__module__.partition(".")[0] != "torch"), kinds[0].__name__)
    return report_of(name, watches, [f"{stage} ({why})" for stage, why in left_alone(wrapped[0])])


class UnderContract:
    """What the class of a wrapped model has in front of its own; `_vae_stages` are the names of its watched methods."""

    _vae_stages: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Nothing: a model's own hook must not take the exchange for a new kind of model."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        reduced: Any = super().__reduce_ex__(protocol)
        made, args, *rest = reduced
        own, bare = type(self), _bare(type(self))
        return _remade, (own._vae_stages, made, *(bare if each is own else each for each in args)), *rest

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:
        """What `to`, `half` and `cuda` go through: what was learned of dtypes is void."""
        record = vars(self).get(_RECORD)
        if record is not None:
            record.forget()
        return super()._apply(fn, recurse)  # type: ignore[misc]  # nn.Module's, which stands behind this class


class Record:
    """The watches of one wrapped module, by the names of its methods, each made at its first call."""

    def __init__(self, options: Options, path: str) -> None:
        self.options, self.path = options, path
        self.watches: dict[str, Watch] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy learns for itself."""
        return Record, (self.options, self.path)

    def watch(self, kind: Any, name: str) -> Watch:
        """The watch of the method `name` of a wrapped class."""
        watch = self.watches.get(name)
        if watch is None:
            bare = _bare(kind)
            function = _annotated(inspect.getattr_static(bare, name))
            title = self.path or function.__qualname__.rpartition("<locals>.")[2]
            watch = Watch(title, function, self.options, takes_inputs=name == "forward" and not self.path)
            watch = self.watches.setdefault(name, watch)
        return watch

    def all(self, kind: Any) -> Iterator[Watch]:
        """Those of all watched methods, also of those that were not called."""
        return (self.watch(kind, name) for name in kind._vae_stages)

    def forget(self) -> None:
        """Learn anew."""
        for watch in self.watches.values():
            watch.forget()


def _exchange(module: nn.Module, kind: type) -> None:
    before = type(module).__name__
    try:
        module.__class__ = kind
    except TypeError as error:
        raise UsageError(f"wrap: the class of this {before} cannot be replaced by a subclass: {error}") from None


def _stage(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def stage(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if is_compiling() or is_off() or is_nothing_learned():
            return function(self, *args, **kwargs)
        record = self.__dict__.get(_RECORD)
        if record is None:
            return function(self, *args, **kwargs)
        watch = record.watches.get(name) or record.watch(type(self), name)
        return watch.call(self, args, kwargs)

    return stage


def _annotated(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function with jaxtyping annotations, held to them as `checked` does it; any other as it is."""
    if contract_of(function) is not None or not has_annotations(function):
        return function
    try:
        signature = resolve(function, {})
        hints = (*signature.hints.values(), signature.result)
        return checked(function) if any(True for hint in hints for _ in leaves(hint)) else function
    except (NameError, AttributeError, UsageError):  # annotations that mean something else, or nothing at run time
        return function


def _class_of(kind: type, stages: tuple[str, ...]) -> type:
    """The subclass of `kind` whose `stages` are watched, one for all models of that kind."""
    known: list[type] = kind.__subclasses__()
    for made in known:
        if UnderContract in made.__bases__ and vars(made)["_vae_stages"] == stages:
            return made
    names: dict[str, Any] = {each: getattr(kind, each) for each in ("__module__", "__qualname__", "__doc__")}
    names["_vae_stages"] = stages
    names |= {each: _stage(each, inspect.getattr_static(kind, each)) for each in stages}
    return types.new_class(kind.__name__, (UnderContract, kind), exec_body=lambda namespace: namespace.update(names))


def _bare(kind: type) -> type:
    """The class that a wrapped model had before."""
    return next(each.__bases__[1] for each in kind.__mro__ if UnderContract in each.__bases__)


def _remade(stages: tuple[str, ...], made: Callable[..., Any], *args: Any) -> Any:
    """The first step of a copy, or of reading a pickle."""
    model = made(*args)
    model.__class__ = _class_of(type(model), stages)
    return model


def _wrapped(model: nn.Module) -> Iterator[nn.Module]:
    return (module for module in model.modules() if isinstance(module, UnderContract))


def _inner(model: nn.Module) -> nn.Module:
    """The model inside what runs it: data parallelism, torch.compile."""
    inner = model.module if isinstance(model, (DistributedDataParallel, DataParallel)) else None
    inner = inner if inner is not None else getattr(model, "_orig_mod", None)
    return _inner(inner) if isinstance(inner, nn.Module) else model
