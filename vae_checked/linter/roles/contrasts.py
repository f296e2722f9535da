"""A KL that is maximised on purpose: what is minimised has one of the same heads with the other sign."""

from __future__ import annotations

from vae_checked.linter.roles import reductions
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.head_layers import layer_of
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.symbols.expression import Expr
from vae_checked.mathematics.chain_signs import sign_of


def is_contrasted(kl: Divergence, total: Expr, losses: Losses) -> bool:
    """Whether the same heads have a KL of the other sign in what is minimised: one is maximised on purpose."""
    signs = {
        sign * (1 if other.factor > 0 else -1)
        for other in losses.kls
        if layer_of(other.head) == layer_of(kl.head)
        for value in (total, *losses.backward)
        for chain in reductions.chains(value, other.term.uid, losses.graph)
        if (sign := sign_of(chain) or 0)
    }
    return len(signs) > 1
