"""KLs that one arm of a condition adds with their gradient and the other without: `kl if late else kl.detach()`."""

from __future__ import annotations

from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.symbols.expression import NO_GRAD, Expr


def choice(kl: Divergence, losses: Losses) -> Expr | None:
    """The choice in what is minimised of which one arm alone trains the KL that both hold; None where there is none.

    How often training takes which arm is not known, nor whether it is meant so, as a floor of the KL is.
    """
    with_kl = losses.unsettled_with(kl.term)
    for node in losses.unsettled.having("phi", "where"):
        arms = node.args[1:]
        if not all(arm.uid in with_kl for arm in arms) or not losses.minimises(node):
            continue
        # What is done under no_grad in one arm is a validation's.
        trained = [losses.moves_term(arm, kl.term, past=_is_switched_off) for arm in arms]
        if any(trained) and not all(trained):
            return node
    return None


def _is_switched_off(node: Expr) -> bool:
    return node.op == "detach" and node.get("known") == NO_GRAD
