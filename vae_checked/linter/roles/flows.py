"""A closed form of a KL with the log-determinant of a flow beside it: its prior is asked for at the draw itself."""

from __future__ import annotations

from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.roles.unread_errors import summands
from vae_checked.linter.symbols.expression import REDUCTIONS, TRANSPARENT, Expr, strip, walk
from vae_checked.linter.symbols.given import is_given
from vae_checked.mathematics.names import is_log_determinant

_DETERMINANTS = ("slogdet", "logdet")
_LINEAR = REDUCTIONS | TRANSPARENT | {"add", "sub", "neg", "mul", "div", "stack", "cat", "index"}
_UNREAD = ("call", "opaque")
_PARTS = ("item", "part", "attribute")


def determinant_beside(kl: Divergence, site: SamplerSite | None, losses: Losses) -> Expr | None:
    """The log-determinant of what the draw of a closed form goes through, in one loss with that; None without.

    What is decoded is another z then. The KL is the mean of log q(z0) - log-determinant - log p(zK): a closed form has
    the prior at z0.
    """
    if any(node.op == "noise" for node in walk(kl.term)):
        return None
    graph = losses.graph
    with_kl, known = graph.holding(kl.term.uid), losses.read_once(_with_determinants)
    if site is None:
        # A loss by itself: what it is handed under such a name is one.
        ends = [value for value in losses.ends if value.uid in with_kl and value.uid in known]
        terms = (term for value in ends for term in summands(value, kl.term.uid, with_kl))
        return next((term for term in terms if term.uid in known and is_given(strip(term))), None)
    with_z, carried = graph.holding(site.z.uid), _carried(site, losses)
    if not carried:
        known = known & with_z
    decoded = {node.uid for recon in losses.recons for node in (recon.term, recon.first, recon.second)}
    compared = [recon for recon in losses.recons if losses.holds_one(recon, site.z.uid)]
    outputs = {strip(side).uid for recon in compared for side in (recon.first, recon.second)}
    for value in losses.ends if known or carried else ():
        if value.uid in with_kl and value.uid in with_z:
            for term in summands(value, kl.term.uid, with_kl):
                if term.uid in decoded or _is_of_outputs(term, outputs, site.z, with_z):
                    continue
                if term.uid in known or _is_left_by_flow(term, carried, losses):
                    return term
    return None


def _is_of_outputs(term: Expr, outputs: set[int], z: Expr, with_z: frozenset[int]) -> bool:
    """Whether a term knows z by what is compared with the data alone: a part of the likelihood, as its constant is."""
    pending, seen = [term], set[int]()
    while pending:
        node = pending.pop()
        if node.uid == z.uid:
            return False
        if node.uid in with_z and node.uid not in outputs and node.uid not in seen:
            seen.add(node.uid)
            pending += node.args
    return term.uid in with_z


def _carried(site: SamplerSite, losses: Losses) -> list[tuple[Expr, Expr]]:
    """The calls that are not read and are given z, each with what of its result is decoded further: a part, or all.

    What is compared with data itself, a decoder makes: it is no flow.
    """
    graph = losses.graph
    with_z = graph.holding(site.z.uid)
    sides = [strip(side) for recon in losses.recons for side in (recon.first, recon.second)]
    sides = [side for side in sides if side.uid in with_z]
    calls = [node for node in graph.having(*_UNREAD) if node.uid in with_z and node.uid != site.z.uid]
    return [
        (call, part)
        for call in calls
        for part in (call, *graph.taking(call, *_PARTS))
        if any(graph.holds(side, part.uid) and side.uid != part.uid for side in sides)
    ]


def _is_left_by_flow(term: Expr, carried: list[tuple[Expr, Expr]], losses: Losses) -> bool:
    """Whether a term is another part of what such a call gives than the one that is decoded, added up or averaged."""
    graph, stack, seen = losses.graph, [term], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if any(graph.holds(node, call.uid) and not graph.holds(node, part.uid) for call, part in carried):
            if node.op in _PARTS:
                return True
            stack += node.args if node.op in _LINEAR else ()
    return False


def _with_determinants(losses: Losses) -> set[int]:
    """The uids of all that has in it what is called a log-determinant, or the logarithm of a size."""
    names, graph = losses.evaluation.observations.names, losses.graph
    called = [uid for uid, given in names.items() if any(map(is_log_determinant, given))]
    called += [node.uid for node in graph.having("attribute", "atom") if is_log_determinant(str(node.get("name")))]
    logs = (node.uid for node in graph.having("log") if any(each.op == "abs" for each in _below(node)))
    unread = (node for node in graph.having("call", "opaque"))
    asked = (node.uid for node in unread if str(node.get("name")).rpartition(".")[2] in _DETERMINANTS)
    return graph.holding_any((*called, *logs, *asked))


def _below(log: Expr) -> list[Expr]:
    """What a logarithm is taken of, without what keeps it away from 0."""
    inner = strip(log.args[0])
    return [inner, *map(strip, inner.args)] if inner.op in ("add", "clamp") else [inner]
