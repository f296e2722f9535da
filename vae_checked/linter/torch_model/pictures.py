"""Pictures and videos as libraries read them, in bytes, and what their functions leave of the interval."""

from __future__ import annotations

import re

from vae_checked.facts import BYTE, UNIT
from vae_checked.linter.symbols.expression import Expr, Site, opaque
from vae_checked.linter.symbols.intervals import interval_of
from vae_checked.linter.symbols.values import External, Transform, Value
from vae_checked.linter.torch_model import transforms
from vae_checked.linter.torch_model.evaluator import Evaluator
from vae_checked.linter.torch_model.number_kinds import cast_attributes

# What reads a picture of PIL.
_PIL_READERS = ("Image.open", "folder.default_loader", "folder.pil_loader", "diffusers.utils.load_image")
_READERS = (
    *_PIL_READERS, "cv2.imread", "cv2.imdecode", "imageio.imread", "imageio.v2.imread", "imageio.v3.imread",
    "skimage.io.imread", "io.read_image", "io.decode_image", "decord.VideoReader", "imageio.get_reader",
    "imageio.mimread",
)  # fmt: skip
# Those that hand out other numbers than bytes where they are asked to: floats of one channel, or what a file holds.
_SKIMAGE, _OPENCV = "skimage.io.imread", ("cv2.imread", "cv2.imdecode")
_WHOLE, _ANY_DEPTH = -1, 2
# What reads a video, its sound and what is said of both.
_VIDEO_READERS = ("io.read_video",)
_CAPTURE = "cv2.VideoCapture"
# Functions by which pixels are moved about, or become others between them.
_HANDED_ON = re.compile(
    r"(?:^|\.)(?:cv2\.resize|cv2\.flip|ImageOps\.(?:exif_transpose|fit|pad|mirror|flip|expand)|Image\.fromarray"
    r"|functional\.(?:resize|crop|center_crop|resized_crop|pil_to_tensor|to_image|hflip|vflip|rotate|five_crop))$"
)
# Those of which the arguments, or what they are given, say what becomes of a picture.
_RECOLOURING, _REARRANGING, _NORMALIZING = _TURNING = (
    "cv2.cvtColor",
    "einops.rearrange",
    "transforms.functional.normalize",
)
_COLOURS = re.compile(r"\.COLOR_(?:BGRA?|RGBA?|GRAY)2(?:BGRA?|RGBA?|GRAY)$")
# Methods of a picture, or of a video's reader, that hand its values on.
_METHODS = frozenset("convert resize crop rotate thumbnail getdata byte astype get_batch asnumpy get_data".split())
_OF_PICTURES = frozenset("convert resize crop rotate".split())
_SOME_OF = frozenset(("cast", "index", "item"))
_STATISTICS = ("mean", "std")
_BITS = "1"


def may_read(dotted: str) -> bool:
    """Whether a function may, by its name, be one that reads a picture or a video, or hands one on."""
    return dotted.endswith((*_READERS, *_VIDEO_READERS, *_TURNING)) or _HANDED_ON.search(dotted) is not None


def read(evaluator: Evaluator, dotted: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value | None:
    """A picture, or a video, that a library reads or hands on; None for another call."""
    if dotted.endswith(_READERS):
        if not _is_into_bytes(dotted, args, kwargs):
            return None
        return transforms.data_expr(BYTE, (), site, transforms.PICTURE if dotted.endswith(_PIL_READERS) else ())
    if dotted.endswith(_VIDEO_READERS):
        return (transforms.data_expr(BYTE, (), site), opaque("sound", (), site), opaque("metadata", (), site))
    if not args or not isinstance(args[0], Expr):
        return None
    if _HANDED_ON.search(dotted) or (dotted.endswith(_RECOLOURING) and _changes_order(args)):
        into = cast_attributes(dotted, args, kwargs)
        return Expr("cast", (args[0],), into, site) if interval_of(args[0]) is not None else None
    if dotted == _REARRANGING and _is_read(args[0]):
        return transforms.data_expr(interval_of(args[0]), (args[0],), site)
    if dotted.endswith(_NORMALIZING):
        mean, std = (
            args[place] if len(args) > place else kwargs.get(name) for place, name in enumerate(_STATISTICS, 1)
        )
        return transforms.transformed(evaluator, Transform((("Normalize", (mean, std), site),)), args[0], site)
    return None


def _is_into_bytes(dotted: str, args: list[Value], kwargs: dict[str, Value]) -> bool:
    """Whether a picture is read into bytes whatever file it is in."""
    if dotted.endswith(_SKIMAGE):
        return (args[1] if len(args) > 1 else kwargs.get("as_gray", kwargs.get("as_grey", False))) is False
    if not dotted.endswith(_OPENCV):
        return True
    flags = args[1] if len(args) > 1 else kwargs.get("flags", 1)
    if isinstance(flags, External):
        return not flags.dotted.endswith(("UNCHANGED", "ANYDEPTH"))
    return isinstance(flags, int) and flags != _WHOLE and not flags & _ANY_DEPTH


def _changes_order(args: list[Value]) -> bool:
    """Whether a code of OpenCV asks for the same colours in another order, or for their brightness."""
    code = args[1] if len(args) > 1 else None
    return isinstance(code, External) and _COLOURS.search(code.dotted) is not None


def _is_read(value: Expr) -> bool:
    """Whether a value is of a picture or video just as it was read, and not of a batch."""
    bare = _bare(value)
    return bare.op == "data" and bare.get("loader") is None


def _bare(value: Expr) -> Expr:
    """The picture, or the video, that a value is some of, of whatever type."""
    while value.op in _SOME_OF:
        value = value.args[0]
    return value


def method(owner: Expr, name: str, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
    """A method of a picture, or of what reads a video, that hands out its values; None for any other."""
    if name == "read" and str(owner.get("name")) == _CAPTURE:
        return (opaque("read", (), site), transforms.data_expr(BYTE, (), site))
    if _bare(owner).op != "data" or name not in _METHODS:
        return None
    if name == "convert":
        of_bits = _bare(owner).get("bits")
        if (transforms.is_picture(owner) or of_bits) and (args[0] if args else kwargs.get("mode")) == _BITS:
            # Black and white alone, which NumPy takes for truth values, and a transform for 0 and 1.
            return transforms.data_expr(UNIT, (), site, (("bits", True),))
        if of_bits:
            return transforms.data_expr(BYTE, (), site, transforms.PICTURE)
    still_one = transforms.is_picture(owner) and name in _OF_PICTURES
    into = cast_attributes(name, [owner, *args], kwargs)
    return Expr("cast", (owner,), (*(transforms.PICTURE if still_one else ()), *into), site)
