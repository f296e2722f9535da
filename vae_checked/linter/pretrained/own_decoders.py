"""The VAE that a project writes itself, in use: what it encodes for another model, and decodes of another model's."""

from __future__ import annotations

import ast
import re

from vae_checked.latent_facts import PretrainedVAE
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.pretrained.vaes import Owner, is_named
from vae_checked.linter.symbols.drawing import DRAWS, rank
from vae_checked.linter.symbols.expression import NOISE, Expr, atom, walk
from vae_checked.linter.symbols.observations import Decoding, OwnEncoding
from vae_checked.linter.symbols.registered import serials
from vae_checked.linter.symbols.values import Function, Instance, Module

_GAUSSIAN = re.compile(r"log_?(?:var|sigma|std)|gaussian", re.IGNORECASE)
# What may bring latents to another scale inside of the two methods.
_SCALES = re.compile(
    r"scal|factor|shift|statist|normali[sz]e|\bun_?norm|(?:[*/]|mul\w*\(|div\w*\()\s*self\.", re.IGNORECASE
)


def own_decodes(evaluation: Evaluation) -> dict[int, Expr]:
    """The pictures that such a VAE gives, by their number, each as the call of one that is loaded.

    Only where another model makes the latent: what the VAE decodes of its own is its reconstruction.
    """
    found = {}
    for uid, made in evaluation.observations.decodings.items():
        name = _name(made)
        if is_named(name) and _draws(made) and _is_of_another(made):
            found[uid] = Expr("call", (atom(name, made.site), made.latent), (("name", "decode"),), made.site)
    return found


def own_encodes(evaluation: Evaluation) -> dict[int, tuple[Expr, Owner, Function | None]]:
    """The latents that such a VAE draws, by their number: the call, the VAE, and the code that calls it."""
    found = {}
    for uid, made in evaluation.observations.encodings.items():
        owner = owner_of_own(made)
        if owner is not None:
            found[uid] = (
                Expr("call", (atom(owner.name, made.site),), (("name", "encode"),), made.site),
                owner,
                made.caller,
            )
    return found


def owner_of_own(made: Decoding | OwnEncoding) -> Owner | None:
    """The VAE of the project that a call is of; None where nothing tells that it is one, and of one that may scale.

    What is scaled inside of `encode` or `decode` is no end of the way between them.
    """
    name, cls = _name(made), made.model.cls
    if not is_named(name) or rank(made.model) <= DRAWS or _may_scale(made.model):
        return None
    return Owner(name.lower(), PretrainedVAE(identity=cls.name), built=cls.name)


def _may_scale(model: Instance) -> bool:
    for method in (model.cls.find("encode"), model.cls.find("decode")):
        if not isinstance(method, Function):
            return True
        source = method.scope.module.source_of(method.node)
        if _SCALES.search(source.segment(method.node)) is not None:
            return True
    return False


def is_drawn(value: Expr) -> bool:
    """Whether a tensor that `encode` gave is the latent, and no head of it."""
    return bool(value.bits & NOISE)


def _draws(made: Decoding) -> bool:
    """Whether a VAE draws, by itself or by what its file speaks of: latents of other autoencoders may be confined."""
    return rank(made.model) > DRAWS or made.model.cls.scope.module.read_once(_speaks_of_variances)


def _speaks_of_variances(module: Module) -> bool:
    return any(_GAUSSIAN.search(cell.text) is not None for cell in module.file.cells)


def _name(made: Decoding | OwnEncoding) -> str:
    """What the VAE goes by where it is called."""
    call = made.site.node
    return syntax.last(call.func.value) if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else ""


def _is_of_another(made: Decoding) -> bool:
    """Whether layers that are none of the VAE's, or a model that is not known, make what it decodes."""
    own = serials(made.model)
    return any(
        node.get("serial") not in own if node.op == "layer" else node.op == "opaque" and node.get("name") == "call"
        for node in walk(made.latent)
    )
