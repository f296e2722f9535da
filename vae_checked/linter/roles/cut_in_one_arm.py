"""What one arm of a condition has with its gradient and the other without: `kl if late else kl.detach()`."""

from __future__ import annotations

from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.symbols.expression import NO_GRAD, TRANSPARENT, Expr


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


def of_sample(sample: Expr, losses: Losses) -> bool:
    """Whether a sample is handed on with its gradient by one arm of a condition alone: `z.detach() if late else z`.

    What an arm makes of it otherwise is another use of it.
    """
    place = sample.site.node if sample.site is not None else None
    for node in losses.unsettled.having("phi", "where") if place is not None else ():
        if node.args[0].op == "training":
            continue
        arms = [_without_detach(arm) for arm in node.args[1:]]
        alike = all(arm.op == sample.op and arm.site is not None and arm.site.node is place for arm, _ in arms)
        if alike and len({is_cut for _, is_cut in arms}) > 1 and losses.minimises(node):
            return True
    return False


def _without_detach(value: Expr) -> tuple[Expr, bool]:
    """A value below what hands it on, and whether that cuts it off from its gradient, but for a validation."""
    is_cut = False
    while value.args and (value.op == "detach" or value.op in TRANSPARENT):
        is_cut = is_cut or (value.op == "detach" and not _is_switched_off(value))
        value = value.args[0]
    return value, is_cut


def _is_switched_off(node: Expr) -> bool:
    return node.op == "detach" and node.get("known") == NO_GRAD
