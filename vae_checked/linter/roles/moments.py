"""The mean and the variance of the entries of one tensor: none of them is a head, which a network makes of a sample."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import REDUCTIONS, Expr, called_name, strip

_SPREADS = frozenset(("var", "std"))
_BOTH = frozenset(("var_mean", "std_mean"))


def are_heads_of(kl: Divergence, found: Iterable[SamplerSite]) -> bool:
    """Whether what looks like a KL is one of the moments of a single tensor, that no sampler draws around.

    It holds all entries together at N(0, I), as those of a denoiser's guess or of the codes of a whole batch, and says
    nothing of the posterior of each sample. Where that tensor is the mean of what is drawn it may stand in for the KL.
    """
    of = None if kl.prior_heads is not None else _spread_of(kl.head)
    if of is None or _averaged(kl.location).uid != of.uid:
        return False
    return not any(_averaged(site.location).uid == of.uid for site in found)


def _spread_of(head: Expr) -> Expr | None:
    """The tensor whose variance or std a head is."""
    node = strip(head)
    if _is_called(node, _SPREADS):
        return _averaged(node.args[0])
    return _averaged(node) if _is_of_both(node) else None


def _averaged(location: Expr) -> Expr:
    """The tensor whose mean a location is: that is read as the tensor itself where a formula takes it apart."""
    node = strip(location)
    if _is_of_both(node):
        node = strip(node.args[0].args[0])
    while node.op in REDUCTIONS:
        node = strip(node.args[0])
    return node


def _is_of_both(node: Expr) -> bool:
    """Whether a value is one of those that a call gives for the variance and the mean together."""
    return node.op == "item" and _is_called(node.args[0], _BOTH)


def _is_called(node: Expr, names: frozenset[str]) -> bool:
    return node.op in ("call", "opaque") and bool(node.args) and called_name(node) in names
