"""Random draws: which call draws from which law, and in which shape."""

from __future__ import annotations

from collections.abc import Hashable

from vae_checked.facts import NoiseLaw
from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.symbols.values import Value, as_expr, number_of
from vae_checked.linter.torch_model.evaluator import Evaluator
from vae_checked.linter.torch_model.sizes import shape_of, shaped_like

_NORMAL = frozenset(("randn", "randn_like", "standard_normal"))
# diffusers' own, which draws per sample where it is given a generator for each.
_RANDN_TENSOR = "randn_tensor"
_UNIFORM = frozenset(("rand", "rand_like", "random_sample", "random"))


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
        shapes = (shape, *(each.get("shape") for each in (location, scale) if isinstance(each, Expr)))
        return draw(evaluator, law, mean, std, next((each for each in shapes if each), None), site, like)
    loc, spread = as_expr(location, site), as_expr(scale, site)
    eps = draw(evaluator, NoiseLaw.STANDARD_NORMAL, 0.0, 1.0, shape, site, spread)
    z = Expr("add", (loc, Expr("mul", (spread, eps), (), site)), (), site)
    return Expr("detach", (z,), (("known", "sample"),), site)


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
    made = owner.op in ("empty", "const")
    shape = owner.get("shape") if made else None
    like = owner if not made else owner.args[0] if owner.args else None
    if name == "normal_":
        location = args[0] if args else kwargs.get("mean", 0.0)
        scale = args[1] if len(args) > 1 else kwargs.get("std", 1.0)
        return _scaled(evaluator, location, scale, shape, site, like)
    if name == "uniform_":
        low = number_of(args[0] if args else kwargs.get("a", kwargs.get("from", 0.0)))
        high = number_of(args[1] if len(args) > 1 else kwargs.get("b", kwargs.get("to", 1.0)))
        return uniform(evaluator, 0.0 if low is None else low, 1.0 if high is None else high, shape, site, like)
    return None
