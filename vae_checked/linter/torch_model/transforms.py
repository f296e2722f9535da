"""Data pipelines: transforms, data sets and loaders, and the interval that they leave the data in."""

from __future__ import annotations

import ast

from vae_checked.facts import BYTE, UNIT, Interval
from vae_checked.linter.files.source import Cell
from vae_checked.linter.symbols.constants import MAX_ITEMS
from vae_checked.linter.symbols.expression import Attrs, Expr, Site, atom
from vae_checked.linter.symbols.given import is_given
from vae_checked.linter.symbols.intervals import interval_of
from vae_checked.linter.symbols.observations import Pipeline
from vae_checked.linter.symbols.values import (
    External,
    Function,
    Instance,
    Loader,
    Transform,
    Value,
    as_expr,
    is_number,
)
from vae_checked.linter.symbols.values import Sequence as Layers
from vae_checked.linter.torch_model import columns, data_choices, fields
from vae_checked.linter.torch_model.evaluator import Evaluator
from vae_checked.linter.torch_model.number_kinds import Numbers, numbers_of
from vae_checked.record import replace

# Transforms that move pixels about, drop some or fill with black: the interval stays.
_GEOMETRIC = frozenset(
    "Resize CenterCrop RandomCrop RandomHorizontalFlip RandomVerticalFlip Grayscale RandomGrayscale ToPILImage "
    "RandomResizedCrop Pad RandomRotation ColorJitter Scale RandomAffine AutoAugment ToImage "
    "PILToTensor GaussianBlur RandomPerspective TrivialAugmentWide RandAugment FiveCrop TenCrop ToPureTensor".split()
)
# Transforms that change the colours of a picture, and leave bytes bytes and what lies between 0 and 1 there.
_COLOURING = frozenset(
    "RandomAutocontrast RandomEqualize RandomInvert RandomSolarize RandomPosterize RandomAdjustSharpness AugMix "
    "RandomPhotometricDistort RandomChannelPermutation".split()
)
# Transforms that move pixels about, or fill with a number, which is 0 by default.
_FILLING = frozenset("ElasticTransform RandomErasing RandomZoomOut ScaleJitter RandomResize RandomShortestSize".split())
_SCALING = frozenset(("ToTensor", "ConvertImageDtype", "ToDtype"))
# Transforms that apply others to some pictures, or one of several to each.
_AT_RANDOM = frozenset(("RandomApply", "RandomChoice"))
TRANSFORMS = _GEOMETRIC | _COLOURING | _FILLING | _SCALING | _AT_RANDOM | frozenset(("Compose", "Normalize", "Lambda"))
# The statistics of ImageNet.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_TO_TENSOR = _SCALING | frozenset(("PILToTensor", "ToImage"))
# Transforms that make a picture of PIL of one; those that are left give tensors, or several pictures.
_OF_PICTURES = (_GEOMETRIC | _COLOURING) - {"PILToTensor", "ToImage", "ToPureTensor", "FiveCrop", "TenCrop"}
# Libraries whose data sets hand out what their transform makes of a picture, and nothing else.
_LIBRARIES_OF_SETS = frozenset(("torchvision", "medmnist"))
_LOOKED_UP = frozenset(("builtins.getattr", "builtins.vars"))
_BATCHING = frozenset(("DataLoader", "FastDataLoader"))
_LOADERS = _BATCHING | frozenset(("Subset", "ConcatDataset", "TensorDataset"))
# Sets of 8-bit pictures that torchvision ships: their raw `data` are bytes.
_BYTE_SETS = frozenset("MNIST FashionMNIST KMNIST EMNIST QMNIST USPS CIFAR10 CIFAR100 SVHN STL10".split())
_COMPOSED = frozenset(("Compose", "Sequential", "ReplayCompose"))
# Less than any picture covers, but for one that was divided by 255 twice.
_DIVIDED_AGAIN = 0.02
_SERVING = frozenset(("collate_fn", "collate", "<lambda>"))
# Attributes by which a loader, its sampler or a subset has the data set that it draws from.
UNDERLYING = frozenset(("dataset", "sampler", "data_source"))
# What a data set keeps its transforms as, and what changes a list of them.
OF_SETS = frozenset(("transform", "transforms"))
_CHANGING = frozenset("append insert extend pop remove clear reverse".split())
_RAW = frozenset(("data", "train_data", "test_data"))


