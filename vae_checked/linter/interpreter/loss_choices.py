"""Losses of which a branch makes one and another branch another, as a setting says: each of them is tried."""

from __future__ import annotations

from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.drawing import DRAWS, rank
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.values import Choice, Function, Instance, Layer, Value
from vae_checked.linter.symbols.values import Sequence as Layers
from vae_checked.linter.torch_model.losses import CLASSES

# What data sets and samplers have, and no loss.
_OF_DATA = ("__getitem__", "__iter__", "__len__", "__next__")
_CALLED = ("forward", "__call__")
# A loss compares two things, beside the object itself.
_COMPARED = 3


def of_both(condition: Expr, one: Value, other: Value) -> Value | None:
    """What stands for either of two losses of which one is an object of the project's; None where they are no losses.

    One of torch's is called: it is none of those whose methods are called by a name.
    """
    if not (_is_loss(one) and _is_loss(other)):
        return None
    objects = [value for value in (one, other) if not isinstance(value, Layer)]
    if len(objects) == 1:
        return Choice(condition, one, other) if _is_called(objects[0]) else objects[0]
    if isinstance(one, Instance) and isinstance(other, Instance) and one.cls is other.cls:
        return None
    return Choice(condition, one, other) if objects else None


def _is_loss(value: Value) -> bool:
    """Whether a value is a loss of torch, or an object that has one to compute, and neither weights nor data."""
    if isinstance(value, Layer):
        return value.kind in CLASSES
    if isinstance(value, Choice):
        return is_object(value) and _is_loss(value.one) and _is_loss(value.other)
    return isinstance(value, Instance) and rank(value) == DRAWS - 1 and _compares(value) and not _has_parts(value)


def is_object(value: Value) -> bool:
    """Whether a value is an object, or a choice that one is among: others have been chosen from before."""
    return isinstance(value, Instance) or (isinstance(value, Choice) and any(map(is_object, (value.one, value.other))))


def _has_parts(value: Instance) -> bool:
    """Whether an object holds others, as models do; a loss of torch may be a part of a loss."""
    held = value.attributes.values()
    return any(isinstance(each, (Instance, Layers, Choice)) for each in held) or any(
        isinstance(each, Layer) and each.kind not in CLASSES for each in held
    )


def _compares(value: Instance) -> bool:
    """Whether a method of an object takes two things to compare, and none of them hands out data."""
    methods = [node for cls in value.cls.mro() for node in cls.node.body if isinstance(node, syntax.DEFINITIONS)]
    if any(method.name in _OF_DATA for method in methods):
        return False
    return any(len(method.args.args) >= _COMPARED and method.name != "__init__" for method in methods)


def _is_called(value: Value) -> bool:
    """Whether an object, or one of those of a choice, is called as a function is."""
    if isinstance(value, Choice):
        return any(map(_is_called, (value.one, value.other)))
    if isinstance(value, Instance):
        return any(isinstance(value.cls.find(name), Function) for name in _CALLED)
    return True
