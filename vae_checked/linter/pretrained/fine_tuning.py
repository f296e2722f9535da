"""A VAE that is trained further: whether its latent is drawn where a KL stands in the loss, and what is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.catalogue.support.known_vaes import known
from vae_checked.facts import Fact, Facts, NoiseTiming, Sampler, Training
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.pretrained.flow import Flow
from vae_checked.linter.pretrained.minimised import minimised
from vae_checked.linter.pretrained.vaes import Owner, owner_of
from vae_checked.linter.symbols.expression import Expr, Graph, origin, strip, walk
from vae_checked.linter.torch_model.optimizers import NAMES
from vae_checked.record import replace

# The parts of such a VAE that no KL trains.
_BEHIND = frozenset(("decoder", "post_quant_conv"))
_WHOLE = ""
_DRAWN = frozenset(("sample", "rsample"))


def facts(evaluation: Evaluation, flow: Flow, graph: Graph) -> Iterator[Facts]:
    """Of a loss with the KL of a loaded VAE's posterior, whether what is decoded is drawn, and what is not trained."""
    for minimal in minimised(evaluation):
        loss = list(walk(minimal))
        kls = [node for node in loss if node.op == "call" and node.get("name") == "kl" and node.args]
        owners = {latent.owner for node in kls if (latent := flow.latent_of(node.args[0])) is not None}
        decoded = [node for node in loss if node.uid in flow.decodes]
        if len(owners) != 1 or not decoded:
            continue
        (owner,) = owners
        yield from _timing(evaluation.subject, flow, decoded[0])
        yield from _untrained(evaluation.subject, owner, graph)
        return


def _timing(subject: str, flow: Flow, decode: Expr) -> Iterator[Facts]:
    """Whether the latent that is decoded is a draw of the posterior, or its mean."""
    for chain in flow.chains(decode.args[1]):
        name = _asked(chain.leaf)
        if flow.latent_of(chain.leaf) is not None and name is not None:
            timing = Fact(NoiseTiming(training=name in _DRAWN), origin(chain.leaf))
            yield replace(Facts(subject), sampler=Sampler(timing=timing))
            return


def _asked(leaf: Expr) -> str | None:
    """By which method or attribute a latent was taken from its posterior."""
    node = strip(leaf)
    if node.op == "draw":
        return "sample"
    name = str(node.get("name")).removeprefix("attribute:")
    return name if name in ("mode", "mean", *_DRAWN) else None


def _untrained(subject: str, owner: Owner, graph: Graph) -> Iterator[Facts]:
    """The encoder, where the optimizers hold parts of the VAE and none of them trains what the KL reads."""
    parts = {part: node for node in _optimizers(graph) for part in _parts(node.args[0], owner)}
    if parts and parts.keys() <= _BEHIND:
        where = origin(next(iter(parts.values())))
        yield replace(Facts(subject), training=Training(without_optimizer=Fact(("encoder",), where)))


def learns_its_range(owner: Owner, graph: Graph) -> bool:
    """Whether an optimizer of this code is given weights of the VAE: it learns the range of what it is given here.

    Not one whose weights are known: what is changed of these has learnt another range.
    """
    given = any(True for node in _optimizers(graph) for _ in _parts(node.args[0], owner))
    return given and known(owner.model) is None


def _optimizers(graph: Graph) -> list[Expr]:
    return [node for node in graph.having("opaque") if str(node.get("name")).rpartition(".")[2] in NAMES and node.args]


def _parts(given: Expr, owner: Owner) -> Iterable[str]:
    """The parts of a VAE whose parameters an optimizer is given, `""` for all of it."""
    for node in walk(given):
        if node.op != "call" or node.get("name") not in ("parameters", "named_parameters") or not node.args:
            continue
        holder = strip(node.args[0])
        if holder.op == "attribute" and holder.args and owner_of(holder.args[0]) is not None:
            yield str(holder.get("name"))
        elif (found := owner_of(holder)) is not None and found.model == owner.model:
            yield _WHOLE
