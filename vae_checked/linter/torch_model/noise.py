"""Random draws: which call draws from which law, and in which shape."""

from __future__ import annotations

import math
from collections.abc import Hashable

from vae_checked.facts import NoiseLaw
from vae_checked.linter.symbols.expression import DRAWN, Expr, Site, called_name, const
from vae_checked.linter.symbols.values import Value, as_expr, number_of
from vae_checked.linter.torch_model.evaluator import Evaluator
from vae_checked.linter.torch_model.sizes import UNKNOWN, shape_of, shaped_like

_NORMAL = frozenset(("randn", "randn_like", "standard_normal"))
# diffusers' own, which draws per sample where it is given a generator for each.
_RANDN_TENSOR = "randn_tensor"
_UNIFORM = frozenset(("rand", "rand_like", "random_sample", "random"))
_INIT = "torch.nn.init"
# What NumPy draws by, where code makes one of its own.
_GENERATORS = frozenset(("default_rng", "RandomState"))
# What holds numbers that are there to be written over.
_TO_BE_FILLED = frozenset(("empty", "const"))
_WRITTEN_OVER = _TO_BE_FILLED | {"noise"}


def draw(
    evaluator: Evaluator, law: NoiseLaw, mean: float, std: float, shape: Hashable, site: Site, like: Expr | None
) -> Expr:
    """A fresh draw; `like` is the tensor whose shape it takes, `shape` the sizes where they are written."""
    evaluator.project_observations.drawing.add(site.source.path)
    attrs = (
        ("law", law),
        ("mean", mean),
        ("std", std),
        ("shape", shape),
        ("serial", evaluator.serial()),
        ("no_grad", evaluator.gradient_is_off),
    )
    return Expr("noise", () if like is None else (like,), attrs, site)


def _scaled(
    evaluator: Evaluator, location: Value, scale: Value, shape: Hashable, site: Site, like: Expr | None
) -> Expr:
    """A draw of N(location, scale^2) whose parameters are tensors: no gradient passes."""
    mean, std = number_of(location), number_of(scale)
    if mean is not None and std is not None:
        law = NoiseLaw.STANDARD_NORMAL if mean == 0.0 and std == 1.0 else NoiseLaw.NORMAL
        if shape is None and like is None:
            shape, like = sizes_of(*(each for each in (location, scale) if isinstance(each, Expr)))
        return draw(evaluator, law, mean, std, shape or None, site, like)
    loc, spread = as_expr(location, site), as_expr(scale, site)
    eps = draw(evaluator, NoiseLaw.STANDARD_NORMAL, 0.0, 1.0, shape, site, spread)
    z = Expr("add", (loc, Expr("mul", (spread, eps), (), site)), (), site)
    return Expr("detach", (z,), (("known", "sample"),), site)


def sizes_of(*given: Expr) -> tuple[tuple[object, ...] | None, Expr | None]:
    """The sizes of what is drawn with numbers for parameters: written out, or those of a tensor.

    None and no tensor where parameters of several sizes are broadcast against each other; no sizes at all of numbers.
    """
    shapes = {shape for each in given if isinstance(shape := each.get("shape"), tuple)}
    likes = {like.uid: like for each in given if (like := filled_like(each)) is not None}
    if len(shapes) + len(likes) > 1 or any(each.get("shape") == UNKNOWN for each in given):
        return None, None
    return next(iter(shapes), None if likes else ()), next(iter(likes.values()), None)


def filled_like(made: Expr) -> Expr | None:
    """The tensor whose sizes one that is made of a number, or of nothing, has; None where its sizes are written."""
    like = made.args[0] if made.op == "empty" and made.args else made.get("like")
    return like if isinstance(like, Expr) else None


