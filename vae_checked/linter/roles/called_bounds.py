"""Sums of an error and a KL that are called a bound, and that nothing is seen to train: what is shown of a model."""

from __future__ import annotations

import re

from vae_checked.linter.roles.objective import JointLoss, Losses
from vae_checked.linter.symbols.expression import REDUCTIONS

_BOUND = re.compile(r"elbo|evidence|lower_?bound|log_?lik|log_?prob|log_?p_?x", re.IGNORECASE)
# With one of these a bound is what is minimised: minus the bound.
_MINIMISED = re.compile(r"neg|nelbo|loss|cost|objective|minus", re.IGNORECASE)


def is_called_a_bound(reading: JointLoss, losses: Losses) -> bool:
    """Whether what holds both terms is called a bound, where the source does not say that it is minimised.

    An error that is subtracted wrongly there is not trained: which of the two terms is meant otherwise is open.
    """
    if reading.minimised is not None:
        return False
    roots = losses.roots_with(reading.total)
    called = [root.function.name for root in roots if root.kind == "return" and root.function is not None]
    node, names = reading.total, losses.evaluation.observations.names
    while node.op in REDUCTIONS:
        called += names.get(node.uid, [])
        node = node.args[0]
    called += names.get(node.uid, [])
    return any(_BOUND.search(name) and not _MINIMISED.search(name) for name in called)
