"""What a training differentiates: by the tensor itself, or by what wraps the training and is handed it."""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.symbols.expression import Expr, strip
from vae_checked.linter.torch_model.optimizers import BACKWARD

# What something is of which nothing is computed: an accelerator, an engine, a trainer.
_HOLDERS = frozenset(("atom", "attribute", "item", "opaque"))
_METHOD = "method:"


def minimised(evaluation: Evaluation) -> Iterator[Expr]:
    """The losses that are differentiated here: `loss.backward()` and `accelerator.backward(loss)`."""
    for root in evaluation.observations.roots:
        if not isinstance(root.value, Expr):
            continue
        if root.kind == "backward":
            yield root.value
        elif root.kind == "expr":
            yield from _handed(root.value)


def _handed(call: Expr) -> Iterator[Expr]:
    """The loss that is handed over to be differentiated; a tensor is handed its gradient."""
    name = str(call.get("name"))
    if name.removeprefix(_METHOD).rpartition(".")[2] not in BACKWARD:
        return
    if call.op == "call" and len(call.args) > 1 and strip(call.args[0]).op in _HOLDERS:
        yield call.args[1]
    elif call.op == "opaque" and name.startswith(_METHOD) and call.args:
        yield call.args[0]
