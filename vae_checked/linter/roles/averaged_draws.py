"""Several draws from the same heads that become one latent: their mean is less wide than what each is drawn with."""

from __future__ import annotations

import ast
from collections.abc import Set

from vae_checked.linter.roles.samplers import SamplerSite, is_scalar
from vae_checked.linter.symbols.expression import ELEMENTWISE, NOISE, Expr, Graph, called_name, elementwise, strip
from vae_checked.linter.symbols.numeric import leaves

_DRAWS = frozenset(("rsample", "sample"))
# What takes a latent; what makes one of two on the way there, another value of each element, or another place for it.
_TAKING = ("layer", "matmul", "call", "opaque")
_MIXING = ("add", "sub", "maximum", "minimum")
_CHANGING = (*sorted(ELEMENTWISE - {*_MIXING, "phi"}), "move")
_MOST_MIXED = 32
# What picks, or makes, one of many by their sizes.
_UNREAD = ("call", "opaque")
_BY_SIZE = frozenset(
    "median nanmedian max min amax amin quantile nanquantile kthvalue sort topk mode logsumexp prod norm".split()
)


def is_one_of_several(site: SamplerSite, graph: Graph) -> bool:
    """Whether another draw from the heads of this one is added to it, or the mean or median of such draws is taken.

    Or one of the heads is added to it once more, as where a mean of it and the posterior's mean is decoded.
    """
    return _is_drawn_often(site, graph) or _is_picked_by_size(site, graph) or _is_mixed(site, graph)


def _is_mixed(site: SamplerSite, graph: Graph) -> bool:
    """Whether what is decoded is a draw that its own heads were added to, or a mean over the first axis of draws."""
    heads = {strip(site.location).uid, strip(site.scale).uid}
    if site.location.bits & NOISE and is_of(site.location, {strip(site.scale).uid} | _head_of(site)):
        # Around another draw with the same scale.
        return True
    own = strip(site.z).uid
    stack, seen = [(site.z, False)], set[tuple[int, bool]]()
    while stack and len(seen) < _MOST_MIXED:
        value, mixed = stack.pop()
        if (value.uid, mixed) in seen:
            continue
        seen.add((value.uid, mixed))
        if mixed and any(not str(node.get("name")).startswith("compare:") for node in graph.taking(value, *_TAKING)):
            return True
        bare = strip(value).uid
        for node in graph.taking(value, *_MIXING):
            others = [arg for arg in node.args if strip(arg).uid != bare]
            stack.append((node, mixed or any(is_of(other, heads, {own}) for other in others)))
        changed = graph.taking(value, *_CHANGING)
        stack += [(n, mixed) for n in changed if all(_is_number(arg) for arg in n.args if strip(arg).uid != bare)]
        stack += [(node, mixed) for node in graph.taking(value, "stack", "cat")]
        stack += [(node, True) for node in graph.taking(value, "mean", "sum") if node.get("axes") == (0,)]
    return False


def _head_of(site: SamplerSite) -> set[int]:
    return set() if site.head is None else {site.head.uid}


def _is_number(value: Expr) -> bool:
    return all(map(is_scalar, leaves(value)))


def is_of(value: Expr, heads: set[int], around: Set[int] = frozenset()) -> bool:
    """Whether a value is made of some heads element by element, or is one of them: by more than what is `around`."""
    return strip(value).uid in heads or any(
        strip(arg).uid in heads for node in elementwise(value, heads | around) for arg in node.args
    )


def _is_drawn_often(site: SamplerSite, graph: Graph) -> bool:
    """Whether a distribution is asked for several samples, and their mean is taken."""
    call = None if site.z.site is None else site.z.site.node
    asked = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _DRAWS
    if not asked or not getattr(call, "args", ()):
        return False
    return any(mean.get("axes") == (0,) for mean in graph.taking(site.z, "mean"))


def _is_picked_by_size(site: SamplerSite, graph: Graph) -> bool:
    """Whether of several draws, the first axis of one value, one is taken that is the largest, or in the middle."""
    several = [site.z, *graph.taking(site.z, "stack", "cat")]
    taken = (node for each in several for node in graph.taking(each, *_UNREAD, "logsumexp", "prod"))
    return any(_is_over_first_axis(node) for node in taken)


def _is_over_first_axis(node: Expr) -> bool:
    if node.op in _UNREAD and called_name(node) not in _BY_SIZE:
        return False
    return node.get("axes") == (0,) or any(arg.op == "const" and arg.value == 0.0 for arg in node.args[1:])