def unfilled(name: str, args: list[Value], site: Site) -> Expr | None:
    """A tensor made from sizes alone, to be filled by a draw; None where it copies data or its sizes are unknown."""
    sizes = args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args
    like = as_expr(args[0], site) if args and name == "empty_like" else shaped_like(list(args))
    if like is not None:
        return Expr("empty", (like,), (), site)
    if args and isinstance(args[0], list) and "empty" not in name:
        # torch.Tensor([2, 3]) holds these two numbers, torch.Tensor(2, 3) has them for sizes.
        return None
    # What is empty holds no data: whatever it is made of are sizes.
    known = "empty" in name or all(number_of(item) is not None or getattr(item, "op", "") == "size" for item in sizes)
    if not sizes or not known:
        return None
    return Expr("empty", (), (("shape", shape_of(list(sizes), site)),), site)


FUNCTIONS = _NORMAL | _UNIFORM | {"normal"}
UNFILLED = frozenset(("empty", "empty_like", "FloatTensor", "DoubleTensor", "HalfTensor", "Tensor", "new", "new_empty"))


def may_draw(dotted: str) -> bool:
    """Whether a function is of a library whose functions draw."""
    top = dotted.partition(".")[0]
    if top == "diffusers":
        return dotted.rpartition(".")[2] == _RANDN_TENSOR
    return top == "torch" or (top in ("numpy", "np") and ".random." in dotted)


