"""The reconstruction term: torch's losses, and squared or absolute differences written by hand."""

from __future__ import annotations

from dataclasses import dataclass

from vae_checked.facts import Likelihood, Reduction
from vae_checked.linter.expression import TRANSPARENT, Expr, Graph, Site, strip

_ACTIVATIONS = frozenset(
    "sigmoid tanh relu leaky_relu elu selu gelu silu softplus softsign hardsigmoid relu6 softmax mish celu".split()
)


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """A loss between a prediction and a target, as the arguments are written."""

    term: Expr
    kind: Likelihood
    first: Expr
    second: Expr
    ignored: tuple[tuple[str, Site], ...] = ()
    reduction: Reduction | None = Reduction.KEPT


def find(graph: Graph) -> list[Reconstruction]:
    """Every reconstruction-like loss in a graph, each once."""
    return [term for term in map(_read, graph.nodes) if term is not None]


def _read(node: Expr) -> Reconstruction | None:
    if node.op == "loss":
        kind, ignored, reduction = node.get("kind"), node.get("ignored"), node.get("reduction")
        if isinstance(kind, Likelihood) and isinstance(ignored, tuple):
            known = reduction if isinstance(reduction, Reduction) else None
            return Reconstruction(node, kind, node.args[0], node.args[1], ignored, known)
        return None
    power = node.op == "square" or (node.op == "pow" and node.args[1].op == "const" and node.args[1].value == 2)
    if not power and node.op != "abs":
        return None
    inner = strip(node.args[0])
    if inner.op != "sub" or any(arg.op == "const" for arg in inner.args):
        return None
    return Reconstruction(node, Likelihood.MSE if power else Likelihood.L1, inner.args[0], inner.args[1])


def activations(output: Expr) -> tuple[tuple[str, ...], Expr | None]:
    """The elementwise activations at the end of a decoder, in the order they are applied, and the last of them."""
    names: list[str] = []
    last: Expr | None = None
    node = output
    while True:
        if node.op in TRANSPARENT and node.args:
            node = node.args[0]
        elif node.op in _ACTIVATIONS:
            names.append(node.op)
            last = last or node
            node = node.args[0]
        else:
            return tuple(reversed(names)), last
