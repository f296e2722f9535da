"""Latents that a model is given beside the noisy ones: those it is trained with, and those it makes samples with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vae_checked.facts import Fact, Facts, Origin
from vae_checked.latent_facts import AffineMap, Use
from vae_checked.linter.pretrained.affine_steps import LINEAR
from vae_checked.linter.pretrained.flow import Flow
from vae_checked.linter.pretrained.pairs import Agreement, agreement
from vae_checked.linter.pretrained.quantities import OF_A_VAE
from vae_checked.linter.pretrained.vaes import Owner
from vae_checked.linter.symbols.expression import Expr, Graph, called_name, origin
from vae_checked.mathematics import affine_maps
from vae_checked.record import dataclass, replace


@dataclass(frozen=True, slots=True)
class Condition:
    """A latent that goes into a model with the noise, the map that was applied to it, and its outermost operation.

    The map is None where more is done to it that is not read, as by a mask. `given_to` is the function that is given
    it alone, and may do more. `decoded` is what a report calls the code that decodes the samples, empty in a training.
    """

    owner: Owner
    applied: AffineMap | None
    at: Origin
    given_to: str = ""
    decoded: str = ""


def conditions(flow: Flow, graph: Graph) -> Iterator[Condition]:
    """The conditions of one evaluation: latents that no noise is added to, in what a loss or a sample is made of."""
    trained = {latent.call.uid for node, latent in flow.uses if node.uid in flow.noised}
    noisy = frozenset[int]().union(*(graph.holding(uid) for uid in flow.noised))
    ends = [end for end in flow.decoded if end.use is Use.GENERATED and end.encoded is None]
    for node, latent in flow.uses:
        if latent.call.uid in trained:
            continue
        applied = None if node.op in LINEAR else latent.applied
        found = Condition(latent.owner, applied, origin(latent.at), _function_of_one(node))
        holding = graph.holding(node.uid)
        if not holding.isdisjoint(noisy):
            yield found
            continue
        yield from (replace(found, decoded=end.where.subject) for end in ends if end.number in holding)


def _function_of_one(node: Expr) -> str:
    """The name of a function that is not read and is given one value; empty for anything else."""
    if node.op not in ("call", "opaque"):
        return ""
    name = called_name(node)
    is_of_a_value = node.op == "call" or name == "call"
    if len(node.args) > 1 + is_of_a_value:
        return ""
    return f"{called_name(node.args[0])}.{name}" if is_of_a_value else name


def beside(found: Iterable[Facts], conditions: Iterable[Condition]) -> Iterator[Facts]:
    """The facts, with the two maps of a condition where samples are made with another than any that is trained with."""
    known = list(dict.fromkeys(conditions))
    trained = [each for each in known if not each.decoded]
    odd: dict[str, Fact[tuple[AffineMap, AffineMap]]] = {}
    for each in known:
        others = [other for other in trained if _are_of_one(each.owner, other.owner)]
        maps = [maps for other in others if (maps := _apart(other, each)) is not None]
        if each.decoded and maps and len(maps) == len(others):
            odd.setdefault(each.decoded, Fact(maps[0], each.at))
    for item in found:
        condition = None if item.latents.decoded is None else odd.get(item.subject)
        yield item if condition is None else replace(item, latents=replace(item.latents, condition=condition))


def _are_of_one(one: Owner, other: Owner) -> bool:
    """Whether two latents may be of one VAE."""
    return one.model.identity == other.model.identity or not (one.model.identity and other.model.identity)


def _apart(trained: Condition, drawn: Condition) -> tuple[AffineMap, AffineMap] | None:
    """The maps of two conditions that differ by numbers, or by those of a VAE; None where they may come to the same."""
    if trained.applied is None or drawn.applied is None or trained.given_to != drawn.given_to:
        return None
    back = affine_maps.undoing(drawn.applied)
    if back is None or agreement(trained.applied, back) is not Agreement.DIFFERENT:
        return None
    is_known = affine_maps.after(back, trained.applied).names <= OF_A_VAE
    return (trained.applied, drawn.applied) if is_known else None
