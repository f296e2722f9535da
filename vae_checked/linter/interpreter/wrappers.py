"""Calls that hand back the model that they are given: made parallel, compiled, or prepared for a device."""

from __future__ import annotations

import re

from vae_checked.linter.symbols.expression import Expr, strip
from vae_checked.linter.symbols.values import Instance, Layer, Loader, Value
from vae_checked.linter.symbols.values import Sequence as Layers

# Functions and classes whose first argument comes back, by their name wherever they are from.
OF_ONE = frozenset(
    "DataParallel DistributedDataParallel FullyShardedDataParallel compile script trace weight_norm "
    "spectral_norm convert_sync_batchnorm".split()
)
# What holds the model in a wrapped one.
INNER = frozenset(("module", "_orig_mod"))
# Functions of a library, and methods of its objects, that hand back all that they prepare: accelerate, fabric, apex.
_OF_ALL = frozenset("prepare setup setup_module initialize".split())
# Those that hand back the model alone, whatever else they are given.
_OF_A_MODEL = frozenset("prepare_model setup_model wrap_model auto_model".split())
# Those among them by which nothing else goes.
_OF_LOADERS = frozenset(("prepare", "prepare_data_loader", "setup_dataloaders"))
# How methods of libraries' classes are called that load a model.
_LOADING = frozenset(("from_pretrained", "from_single_file", "from_config"))
# How functions of other libraries are called that move what they are given to a device.
_MOVES = re.compile(
    r"(?:to|put|send|move|copy)_(?:\w+_)?(?:cuda|gpu|device)s?|(?:cuda|gpu|device)_put|cud(?:a|afy|able)|convert_tensor"
)
_GIVEN_BY_NAME = ("model", "models", "module", "optimizer", "optimizers")


# What scales a loss against gradients of 0, and takes that back before the step: torch's, and apex's function.
_SCALERS = re.compile(r"(?:^|_)(?:grad|loss|amp)?_?scaler$", re.IGNORECASE)
_SCALES_LOSS = "amp.scale_loss"


def is_preparing(dotted: str) -> bool:
    """Whether a function is, by its name, one of those that hand back what they prepare."""
    name = dotted.rpartition(".")[2]
    return name in _OF_ALL or name in _OF_A_MODEL or name in _OF_LOADERS


def prepared(dotted: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """What such a call hands back of its arguments, in their order; None for another call, or where no model
    is given, and no loader.

    `dotted` is the name of the function, or of the method alone.
    """
    if not is_preparing(dotted):
        return None
    library, _, name = dotted.rpartition(".")
    given = [*args, *(kwargs[key] for key in _GIVEN_BY_NAME if key in kwargs)]
    has_loader = name in _OF_LOADERS and any(isinstance(item, Loader) for item in given)
    if not has_loader and not any(map(_is_model, given)) and not any(map(_is_pretrained, given)):
        return None
    models = [item for item in given if _is_model(item) or _is_pretrained(item)]
    if name in _OF_A_MODEL:
        return models[0]
    if library == "deepspeed":
        return (models[0], *(kwargs.get(key) for key in ("optimizer", "training_data", "lr_scheduler")))
    return given[0] if len(given) == 1 else tuple(given)


def is_moving(dotted: str) -> bool:
    """Whether a function is, by its name, one of another library that moves what it is given, or scales a loss."""
    library, _, name = dotted.rpartition(".")
    return bool(library and _MOVES.fullmatch(name)) or dotted.endswith(_SCALES_LOSS)


def moved(dotted: str, args: list[Value]) -> Value:
    """What a function of another library, or a method that is not read, moves to a device; None for any other."""
    library, _, name = dotted.rpartition(".")
    if not args or not library or not isinstance(args[0], (Expr, Instance, Layer, Layers)):
        return None
    return args[0] if _MOVES.fullmatch(name) else None


def scaled_loss(owner: Expr | None, name: str, args: list[Value]) -> Expr | None:
    """The loss in the place of what a scaler makes of it for half precision; None for any other call.

    `name` is that of the scaler's method, or without an `owner` of a function by its library.
    """
    if not args or not isinstance(args[0], Expr):
        return None
    if owner is None:
        return args[0] if name.endswith(_SCALES_LOSS) else None
    called = str(strip(owner).get("name")).rpartition(".")[2]
    return args[0] if name == "scale" and len(args) == 1 and _SCALERS.search(called) else None


def _is_pretrained(value: Value) -> bool:
    """Whether a value is a model that a class of a library loads."""
    node = strip(value) if isinstance(value, Expr) else None
    return node is not None and node.op == "opaque" and str(node.get("name")).rpartition(".")[2] in _LOADING


def _is_model(value: Value) -> bool:
    return value.cls.is_module if isinstance(value, Instance) else isinstance(value, (Layer, Layers))
