"""A VAE whose parts are called one by one: `quant_conv(encoder(x))` encodes, `decoder(post_quant_conv(z))` decodes."""

from __future__ import annotations

from vae_checked.linter.pretrained.moving import moves
from vae_checked.linter.symbols.expression import Expr

# The part behind the encoder, and the one before the decoder.
QUANT, POST_QUANT = "quant_conv", "post_quant_conv"


def encoding(node: Expr) -> Expr | None:
    """The call of `encode` that the last part of an encoder stands for; None for another call."""
    inner = _given(node, QUANT, "encoder")
    return None if inner is None else Expr("call", (node.args[0], inner.args[1]), (("name", "encode"),), node.site)


def is_decoding(node: Expr) -> bool:
    """Whether a call is that of a decoder behind the part that stands before it."""
    return _given(node, "decoder", POST_QUANT) is not None


def is_before_a_decoder(node: Expr) -> bool:
    """Whether a call is that of the part which a latent goes through before the decoder."""
    return node.op == "call" and node.get("name") == POST_QUANT and len(node.args) > 1


def _given(node: Expr, last: str, first: str) -> Expr | None:
    """The call of the first part that the last one of the same model is given."""
    if node.op != "call" or node.get("name") != last or len(node.args) < 2:
        return None
    inner = node.args[1]
    while moves(inner):
        inner = inner.args[0]
    is_first = inner.op == "call" and inner.get("name") == first and len(inner.args) > 1
    return inner if is_first and inner.args[0] == node.args[0] else None
