"""Cheap tests of a file's bytes: what cannot concern a VAE is never parsed.

Most files fail at the first words looked for. Bytes are searched for one word at a time: that is ten times as fast as
one expression with alternatives.
"""

from __future__ import annotations

import re

# Both heads by their usual names, a KL, a loss: each is enough.
_ENOUGH = (
    b"logvar", b"log_var", b"logsigma", b"log_sigma", b"logstd", b"log_std", b"kl_div", b"kldiv", b"reparam",
    b".kl(", b"mse_loss", b"MSELoss", b"BCELoss", b"BCEWithLogitsLoss", b"binary_cross_entropy", b"l1_loss", b"L1Loss",
    b"Normal(", b"rsample",
)  # fmt: skip
# Names of a divergence, and not of a class that ends with it: beside what computes one, enough.
_DIVERGENCE = re.compile(rb"(?<![A-Za-z])KL|kld|elbo|ELBO")
# The first such word of a line decides: what is looked for behind it is looked for once.
_IMPORT = re.compile(rb"^(?>[^\n]*?(?:from|import)\b)[^\n]*torch|lightning", re.MULTILINE)
# A module of the project's own may hand on torch.
_STAR = re.compile(rb"^[ \t]*from[ \t]+[.\w]+[ \t]+import[ \t]*\*", re.MULTILINE)
# Where the lines of a notebook's cells begin: after the key, and after a quotation mark each.
_SOURCE = re.compile(rb'"(?:source|input)":\s*+\[?')
_QUOTED = re.compile(rb'^(?:"?,)?[ \t]*"', re.MULTILINE)
# Drawing, not the initial values of weights: the word, and what it is part of where it draws no sample.
_NOISE = (
    (b"randn", (b"Parameter(torch.randn", b"Parameter(randn")),
    (b"rand_like", ()),
    (b"Normal", (b"Normali",)),
    (b"rand(", (b"Parameter(torch.rand(", b"Parameter(rand(")),
    (b"normal(", (b"_normal(",)),
    (b"normal_(", (b"init.normal_(", b"_normal_(", b"weight.data.normal_(", b"bias.data.normal_(")),
)
# Beside noise alone: what makes a scale positive or a divergence, and training.
_FORMULAS = (
    b"exp_(", b"log_(", b"sqrt_(", b"oftplus", b".elu(", b".ELU(", b"**0.5", b"** 0.5", b"**.5", b"** .5", b"**(0.5",
    b"** (0.5", b"**(1/2", b"** (1/2", b"pow(0.5", b".backward(",
)  # fmt: skip
# The same words, where they are of plain numbers and of positions.
_OF_TENSORS = (
    (b"exp(", (b"math.exp(", b"exp(torch.arange(")),
    (b"log(", (b"math.log(", b"log(torch.tensor(")),
    (b"sqrt(", (b"math.sqrt(",)),
    *((word, (b"math." + word,)) for word in (b"log1p(", b"expm1(", b"exp2(", b"log2(")),
)
_TRAINING = re.compile(rb"\boptim\b|ptimizer")
# ... or a factor by the name of a scale.
_SCALES = tuple(
    (name, re.compile(before + name + rb"\b[^\n=+*]{0,12}\*[^*]"))
    for name, before in ((b"std", rb""), (b"sigma", rb""), (b"variance", rb""), (b"var", rb""), (b"scale", rb"[^_\w]"))
)
_TIMES_SCALE = re.compile(rb"\*\s?\(?(?:self\.)?(?:(?:[a-z]{1,8}_)?(?:std|sigma|variance|var)|scale)\b")
_MULTIPLIED = re.compile(rb"mul_?\([^\n]{0,30}\b(?:std|sigma|scale|variance|var)\b")
_CLASS = re.compile(rb"^class (\w+)", re.MULTILINE)
_CONSTRUCTION = re.compile(rb"\b([A-Z]\w*)\(")
_IMPORTS = re.compile(rb"^[ \t]*(?:from|import)[ \t]([^\n#;]+)", re.MULTILINE)
_WORD = re.compile(rb"\w+")
# Four sizes by name, and what is viewed by some of them.
_UNPACKED = re.compile(rb"^[ \t]*\(?(\w+), ?(\w+), ?(\w+), ?(\w+)\)? ?= ?[\w.]+\.(?:shape|size\(\))", re.MULTILINE)
_VIEWED = re.compile(rb"\.(?:view|reshape)\(\s*(?:[\w.]+\s*,\s*(?=\())?\(?([^()\n]+)")
_AXES = 4
_NUMBERED = re.compile(rb"\.shape\[(-?\d)\]")
_FEWEST_SIZES = 3
_STEPS = (b".backward(", b"def training_step(", b"def compute_loss(")
_DECODING = (b"ecode", b"econstruct")
_LOSS = re.compile(rb"loss\w*(?:\s?[=(]|[\"']\s?[\]:])")
_FEEDING = (b"DataLoader", b"ToTensor", b"ToDtype", b"Image.open", b"imread", b"VideoReader", b"read_video")


def lines_of_code(data: bytes) -> bytes:
    """The bytes of a file with each line of code at the start of a line, as it is in all files but notebooks."""
    if data.lstrip()[:1] != b"{" or b'"cell' not in data:
        return data
    return _QUOTED.sub(b"", _SOURCE.sub(b"\n", data).replace(b"\\n", b"\n"))


