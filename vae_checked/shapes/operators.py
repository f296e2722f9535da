"""Answers torch's operators on tensors without data: what an operator gave for such shapes, it gives again.

On the meta device many operators are Python functions of torch's that cost a hundred times what their C++ siblings
cost, and a model calls the same few of them over and over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_aten = torch.ops.aten
_Shape = tuple[int, ...]
_Made = tuple[_Shape, _Shape | None, torch.dtype]
_PLAIN = (bool, int, float, str, type(None), torch.dtype, torch.device, torch.memory_format, torch.layout)


class Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has not annotated its base
    """While it is entered, operators without side effects and views are computed once per kind of input.

    An operator that torch tags as pointwise, and a normalization, gives the shape that it takes: once it accepted such
    dtypes and settings, it is not computed for other sizes of contiguous tensors either. `count` says how many
    operators were called, answered ones included.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # likewise
        self.count = 0
        self._ways: dict[Any, Callable[..., Any]] = {}
        self._at_any_size: dict[Any, tuple[torch.dtype, ...]] = {}
        self._at_these: dict[Any, tuple[_Made, ...]] = {}

    def forget_sizes(self) -> None:
        """Drop what was remembered of particular sizes, for another pass will not have them."""
        self._at_these.clear()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        if types:
            return func(*args, **(kwargs or {}))
        way = self._ways.get(func)
        if way is None:
            way = self._ways[func] = self._way(func)
        return way(func, args, kwargs or {})

    def _way(self, func: Any) -> Callable[..., Any]:
        schema = func._schema
        kinds = [str(each.type) for each in schema.returns]
        if schema.is_mutable or not kinds or set(kinds) != {"Tensor"}:
            return _computed
        if any(each.alias_info is not None for each in (*schema.returns, *schema.arguments)):
            return _computed
        if not any("Tensor" in str(each.type) for each in schema.arguments):
            return _computed
        if func in _NORMALIZATIONS:
            return self._normalized
        return self._pointwise if torch.Tag.pointwise in func.tags and len(kinds) == 1 else self._remembered

    def _remembered(self, func: Any, args: Any, kwargs: Any) -> Any:
        try:
            key = (func, _key(args), _key(tuple(kwargs.items())))
        except TypeError:
            return func(*args, **kwargs)
        known = self._at_these.get(key)
        if known is None:
            output = func(*args, **kwargs)
            tensors = (output,) if isinstance(output, Tensor) else output
            if func is _aten.convolution.default:
                _refuse_as_a_real_one(output, *args)
            if all(type(each) is Tensor and each.device.type == "meta" for each in tensors):
                self._at_these[key] = tuple((tuple(each.shape), each.stride(), each.dtype) for each in tensors)
            return output
        made = tuple(_made(*each) for each in known)
        return made[0] if len(made) == 1 else made

    def _pointwise(self, func: Any, args: Any, kwargs: Any) -> Any:
        shape = None
        known: list[Any] = [func]
        for each in args:
            if isinstance(each, Tensor):
                if each.dim():
                    if shape is None:
                        shape = each.shape
                    if shape != each.shape or not each.is_contiguous() or each.device.type != "meta":
                        return self._remembered(func, args, kwargs)
                known.append((each.dim() > 0, each.dtype))
            elif type(each) in _PLAIN:
                known.append((type(each), each))
            else:
                return self._remembered(func, args, kwargs)
        if shape is None or "memory_format" in kwargs:
            return self._remembered(func, args, kwargs)
        try:
            key = (*known, _key(tuple(kwargs.items())))
        except TypeError:
            return func(*args, **kwargs)
        dtypes = self._at_any_size.get(key)
        if dtypes is not None:
            return _made(tuple(shape), None, dtypes[0])
        output = func(*args, **kwargs)
        if type(output) is Tensor and output.shape == shape and output.is_contiguous():
            self._at_any_size[key] = (output.dtype,)
        return output

    def _normalized(self, func: Any, args: Any, kwargs: Any) -> Any:
        x = args[0]
        found = _NORMALIZATIONS[func](*args) if not kwargs and x.is_contiguous() and x.device.type == "meta" else None
        if found is None:
            return self._remembered(func, args, kwargs)
        settings, shapes = found
        key = (
            func,
            x.dim(),
            x.dtype,
            settings,
            *(_key(each) for each in args[1:] if each is None or isinstance(each, Tensor)),
        )
        dtypes = self._at_any_size.get(key)
        if dtypes is not None:
            return tuple(_made(shape, None, dtype) for shape, dtype in zip(shapes, dtypes, strict=True))
        output = func(*args)
        if [tuple(each.shape) for each in output] == [tuple(shape) for shape in shapes]:
            self._at_any_size[key] = tuple(each.dtype for each in output)
        return output


