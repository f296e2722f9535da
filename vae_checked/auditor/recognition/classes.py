"""Where a prediction of classes, as of words or of gray levels, meets the labels that the data are."""

from __future__ import annotations

from collections.abc import Collection

from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recording.origins import names_in
from vae_checked.auditor.recording.tape import Step, Tape

CROSS_ENTROPIES = names_in("nll_loss nll_loss_forward nll_loss2d nll_loss2d_forward")


def is_of_classes(step: Step) -> bool:
    """Whether a step takes of each row of log probabilities the one that a label names."""
    return step.name in CROSS_ENTROPIES or step.name == "gather"


def labels_of(tape: Tape, graph: Graph, step: Step, x: int) -> int | None:
    """The labels that such a step takes, where they are the data or made of them; None for another step.

    Beside data of floating point labels of another input are a condition, whose classifier is no reconstruction.
    """
    if not is_of_classes(step) or len(step.inputs) < 2:
        return None
    labels = step.inputs[1]
    tensor = tape.values[labels].tensor
    if tensor.is_floating_point() or tensor.numel() < 2 or graph.depends_on_parameters(labels) or tape.drawn(labels):
        return None
    of_data = labels == x or x in graph.ancestors(labels)
    of_input = not tape.values[x].tensor.is_floating_point() and graph.depends_on_input(labels)
    return labels if of_data or of_input else None


def logits_of(tape: Tape, graph: Graph, probabilities: int, after: Collection[int]) -> int:
    """What the log probabilities are the log_softmax of, rearranged at most; themselves where they are of nothing."""
    for number in graph.moved_from(probabilities, graph.follows(probabilities)):
        index = tape.values[number].step
        step = None if index is None else tape.steps[index]
        if step is not None and step.name == "_log_softmax" and step.inputs[0] in after:
            return step.inputs[0]
    return probabilities
