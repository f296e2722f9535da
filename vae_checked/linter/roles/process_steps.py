"""Steps in time, `z + drift * dt + width * noise` with noise of the variance dt: no draws of a posterior."""

from __future__ import annotations

from vae_checked.linter.symbols.expression import Expr, Graph, elementwise
from vae_checked.linter.symbols.numeric import close


def is_step(z: Expr, location: Expr, noise: Expr, factor: float, graph: Graph) -> bool:
    """Whether what noise is added to is moved by something that is scaled by the variance of the noise, `factor` in it.

    That of N(0, 1) scales by nothing. What is added after the noise moves it as well.
    """
    std = noise.get("std")
    variance = (factor * std) ** 2 if isinstance(std, float) else 1.0
    if variance == 0.0 or close(variance, 1.0):
        return False
    further = (arg for above in graph.above(z) if above.op in ("add", "sub") for arg in above.args if arg.uid != z.uid)
    moved = (node for value in (location, *further) for node in elementwise(value))
    return any(close(abs(number), variance) for node in moved for number in _scales(node))


def _scales(node: Expr) -> list[float]:
    """The numbers that a node multiplies by."""
    if node.op == "mul":
        return [arg.value for arg in node.args if arg.op == "const"]
    divides = node.op == "div" and node.args[1].op == "const" and node.args[1].value
    return [1.0 / node.args[1].value] if divides else []