def _computed(func: Any, args: Any, kwargs: Any) -> Any:
    return func(*args, **kwargs)


def _refuse_as_a_real_one(output: Tensor, x: Tensor, weight: Tensor, *settings: Any) -> None:
    """Raise what a real convolution does of what that of the meta device lets pass."""
    *_, transposed, _, _ = settings
    if transposed and x.dim() == weight.dim() and x.shape[1] != weight.shape[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected input{list(x.shape)} to have "
            f"{weight.shape[0]} channels, but got {x.shape[1]} channels instead"
        )
    if x.numel() and not output.numel():  # an empty tensor in older torch
        raise RuntimeError(f"Calculated output size: {tuple(output.shape)}. Output size is too small")


def _key(value: Any) -> Any:
    """What decides an operator's output, hashable; TypeError for a tensor with data and for an unknown kind."""
    if isinstance(value, Tensor):
        if value.device.type != "meta" or value.layout is not torch.strided:
            raise TypeError
        return value.shape, value.stride(), value.dtype
    if isinstance(value, (list, tuple)):
        return tuple(_key(each) for each in value)
    if type(value) not in _PLAIN:
        raise TypeError
    # 1, 1.0 and True are one key of a dictionary and not one argument.
    return type(value), value


def _made(shape: Sequence[int], strides: Sequence[int] | None, dtype: torch.dtype) -> Tensor:
    if strides is None:
        return torch.empty(shape, dtype=dtype, device="meta")
    return torch.empty_strided(shape, strides, dtype=dtype, device="meta")


# --------------------------------------------------------------------------------------------- normalizations
# Per operator, from its arguments: what must be the same for the same to be accepted, and the outputs' shapes.


def _group_norm(
    x: Tensor, weight: Any, bias: Any, batch: int, channels: int, rest: int, groups: int, eps: float
) -> tuple[Any, tuple[_Shape, ...]] | None:
    if x.numel() != batch * channels * rest:
        return None
    return (channels, groups), (tuple(x.shape), (batch, groups), (batch, groups))


def _layer_norm(
    x: Tensor, shape: Sequence[int], weight: Any, bias: Any, eps: float
) -> tuple[Any, tuple[_Shape, ...]] | None:
    kept = x.dim() - len(shape)
    if kept < 0 or tuple(x.shape[kept:]) != tuple(shape):
        return None
    statistics = (*x.shape[:kept], *(1 for _ in shape))
    return tuple(shape), (tuple(x.shape), statistics, statistics)


def _batch_norm(
    x: Tensor, weight: Any, bias: Any, mean: Any, variance: Any, training: bool, momentum: float, eps: float
) -> tuple[Any, tuple[_Shape, ...]] | None:
    if x.dim() < 2:
        return None
    return (x.shape[1], training), (tuple(x.shape), (x.shape[1],), (x.shape[1],))


_NORMALIZATIONS: dict[Any, Callable[..., Any]] = {
    _aten.native_group_norm.default: _group_norm,
    _aten.native_layer_norm.default: _layer_norm,
    _aten.native_batch_norm.default: _batch_norm,
}