def from_function(
    evaluator: Evaluator, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Expr | None:
    """The draw that a function of torch, numpy or random makes, None when it makes none."""
    top, last = dotted.partition(".")[0], dotted.rpartition(".")[2]
    if last == _RANDN_TENSOR and top == "diffusers":
        sizes = [args[0] if args else kwargs.get("shape")]
        return draw(evaluator, NoiseLaw.STANDARD_NORMAL, 0.0, 1.0, shape_of(sizes, site), site, shaped_like(sizes))
    numpy = top in ("numpy", "np")
    if not (top == "torch" or (numpy and ".random." in dotted)):
        return None
    if last in _NORMAL or last in _UNIFORM:
        return _standard(evaluator, last, args, kwargs, site)
    if last == "normal":
        location = args[0] if args else kwargs.get("mean", kwargs.get("loc", 0.0))
        scale = args[1] if len(args) > 1 else kwargs.get("std", kwargs.get("scale", 1.0))
        sizes = [args[2]] if len(args) > 2 else [kwargs["size"]] if "size" in kwargs else []
        return _scaled(evaluator, location, scale, shape_of(sizes, site), site, shaped_like(sizes))
    if last == "uniform" and numpy:
        low = number_of(args[0] if args else kwargs.get("low", 0.0))
        high = number_of(args[1] if len(args) > 1 else kwargs.get("high", 1.0))
        return uniform(evaluator, 0.0 if low is None else low, 1.0 if high is None else high, None, site, None)
    return None


def _standard(evaluator: Evaluator, name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Expr:
    """A draw of N(0, 1), or uniform in [0, 1], of given sizes or of the shape of a tensor."""
    law = NoiseLaw.STANDARD_NORMAL if name in _NORMAL else NoiseLaw.UNIFORM
    mean, std = (0.0, 1.0) if name in _NORMAL else (0.5, 12**-0.5)
    if name.endswith("_like"):
        like = as_expr(args[0] if args else kwargs.get("input"), site)
        return draw(evaluator, law, mean, std, None, site, like)
    sizes = [kwargs["size"]] if "size" in kwargs else list(args)
    return draw(evaluator, law, mean, std, shape_of(sizes, site), site, shaped_like(sizes))


def uniform(evaluator: Evaluator, low: float, high: float, shape: Hashable, site: Site, like: Expr | None) -> Expr:
    """A draw that is uniform between two numbers."""
    spread = abs(high - low) * 12**-0.5
    return draw(evaluator, NoiseLaw.UNIFORM, (low + high) / 2, spread, shape, site, like)


def from_method(
    evaluator: Evaluator, owner: Expr, name: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Expr | None:
    """The draw that a tensor's method makes (`.normal_()`, `.uniform_()`, `.new_randn`), None when it makes none."""
    if called_name(owner) in _GENERATORS:
        return from_function(evaluator, f"numpy.random.{name}", args, kwargs, site)
    while owner.op in ("detach", "cast") and owner.args[0].op in _WRITTEN_OVER:
        owner = owner.args[0]
    shape, like = _sizes_of_filled(owner)
    if name == "normal_":
        location = args[0] if args else kwargs.get("mean", 0.0)
        scale = args[1] if len(args) > 1 else kwargs.get("std", 1.0)
        return _scaled(evaluator, location, scale, shape, site, like)
    if name == "uniform_":
        low = number_of(args[0] if args else kwargs.get("a", kwargs.get("from", 0.0)))
        high = number_of(args[1] if len(args) > 1 else kwargs.get("b", kwargs.get("to", 1.0)))
        return uniform(evaluator, 0.0 if low is None else low, 1.0 if high is None else high, shape, site, like)
    return None


def _sizes_of_filled(owner: Expr) -> tuple[Hashable, Expr | None]:
    """The sizes of a tensor that is written over, as `draw` takes them: those that another draw was made with."""
    if owner.op in _TO_BE_FILLED:
        return owner.get("shape"), filled_like(owner)
    if owner.op == "noise":
        return owner.get("shape"), owner.args[0] if owner.args else None
    return None, owner


def fills(dotted: str) -> bool:
    """Whether a function is one of `torch.nn.init`, which write over the tensor that they are given."""
    return dotted.rpartition(".")[0] == _INIT


def from_init(
    evaluator: Evaluator, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Expr | None:
    """What a function of `torch.nn.init` fills a fresh tensor with, or a draw; None for a weight, which is learned."""
    if not fills(dotted):
        return None
    name, given = dotted.rpartition(".")[2], dict(kwargs)
    filled = args[0] if args else given.pop("tensor", None)
    if not isinstance(filled, Expr) or not (filled.op in _TO_BE_FILLED or filled.bits & DRAWN):
        return None
    if name in _NUMBERS:
        number = number_of((args[1] if len(args) > 1 else given.get("val")) if name == "constant_" else _NUMBERS[name])
        return None if number is None or filled.op in _TO_BE_FILLED else const(number, site)
    if name != "trunc_normal_":
        return from_method(evaluator, filled, name, args[1:], given, site)
    asked = [number_of(args[at] if at < len(args) else given.get(key, usual)) for at, key, usual in _TRUNCATED]
    mean, std, low, high = asked
    if mean is None or std is None or low is None or high is None or std <= 0.0 or low >= high:
        return None
    law, centre, spread = _truncated(mean, std, low, high)
    shape, like = _sizes_of_filled(filled)
    return draw(evaluator, law, centre, spread, shape, site, like)


# What fills a tensor with one number, and which.
_NUMBERS = {"zeros_": 0.0, "ones_": 1.0, "constant_": None}
# What trunc_normal_ takes after the tensor, and what it takes it for.
_TRUNCATED = ((1, "mean", 0.0), (2, "std", 1.0), (3, "a", -2.0), (4, "b", 2.0))
# So many standard deviations away nearly nothing is cut off: 6e-5 of it.
_TAILS = 4.0
# So many away there is nothing that a float could hold.
_FAR = 40.0


def _truncated(mean: float, std: float, low: float, high: float) -> tuple[NoiseLaw, float, float]:
    """The law of a normal draw that is kept between two numbers, with its mean and standard deviation."""
    ends = [(end - mean) / std for end in (low, high)]
    if ends[0] <= -_TAILS and ends[1] >= _TAILS:
        return NoiseLaw.STANDARD_NORMAL if mean == 0.0 and std == 1.0 else NoiseLaw.NORMAL, mean, std
    mass = (math.erf(ends[1] / math.sqrt(2)) - math.erf(ends[0] / math.sqrt(2))) / 2
    if not mass:
        # All of it lies beyond one end, next to which what is drawn then is.
        return NoiseLaw.OTHER, min(max(mean, low), high), 0.0
    ends = [min(max(end, -_FAR), _FAR) for end in ends]
    below, above = (math.exp(-(end**2) / 2) / math.sqrt(2 * math.pi) for end in ends)
    shift = (below - above) / mass
    variance = 1 + (ends[0] * below - ends[1] * above) / mass - shift**2
    return NoiseLaw.OTHER, mean + std * shift, std * math.sqrt(max(variance, 0.0))