def may_be_of_data(dotted: str) -> bool:
    """Whether a name may be that of a transform, a data set or a loader."""
    last = dotted.rpartition(".")[2]
    return last[:1].isupper() or last in ("to_tensor", "random_split")


def construct(
    evaluator: Evaluator, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value | None:
    """A transform, data set or loader; None when the call makes none."""
    last = dotted.rpartition(".")[2]
    if dotted.startswith("albumentations.") and last[:1].isupper():
        composed = last in _COMPOSED
        return (
            _transform(evaluator, "Compose", args, kwargs, site)
            if composed
            else _of_albumentations(last, args, kwargs, site)
        )
    if last in TRANSFORMS and "transforms" in dotted:
        return _transform(evaluator, last, args, kwargs, site)
    if last == "to_tensor" and "transforms" in dotted:
        picture = as_expr(args[0] if args else kwargs.get("pic"), site)
        return transformed(evaluator, Transform((("ToTensor", None, site),)), picture, site)
    if last == "random_split":
        lengths = args[1] if len(args) > 1 else kwargs.get("lengths")
        whole = _loader(evaluator, args, kwargs, site)
        return (whole,) * (len(lengths) if isinstance(lengths, (list, tuple)) else 2)
    if last in _LOADERS:
        loader = _loader(evaluator, args, kwargs, site)
        if isinstance(loader, Loader) and "collate_fn" in kwargs:
            return fields.collated(evaluator, loader, kwargs["collate_fn"], site)
        if isinstance(loader, Loader) and last in _BATCHING and not _hands_out_items(args, kwargs):
            loader.batched, loader.rows = True, _rows(args, kwargs)
            loader.is_told_rows = len(args) > 1 or "batch_size" in kwargs
            loader.shuffled = (args[2] if len(args) > 2 else kwargs.get("shuffle")) is True
        return loader
    if "datasets" in dotted and last[:1].isupper():
        chosen = kwargs.get("transform", next((item for item in args if isinstance(item, Transform)), None))
        if isinstance(chosen, Transform) and _makes_tensors(chosen):
            # What a loader of its own reads need not be bytes, and what a class does that is not read is not known.
            is_known = "loader" not in kwargs and dotted.partition(".")[0] in _LIBRARIES_OF_SETS
            interval = interval_after(evaluator, chosen) if is_known else None
            note(evaluator, interval, decisive(chosen) or site)
            return Loader(interval, decisive(chosen), last)
        return Loader(None, site, last)
    is_set = last[:1].isupper() and dotted.partition(".")[0] in _LIBRARIES_OF_SETS
    return set_of_pictures(evaluator, last, kwargs, site) if is_set else None


def set_later(evaluator: Evaluator, held: Loader, transform: Value, site: Site) -> Loader:
    """A data set of a library, or what puts it into batches, once `pictures.transform = ...` gave it another one."""
    chosen = transform if isinstance(transform, Transform) and _makes_tensors(transform) else None
    where = site if chosen is None else decisive(chosen) or site
    # Of a set whose pictures are not known a transform says no more than what it does.
    interval = None if chosen is None or held.interval is None else interval_after(evaluator, chosen)
    note(evaluator, interval, where)
    return replace(held, interval=interval, site=where)


def is_of_a_library(cls: Expr) -> bool:
    """Whether a class is looked up in such a library, as getattr(medmnist, name) does, by whatever name that goes."""
    while cls.args and (cls.op == "item" or cls.get("name") in _LOOKED_UP):
        cls = cls.args[0]
    return cls.op == "opaque" and str(cls.get("name")).partition(".")[0] in _LIBRARIES_OF_SETS


def set_of_pictures(evaluator: Evaluator, name: str, kwargs: dict[str, Value], site: Site) -> Loader | None:
    """A data set of a library's class that is made with the transform of its pictures; None for what has none.

    What ToTensor alone is given may be arrays of any numbers, as is what a step makes that is not read; what is
    resized, or normalised after it, is a picture.
    """
    chosen = kwargs.get("transform")
    if not isinstance(chosen, Transform) or not _makes_tensors(chosen):
        return None
    first = next(place for place, (step, _, _) in enumerate(chosen.steps) if step in _TO_TENSOR)
    if any(step in ("unknown", "Lambda") for step, _, _ in chosen.steps[:first]):
        return None
    pictured = _GEOMETRIC | _COLOURING | _AT_RANDOM | {"Normalize"}
    if not any(step in pictured for step, _, _ in chosen.steps):
        return None
    interval = _of_any_picture(interval_after(evaluator, chosen))
    note(evaluator, interval, decisive(chosen) or site)
    return Loader(interval, decisive(chosen), name)


def note(evaluator: Evaluator, interval: Interval | None, site: Site | None, held: bool = True) -> None:
    """Remember a pipeline of the project, by the place at which its interval is settled."""
    if site is not None:
        evaluator.project_observations.note_pipeline(Pipeline(interval, site, held))


# What a picture of PIL has, of which no batch can be made: something turns it into an array or a tensor first.
PICTURE = (("picture", True),)


def data_expr(interval: Interval | None, args: tuple[Expr, ...], site: Site | None, more: Attrs = ()) -> Expr:
    """Data that lie in `interval`."""
    ends = None if interval is None else (interval.low, interval.high, interval.low_open, interval.high_open)
    return Expr("data", args, (("interval", ends), *more), site)


def is_picture(expr: Expr) -> bool:
    """Whether a value is a picture of PIL still."""
    return bool(expr.get("picture"))


def raw(evaluator: Evaluator, owner: Loader, name: str, site: Site) -> Expr | None:
    """The raw pictures of one of torchvision's data sets, None for any other attribute.

    A class of the project that is called as one of these holds what it was given.
    """
    if name not in _RAW or owner.name not in _BYTE_SETS or owner.own:
        return None
    if owner.site is not None:
        evaluator.project_observations.note_raw(owner.site)
    return data_expr(BYTE, (), site)


def refill(owner: Loader, name: str, value: Value) -> None:
    """Put other pictures into a data set: where these lie is not known, unless they are some of its own."""
    if name in _RAW and not (isinstance(value, Expr) and interval_of(value) == BYTE):
        owner.name, owner.interval = "", None


# --------------------------------------------------------------------------------------------- transforms


def applied(
    evaluator: Evaluator, transform: Transform, args: list[Value], kwargs: dict[str, Value], site: Site
) -> Value:
    """What a transform makes of a picture; those of albumentations are given it by name, and hand back a dict."""
    named = not args and "image" in kwargs
    picture = args[0] if args else kwargs.get("image", atom("image", site))
    made = transformed(evaluator, transform, as_expr(picture, site), site)
    return {"image": made} if named else made


def _of_albumentations(name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Transform:
    """A transform of albumentations: all but these few leave pictures in their range."""
    if name == "Normalize":
        # The statistics of ImageNet are its default; pictures are divided by 255 first.
        mean = args[0] if args else kwargs.get("mean", _MEAN)
        std = args[1] if len(args) > 1 else kwargs.get("std", _STD)
        return Transform((("ToTensor", None, site), ("Normalize", (mean, std), site)))
    return Transform((("ToTensor" if name == "ToFloat" else "Resize", None, site),))


def _transform(evaluator: Evaluator, name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Transform:
    if name == "Compose":
        return _composed(evaluator, args[0] if args else kwargs.get("transforms", []), site)
    if name == "Normalize":
        mean = args[0] if args else kwargs.get("mean")
        std = args[1] if len(args) > 1 else kwargs.get("std")
        return Transform(((name, (mean, std), site),))
    if name == "ToDtype":
        return Transform(((name, kwargs.get("scale", args[1] if len(args) > 1 else False), site),))
    if name in _AT_RANDOM:
        return Transform(((name, _at_random(name, args[0] if args else kwargs.get("transforms")), site),))
    if name in _FILLING:
        return Transform(((name, kwargs.get("value", kwargs.get("fill", 0.0)), site),))
    return Transform(((name, args[0] if args else kwargs.get("lambd"), site),))


def _at_random(name: str, listed: Value) -> tuple[Transform, ...]:
    """What may be done to a picture, or be left out: one transform for each way."""
    held = [*listed.items.values()] if isinstance(listed, Layers) else listed
    held = held if isinstance(held, (list, tuple)) else (held,)
    each = tuple(item if isinstance(item, Transform) else Transform((("unknown", item, None),)) for item in held)
    if name == "RandomChoice":
        return each
    return Transform(()), Transform(tuple(step for item in each for step in item.steps))


def _composed(evaluator: Evaluator, listed: Value, site: Site) -> Transform:
    steps: list[tuple[str, Value, Site | None]] = []
    for item in listed if isinstance(listed, (list, tuple)) else (listed,):
        if isinstance(item, Transform):
            # Steps that nobody writes, but transforms of transforms come to, are not known.
            steps.extend(item.steps if len(item.steps) < MAX_ITEMS else [("unknown", None, site)])
            inner = decisive(item)
            if inner is not None:
                evaluator.project_observations.drop_pipeline(inner)
        else:
            steps.append(("unknown", item, site))
    if site.source.cell.read_once(_changes_steps):
        steps.append(("unknown", None, site))
    made = Transform(tuple(steps))
    if _makes_tensors(made):
        note(evaluator, _of_any_picture(interval_after(evaluator, made)), decisive(made) or site, held=False)
    return made


def _changes_steps(cell: Cell) -> bool:
    """Whether code changes the steps of what it composed before: `pictures.transform.transforms.append(step)`."""
    return any(node.attr in _CHANGING and _are_steps(node.value) for node in cell.of(ast.Attribute)) or any(
        _are_steps(node.target) for node in cell.of(ast.AugAssign)
    )


def _are_steps(node: ast.AST) -> bool:
    """Whether it is the list that a Compose has; an object may have one of its own by that name."""
    owner = node.value if isinstance(node, ast.Attribute) and node.attr == "transforms" else None
    return owner is not None and not (isinstance(owner, ast.Name) and owner.id == "self")


def _of_any_picture(interval: Interval | None) -> Interval | None:
    """The interval where nobody knows what is transformed.

    Who divides by 255 behind a ToTensor may read arrays of floats, which it leaves as they are.
    """
    return None if interval is None or interval.high - interval.low < _DIVIDED_AGAIN else interval


def _makes_tensors(transform: Transform) -> bool:
    return any(name in _TO_TENSOR for name, _, _ in transform.steps)


def interval_after(
    evaluator: Evaluator,
    transform: Transform,
    interval: Interval | None = BYTE,
    numbers: Numbers = Numbers.UNSAID,
) -> Interval | None:
    """The interval of an image of these numbers after a transform, None when a step is not understood."""
    for name, value, site in transform.steps:
        if name in ("ToTensor", "ConvertImageDtype") or (name == "ToDtype" and value is True):
            # Bytes are divided by 255, other numbers stay as they are.
            if interval in (None, BYTE) and numbers is not Numbers.OTHERS:
                interval = None if numbers is Numbers.ANY else UNIT
        elif name == "Normalize":
            if interval == BYTE:
                # A picture that is no tensor yet is refused: what is meant is not known.
                return None
            interval = None if interval is None else _normalized(interval, value)
        elif name in _COLOURING:
            interval = interval if interval in (BYTE, UNIT) else None
        elif name in _FILLING:
            inside = interval is not None and is_number(value) and interval.low <= float(value) <= interval.high
            interval = interval if inside else None
        elif name in _AT_RANDOM:
            ways = [each for each in value if isinstance(each, Transform)] if isinstance(value, tuple) else []
            ends = {interval_after(evaluator, each, interval, numbers) for each in ways}
            interval = next(iter(ends)) if len(ends) == 1 else None
        elif name in ("Lambda", "unknown"):
            made = _applied(evaluator, value, interval, site)
            interval = None if made is None else interval_of(made)
            changed = Numbers.ANY if made is None or interval is None else numbers_of(made)
            numbers = numbers if changed is Numbers.UNSAID else changed
    return interval


def _applied(evaluator: Evaluator, function: Value, interval: Interval | None, site: Site | None) -> Expr | None:
    """What a function, or an object of the project that can be called, makes of an interval."""
    if interval is None or site is None or not isinstance(function, (Function, Instance, External)):
        return None
    given = data_expr(interval, (), site)
    # With observations of its own: what happens in a transform is no rescaling on the way from loader to model.
    made = evaluator.aside(lambda: evaluator.call(function, [given], {}, site))
    return made if isinstance(made, Expr) else None


def _normalized(interval: Interval, value: Value) -> Interval | None:
    """(x - mean) / std, where `value` holds both, for one channel or each of them."""
    if not isinstance(value, tuple) or len(value) != 2:
        return None
    means, stds = map(_numbers, value)
    if not means or not stds or len(means) != len(stds) or 0 in stds:
        return None
    ends = [(end - mean) / std for end in (interval.low, interval.high) for mean, std in zip(means, stds, strict=True)]
    return Interval(min(ends), max(ends))


def _numbers(value: Value) -> list[float] | None:
    """A number, or those in a list; None where there is anything else."""
    listed = list(value) if isinstance(value, (tuple, list)) else [value]
    numbers = [item for item in listed if is_number(item)]
    return [float(number) for number in numbers] if len(numbers) == len(listed) else None


def decisive(transform: Transform) -> Site | None:
    """Where the step is written that settles the interval."""
    settling = ("Normalize", "Lambda", "unknown", *_TO_TENSOR)
    return next((site for name, _, site in reversed(transform.steps) if name in settling), None)


def transformed(evaluator: Evaluator, transform: Transform, image: Expr, site: Site) -> Expr:
    """The result of applying a transform to an image."""
    before = interval_of(image)
    numbers = numbers_of(image)
    interval = interval_after(evaluator, transform, before, numbers)
    interval = _of_any_picture(interval) if before is None else interval
    where = decisive(transform)
    noted = None if where is None else evaluator.project_observations.pipeline_at(where)
    if noted is not None and not noted.held:
        # What is known of the picture settles what was open of pictures at large.
        is_other = numbers in (Numbers.OTHERS, Numbers.ANY)
        noted = replace(noted, interval=interval if is_other else noted.interval or interval)
        evaluator.project_observations.note_pipeline(
            noted if any(map(_serves, evaluator.running())) else replace(noted, direct=True)
        )
    still_one = is_picture(image) and _keeps_pictures(transform)
    return data_expr(interval, (image,), decisive(transform) or site, PICTURE if still_one else ())


def _keeps_pictures(transform: Transform) -> bool:
    """Whether a picture of PIL is one behind a transform: nothing makes a tensor of it."""
    return all(
        name in _OF_PICTURES
        or (
            name in _AT_RANDOM
            and isinstance(value, tuple)
            and all(isinstance(each, Transform) and _keeps_pictures(each) for each in value)
        )
        for name, value, _ in transform.steps
    )


def _serves(function: Function) -> bool:
    """Whether a function is one by which data sets and transforms hand out what they hold."""
    return function.name in _SERVING or function.owner is not None


# ------------------------------------------------------------------------------------ data sets and loaders


def _hands_out_items(args: list[Value], kwargs: dict[str, Value]) -> bool:
    """Whether a loader is asked for the items as they are: `batch_size=None`."""
    return _batch_size(args, kwargs) is None


def _batch_size(args: list[Value], kwargs: dict[str, Value]) -> Value:
    """What a loader is given for the number of samples in a batch, which is 1 by default."""
    return args[1] if len(args) > 1 else kwargs.get("batch_size", 1)


def _rows(args: list[Value], kwargs: dict[str, Value]) -> int | None:
    """The number of samples in a batch; None where it is not written, or where samplers say it."""
    size = _batch_size(args, kwargs)
    return None if "batch_sampler" in kwargs or not is_number(size) else int(size)


def _loader(evaluator: Evaluator, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    source = args[0] if args else kwargs.get("dataset")
    if isinstance(source, (list, tuple)) and source:
        source = source[0]
    if isinstance(source, Loader):
        if source.site is not None:
            evaluator.project_observations.note_batched(source.site)
        return source
    if isinstance(source, Instance):
        loader = from_instance(evaluator, source, site)
        if source.other is not None:
            # Which of two data sets is taken is chosen elsewhere: where they lie apart, none of both ranges is known.
            loader = data_choices.of_own(loader, from_instance(evaluator, source.other, site))
        if loader.interval is not None:
            note(evaluator, loader.interval, loader.site or site)
        elif not any(isinstance(item, Transform) for item in source.attributes.values()):
            evaluator.project_observations.note_made_elsewhere(loader)
        return loader
    if isinstance(source, Expr):
        interval, centred = columns.lies_in(source), columns.is_centred(source)
        # What an object is to have later, as once its trainer has set it up, may be a data set of any library.
        later = source.op == "attribute" and not source.args
        own = not is_given(source) and not later
        loader = Loader(interval, source.site or site, "data", own=own, centred=centred)
        if own and interval is None:
            evaluator.project_observations.note_made_elsewhere(loader)
        return loader
    return Loader(None, site, "data")


def from_instance(evaluator: Evaluator, source: Instance, site: Site) -> Loader:
    """A data set class of the project: one item of it says what the data are."""
    transform = next((item for item in source.attributes.values() if isinstance(item, Transform)), None)
    getter = source.cls.find("__getitem__")
    if isinstance(getter, Function):
        item = evaluator.invoke(getter.bound_to(source), [], {}, site)
        known = item if isinstance(item, dict) else None
        found = fields.fields_of(known)
        if isinstance(item, dict):
            item = tuple(item.values())
        first = item[0] if isinstance(item, (tuple, list)) and item else item
        if isinstance(first, Expr) and not is_picture(first):
            interval, centred = columns.lies_in(first), columns.is_centred(first)
            return Loader(interval, _settled(first) or site, source.cls.name, found, known, True, centred=centred)
        if found:
            return Loader(None, site, source.cls.name, found, known, True)
    if transform is not None and not isinstance(getter, Function):
        return Loader(interval_after(evaluator, transform), decisive(transform), source.cls.name)
    hands_out = getter if isinstance(getter, Function) else source.cls.find("__iter__")
    return Loader(None, site, source.cls.name, own=isinstance(hands_out, Function))


def _settled(expr: Expr) -> Site | None:
    """Where the operation is written that gave data their interval."""
    node = expr
    while node.op in ("item", "index", "part", "move", "unsqueeze", "squeeze") and node.args:
        node = node.args[0]
    return node.site
