"""Whether a picture is of bytes: ToTensor divides these by 255, and leaves all other numbers as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum

from vae_checked.linter.symbols.expression import TRANSPARENT, Attrs, Expr
from vae_checked.linter.symbols.given import is_data
from vae_checked.linter.symbols.structures import once_per_structure
from vae_checked.linter.symbols.values import External, Value


class Numbers(Enum):
    """What a picture is made of, for all that is read."""

    BYTES = "bytes"
    OTHERS = "no bytes"
    ANY = "bytes or not"
    UNSAID = "nothing says it"


# NumPy's names of bytes and of floats, which torch has as well, and its short ones; Python's own `float` and `int`.
_BYTE = frozenset("uint8 ubyte u1 B byte ByteTensor".split())
_OTHER = re.compile(r"(?:b?float|double|half|single|u?int|long|short)(?:16|32|64)?_?(?:Tensor)?$|[fiu][248]$")
_ATTRIBUTE = "numbers"
# What names the type that it makes, and what takes a type: by name, or behind what it is given.
_TYPES = frozenset("float double half bfloat16 float32 float64 FloatTensor DoubleTensor HalfTensor asfarray".split())
_TYPED = frozenset("array asarray as_tensor tensor astype to type".split())
# Those of them that only pictures and other data go through: torch's own change heads as well.
_OF_ARRAYS = frozenset("array asarray asfarray astype float32 float64".split())
# What moves to a device as well: what is not known of its arguments need be no type.
_MOVING = frozenset(("to",))
_HANDING = TRANSPARENT | {"cast", "index", "item", "part", "move", "clamp", "stack", "cat"}
_COMPUTING = frozenset(("add", "sub", "mul", "div", "neg", "pow"))
_UNREAD = frozenset(("opaque", "call"))
# Libraries whose files hold arrays of any numbers.
_READING = frozenset(
    "numpy scipy h5py pandas pickle joblib torch nibabel zarr netCDF4 xarray "
    "librosa soundfile rasterio tifffile".split()
)

# Pictures of PIL hold bytes, but for grey ones that are made of floats.
_TO_PICTURE = "Image.fromarray"
# What takes the mode of a picture; and the modes that are wider than bytes.
_OF_A_MODE = (_TO_PICTURE, "convert")
_WIDER = frozenset("F I I;16 I;16B I;16L I;16N".split())
_TEXT = "str:"


def cast_attributes(name: str, args: Sequence[Value], kwargs: dict[str, Value]) -> Attrs:
    """What a cast by a function or a method, which is given what it casts first, notes of the numbers that it makes."""
    given = args[0] if args else None
    if name not in _OF_ARRAYS and not (isinstance(given, Expr) and is_data(given)):
        return ()
    kind = Numbers.OTHERS if name in _TYPES else None
    if name.endswith(_OF_A_MODE):
        mode = args[1] if len(args) > 1 else kwargs.get("mode")
        kind = _of_mode(mode) if isinstance(mode, str) else None
    if name in _TYPED:
        types = [*args[1:2], *([kwargs["dtype"]] if "dtype" in kwargs else [])]
        kind = next((_kind_of(each, open_to=None if name in _MOVING else Numbers.ANY) for each in types), None)
    return () if kind is None else ((_ATTRIBUTE, kind.value),)


def _kind_of(dtype: Value, open_to: Numbers | None) -> Numbers | None:
    """The numbers of a type: `np.float32`, `torch.uint8`, `float`, `"uint8"`; `open_to` where it is not read."""
    if dtype is None:
        return None
    if not isinstance(dtype, (External, str)):
        return open_to
    name = (dtype if isinstance(dtype, str) else dtype.dotted).rpartition(".")[2].lstrip("<>=|")
    if name in _BYTE:
        return Numbers.BYTES
    return Numbers.OTHERS if _OTHER.match(name) is not None else open_to


@once_per_structure
def numbers_of(picture: Expr) -> Numbers:
    """What the numbers of a picture are, by the last that changed their kind."""
    noted = picture.get(_ATTRIBUTE)
    if isinstance(noted, str):
        return Numbers(noted)
    if picture.op == "div":
        return Numbers.OTHERS
    if picture.op in _COMPUTING:
        return Numbers.OTHERS if _are_others(picture.args) else Numbers.ANY
    if picture.op == "phi":
        ways = set(map(numbers_of, picture.args[1:]))
        return ways.pop() if len(ways) == 1 else Numbers.ANY
    if picture.op in _HANDING and picture.args:
        return numbers_of(picture.args[0])
    name = str(picture.get("name")) if picture.op in _UNREAD else ""
    mode = _told(picture) if name.endswith(_OF_A_MODE) else None
    if mode is not None:
        return _of_mode(mode)
    if "." in name and name.rpartition(".")[2] in _BYTE:
        return Numbers.BYTES
    if name.endswith(_TO_PICTURE):
        return Numbers.ANY if _are_others(picture.args) else Numbers.UNSAID
    is_of_a_file = name.partition(".")[0] in _READING
    return Numbers.ANY if is_of_a_file or _may_be_others(picture.args) else Numbers.UNSAID


def _of_mode(mode: str) -> Numbers:
    """The numbers of a picture of PIL by its mode."""
    return Numbers.OTHERS if mode in _WIDER else Numbers.BYTES


def _told(call: Expr) -> str | None:
    """The first text that a call is given behind a picture."""
    texts = (str(arg.get("name")) for arg in call.args[1:] if arg.op == "opaque")
    return next((text.removeprefix(_TEXT) for text in texts if text.startswith(_TEXT)), None)


def _are_others(values: Iterable[Expr]) -> bool:
    """Whether some values of a computation are no bytes, so that what it makes need be none, or is none."""
    return any(numbers_of(value) is Numbers.OTHERS for value in values)


def _may_be_others(values: Iterable[Expr]) -> bool:
    return any(numbers_of(value) in (Numbers.OTHERS, Numbers.ANY) for value in values)
