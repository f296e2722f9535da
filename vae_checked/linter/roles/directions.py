"""From which of two Gaussians a KL is taken: the posterior is the one whose sample is decoded in training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from vae_checked.facts import Parametrisation
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.roles import samplers
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.head_layers import layer_of, made_by
from vae_checked.linter.roles.objective import differentiated, is_given
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.roles.unread_errors import given_fields
from vae_checked.linter.symbols.expression import Expr, Graph, contains, elementwise, strip, walk
from vae_checked.linter.symbols.gradient_flow import reached
from vae_checked.mathematics.gaussians import gaussian_kl, reversed_gaussian_kl, std_at
from vae_checked.mathematics.names import words_of
from vae_checked.record import replace

# What makes a head of something else.
_MADE = frozenset(("layer", "call", "opaque"))
# Words in the names of heads.
_POSTERIOR, _PRIOR = frozenset(("posterior", "post")), frozenset(("prior",))
_SHOWN = ((0.0, 1.0), (0.7, 0.5), (-0.4, 2.0))


def directed(
    kls: Sequence[Divergence],
    found: Sequence[SamplerSite],
    recons: Sequence[Reconstruction],
    evaluation: Evaluation,
) -> list[Divergence]:
    """Some KLs, those of two learned Gaussians with what their samples say of the direction, by the posterior's heads.

    Where one is taken from the prior to the posterior, the prior must feed no prediction, and be trained by the KL, and
    the same two must have no KL the other way round: a sum of both is meant. A draw of heads that are handed over says
    nothing of who hands them over, and what is decoded where nothing is trained may be a draw from the prior; so may
    one be that names say the opposite of, or whose Gaussian does not see what it is compared with, as the other one
    does. A ratio of densities at a draw from the prior weights that draw, and is a KL where it is minimised. One from
    N(0, I) stands beside the KL of the same heads to it on purpose as well.
    """
    if not any(kl.prior_heads is not None or kl.reversed for kl in kls):
        return list(kls)
    decoded = Graph(side for recon in recons for side in (recon.first, recon.second))
    return [_directed(kl, kls, found, recons, decoded, evaluation) for kl in kls]


def _directed(
    kl: Divergence,
    kls: Sequence[Divergence],
    found: Sequence[SamplerSite],
    recons: Sequence[Reconstruction],
    decoded: Graph,
    evaluation: Evaluation,
) -> Divergence:
    if kl.prior_heads is None or kl.parametrisation is None:
        is_sure = not (kl.reversed and _is_estimate(kl)) or _is_trained(kl, evaluation)
        # The width of a prior that is given as a number is no head: around a mean that a network makes it may be so.
        is_sure = is_sure and not (kl.reversed and made_by(kl.location) and not made_by(kl.head))
        both = kl.reversed and any(_is_of_these_heads(kl, other) and other.reversed is False for other in kls)
        return kl if is_sure and not both else replace(kl, reversed=None)
    mean, second = kl.prior_heads
    means = {strip(mean).uid, strip(kl.location).uid}
    first, last = (
        [site for site in found if strip(site.location).uid in means and contains(site.scale, strip(head).uid)]
        for head in (kl.head, second)
    )
    if any(site.z in decoded or not (last or is_given(site.location)) for site in first):
        is_told = any(_is_told_by_another(site, kl.prior_heads, recons) for site in first)
        return replace(kl, reversed=None) if is_told else kl
    ends = evaluation.read_once(differentiated)
    if any(contains(end, site.z.uid) for site in first for end in ends):
        # Both are drawn from and trained by what becomes of it: each may be the posterior.
        return replace(kl, reversed=None)
    site = next((site for site in last if site.z in decoded), None)
    if site is None or kl.head in decoded or _is_cut(kl) or any(_is_opposite(kl, other) for other in kls):
        return replace(kl, reversed=None)
    if not _is_trained(kl, evaluation) or _names_disagree(kl, evaluation.observations.names):
        return replace(kl, reversed=None)
    if _is_told_by_another(site, (kl.location, kl.head), recons):
        return replace(kl, reversed=None)
    if _is_chosen(kl.head, second, evaluation) or _has_fixed_prior(second, kls):
        return replace(kl, reversed=None)
    own, other = (mean, kl.location) if strip(site.location).uid == strip(mean).uid else (kl.location, mean)
    return replace(
        kl,
        location=own,
        head=second,
        values=tuple(_beside_normal(kl.parametrisation, mu, s) for mu, s in _SHOWN),
        reversed=True,
        prior_heads=(other, kl.head),
    )


def is_beside(kl: Divergence, others: Iterable[Divergence]) -> bool:
    """Whether a KL is the other direction of one of some others: meant with it, or shown beside it."""
    return kl.reversed is not False and any(_is_of_these_heads(kl, other) for other in others)


def is_no_term(kl: Divergence, found: Iterable[SamplerSite]) -> bool:
    """Whether what looks like a KL is no term of a loss: an error of data that are tried, or a part of a head."""
    return _is_of_tried_data(kl) or any(_is_part_of_mean(kl, site) for site in found)


def _is_part_of_mean(kl: Divergence, site: SamplerSite) -> bool:
    """Whether a formula of a width is one that the mean follows from, as where a KL shall not be below a bound."""
    if kl.term.uid not in {node.uid for node in elementwise(site.location)}:
        return False
    widths = {node.uid for node in elementwise(site.scale)} | {site.scale.uid}
    return any(node.uid in widths for node in (kl.head, strip(kl.head)))


def _is_of_tried_data(kl: Divergence) -> bool:
    """Whether what looks like a KL from N(0, I), at a draw, is an error: its mean is made of other draws alone.

    Such draws stand for data, as where a model is tried out, and so may the one that the density is taken of. What
    layers make of numbers alone, as of the first state of a network, is no posterior's mean either.
    """
    if kl.prior_heads is not None or not kl.reversed or not _is_estimate(kl):
        return False
    made = list(walk(kl.location))
    of_numbers = any(node.op == "layer" for node in made) and all(node.args or node.op == "const" for node in made)
    return of_numbers or (any(node.op == "noise" for node in made) and not any(is_given(node) for node in made))


def _is_of_these_heads(one: Divergence, other: Divergence) -> bool:
    heads = ((each.location, each.head) for each in (one, other))
    mine, its = ([strip(head).uid for head in pair] for pair in heads)
    return one is not other and mine == its


def _has_fixed_prior(head: Expr, kls: Iterable[Divergence]) -> bool:
    """Whether a head has a KL to a Gaussian that is not learned: another one beside it is no prior of its posterior."""
    return any(
        kl.prior_heads is None and kl.parametrisation is not None and strip(kl.head).uid == strip(head).uid
        for kl in kls
    )


def _is_chosen(one: Expr, other: Expr, evaluation: Evaluation) -> bool:
    """Whether a branch chooses between draws by two heads: of its many ways only some are gone through."""
    graph = evaluation.graph()
    drawn = {site.z.uid: site for site in samplers.find(graph)}
    wanted = {layer_of(one), layer_of(other)}
    for choice in graph.having("phi"):
        sites = [drawn[strip(arg).uid] for arg in choice.args[1:] if strip(arg).uid in drawn]
        if wanted <= {layer_of(site.head) for site in sites if site.head is not None}:
            return True
    return False


def _is_told_by_another(site: SamplerSite, heads: Iterable[Expr], recons: Iterable[Reconstruction]) -> bool:
    """Whether all that a sample is compared with feeds another Gaussian, with these heads, and not the one it is of.

    That one is the posterior then, and what is decoded is drawn from its prior.
    """
    told = _fields(*heads)
    seen = _fields(site.location, site.scale)
    compared = [_fields(target) for recon in recons if (target := _compared(recon, site)) is not None]
    return bool(compared) and all(own & told and own.isdisjoint(seen) for own in compared)


def _compared(recon: Reconstruction, site: SamplerSite) -> Expr | None:
    """What an error compares with something made of a sample; None where it does not."""
    drawn = [contains(side, site.z.uid) for side in (recon.first, recon.second)]
    if all(drawn) or not any(drawn):
        return None
    return recon.second if drawn[0] else recon.first


def _fields(*values: Expr) -> set[int]:
    return {field.uid for value in values for field in given_fields(value)}


def _is_trained(kl: Divergence, evaluation: Evaluation) -> bool:
    """Whether a KL is part of what is differentiated, by the code that is read or by a trainer."""
    return any(contains(end, kl.term.uid) for end in evaluation.read_once(differentiated))


def _names_disagree(kl: Divergence, names: Mapping[int, list[str]]) -> bool:
    """Whether the KL is one from a posterior, or to a prior, by the names of its heads."""
    heads = ((_POSTERIOR, (kl.location, kl.head)), (_PRIOR, kl.prior_heads or ()))
    return any(
        not role.isdisjoint(words_of(name))
        for role, pair in heads
        for head in pair
        for value in (head, strip(head))
        for name in names.get(value.uid, ())
    )


def _is_estimate(kl: Divergence) -> bool:
    """Whether a KL is estimated by a draw."""
    return any(node.op == "noise" for node in walk(kl.term))


def _is_opposite(one: Divergence, other: Divergence) -> bool:
    return (
        other.prior_heads is not None
        and one.prior_heads is not None
        and (one.head.uid == strip(other.prior_heads[1]).uid and strip(one.prior_heads[1]).uid == other.head.uid)
    )


def _is_cut(kl: Divergence) -> bool:
    """Whether the KL leaves the first of its Gaussians as it is: a target that another one is drawn to."""
    if any(node.op == "detach" for node in walk(kl.head)):
        return True
    passed = reached([kl.term])
    made = [node.uid for node in walk(kl.head) if node.op in _MADE]
    return kl.head.uid not in passed or (bool(made) and passed.isdisjoint(made))


def _beside_normal(parametrisation: Parametrisation, mu: float, s: float) -> tuple[float, float, float, float]:
    """(mu, s, KL(N(0, 1) || q), KL(q || N(0, 1))) for a q with these heads."""
    std = std_at(parametrisation, s)
    return mu, s, reversed_gaussian_kl(mu, std), gaussian_kl(mu, std)
