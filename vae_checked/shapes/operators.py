"""Answers torch's operators on tensors without data: what an operator gave for such shapes, it gives again.

On the meta device many operators are Python functions of torch's that cost a hundred times what their C++ siblings
cost, and a model calls the same few of them over and over. The first of these imports the compiler, which takes longer
than all probes of a small model: what everybody knows of common operators is answered without it.
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

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled in here, and wrapping would import the compiler

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
        if func in _DRAWN_LIKE:
            return self._drawn
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

    def _drawn(self, func: Any, args: Any, kwargs: Any) -> Any:
        like = args[0]
        if kwargs.get("dtype") is not None or like.dtype not in _FLOATS or like.device.type != "meta":
            return self._remembered(func, args, kwargs)
        return torch.empty_like(like, **kwargs)

    def _remembered(self, func: Any, args: Any, kwargs: Any) -> Any:
        try:
            key = (func, _key(args), _key(tuple(kwargs.items())))
        except TypeError:
            return func(*args, **kwargs)
        known = self._at_these.get(key)
        if known is None:
            shape = _SHAPES[func](*args) if func in _SHAPES and not kwargs else None
            if shape is not None:
                answer = shape, None, _tensors(args)[0].dtype
                self._at_these[key] = (answer,)
                return _made(*answer)
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
        if func in _KEEPING:
            own = {each.dtype if isinstance(each, Tensor) else type(each) for each in (*args, *kwargs.values())}
            (dtype, *others) = own - _NUMBERS
            if not others and dtype in _FLOATS:
                self._at_any_size[key] = (dtype,)
                return _made(tuple(shape), None, dtype)
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
        if {each.dtype for each in args if isinstance(each, Tensor)} in _OF_ONE_PRECISION:
            self._at_any_size[key] = (x.dtype,) * len(shapes)
            return tuple(_made(shape, None, x.dtype) for shape in shapes)
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


# ------------------------------------------------------------------------------------------- known without a try

_FLOATS = frozenset((torch.float32, torch.float64, torch.float16, torch.bfloat16))
_NUMBERS = frozenset((bool, int, float, type(None)))
# Statistics of half precision have another one.
_OF_ONE_PRECISION = ({torch.float32}, {torch.float64})
_DRAWN_LIKE = frozenset((_aten.randn_like.default, _aten.rand_like.default))
# What takes every floating dtype, with any numbers, and gives the same one.
_NUMERIC = "abs cos elu erf exp expm1 hardtanh leaky_relu log log1p neg relu rsqrt sigmoid silu sin softplus sqrt tanh"
_KEEPING = frozenset(
    {
        *(getattr(_aten, name).Tensor for name in ("add", "sub", "mul", "div")),
        *(getattr(_aten, name).default for name in (*_NUMERIC.split(), "clamp", "clamp_min")),
        *(_aten.pow.Tensor_Scalar, _aten.rsub.Scalar),
    }
)


def _tensors(args: Sequence[Any]) -> list[Tensor]:
    """The tensors among some arguments and in lists among them."""
    found = [each for arg in args for each in (arg if isinstance(arg, (list, tuple)) else (arg,))]
    return [each for each in found if isinstance(each, Tensor)]


def _are_alike(*tensors: Tensor) -> bool:
    """Whether all have one floating dtype, and their axes in order: what is computed has its elements in a row."""
    dtypes = {each.dtype for each in tensors}
    return len(dtypes) == 1 and dtypes <= _FLOATS and all(map(_is_in_order, tensors))


def _is_in_order(tensor: Tensor) -> bool:
    strides = [stride for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1]
    return strides == sorted(strides, reverse=True) and 0 not in strides


def _broadcast(*args: Any) -> _Shape | None:
    """The shape of the one tensor against which all others are broadcast."""
    tensors = [each for each in args if isinstance(each, Tensor)]
    largest = max(tensors, key=Tensor.numel)
    fits = all(
        each.dim() <= largest.dim()
        and all(size in (1, whole) for size, whole in zip(each.shape[::-1], largest.shape[::-1], strict=False))
        for each in tensors
    )
    return tuple(largest.shape) if fits and largest.numel() and _are_alike(*tensors) else None


def _added_product(bias: Tensor, one: Tensor, other: Tensor) -> _Shape | None:
    if [bias.dim(), one.dim(), other.dim()] != [1, 2, 2] or not _are_alike(bias, one, other.t()):
        return None
    return (one.shape[0], other.shape[1]) if one.shape[1] == other.shape[0] and bias.shape == other.shape[1:] else None


def _mean(x: Tensor, axes: Sequence[int] | None, keepdim: bool = False) -> _Shape | None:
    counted = [axis + x.dim() if axis < 0 else axis for axis in axes or ()]
    if not _are_alike(x) or not counted or len({*counted} & {*range(x.dim())}) < len(counted):
        return None
    return tuple(1 if axis in counted else size for axis, size in enumerate(x.shape) if keepdim or axis not in counted)


def _error(x: Tensor, target: Tensor, *settings: Any) -> _Shape | None:
    if x.shape != target.shape or not _are_alike(x, target) or any(isinstance(each, Tensor) for each in settings):
        return None
    reduction = next((each for each in settings if each is not None), 1)
    return () if reduction else tuple(x.shape)


def _joined(tensors: Sequence[Tensor], axis: int = 0) -> _Shape | None:
    first, beside = tensors[0], [[*each.shape] for each in tensors]
    if not _are_alike(*tensors) or not 0 <= axis < first.dim() or len({each.dim() for each in tensors}) > 1:
        return None
    along = [sizes.pop(axis) for sizes in beside]
    same = all(sizes == beside[0] for sizes in beside)
    return (*first.shape[:axis], sum(along), *first.shape[axis + 1 :]) if same else None


# The shape that an operator gives, in a row; None where it is to be asked.
_SHAPES: dict[Any, Callable[..., _Shape | None]] = {
    **dict.fromkeys(_KEEPING, _broadcast),
    _aten.addmm.default: _added_product,
    _aten.mean.dim: _mean,
    _aten.mean.default: lambda x: () if _are_alike(x) else None,
    _aten.mse_loss.default: _error,
    _aten.binary_cross_entropy.default: _error,
    _aten.binary_cross_entropy_with_logits.default: _error,
    _aten.cat.default: _joined,
}


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
