"""One KL and one error that a condition puts together in several ways: what is said of one holds in the others too.

`loss = error + kl if summed else errors.mean() + kl` has two losses of the same two terms. The terms are read as they
stand in each, and nothing is clean that is not known in one of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from vae_checked.facts import Facts
from vae_checked.linter.evaluations.evaluation import expressions
from vae_checked.linter.roles import batches_of_one, reductions, warm_ups
from vae_checked.linter.roles.called_losses import called_loss
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.further_errors import standing
from vae_checked.linter.roles.kl import kl_facts
from vae_checked.linter.roles.likelihood import recon_facts
from vae_checked.linter.roles.objective import JointLoss, Losses, is_step, objective_facts, resolved, rewritten
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import PHI, Expr, origin
from vae_checked.record import replace

# What is said of two terms by how they stand in one loss.
_OF_BOTH = ("kl.sign", "kl.factor", "kl.reduced", "recon.sign", "recon.reduced")
_MAX_ARMS = 6


def facts(
    item: Facts, site: SamplerSite | None, kl: Divergence | None, recon: Reconstruction | None, losses: Losses
) -> list[Facts]:
    """The facts of a KL and an error, and those that they have where another arm of a condition is the loss."""
    if kl is None or recon is None or recon.kind is None or not any(item.get(path) for path in _OF_BOTH):
        return [item]
    own = losses.read(kl, recon)
    if own is None:
        return [item]
    found, open_ = [item], dict(item.elsewhere)
    # Where the KL is held back nothing is known of its weight later.
    is_told = not warm_ups.is_held_back(own.total, kl.term.uid, losses.graph)
    for total in _other_arms(own, kl, recon, losses):
        other = _in_arm(item, site, kl, recon, losses, total)
        changed = [path for path in _OF_BOTH if standing(other.get(path)) != standing(item.get(path))]
        reason = (
            f"{origin(total).source} is the loss in another branch, and how the KL and the error stand in it is open"
        )
        open_.update(
            (path, reason) for path in changed if other.get(path) is None or (is_told and item.get(path) is None)
        )
        if changed:
            found.append(other)
    return [replace(each, elsewhere=open_) for each in found] if open_ != item.elsewhere else found


def _in_arm(
    item: Facts, site: SamplerSite | None, kl: Divergence, recon: Reconstruction, losses: Losses, total: Expr
) -> Facts:
    """The facts of the two terms as they stand in another total."""
    reading = losses.read(kl, recon, total)
    of_kl, of_recon = kl_facts(kl, recon, reading, losses), recon_facts(site, recon, kl, reading, losses)
    of_kl, of_recon = batches_of_one.averaged(of_kl, of_recon, recon)
    balance = objective_facts(losses, kl, recon, reading, (of_kl.reduced, of_recon.reduced))
    return replace(
        item,
        kl=replace(item.kl, sign=of_kl.sign, factor=of_kl.factor, reduced=of_kl.reduced),
        recon=replace(item.recon, sign=of_recon.sign, reduced=of_recon.reduced),
        objective=replace(item.objective, effective_beta=balance.effective_beta),
    )


def _other_arms(own: JointLoss, kl: Divergence, recon: Reconstruction, losses: Losses) -> Iterator[Expr]:
    """What is the loss, in place of the one that was read, where conditions choose otherwise: each way to both once."""
    graph, known = losses.graph, {_ways(own.total, kl, recon, losses)}
    for values in losses.read_once(_arms):
        if not any(value.uid == own.total.uid for value in values):
            continue
        for value in values:
            if not (graph.holds(value, kl.term.uid) and graph.holds(value, recon.term.uid)):
                continue
            way = _ways(value, kl, recon, losses)
            if way not in known and len(known) <= _MAX_ARMS and not warm_ups.is_held_back(value, kl.term.uid, graph):
                known.add(way)
                yield value


def _arms(losses: Losses) -> list[list[Expr]]:
    """The losses that conditions choose between, by the statement that differentiates them, or has them."""
    roots = losses.evaluation.observations.roots
    ending = [root for root in roots if root.kind == "backward" or is_step(root)]
    chosen = (
        root
        for root in ending or filter(called_loss, roots)
        if any(value.bits & PHI for value in expressions(root.value))
    )
    return [rewritten(resolved([root], losses.evaluation), losses.graph) for root in chosen]


def _ways(total: Expr, kl: Divergence, recon: Reconstruction, losses: Losses) -> tuple[object, ...]:
    """By which steps both terms stand in a loss."""
    both = (reductions.trained_ways(total, term.uid, losses.graph) for term in (kl.term, recon.term))
    return tuple(tuple(map(reductions.steps_of, found)) for found in both)
