"""Layers that a training runs and moves with nothing that it differentiates, whatever else is called a loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.facts import Facts, Origin
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.roles import cut_layers
from vae_checked.linter.roles.objective import Losses, handed_on
from vae_checked.linter.symbols.expression import origin
from vae_checked.linter.symbols.observations import Spot, spot_of
from vae_checked.linter.symbols.registered import with_parameters
from vae_checked.record import replace
from vae_checked.text import in_short

_PATH = "training.without_gradient"


class UnmovedLayers:
    """Over all evaluations, the layers that trainings leave as they are, and those that one of them moves.

    A model by itself says nothing of what its caller differentiates: a value that it calls a loss may only be shown.
    """

    def __init__(self) -> None:
        # Layers by where they are made; those of a subject, and where one that is left is applied.
        self._made: dict[str, set[Spot]] = {}
        self._left: dict[Spot, Origin] = {}
        self._moved: set[Spot] = set()

    def note(self, losses: Losses) -> None:
        """Take note of the layers of an evaluation, and of those that it moves, where it differentiates something."""
        models = losses.evaluation.read_once(_made)
        self._made.setdefault(losses.evaluation.subject, set()).update(*(made.values() for made in models))
        if not losses.read_once(handed_on):
            return
        moved = losses.read_once(cut_layers.differentiated)
        # Nothing is known of a model that no gradient is seen to reach: it may be that of another training.
        trained = {number: spot for made in models if not moved.isdisjoint(made) for number, spot in made.items()}
        left: dict[Spot, Origin] = {}
        for node in losses.graph.having("layer"):
            number = node.get("serial")
            if number in trained and number not in moved:
                left.setdefault(trained[number], origin(node))
        self._moved.update(spot for number, spot in trained.items() if number in moved and spot not in left)
        self._left.update(left)

    def left_open(self, found: Iterable[Facts]) -> Iterator[Facts]:
        """The facts, where a layer that no training moves belongs to a model with whether it has a gradient open."""
        left = {spot: where for spot, where in self._left.items() if spot not in self._moved}
        for item in found:
            known = item.training.without_gradient
            where = next((left[spot] for spot in sorted(self._made.get(item.subject, ()) & left.keys(), key=str)), None)
            if where is None or known is None or known.value:
                yield item
                continue
            reason = f"no loss that is seen to be differentiated is computed from {in_short(where.source)}"
            yield replace(item, elsewhere={_PATH: reason, **item.elsewhere})


def _made(evaluation: Evaluation) -> list[dict[object, Spot]]:
    """Where each layer with parameters is made, by its number, for each model that is run."""
    return [
        {layer.serial: spot_of(layer.site) for layer in with_parameters(model) if layer.site is not None}
        for model in evaluation.read_once(cut_layers.models_run)
    ]
