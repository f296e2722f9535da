"""What the library says to a caller in Python, worded for the command line."""

from __future__ import annotations

import re

_OPTIONS = {
    "loss": "--loss",
    "adapter": "--adapter",
    "data_range": "--data-range",
    "inputs": "--input",
    "forward": "--forward",
    "optimizer": "--optimizer",
}
# The longer hints come first: the last line would take them apart.
_WORDS = (
    (r"\bloss=lambda \.\.\. that takes", "--loss package.module:function, one that takes"),
    (
        r"\bloss=functools\.partial\((.*?)\)",
        r"--loss package.module:function, where function = functools.partial(\1)",
    ),
    (r"\bbind=(?=\")", "--bind "),
    (r"\binputs=, a tensor or a specification", "--input, a specification"),
    (r"\bdata_range=\(low, high\)", "--data-range LOW HIGH"),
    (r"\b(loss|adapter|data_range|inputs|forward|optimizer)=(?![\w('\"])", lambda found: _OPTIONS[found[1]]),
)


def as_options(text: str) -> str:
    """`text` with the arguments of `audit()` in it as the options of `vae-checked audit`."""
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text)
    return text
