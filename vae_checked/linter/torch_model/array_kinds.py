"""Whether a picture is no tensor yet: one of PIL, or an array, that nothing has made a tensor of."""

from __future__ import annotations

import ast

from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.expression import ELEMENTWISE, TRANSPARENT, Expr
from vae_checked.linter.torch_model.transforms import is_picture

# What makes tensors of arrays, and arrays of anything.
_MAKING_TENSORS = frozenset("from_numpy tensor as_tensor FloatTensor pil_to_tensor to_tensor to_image".split())
_MAKING_ARRAYS = frozenset("array asarray ascontiguousarray imread imdecode resize cvtColor astype mimread".split())
# What hands on values in another order, or some of them.
_HANDING = TRANSPARENT | ELEMENTWISE | {"cast", "index", "item"}
# Of two libraries both have one of the name: that of tensors is a method, or stands in another module.
_OF_ARRAYS = frozenset("np numpy cv2 imageio iio io skimage".split())
_MAX_DEPTH = 40


def is_no_tensor(value: Expr) -> bool:
    """Whether a value is a picture or an array as a library reads it, for all that is written."""
    for _ in range(_MAX_DEPTH):
        if is_picture(value):
            return True
        call = None if value.site is None else value.site.node
        if value.op in ("cast", "data") and isinstance(call, ast.Call):
            name = syntax.called(call)
            if name in _MAKING_TENSORS:
                return False
            if name in _MAKING_ARRAYS and (name == "astype" or _library(call) in _OF_ARRAYS):
                return True
        if value.op not in _HANDING or not value.args:
            return False
        value = value.args[0]
    return False


def _library(call: ast.Call) -> str:
    """The name before the function's: `cv2` of `cv2.imread(path)`, empty for one that is called by its own."""
    return syntax.last(call.func.value) if isinstance(call.func, ast.Attribute) else ""
