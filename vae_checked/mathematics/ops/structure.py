"""Operations on whole tensors: layout, joins, reductions, windows, products of matrices, layers with weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence

from vae_checked.facts import REAL, UNIT, Interval
from vae_checked.mathematics.interval_arithmetic import hull, plus, times
from vae_checked.mathematics.ops.operation import (
    INPUT,
    Argument,
    Build,
    IntervalRule,
    Kind,
    Names,
    Operation,
    Parameter,
    Rewriting,
    Setting,
    T,
    always,
    of_argument,
)

_SAME = of_argument(0)
_ZERO = Interval(0.0, 0.0)


def structural(
    name: str,
    kind: Kind,
    interval: IntervalRule | None = None,
    *,
    torch: str = "",
    functions: str = "",
    functional: str = "",
    modules: str = "",
    aten: str = "",
    elsewhere: str = "",
    arguments: tuple[Argument, ...] = (INPUT,),
    parameters: tuple[Parameter, ...] = (),
    rewritten: Rewriting | None = None,
    closes: bool = False,
) -> Operation:
    """An operation on whole tensors; `functions` are the names of tensors' methods."""
    names = Names(
        tuple(torch.split()),
        tuple(functions.split()),
        tuple(functional.split()),
        tuple(modules.split()),
        tuple(aten.split()),
        tuple(elsewhere.split()),
    )
    return Operation(
        name,
        kind,
        names,
        interval=interval,
        arguments=arguments,
        parameters=parameters,
        rewritten=rewritten,
        closes=closes,
    )


def _joined(given: Sequence[Interval | None], settings: Sequence[Setting]) -> Interval | None:
    return hull(given)


def _with_zero(given: Sequence[Interval | None], settings: Sequence[Setting]) -> Interval | None:
    return hull((given[0], _ZERO)) if given else None


def _dropped(given: Sequence[Interval | None], settings: Sequence[Setting]) -> Interval | None:
    """0, or what is kept over the share that is kept: how much larger that is is not known where the rate is not."""
    (rate,), kept = settings, given[0] if given else None
    if kept is None:
        return None
    if not isinstance(rate, (int, float)) or not 0.0 <= rate < 1.0:
        return Interval(-math.inf if kept.low < 0.0 else 0.0, math.inf if kept.high > 0.0 else 0.0)
    share = 1.0 - rate
    return hull((kept, Interval(kept.low / share, kept.high / share, kept.low_open, kept.high_open), _ZERO))


def _padded(given: Sequence[Interval | None], settings: Sequence[Setting]) -> Interval | None:
    (value,) = settings
    number = float(value) if isinstance(value, (int, float)) else 0.0
    return hull((given[0], Interval(number, number))) if given else None


def _same_in_both(given: Sequence[Interval | None], settings: Sequence[Setting]) -> Interval | None:
    _, one, other = given
    return one if one == other else None


def _filled(given: Sequence[Interval | None], settings: Sequence[Setting]) -> Interval | None:
    return hull((given[0], given[-1])) if len(given) > 2 else None


def _summed(one: Interval | None) -> Interval | None:
    """The sum of at least one element, of how many is not known: what would grow with their number is not known."""
    if one is None:
        return None
    grows_down, grows_up = one.low < 0.0, one.high > 0.0
    if (grows_down and math.isfinite(one.low) and grows_up) or (grows_up and math.isfinite(one.high) and grows_down):
        return None
    low = -math.inf if grows_down else one.low
    high = math.inf if grows_up else one.high
    return Interval(low, high, one.low_open and not grows_down, one.high_open and not grows_up)


def _product(one: Interval | None, other: Interval | None) -> Interval | None:
    """The sum of products of elements: by any weights, whatever they weigh comes to any number."""
    if REAL in (one, other):
        return REAL
    return None if one is None or other is None else _summed(times(one, other))


def _contracted(given: Sequence[Interval | None], settings: Sequence[Setting]) -> Interval | None:
    """The sum of products of elements of two tensors, and a bias."""
    return _biased(_product(*given[:2]), *given[2:3]) if len(given) > 1 else None


def _contracted_and_added(given: Sequence[Interval | None], settings: Sequence[Setting]) -> Interval | None:
    return _biased(_product(*given[1:3]), given[0]) if len(given) > 2 else None


def _biased(product: Interval | None, bias: Interval | None = _ZERO) -> Interval | None:
    if REAL in (product, bias):
        return REAL
    return None if product is None or bias is None else plus(product, bias)


