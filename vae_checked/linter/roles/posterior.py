"""Facts of the posterior: how std follows from the head for std, the noise, the gradient, the heads' intervals."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence

from vae_checked.facts import (
    REAL,
    Fact,
    Heads,
    HeadSource,
    Interval,
    Noise,
    NoiseLaw,
    NoiseTiming,
    Origin,
    Parametrisation,
    Sampler,
    StdCurve,
)
from vae_checked.linter.roles import (
    bent_noise,
    clipped_heads,
    gradients,
    handed_twice,
    held_to,
    misread_heads,
    named_around,
    samplers,
    shared_noise,
    usual_options,
)
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.head_layers import are_parts_apart, made_by
from vae_checked.linter.roles.objective import Losses, is_given
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite, is_scalar
from vae_checked.linter.symbols.expression import (
    ELEMENTWISE,
    REDUCTIONS,
    TRANSPARENT,
    Expr,
    contains,
    elementwise,
    origin,
    strip,
)
from vae_checked.linter.symbols.intervals import interval_of
from vae_checked.linter.symbols.numeric import leaves
from vae_checked.linter.symbols.observations import Root
from vae_checked.linter.symbols.values import Instance, Value, opened

# What makes a number positive, and all that it makes of the real numbers: less than that comes from below it.
_PRODUCTS = frozenset(("mul", "div", "neg"))
_POSITIVE = frozenset(("exp", "sqrt", "square", "pow"))
_JOINS = frozenset(("cat", "stack"))
_MADE = frozenset(("layer", "part", "item", "index"))
_POSITIVE_REALS = (Interval(0.0, math.inf), Interval(0.0, math.inf, True))


def sampler_facts(site: SamplerSite | None, head: Expr | None, kl: Divergence | None) -> Sampler:
    """The facts of the sampler at `site`, whose head for std is `head` and whose KL is `kl`."""
    if site is None:
        return Sampler()
    found = None if head is None else _curve(site, head, kl)
    std = None if found is None else Fact(StdCurve(*found), samplers.scale_origin(site, head))
    return Sampler(
        std=std,
        noise=_noise(site),
        shared_over=shared_noise.over(site, kl),
        gradient_reaches=Fact(gradients.heads_reached(site), origin(site.z)),
        timing=Fact(NoiseTiming(training=True), origin(site.z)),
    )


def _curve(
    site: SamplerSite, head: Expr, kl: Divergence | None
) -> tuple[Parametrisation | None, tuple[tuple[float, float], ...]] | None:
    """How std follows from the head that the KL reads; None where it is not known that both read one."""
    if kl is not None and kl.parametrisation is not None and not contains(site.scale, kl.head.uid):
        if not contains(kl.term, head.uid):
            return None
        if contains(kl.head, head.uid) and not _is_scaled(kl.head, head):
            # A KL may be handed what is computed from the head: the variance, where std is drawn with.
            return clipped_heads.curve_beside(site.scale, kl.head, head)
    if _is_pooled(site.scale, head):
        return None
    return samplers.curve(site.scale, head)


def _is_pooled(scale: Expr, head: Expr) -> bool:
    """Whether a scale is made of the sum or the mean of several heads, of which `head` is one or stands for all."""
    below = elementwise(scale, (head.uid,))
    return any(_adds_up(node) and node.uid != head.uid and contains(node, head.uid) for node in below)


def _adds_up(node: Expr) -> bool:
    """Whether a node reduces its argument, or is a running sum after its first turn.

    Such a sum starts from 0 in another line; a 0 that is written beside the head adds up nothing.
    """
    if node.op in REDUCTIONS:
        return True
    sum_of = None if node.site is None else node.site.node
    if isinstance(sum_of, ast.BinOp) and any(isinstance(side, ast.Constant) for side in (sum_of.left, sum_of.right)):
        return False
    return node.op == "add" and any(arg.op == "const" and not arg.value for arg in node.args)


def _is_scaled(value: Expr, head: Expr) -> bool:
    """Whether a value is a head divided by a number, known or not, as by the scale of a prior."""
    bare = strip(value)
    return bare.op == "div" and bare.args[0].uid == head.uid and all(map(is_scalar, leaves(bare.args[1])))


def _noise(site: SamplerSite) -> Fact[Noise] | None:
    law, mean, std = (site.noise.get(name) for name in ("law", "mean", "std"))
    is_set = samplers.unknown_factor(site.scale) is not None
    setting = usual_options.factor_of(site.scale) if is_set else None
    if not isinstance(law, NoiseLaw) or (is_set and setting is None) or _is_scaled_by_mean(site):
        return None
    usual, name = setting or (1.0, "")
    if setting is not None and (abs(usual * site.factor) in (0.0, 1.0) or site.bent or site.repeated is not None):
        # Where it changes nothing, or switches the noise off, it may be there for somebody to set it.
        return None
    if site.repeated is not None:
        return Fact(Noise(NoiseLaw.POSTERIOR), origin(site.z))
    if site.bent:
        made = bent_noise.law_of(site.eps, site.noise)
        return None if made is None else Fact(made, origin(site.eps))
    factor, shift = usual * site.factor, usual * site.shift
    if law is NoiseLaw.STANDARD_NORMAL and (abs(factor), shift) != (1.0, 0.0):
        law = NoiseLaw.NORMAL
    drawn = Noise(
        law,
        factor * mean + shift if isinstance(mean, float) else None,
        abs(factor) * std if isinstance(std, float) else None,
        setting=name,
    )
    return Fact(drawn, origin(site.eps))


def _is_scaled_by_mean(site: SamplerSite) -> bool:
    """Whether the mean is a factor of what scales the draw: what eps is of such noise is open.

    A std that is made of the same head by a function of it is another mistake.
    """
    of_mean = {leaf.uid for leaf in leaves(site.location) if not is_scalar(leaf)}
    stack, seen = [site.scale], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in of_mean:
            return True
        if node.uid not in seen and (node.op in _PRODUCTS or node.op in TRANSPARENT):
            seen.add(node.uid)
            stack += node.args
    return False


def heads_facts(
    site: SamplerSite | None,
    head: Expr | None,
    kl: Divergence | None,
    losses: Losses,
    with_kl: Sequence[Root] = (),
    misread: HeadSource | None = None,
) -> Heads:
    """The facts of the two heads of the sampler at `site`, whose KL is `kl` and is met at the roots `with_kl`.

    `misread` is how that takes them for others. Where no KL is read, the prior may be among the draws, and what a loss
    holds to none lies where it may.
    """
    if site is None:
        return Heads() if kl is None else _heads_of(kl)
    if kl is None and (_is_of_a_prior(site) or _is_kept_as_another(site, losses.samples)):
        return Heads()
    if kl is None and _is_kept(site) and held_to.nothing(site, losses):
        return Heads(source=_source(site, head, losses))
    location, second = None if _follows(site.location, head) else _reach(site.location), None
    if head is not None and _is_parametrised(site, head):
        second = _reach(head)
        if second != REAL and leaves(site.scale, (head.uid,)):
            # A number that is not known stands between the two: a soft clamp to as much, or a temperature.
            second = None
    return Heads(
        mu=None if location is None else Fact(location, decisive(site.location)),
        second=None if second is None or head is None else Fact(second, decisive(head)),
        source=(None if kl is None else misread_heads.source_of(kl, with_kl, misread)) or _source(site, head, losses),
    )


def _follows(mean: Expr, head: Expr | None) -> bool:
    """Whether a mean is a formula of the width as well: a KL that is never below a bound has one by its paper."""
    below = None if head is None else strip(head)
    return below is not None and any(strip(node).uid == below.uid for node in elementwise(mean))


def _reach(head: Expr) -> Interval | None:
    """Where a head lies; not known of one that may be any number, and that training sets to 0 at random."""
    interval, node = _varying(interval_of(head)), head
    while node.args and (node.op in TRANSPARENT or node.op in ("part", "index", "item")):
        node = node.args[0]
    dropped = node.op == "layer" and "dropout" in str(node.get("kind")).lower()
    return None if dropped and interval == REAL else interval


def _is_of_a_prior(site: SamplerSite) -> bool:
    """Whether a draw that no KL is read of has its mean from a function, or a network, that is called after the prior.

    A whole VAE that is called after its kind of prior draws with its posterior too.
    """
    return any("prior" in name and "posterior" not in name for name in named_around.names_around(site.location))


def _is_kept_as_another(site: SamplerSite, drawn: Sequence[SamplerSite]) -> bool:
    """Whether another draw's heads, made by layers of its own, are kept where these are: they may be the prior's.

    A mean that is cut off on one side alone is, whatever the prior.
    """
    mean, second = _ranges(site)
    if mean is None or not _is_kept(site):
        return False
    if not mean.bounded and (mean.low >= 0.0 or mean.high <= 0.0):
        return False
    own = made_by(site.location)
    return any(made_by(other.location) - own and _ranges(other) == (mean, second) for other in drawn)


def _is_kept(site: SamplerSite) -> bool:
    """Whether a head is kept from some numbers."""
    return any(interval not in (None, REAL) for interval in _ranges(site))


def _ranges(site: SamplerSite) -> tuple[Interval | None, Interval | None]:
    """Where a sampler's mean and its head for std lie."""
    head = site.fitting_head or site.head
    return interval_of(site.location), None if head is None else interval_of(head)


