"""Which losses go with the model that is made of those which a condition chooses from, and which with another one."""

from __future__ import annotations

from vae_checked.linter.evaluations.evaluation import Evaluation, expressions
from vae_checked.linter.roles import phi, settings_apart
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.symbols.conditions import Steps, contradict
from vae_checked.linter.symbols.expression import Graph


def may_be_of_another(recon: Reconstruction | None, losses: Losses) -> bool:
    """Whether a loss may go with another model than the one that is run, or its settings are not those of the code."""
    evaluation = losses.evaluation
    if evaluation.loss_is_one_of_several or recon is None:
        return evaluation.loss_is_one_of_several
    if evaluation.model_is_supposed and settings_apart.is_one_of_several(recon, losses):
        return True
    return is_of_another(recon, evaluation)


def is_of_another(recon: Reconstruction, evaluation: Evaluation) -> bool:
    """Whether an error stands in a loss where a condition chooses another model, and nowhere else.

    What that model decodes is not known; an error that stands beside the one that is run as well is judged with it.
    """
    return recon.term.uid in evaluation.read_once(_of_others)


def _of_others(evaluation: Evaluation) -> frozenset[int]:
    assumed = tuple(evaluation.observations.assumed.values())
    if not assumed:
        return frozenset()
    others = tuple((condition, not holds) for condition, holds in assumed)
    found = _nodes(evaluation, others) - _nodes(evaluation, assumed)
    for condition, holds in evaluation.observations.replaced:
        found |= _nodes(evaluation, ((condition, holds),)) - _nodes(evaluation, ((condition, not holds),))
    return found


def _nodes(evaluation: Evaluation, steps: Steps) -> frozenset[int]:
    """The nodes of what is met where none of some conditions is otherwise, and of its ways under these.

    What is met where a setting has one value is not met where it has another, though no condition asks for both.
    """
    met = [
        value
        for root in evaluation.observations.roots
        if not contradict((*root.path, *steps))
        for value in expressions(root.value)
    ]
    holding = {condition.uid: holds for condition, holds in steps}
    resolved = phi.resolved(met, met={value.uid: holding for value in met})
    return frozenset(node.uid for node in Graph(resolved).nodes)
