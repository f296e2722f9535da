"""Calls that are given options by a mapping which is not read: what may be among them has no default."""

from __future__ import annotations

from collections.abc import Sequence

from vae_checked.linter.interpreter import derived_losses
from vae_checked.linter.symbols.expression import Expr, Site, opaque
from vae_checked.linter.symbols.values import External, Method, Value, as_expr
from vae_checked.linter.torch_model import losses

# What reduces by axes, or confines to limits, that are among its options.
_BY_OPTIONS = frozenset("sum mean clamp clamp_ clip clip_ hardtanh Hardtanh".split())


def of_loss(target: Value, mapping: Expr) -> dict[str, Value]:
    """What a loss takes from such a mapping: any option."""
    return {losses.UNREAD_OPTIONS: mapping} if derived_losses.takes_options(target) else {}


def computed(target: Value, mapping: Expr, args: Sequence[Value], site: Site) -> Expr | None:
    """What an operation makes whose limits or axes may be among such options; None for any other."""
    if isinstance(target, Method) and isinstance(target.owner, Expr):
        name, given = target.name, (target.owner, *args)
    elif isinstance(target, External) and target.dotted.startswith("torch."):
        name, given = target.dotted.rpartition(".")[2], tuple(args)
    else:
        return None
    if name not in _BY_OPTIONS:
        return None
    return opaque(f"torch.{name}", (*(as_expr(each, site) for each in given), mapping), site)