def may_be_drawn_from(kl: Divergence, recon: Reconstruction | None, losses: Losses) -> bool:
    """Whether heads that nothing draws with here are those of a caller, or are handed on to one beside the KL.

    Those that a KL alone is made of are no posterior's as far as is known: a bound on mutual information has such ones.
    What an error compares with data was decoded, and is no mean: a KL that is handed it is of something else.
    """
    if is_given(kl.location):
        return True
    mean = strip(kl.location).uid
    if any(mean in (strip(each.first).uid, strip(each.second).uid) for each in losses.recons):
        return False
    if recon is not None or is_given(kl.head):
        return True
    roots = losses.evaluation.observations.roots
    returned = (value for root in roots if root.kind == "return" and root.depth == 1 for value in _held(root.value))
    return any(contains(value, kl.location.uid) and not contains(value, kl.term.uid) for value in returned)


def _held(value: Value) -> Iterator[Expr]:
    return opened(value, (tuple, list, dict, Instance))


def _heads_of(kl: Divergence) -> Heads:
    """The intervals of what a KL reads, where no sampler is in sight."""
    if kl.parametrisation is None or kl.prior:
        return Heads()
    clipped = [node for node in elementwise(kl.term) if node.op in ELEMENTWISE and clipped_heads.clips(node, kl.head)]
    head = clipped[0] if clipped else kl.head
    location = None if _follows(kl.location, kl.head) else _varying(interval_of(kl.location))
    second = _varying(interval_of(head))
    return Heads(
        mu=None if location is None else Fact(location, decisive(kl.location)),
        second=None if second is None else Fact(second, decisive(head)),
    )


