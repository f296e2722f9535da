"""Words that several rooms use: numbers of things, errors and paths as a person reads them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_OWN = os.path.dirname(__file__)  # noqa: PTH120  pathlib costs a start more than all of this module

# What is said of a VAE whose core was decided (`Examined.core_checked`): other questions may be open beside it.
CORE_CHECKED = "sampler, KL and loss checked"


def counted(number: int, noun: str) -> str:
    """`1 file`, `3 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def in_short(source: str, most: int = 60) -> str:
    """Source as one line of at most so many letters: `torch.nn.functional.mse_loss(...`."""
    line = " ".join(source.split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def printable(text: str, keep: str = "") -> str:
    """`text` with what a terminal obeys or hides written out, but for the letters to `keep`: `\\x1b[31m`, `\\u202e`.

    A line break is such a letter; a byte of a file name that is not UTF-8 is written as `\\xff`.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in keep else _written_out(letter) for letter in text)


def _written_out(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode("ascii")


def without_comment(line: str) -> str:
    """A line of source without the comment at its end, as far as no quote tells that it may be text."""
    import re  # noqa: PLC0415  only a line that is edited needs it

    return re.sub(r"\s+#[^'\"]*$", "", line)


def cells(text: str) -> int:
    """How many columns of a terminal `text` takes: two for a wide letter, none for an accent that stands by itself."""
    if text.isascii():
        return len(text)
    import unicodedata  # noqa: PLC0415  only text with such letters pays for the tables

    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def inert(line: str) -> str:
    """`line` as one printable line that is no command to a CI server: `::error::` and `##[error]` get a backslash."""
    line = printable(line, keep="\t")
    bare = line.lstrip()
    if bare.startswith("::"):
        line = f"{line[: len(line) - len(bare)]}\\{bare}"
    if "##" in line:
        import re  # noqa: PLC0415  such lines are rare

        line = re.sub(r"##(?=\w*\[)", r"#\\#", line)
    return line


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean VAE201?)` for a word that is near one of those known; empty where it is near none."""
    from difflib import get_close_matches  # noqa: PLC0415  only a mistyped word needs it

    letters = {each.casefold(): each for each in known}
    near = get_close_matches(word.casefold(), letters, n=1, cutoff=0.7)
    return f" (did you mean {letters[near[0]]}?)" if near else ""


def described(error: BaseException) -> str:
    """`error` in one line: its kind, the first line of its message, and where in the user's code it was raised."""
    import sysconfig  # noqa: PLC0415  a start pays for no error
    import traceback  # noqa: PLC0415  likewise

    libraries = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
    lines = str(error).strip().splitlines()
    words = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _inside(frame.filename, (_OWN,))]
    theirs = [frame for frame in frames if not _inside(frame.filename, libraries)]
    return f"{words} ({shown(theirs[-1].filename)}:{theirs[-1].lineno})" if theirs else words


def shown(path: str) -> str:
    """`path` as seen from the current folder where it lies in it, else as it is."""
    here = os.getcwd() + os.sep  # noqa: PTH109  as above
    return path.removeprefix(here)


def _inside(filename: str, folders: tuple[str, ...]) -> bool:
    return filename.startswith(("<", *folders))


def audit_command(subject: str, is_function: bool = False) -> str:
    """The audit of `path/model.py:Class`, a command where its path says how it is imported; a function is no model."""
    from pathlib import PurePath  # noqa: PLC0415  only a report on source needs it

    from vae_checked.finding import is_named  # noqa: PLC0415  as above

    path, _, name = subject.rpartition(":")
    if is_function or not is_named(subject):
        return "vae-checked audit of the model"
    file = PurePath(shown(path))
    parts = [part for part in file.with_suffix("").parts if part != "__init__"]
    if file.suffix != ".py" or file.is_absolute() or not parts or not all(part.isidentifier() for part in parts):
        return f"vae-checked audit of {name}"
    return f"vae-checked audit {'.'.join(parts)}:{name}"


def no_module(model: object) -> str:
    """Why `model`, which is no module, cannot be run; of a class that it takes an instance."""
    if isinstance(model, type):
        return f"model is the class {model.__name__}: give an instance of it, as in {model.__name__}(...)"
    return f"model is a {type(model).__name__}: give a torch.nn.Module"
