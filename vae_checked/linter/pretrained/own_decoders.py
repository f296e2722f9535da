"""Calls of `decode` of a VAE that the project writes itself: what is decoded is a sample of another model."""

from __future__ import annotations

import ast
import re

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.pretrained.vaes import is_named
from vae_checked.linter.symbols.drawing import DRAWS, rank
from vae_checked.linter.symbols.expression import Expr, atom, walk
from vae_checked.linter.symbols.observations import Decoding
from vae_checked.linter.symbols.registered import serials
from vae_checked.linter.symbols.values import Module

_GAUSSIAN = re.compile(r"log_?(?:var|sigma|std)|gaussian", re.IGNORECASE)


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


def _draws(made: Decoding) -> bool:
    """Whether a VAE draws, by itself or by what its file speaks of: latents of other autoencoders may be confined."""
    return rank(made.model) > DRAWS or made.model.cls.scope.module.read_once(_speaks_of_variances)


def _speaks_of_variances(module: Module) -> bool:
    return any(_GAUSSIAN.search(cell.text) is not None for cell in module.file.cells)


def _name(made: Decoding) -> str:
    """What the VAE goes by where it is called."""
    call = made.site.node
    owner = call.func.value if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None
    return owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")


def _is_of_another(made: Decoding) -> bool:
    """Whether layers that are none of the VAE's, or a model that is not known, make what it decodes."""
    own = serials(made.model)
    return any(
        node.get("serial") not in own if node.op == "layer" else node.op == "opaque" and node.get("name") == "call"
        for node in walk(made.latent)
    )
