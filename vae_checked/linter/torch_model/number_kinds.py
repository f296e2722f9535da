"""Whether a picture is of floats, as its source says: ToTensor divides bytes by 255 and leaves floats as they are."""

from __future__ import annotations

import ast
import re
from enum import Enum

from vae_checked.linter.symbols.expression import TRANSPARENT, Expr


class Numbers(Enum):
    """What a picture is made of, for all that is written."""

    FLOATS = "floats"
    BYTES = "bytes"
    ANY = "bytes or floats"
    UNSAID = "nothing says it"


_FLOAT, _BYTE = re.compile(r"(?:float|double|half)\d*$"), re.compile(r"u?int8$")
# What only picks, or hands on, and what computes with numbers.
_HANDING = TRANSPARENT | {"cast", "index", "item"}
_COMPUTING = frozenset(("add", "sub", "mul", "div", "neg", "pow"))
# Libraries whose files hold arrays of any numbers.
_OF_ARRAYS = re.compile(
    r"(?:numpy|scipy|h5py|pandas|pickle|joblib|torch|nibabel|zarr|netCDF4|xarray|librosa|soundfile|rasterio|tifffile)\."
)


def numbers_of(picture: Expr) -> Numbers:
    """What the numbers of a picture are, by the last that changed their kind."""
    while True:
        if picture.op == "cast":
            kind = _cast_to(picture)
            if kind is not None:
                return kind
        if picture.op in _COMPUTING:
            return Numbers.ANY
        if picture.op not in _HANDING or not picture.args:
            break
        picture = picture.args[0]
    is_read = picture.op in ("opaque", "call") and _OF_ARRAYS.match(str(picture.get("name"))) is not None
    return Numbers.ANY if is_read else Numbers.UNSAID


def _cast_to(cast: Expr) -> Numbers | None:
    """What a call makes of numbers: `x.float()`, `x.astype(np.float32)`, `np.array(x, dtype="float32")`."""
    call = None if cast.site is None else cast.site.node
    if not isinstance(call, ast.Call):
        return None
    for node in (call.func, *call.args, *(keyword.value for keyword in call.keywords)):
        name = str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node).rpartition(".")[2]
        if _FLOAT.match(name) is not None:
            return Numbers.FLOATS
        if _BYTE.match(name) is not None:
            return Numbers.BYTES
    return None
