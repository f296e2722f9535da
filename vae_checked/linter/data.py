"""Data pipelines: transforms, data sets and loaders, and the interval that they leave the data in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_checked.facts import UNIT, Interval
from vae_checked.linter.expression import Expr, Site
from vae_checked.linter.intervals import interval_of
from vae_checked.linter.values import External, Function, Instance, Loader, Transform, Value, as_expr, is_number

if TYPE_CHECKING:
    from vae_checked.linter.interpret import Interpreter

_TRANSFORMS = frozenset(
    "Compose ToTensor Normalize Resize CenterCrop RandomCrop RandomHorizontalFlip RandomVerticalFlip Grayscale Lambda "
    "ToPILImage PILToTensor ConvertImageDtype RandomResizedCrop Pad RandomRotation ColorJitter ToDtype Scale "
    "RandomAffine AutoAugment".split()
)
_LOADERS = frozenset(("DataLoader", "Subset", "random_split", "ConcatDataset", "TensorDataset", "FastDataLoader"))


def construct(
    interpreter: Interpreter, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value | None:
    """A transform, data set or loader; None when the call makes none."""
    last = dotted.rpartition(".")[2]
    if last in _TRANSFORMS and ("transforms" in dotted or dotted.startswith(("torchvision", "T."))):
        return _transform(last, args, kwargs, site)
    if last in _LOADERS:
        return _loader(interpreter, args, kwargs, site)
    if "datasets" in dotted and last[:1].isupper():
        chosen = kwargs.get("transform", next((item for item in args if isinstance(item, Transform)), None))
        if isinstance(chosen, Transform):
            return Loader(interval_after(chosen), _decisive(chosen), last)
        return Loader(None, site, last)
    return None


def _transform(name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Transform:
    if name == "Compose":
        listed = args[0] if args else kwargs.get("transforms", [])
        steps: list[tuple[str, Value, Site | None]] = []
        for item in listed if isinstance(listed, (list, tuple)) else ():
            if isinstance(item, Transform):
                steps.extend(item.steps)
            else:
                steps.append(("unknown", item, site))
        return Transform(tuple(steps))
    if name == "Normalize":
        mean = args[0] if args else kwargs.get("mean")
        std = args[1] if len(args) > 1 else kwargs.get("std")
        return Transform(((name, (mean, std), site),))
    return Transform(((name, args[0] if args else None, site),))


def interval_after(transform: Transform) -> Interval | None:
    """The interval of an 8-bit image after a transform, None when a step is not understood."""
    interval: Interval | None = None
    for name, value, _ in transform.steps:
        if name == "ToTensor":
            interval = UNIT
        elif name == "Normalize" and interval is not None:
            interval = _normalized(interval, value)
        elif name in ("Lambda", "unknown"):
            interval = None
    return interval


def _normalized(interval: Interval, value: Value) -> Interval | None:
    means, stds = (
        [item] if is_number(item) else list(item) if isinstance(item, (tuple, list)) else [] for item in value
    )
    if not means or len(means) != len(stds) or not all(is_number(item) for item in (*means, *stds)) or 0 in stds:
        return None
    lows = [(interval.low - mean) / std for mean, std in zip(means, stds, strict=True)]
    highs = [(interval.high - mean) / std for mean, std in zip(means, stds, strict=True)]
    return Interval(min(lows), max(highs))


def _decisive(transform: Transform) -> Site | None:
    """Where the step is written that settles the interval."""
    for name, _, site in reversed(transform.steps):
        if name in ("Normalize", "ToTensor"):
            return site
    return None


def transformed(transform: Transform, image: Expr, site: Site) -> Expr:
    """The result of applying a transform to an image."""
    interval = interval_after(transform)
    ends = None if interval is None else (interval.low, interval.high, interval.low_open, interval.high_open)
    return Expr("data", (image,), (("interval", ends),), _decisive(transform) or site)


def _loader(interpreter: Interpreter, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    source = args[0] if args else kwargs.get("dataset")
    if isinstance(source, Loader):
        return source
    if isinstance(source, Instance):
        return _from_instance(interpreter, source, site)
    if isinstance(source, Expr):
        return Loader(interval_of(source), site, "data")
    return Loader(None, site, "data")


def _from_instance(interpreter: Interpreter, source: Instance, site: Site) -> Loader:
    """A data set class of the project: one item of it says what the data are."""
    getter = source.cls.find("__getitem__")
    if not isinstance(getter, Function):
        transform = next((item for item in source.attributes.values() if isinstance(item, Transform)), None)
        if transform is not None:
            return Loader(interval_after(transform), _decisive(transform), source.cls.name)
        return Loader(None, site, source.cls.name)
    bound = Function(getter.node, getter.scope, source, getter.owner)
    item = interpreter.invoke(bound, [], {}, site)
    if isinstance(item, dict):
        item = tuple(item.values())
    first = item[0] if isinstance(item, (tuple, list)) and item else item
    if isinstance(first, (Expr, External)):
        expr = as_expr(first, site)
        return Loader(interval_of(expr), expr.site or site, source.cls.name)
    return Loader(None, site, source.cls.name)
