"""Which values are VAEs that the code loads or is handed, and what is known of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from vae_checked.latent_facts import PretrainedVAE
from vae_checked.linter.files import syntax
from vae_checked.linter.pretrained.loaded_from import told_by
from vae_checked.linter.symbols.expression import Expr, strip, walk
from vae_checked.record import dataclass

# How such a VAE is called where it is a parameter or an attribute.
_NAME = re.compile(
    r"(?:^|_)(?:vae|ae|auto_?encoder|first_stage|autoencoderkl)(?:_?model|_?(?:kl|\d+))?$|^(?:video|image|audio)?_?vae",
    re.IGNORECASE,
)
# The parts of one, where they are called by hand.
_PART = re.compile(r"enc|quant|moment|stage|vae|posterior|\bae\b", re.IGNORECASE)
_CLASS = re.compile(r"Autoencoder|AutoEncoder|VAE|^AE$|^VQModel$|^MoVQ")
LOADERS = frozenset(("from_pretrained", "from_single_file", "from_config", "load_from_checkpoint"))
# What hands back the model that it is given.
_SAME = re.compile(r"(?:^|\.)(?:unwrap\w*|to|eval|train|cuda|cpu|half|float|requires_grad_|compile|prepare)$")
_WRAPPED = frozenset(("module", "_orig_mod", "model"))
_NAMELESS = frozenset(("module", "_orig_mod"))
# A pipeline is given another VAE than its own: `pipe.vae = ...`, while `self.vae = pipe.vae` keeps it.
_REPLACED = re.compile(r"(?<!self)\.vae\s*=(?!=)")
# How the attribute of a value is called of which nothing more is known.
_ATTRIBUTE = "attribute:"
# What stands for the part of a text that is known later.
HOLE = "{}"
# The name of a loader's first argument.
_FROM = "pretrained_model_name_or_path"
_MAX_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Owner:
    """A VAE as one place of the code has it: the name it goes by there, and what it was loaded from.

    `setting` is the name of what says from where, where that is no text but a setting; `loaded_in` is the file that
    loads it, `library` the one whose class it is, empty where they are not known. `place` is what its loader is given
    as it is written, a name whose text may be known, each of several in a line. `built` is its class where it is built,
    and not loaded.
    """

    name: str
    model: PretrainedVAE = PretrainedVAE()
    setting: str = ""
    loaded_in: str = ""
    library: str = ""
    place: str = ""
    built: str = ""


def owner_of(value: Expr, depth: int = 0) -> Owner | None:
    """The VAE that a value is; None where nothing tells that it is one."""
    node = strip(value)
    if depth > _MAX_DEPTH:
        return None
    if node.op == "phi":
        known = [each for arg in node.args[1:] if (each := owner_of(arg, depth + 1)) is not None]
        return None if not known else known[0] if len(set(known)) == 1 else Owner(known[0].name)
    if node.op == "opaque":
        return _made(node, depth)
    name = node.get("name")
    if node.op == "call" and isinstance(name, str) and _SAME.search(name):
        # `accelerator.unwrap_model(vae)` has two, `vae.to(device)` begins with what it hands back.
        return next((found for arg in node.args if (found := owner_of(arg, depth + 1)) is not None), None)
    if node.op == "attribute" and name in _WRAPPED and node.args:
        inner = owner_of(node.args[0], depth + 1)
        if inner is not None or name in _NAMELESS:
            return inner
    if node.op in ("atom", "attribute", "item"):
        text = name if node.op != "item" else node.get("index")
        if isinstance(text, str) and _NAME.search(text):
            return _part_of_a_pipeline(node, text.lower())
    return None


def calls_another(node: Expr) -> bool:
    """Whether a node is what a model gives that is neither a VAE nor, by its name, a part of one."""
    if node.op != "opaque" or node.get("name") != "call" or not node.args or node.site is None:
        return False
    written = node.site.node
    name = syntax.called(written) if isinstance(written, ast.Call) else ""
    return bool(name) and _PART.search(name) is None and not any(map(owner_of, walk(node.args[0])))


def is_named(text: str) -> bool:
    """Whether a parameter or an attribute is called like a VAE."""
    return _NAME.search(text) is not None


def is_made_elsewhere(value: Expr) -> bool:
    """Whether a value is what a function returns that is not read, or one of the things that it returns.

    Moved to a device, or set to evaluation, it is the same.
    """
    node = strip(value)
    while node.args and (node.op == "item" or (node.op == "call" and _SAME.search(str(node.get("name"))))):
        node = strip(node.args[0])
    return node.op == "opaque" and not str(node.get("name")).startswith(_ATTRIBUTE)


def _made(node: Expr, depth: int) -> Owner | None:
    """What a call of a class, or of its loader, makes, and the VAE of a pipeline that one makes."""
    dotted = str(node.get("name"))
    if dotted.startswith(_ATTRIBUTE):
        text = dotted.removeprefix(_ATTRIBUTE)
        return _part_of_a_pipeline(node, text.lower()) if _NAME.search(text) else None
    holder, _, last = dotted.rpartition(".")
    kind = holder.rpartition(".")[2] if last in LOADERS else last
    if _CLASS.search(kind):
        # One that is built here may be trained on whatever its author has.
        if last not in LOADERS:
            return Owner("", built=kind)
        identity, library = _text(node.args) or _written_partly(node), dotted.partition(".")[0]
        place, setting = "\n".join(_places(node)), "" if identity else _setting(node)
        identity = identity or (told_by(node.args[0], _first(node)) if node.args else "")
        return Owner("", PretrainedVAE(kind, identity), setting, _path(node), library, place)
    if _SAME.search(dotted):
        return next((found for arg in node.args if (found := owner_of(arg, depth + 1)) is not None), None)
    return None


def _part_of_a_pipeline(node: Expr, name: str) -> Owner:
    """A VAE by its name, with what is known of the pipeline that was loaded and whose part it is."""
    holder = strip(node.args[0]) if node.op in ("attribute", "opaque") and node.args else node
    dotted, _, last = str(holder.get("name")).rpartition(".")
    if holder.op != "opaque" or last not in LOADERS or _is_given_another(holder):
        return Owner(name)
    model = PretrainedVAE(identity=_text(holder.args), companion=dotted.rpartition(".")[2])
    return Owner(name, model, loaded_in=_path(holder), library=dotted.partition(".")[0])


def _is_given_another(loader: Expr) -> bool:
    """Whether a pipeline may have another VAE than the one of its checkpoint: handed to its loader, or put in it."""
    if loader.site is None or not isinstance(loader.site.node, ast.Call):
        return True
    handed = any(each.arg in (None, "vae") for each in loader.site.node.keywords)
    return handed or _REPLACED.search(loader.site.source.cell.text) is not None


def _path(node: Expr) -> str:
    """The file that a call stands in."""
    return "" if node.site is None else node.site.place.path


def _first(node: Expr) -> ast.expr | None:
    """What a loader is called with first, as it is written."""
    written = None if node.site is None else node.site.node
    return first_given(written) if isinstance(written, ast.Call) else None


def _setting(node: Expr) -> str:
    """The name that a loader is called with first, without the name of what holds it: `vae.path` of `cfg.vae.path`."""
    first = _first(node)
    return "" if first is None else setting_of(first)


def _places(node: Expr) -> tuple[str, ...]:
    """The names that a loader may be called with first: two of `args.vae or args.model`."""
    first = _first(node)
    if isinstance(first, ast.BoolOp):
        given = first.values
    elif isinstance(first, ast.IfExp):
        given = [first.body, first.orelse]
    else:
        given = [] if first is None else [first]
    return tuple(name for each in given if (name := setting_of(each)))


def _written_partly(node: Expr) -> str:
    """The text that a loader is called with first, of which only the end is known later: `f"madebyollin/{name}"`."""
    first = _first(node)
    parts = first.values if isinstance(first, ast.JoinedStr) else []
    texts = [part.value if isinstance(part, ast.Constant) else HOLE for part in parts]
    # Whose it is must be written out: what begins with a folder's name may be anything.
    return "".join(map(str, texts)) if texts and "/" in str(texts[0]) else ""


def setting_of(value: ast.expr) -> str:
    """The dotted name of a setting, without that of what holds it all; empty for what is none."""
    keys: list[str] = []
    node = value
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        index = node.slice if isinstance(node, ast.Subscript) else None
        key = node.attr if isinstance(node, ast.Attribute) else getattr(index, "value", None)
        if not isinstance(key, str):
            return ""
        keys.append(key)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join(reversed(keys)) or node.id


def first_given(loader: ast.Call) -> ast.expr | None:
    """What a loader is called with to say from where."""
    given = [*loader.args, *(each.value for each in loader.keywords if each.arg == _FROM)]
    return given[0] if given else None


def _text(args: tuple[Expr, ...]) -> str:
    """The first text that a call is given."""
    return next(_texts(args), "")


def _texts(args: tuple[Expr, ...]) -> Iterator[str]:
    for arg in args[:1]:
        name = str(arg.get("name")) if arg.op == "opaque" else ""
        if name.startswith("str:"):
            yield name.removeprefix("str:")
