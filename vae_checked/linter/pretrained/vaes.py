"""Which values are VAEs that the code loads or is handed, and what is known of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from vae_checked.latent_facts import PretrainedVAE
from vae_checked.linter.symbols.expression import Expr, strip
from vae_checked.record import dataclass

# How such a VAE is called where it is a parameter or an attribute.
_NAME = re.compile(
    r"(?:^|_)(?:vae|ae|auto_?encoder|first_stage|autoencoderkl)(?:_?model|_?(?:kl|\d+))?$|^(?:video|image|audio)?_?vae",
    re.IGNORECASE,
)
_CLASS = re.compile(r"Autoencoder|AutoEncoder|VAE|^AE$|^VQModel$|^MoVQ")
_LOADERS = frozenset(("from_pretrained", "from_single_file", "from_config", "load_from_checkpoint"))
# What hands back the model that it is given.
_SAME = re.compile(r"(?:^|\.)(?:unwrap\w*|to|eval|train|cuda|cpu|half|float|requires_grad_|compile|prepare)$")
_WRAPPED = frozenset(("module", "_orig_mod", "model"))
_NAMELESS = frozenset(("module", "_orig_mod"))
# The name of a loader's first argument.
_FROM = "pretrained_model_name_or_path"
_MAX_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Owner:
    """A VAE as one place of the code has it: the name it goes by there, and what it was loaded from.

    `setting` is the name of what says from where, where that is no text but a setting.
    """

    name: str
    model: PretrainedVAE = PretrainedVAE()
    setting: str = ""


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
            return Owner(text.lower(), PretrainedVAE(identity=_identity(node)))
    return None


def _made(node: Expr, depth: int) -> Owner | None:
    """What a call of a class, or of its loader, makes."""
    dotted = str(node.get("name"))
    holder, _, last = dotted.rpartition(".")
    kind = holder.rpartition(".")[2] if last in _LOADERS else last
    if _CLASS.search(kind):
        # One that is built here may be trained on whatever its author has.
        if last not in _LOADERS:
            return Owner("")
        identity = _text(node.args)
        return Owner("", PretrainedVAE(kind, identity), "" if identity else _setting(node))
    if _SAME.search(dotted):
        return next((found for arg in node.args if (found := owner_of(arg, depth + 1)) is not None), None)
    return None


def _identity(node: Expr) -> str:
    """The text by which the pipeline was loaded whose part a VAE is."""
    if node.op != "attribute" or not node.args:
        return ""
    holder = strip(node.args[0])
    is_loaded = holder.op == "opaque" and str(holder.get("name")).rpartition(".")[2] in _LOADERS
    return _text(holder.args) if is_loaded else ""


def _setting(node: Expr) -> str:
    """The last part of the name that a loader is called with first."""
    written = None if node.site is None else node.site.node
    if not isinstance(written, ast.Call):
        return ""
    given = [*written.args, *(each.value for each in written.keywords if each.arg == _FROM)]
    first = given[0] if given else None
    return first.attr if isinstance(first, ast.Attribute) else getattr(first, "id", "")


def _text(args: tuple[Expr, ...]) -> str:
    """The first text that a call is given."""
    return next(_texts(args), "")


def _texts(args: tuple[Expr, ...]) -> Iterator[str]:
    for arg in args[:1]:
        name = str(arg.get("name")) if arg.op == "opaque" else ""
        if name.startswith("str:"):
            yield name.removeprefix("str:")
