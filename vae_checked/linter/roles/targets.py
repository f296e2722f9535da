"""What an error compares a prediction with: the input of the encoder, other data such as a label, or itself."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.facts import Likelihood
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite, is_scalar
from vae_checked.linter.symbols.expression import ELEMENTWISE, TRANSPARENT, Expr, Graph, is_made_from, strip
from vae_checked.linter.symbols.given import is_given

# What hands on the numbers of a tensor, or some of them.
_OF_INPUT = TRANSPARENT | {"index", "part", "move", "div", "mul", "add", "sub", "clamp"}
_FOLLOWING = ELEMENTWISE | TRANSPARENT | {"softmax"}


def of_input_first(recons: Iterable[Reconstruction], site: SamplerSite, graph: Graph) -> list[Reconstruction]:
    """Errors in their order, those of what the heads are computed from before those of other data."""
    found = list(recons)
    return sorted(found, key=lambda recon: not is_of_input(recon, site, graph)) if len(found) > 1 else found


def is_of_input(recon: Reconstruction, site: SamplerSite, graph: Graph) -> bool:
    """Whether what is compared with something made from z is what the heads of z are computed from, or a part of it."""
    sides = (recon.first, recon.second)
    targets = [side for side in sides if not graph.holds(side, site.z.uid)]
    return len(targets) == 1 and _is_encoded(targets[0], site.location, graph)


def is_of_other_data(recon: Reconstruction, location: Expr, graph: Graph) -> bool:
    """Whether it is known what a mean is computed from, and an error compares nothing with that.

    A prediction that is computed from the latents by products and sums alone follows from it as well, and is none.
    """
    sides = [side for side in (recon.first, recon.second) if not graph.holds(side, location.uid)]
    return not is_given(location) and not any(_is_encoded(side, location, graph) for side in sides)


def of_data(recons: Iterable[Reconstruction], location: Expr, graph: Graph) -> list[Reconstruction]:
    """The errors of which one side at most is made of a mean: others tell how near codes are to each other."""
    return [
        recon for recon in recons if not all(_is_made_of(side, location, graph) for side in (recon.first, recon.second))
    ]


def _is_made_of(side: Expr, location: Expr, graph: Graph) -> bool:
    # Data that are cut to the size of a reconstruction are not made of it.
    return graph.holds(side, location.uid) and is_made_from(side, location.uid)


def _is_encoded(target: Expr, location: Expr, graph: Graph) -> bool:
    node = target
    while not graph.holds(location, node.uid):
        inner = [arg for arg in node.args if arg.op != "const" and not is_scalar(arg)]
        if node.op not in _OF_INPUT or not inner:
            return False
        node = inner[0]
    return True


def is_of_itself(recon: Reconstruction) -> bool:
    """Whether one side follows element by element from the other: an entropy, or a penalty on what is predicted.

    Nothing is said of densities, whose sides need not be compared, and of what is made of a target from outside.
    """
    if recon.kind is Likelihood.DENSITY:
        return False
    first, second = strip(recon.first), strip(recon.second)
    return _follows(second, first) or (not is_given(second) and _follows(first, second))


def _follows(value: Expr, given: Expr) -> bool:
    """Whether a value is all that another one is computed from, and no layer comes in between."""
    if value.uid == given.uid or given.op == "const":
        return False
    stack, seen, met = [value], set[int](), False
    while stack:
        node = strip(stack.pop())
        if node.uid == given.uid:
            met = True
        elif node.uid not in seen and node.op != "const" and not is_scalar(node):
            seen.add(node.uid)
            if node.op not in _FOLLOWING:
                return False
            stack += node.args
    return met