def _log_softmax(
    build: Build[T], number: Callable[[float], T], operands: Sequence[T], settings: Mapping[str, Hashable]
) -> T:
    return build("log", build("softmax", operands[0]))


def _not_negative(given: Sequence[Interval | None], settings: Sequence[Setting]) -> Interval | None:
    return Interval(0.0, math.inf)


STRUCTURE = (
    # The same elements at the same places.
    structural(
        "cast",
        Kind.COPY,
        _SAME,
        functions="to cuda cpu float double half bfloat16 type type_as long int requires_grad_ requires_grad clone "
        "numpy tolist share_memory_ pin_memory as_subclass",
        torch="as_tensor asarray from_numpy tensor Tensor FloatTensor DoubleTensor HalfTensor",
        aten="_to_copy to clone lift_fresh",
        elsewhere="array Variable astype ascontiguousarray asfarray float32 float64 realize asnumpy copy rename "
        "align_to",
    ),
    structural("contiguous", Kind.COPY, _SAME, functions="contiguous", aten="contiguous"),
    structural("detach", Kind.COPY, _SAME, functions="detach item", aten="detach"),
    structural("alias", Kind.COPY, _SAME, aten="alias"),
    # What something was written into: the elements that it had are where they were, and others may lie anywhere.
    structural("written", Kind.COPY),
    structural("copy", Kind.COPY, of_argument(1), aten="copy", arguments=(INPUT, Argument("src"))),
    # The same elements in the same order.
    structural(
        "view",
        Kind.RESHAPE,
        _SAME,
        functions="view view_as unflatten",
        modules="Unflatten",
        aten="view _unsafe_view _reshape_alias view_copy unflatten view_as_real",
        elsewhere="rearrange_view",
    ),
    structural("reshape", Kind.RESHAPE, _SAME, functions="reshape reshape_as", aten="reshape"),
    structural("flatten", Kind.RESHAPE, _SAME, functions="flatten ravel", modules="Flatten", aten="flatten"),
    structural(
        "unsqueeze",
        Kind.RESHAPE,
        _SAME,
        functions="unsqueeze",
        aten="unsqueeze unsqueeze_copy",
        elsewhere="expand_dims",
    ),
    structural("squeeze", Kind.RESHAPE, _SAME, functions="squeeze", aten="squeeze squeeze_copy"),
    structural("expand", Kind.RESHAPE, _SAME, functions="expand expand_as broadcast_to", aten="expand expand_copy"),
    structural(
        "repeat", Kind.RESHAPE, _SAME, functions="repeat repeat_interleave tile", aten="repeat repeat_interleave"
    ),
    # The same elements in another order.
    structural(
        "move",
        Kind.MOVE,
        _SAME,
        functions="permute transpose swapaxes movedim moveaxis t flip roll",
        aten="permute transpose t movedim swapaxes permute_copy flip roll pixel_shuffle pixel_unshuffle",
        modules="PixelShuffle PixelUnshuffle",
    ),
    # Some of the elements.
    structural(
        "part",
        Kind.PART,
        _SAME,
        functions="chunk split tensor_split unbind narrow",
        aten="split split_with_sizes chunk narrow unbind select slice unsafe_split",
    ),
    structural(
        "index",
        Kind.PICK,
        _SAME,
        functions="index_select gather",
        aten="index index_select gather take masked_select _unsafe_index",
    ),
    structural("item", Kind.PICK, _SAME),
    # Those of several tensors.
    structural("cat", Kind.JOIN, _joined, functions="", aten="cat concat"),
    structural("stack", Kind.JOIN, _joined, aten="stack"),
    # The values of two branches, of which it is not known which one is taken: what holds for both.
    structural("phi", Kind.JOIN, _same_in_both),
    structural(
        "masked_fill",
        Kind.JOIN,
        _filled,
        functions="masked_fill",
        aten="masked_fill",
        arguments=(INPUT, Argument("mask"), Argument("value")),
    ),
    structural("diag", Kind.MOVE, _with_zero, functions="diag_embed", aten="diag_embed"),
    structural(
        "pad",
        Kind.JOIN,
        _padded,
        functional="pad",
        modules="ConstantPad1d ConstantPad2d ConstantPad3d ZeroPad2d",
        aten="constant_pad_nd",
        parameters=(Parameter("value", 0.0),),
    ),
    # One from many.
    structural("mean", Kind.REDUCTION, _SAME, functions="mean nanmean", aten="mean", elsewhere="average reduce_mean"),
    structural("extreme", Kind.REDUCTION, _SAME, functions="amax amin median", aten="amax amin max min median"),
    structural(
        "sum",
        Kind.REDUCTION,
        lambda given, settings: _summed(given[0]) if given else None,
        functions="sum nansum",
        aten="sum",
        elsewhere="reduce_sum",
    ),
    structural("dispersion", Kind.REDUCTION, _not_negative, functions="std var", aten="std var"),
    structural(
        "norm",
        Kind.REDUCTION,
        _not_negative,
        functions="norm",
        aten="norm linalg_vector_norm",
        parameters=(Parameter("power", 2.0, ("ord", "p")),),
    ),
    structural(
        "softmax",
        Kind.NORMALISED,
        always(UNIT),
        functions="softmax",
        functional="softmax",
        modules="Softmax Softmax2d",
        aten="_softmax softmax _safe_softmax",
        closes=True,
    ),
    structural("running_sum", Kind.NORMALISED, aten="cumsum"),
    structural(
        "log_softmax",
        Kind.NORMALISED,
        functions="log_softmax",
        functional="log_softmax",
        modules="LogSoftmax",
        aten="_log_softmax log_softmax",
        rewritten=_log_softmax,
    ),
    structural(
        "pool",
        Kind.WINDOW,
        _SAME,
        functional="max_pool1d max_pool2d max_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
        "adaptive_max_pool2d",
        modules="MaxPool1d MaxPool2d MaxPool3d AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d "
        "AdaptiveMaxPool2d AdaptiveMaxPool3d",
        aten="_adaptive_avg_pool2d _adaptive_avg_pool3d max_pool2d_with_indices max_pool3d_with_indices "
        "adaptive_max_pool2d adaptive_max_pool3d",
    ),
    structural(
        "padded_pool",
        Kind.WINDOW,
        _with_zero,
        functional="avg_pool1d avg_pool2d avg_pool3d",
        modules="AvgPool1d AvgPool2d AvgPool3d",
        aten="avg_pool1d avg_pool2d avg_pool3d",
    ),
    structural(
        "enlarge",
        Kind.WINDOW,
        _SAME,
        functional="upsample",
        modules="Upsample UpsamplingNearest2d UpsamplingBilinear2d ReflectionPad1d ReflectionPad2d ReflectionPad3d "
        "ReplicationPad1d ReplicationPad2d ReplicationPad3d",
        aten="upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d "
        "_upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d "
        "_upsample_bilinear2d_aa upsample_trilinear3d reflection_pad1d reflection_pad2d reflection_pad3d "
        "replication_pad1d replication_pad2d replication_pad3d",
    ),
    # Training drops to 0 and scales up; in evaluation it is the identity.
    structural(
        "dropout",
        Kind.WINDOW,
        _dropped,
        modules="Dropout Dropout1d Dropout2d Dropout3d AlphaDropout",
        parameters=(Parameter("p", 0.5),),
    ),
    structural(
        "attention",
        Kind.REDUCTION,
        of_argument(2),
        functional="scaled_dot_product_attention",
        arguments=(Argument("query"), Argument("key"), Argument("value")),
        aten="_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention "
        "_scaled_dot_product_efficient_attention _scaled_dot_product_attention_math "
        "_scaled_dot_product_fused_attention_overrideable",
    ),
    structural(
        "matmul",
        Kind.CONTRACTION,
        _contracted,
        functions="matmul mm bmm mv dot",
        aten="mm bmm matmul mv dot convolution _convolution mkldnn_convolution linear",
    ),
    structural(
        "addmm", Kind.CONTRACTION, _contracted_and_added, functions="addmm baddbmm addmv", aten="addmm baddbmm addmv"
    ),
    # What follows from weights alone is taken to any number by training, unless it is known to be kept from that.
    structural("weights", Kind.COPY, lambda given, settings: given[0] or REAL),
    # Weights can take what goes in to any number.
    structural(
        "learned",
        Kind.LEARNED,
        always(REAL),
        modules="Linear LazyLinear Bilinear Conv1d Conv2d Conv3d LazyConv1d LazyConv2d LazyConv3d ConvTranspose1d "
        "ConvTranspose2d ConvTranspose3d BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm LayerNorm GroupNorm RMSNorm "
        "InstanceNorm1d InstanceNorm2d InstanceNorm3d Embedding EmbeddingBag",
        aten="native_batch_norm native_layer_norm native_group_norm _native_batch_norm_legit "
        "_native_batch_norm_legit_no_training _native_batch_norm_legit_functional cudnn_batch_norm "
        "_batch_norm_with_update _fused_rms_norm embedding _weight_norm_interface mkldnn_rnn_layer",
    ),
)
