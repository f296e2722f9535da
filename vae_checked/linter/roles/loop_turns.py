"""Heads that the turns of a loop put together: a KL of a stack of heads is one of the heads of each turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Expr, contains, strip
from vae_checked.record import replace

_STACKS = frozenset(("stack", "cat"))
# Turns of one loop that are looked at, and stacks inside of one another.
_MAX_TURNS, _MAX_NESTED = 24, 4


def of_a_turn(kl: Divergence, found: Iterable[SamplerSite]) -> Divergence:
    """A KL of heads that the turns of a loop put together, as one of the heads of a turn, where those draw."""
    if not any(strip(value).op in _STACKS or _is_slice(strip(value)) for value in (kl.location, kl.head)):
        return kl
    sites = list(found)
    for location, head, *beside in _together((kl.location, kl.head, *(kl.prior_heads or ()))):
        pairs = [(location, head)] if not beside else [(mean, head) for mean in (location, beside[0])]
        if any(
            strip(site.location).uid == mean.uid and contains(site.scale, second.uid)
            for site in sites
            for mean, second in pairs + ([(mean, beside[1]) for mean, _ in pairs] if beside else [])
        ):
            prior_heads = (beside[0], beside[1]) if beside else None
            return replace(kl, location=location, head=head, prior_heads=prior_heads, joined=(kl.location, kl.head))
    return kl


def _together(values: tuple[Expr, ...]) -> Iterator[tuple[Expr, ...]]:
    """What each turn adds to some stacks of like values; a value that is no stack is that of every turn."""
    turns = [_turns(value, _MAX_NESTED) for value in values]
    count = max(map(len, turns))
    if all(len(each) in (1, count) for each in turns):
        for index in range(min(count, _MAX_TURNS)):
            yield tuple(each[index if len(each) > 1 else 0] for each in turns)


def _turns(value: Expr, depth: int) -> list[Expr]:
    """What a stack is made of, in order; the value itself where it is none."""
    bare = strip(value)
    while _is_slice(bare):
        bare = strip(bare.args[0])
    if bare.op not in _STACKS or not depth:
        return [bare]
    return [turn for arg in bare.args for turn in _turns(arg, depth - 1)]


def _is_slice(value: Expr) -> bool:
    """Whether a value is some of the turns that a stack holds."""
    key = value.get("key") if value.op == "index" else None
    return isinstance(key, tuple) and len(key) == 1 and isinstance(key[0], tuple) and key[0][0] == "slice"