def concerns_vae(data: bytes) -> bool:
    """Whether a file has torch and mentions a head, a loss, noise beside what makes it a sample, or a wrong view."""
    if b"torch" not in data and b"*" not in data:
        return False
    if not any(word in data for word in _ENOUGH) and not (_is_told(data) and _scales(data)) and not relabels(data):
        return False
    return _has_torch(data)


def _is_told(data: bytes) -> bool:
    """Whether a file names a divergence or draws noise."""
    return draws(data) or _DIVERGENCE.search(data) is not None


def relabels(data: bytes) -> bool:
    """Whether a file may view a tensor by its own four sizes in another order."""
    if b".view(" not in data and b".reshape(" not in data:
        return False
    if b".shape" not in data and b".size()" not in data:
        return False
    unpacked: set[tuple[bytes, ...]] | None = None
    for found in _VIEWED.finditer(data):
        sizes = [size.strip() for size in found[1].rstrip(b", ").split(b",")]
        # What a call has just made, as permute does, has other sizes.
        made = data.endswith(b")", 0, found.start()) and not data.endswith(b".contiguous()", 0, found.start())
        if made or len(sizes) != _AXES:
            continue
        by_number = [int(number[1]) % _AXES for number in map(_NUMBERED.search, sizes) if number is not None]
        if by_number != sorted(by_number):
            return True
        if unpacked is None:
            unpacked = {names.groups() for names in _UNPACKED.finditer(data)}
        for names in unpacked:
            known = [(names.index(size), place) for place, size in enumerate(sizes) if size in names]
            if len(known) >= _FEWEST_SIZES and any(axis != place for axis, place in known):
                return True
    return False


def may_concern(data: bytes) -> bool:
    """Whether a file draws noise, trains or has a model, and concerns a VAE if it is joined to one elsewhere."""
    return (trains(data) or _decodes(data) or draws(data)) and _has_torch(data)


def may_be_part(data: bytes) -> bool:
    """Whether a file may compute something of tensors that another one hands to it."""
    return b"torch" in data or b"loss" in data or b" * " in data or b"import *" in data or _scales(data)


def _decodes(data: bytes) -> bool:
    """Whether a file has a model that decodes something."""
    return b"def forward(" in data and any(word in data for word in _DECODING)


def trains(data: bytes) -> bool:
    """Whether a file has a training step of its own."""
    return any(word in data for word in _STEPS)


# What hands pictures to a VAE or takes them from it, and how such a VAE is called.
_CODING = (
    b".encode(",
    b".decode(",
    b"encode_stage_2_inputs(",
    b"decode_stage_2_outputs(",
    b"DiagonalGaussianDist",
    b".scaling_factor",
    b"quant_conv(",
)
_LOADED = (b"vae", b"VAE", b"utoencoder", b"utoEncoder", b"first_stage", b"latent_dist", b"DiagonalGaussianDist")


def uses_latents(data: bytes) -> bool:
    """Whether a file has torch, or a library on it, and encodes or decodes with a VAE that it loads or is handed."""
    if not any(word in data for word in _CODING) or not any(word in data for word in _LOADED):
        return False
    return _has_torch(data) or (b"diffusers" in data and b"jax" not in data)


def _has_torch(data: bytes) -> bool:
    """Whether a file imports torch, or everything of a module that may have done so."""
    if b"torch" in data and _IMPORT.search(data) is not None:
        return True
    return b"import *" in data and _STAR.search(data) is not None


def imported(data: bytes) -> set[bytes]:
    """Every part of every name that the import statements of a file mention."""
    return {word for line in _IMPORTS.findall(data) for word in _WORD.findall(line)}


def classes_in(data: bytes) -> set[bytes]:
    """The names of the classes that a file defines at its top level."""
    return set(_CLASS.findall(data))


def has_loss(data: bytes) -> bool:
    """Whether a file computes something that it calls a loss."""
    return b"loss" in data and _LOSS.search(data) is not None


def drawing_classes_in(data: bytes) -> set[bytes]:
    """The names of those classes that draw noise beside what makes it a sample."""
    starts = list(_CLASS.finditer(data)) if draws(data) else []
    ends = [*(found.start() for found in starts), len(data)][1:]
    bodies = ((found[1], data[found.start() : end]) for found, end in zip(starts, ends, strict=False))
    return {name for name, body in bodies if draws(body) and _scales(body)}


def calls_one_of(data: bytes, classes: set[bytes]) -> bool:
    """Whether a file calls something by the name of one of these classes."""
    return not classes.isdisjoint(_CONSTRUCTION.findall(data))


def draws(data: bytes) -> bool:
    """Whether a file draws noise, other than the initial values of weights."""
    return any(_is_in(data, word, elsewhere) for word, elsewhere in _NOISE)


def _is_in(data: bytes, word: bytes, elsewhere: tuple[bytes, ...]) -> bool:
    """Whether a word stands in a file other than as a part of these."""
    return word in data and data.count(word) > sum(map(data.count, elsewhere))


def _scales(data: bytes) -> bool:
    return (
        any(word in data for word in _FORMULAS)
        or any(_is_in(data, word, elsewhere) for word, elsewhere in _OF_TENSORS)
        or (b"ptim" in data and _TRAINING.search(data) is not None)
        or _TIMES_SCALE.search(data) is not None
        or _MULTIPLIED.search(data) is not None
        or any(name in data and pattern.search(data) is not None for name, pattern in _SCALES)
    )


def feeds_vae(data: bytes) -> bool:
    """A cheap byte test that no file with an image pipeline fails, nor one that is run and puts a model together."""
    return any(word in data for word in _FEEDING) or (b"__main__" in data and b"torch" in data)