def _varying(interval: Interval | None) -> Interval | None:
    """An interval of more than one number: a constant stands in for a head and is none."""
    return interval if interval is not None and interval.width > 0 else None


def _is_parametrised(site: SamplerSite, head: Expr) -> bool:
    """Whether it is known what the head for std stands for: only then does its interval say something."""
    found = samplers.curve(site.scale, head)
    return found is not None and found[0] is not None


def decisive(expr: Expr) -> Origin:
    """The operation that makes a head's interval: what only shifts, scales, picks or guards stands above it."""
    node = expr
    while node.args:
        inner = _under(node)
        if inner is None:
            break
        node = inner
    return origin(node if node.site is not None else expr)


def _under(node: Expr) -> Expr | None:
    """What an operation that confines nothing is applied to, None for any other."""
    if node.op in TRANSPARENT or node.op in ("part", "index", "item") or "dropout" in str(node.get("kind")).lower():
        return node.args[0]
    if node.op in ("add", "sub", "mul", "div"):
        rest = [arg for arg in node.args if arg.op != "const"]
        return rest[0] if len(rest) == 1 or (node.op == "add" and _all_confined(rest)) else None
    if node.op in _JOINS:
        found = interval_of(node)
        return next((arg for arg in node.args if interval_of(arg) == found), None)
    if node.op == "clamp" or (node.op in REDUCTIONS and node.get("axes") != "all"):
        # A mean over nodes or steps lies where they do; one over everything is no head.
        before, after = interval_of(node.args[0]), interval_of(node)
        return node.args[0] if before is not None and before == after else None
    if node.op in _POSITIVE and interval_of(node) not in (None, *_POSITIVE_REALS):
        return node.args[0]
    if node.op == "log" and interval_of(node.args[0]) not in (None, *_POSITIVE_REALS):
        return node.args[0]
    return None


def _all_confined(terms: Sequence[Expr]) -> bool:
    """Whether each term of a sum is kept from values."""
    return all(interval_of(term) not in (None, REAL) for term in terms)


def _source(site: SamplerSite, head: Expr | None, losses: Losses) -> Fact[HeadSource] | None:
    if head is None:
        return None
    leaf = site.head
    location, second = strip(site.location), strip(head if leaf is None else leaf)
    if location.op in _MADE and location.uid == second.uid:
        return handed_twice.source(site, second, losses.evaluation)
    if location.op == "layer" and second.op == "layer":
        if {location.get("tied"), second.get("tied")} & {location.get("serial"), second.get("serial")}:
            # One has the other's weights: how far they differ is up to what else they have.
            return None
        return Fact(HeadSource.DISTINCT, origin(second))
    return Fact(HeadSource.DISTINCT, origin(second)) if are_parts_apart(location, second) else None
