"""A closed form of a KL with the log-determinant of a flow beside it: its prior is asked for at the draw itself."""

from __future__ import annotations

from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.roles.unread_errors import summands
from vae_checked.linter.symbols.expression import Expr, strip, walk
from vae_checked.mathematics.names import is_log_determinant

_DETERMINANTS = ("slogdet", "logdet")


def determinant_beside(kl: Divergence, site: SamplerSite | None, losses: Losses) -> Expr | None:
    """The log-determinant of what the draw of a closed form goes through, in one loss with that; None without.

    What is decoded is another z then. The KL is the mean of log q(z0) - log-determinant - log p(zK): a closed form has
    the prior at z0.
    """
    with_known = losses.read_once(_with_determinants)
    if site is None or not with_known or any(node.op == "noise" for node in walk(kl.term)):
        return None
    graph = losses.graph
    with_kl, with_z = graph.holding(kl.term.uid), graph.holding(site.z.uid) & with_known
    decoded = {node.uid for recon in losses.recons for node in (recon.term, recon.first, recon.second)}
    for value in losses.ends:
        if value.uid in with_kl and value.uid in with_z:
            for term in summands(value, kl.term.uid, with_kl):
                if term.uid in with_z and term.uid not in decoded:
                    return term
    return None


def _with_determinants(losses: Losses) -> set[int]:
    """The uids of all that has in it what is called a log-determinant, or the logarithm of a size."""
    names, graph = losses.evaluation.observations.names, losses.graph
    called = (uid for uid, given in names.items() if any(map(is_log_determinant, given)))
    logs = (node.uid for node in graph.having("log") if any(each.op == "abs" for each in _below(node)))
    unread = (node for node in graph.having("call", "opaque"))
    asked = (node.uid for node in unread if str(node.get("name")).rpartition(".")[2] in _DETERMINANTS)
    return graph.holding_any((*called, *logs, *asked))


def _below(log: Expr) -> list[Expr]:
    """What a logarithm is taken of, without what keeps it away from 0."""
    inner = strip(log.args[0])
    return [inner, *map(strip, inner.args)] if inner.op in ("add", "clamp") else [inner]
