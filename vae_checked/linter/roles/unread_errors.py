"""Reconstructions of a kind that is not read: the term beside a KL that holds what is decoded from z, and data."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from vae_checked.linter.roles import targets
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses, handed_on
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite, is_scalar
from vae_checked.linter.symbols.expression import REDUCTIONS, TRANSPARENT, Expr, Graph, contains, origin, strip, walk
from vae_checked.linter.symbols.given import is_given
from vae_checked.linter.symbols.gradient_flow import reached
from vae_checked.mathematics.names import Role, role_of

_ADDED = frozenset(("add", "sub"))
_SCALED = frozenset(("mul", "div", "neg")) | REDUCTIONS | TRANSPARENT
# What may be a decoder, or a part of one: a layer, a product with weights, a call that is not read.
_APPLIED = frozenset(("layer", "matmul", "opaque", "call"))
# What a summand is of which nothing is known: a part of what a model returns, or what is handed over.
_NOT_READ = frozenset(("part", "item", "index", "opaque", "call", "atom"))
_GIVEN = frozenset(("atom", "data", "batch", "label"))
# How what another network says of a picture is written, which is no reconstruction.
_CRITIC = re.compile(r"adv|disc|critic|gan_|_gan|generator", re.IGNORECASE)


def on_another_way(kl: Divergence, recon: Reconstruction, site: SamplerSite | None, losses: Losses) -> Expr | None:
    """The term that stands beside a KL where an option has put it in the place of all errors that are read."""
    graph = losses.graph
    ways = [value for value in losses.read_once(without_errors) if graph.holds(value, kl.term.uid)]
    if site is not None:
        term = beside(kl, site, graph, values=ways)
        if term is not None:
            return term.term
    with_kl, sides = graph.holding(kl.term.uid), (strip(recon.first).uid, strip(recon.second).uid)
    beside_kl = (term for value in ways for term in summands(value, kl.term.uid, with_kl))
    return next((term for term in beside_kl if all(graph.holds(term, side) for side in sides)), None)


def without_errors(losses: Losses) -> list[Expr]:
    """The whole losses that have no error in them that is read."""
    whole = losses.read_once(handed_on) or _largest(losses.ends, losses.graph)
    terms = [each.term.uid for each in losses.recons]
    read = losses.graph.holding_any(terms)
    # What is handed on may be no value of the graph, which knows of its own alone what holds them.
    return [
        value
        for value in whole
        if value.uid not in read and (value in losses.graph or not any(contains(value, uid) for uid in terms))
    ]


def _largest(values: Sequence[Expr], graph: Graph) -> list[Expr]:
    """Those of some values that no other one of them is computed from."""
    return [
        value for value in values if not any(graph.holds(other, value.uid) for other in values if other is not value)
    ]


def beside(
    kl: Divergence,
    site: SamplerSite,
    graph: Graph,
    read: Collection[Expr] = (),
    values: Sequence[Expr] | None = None,
) -> Reconstruction | None:
    """The term that is added to a KL and trains what decodes z by some data; that of the encoder's input first.

    Beside errors that are `read`, of which it is no part and holds none, it is one of the encoder's input. It is looked
    for in some `values`, or in all of the graph.
    """
    with_kl, with_z = graph.holding(kl.term.uid), graph.holding(site.z.uid)
    encoded = {leaf.uid for leaf in given_fields(site.location)}
    other: Reconstruction | None = None
    for value in graph.values if values is None else values:
        if value.uid not in with_kl or value.uid not in with_z:
            continue
        for term in summands(value, kl.term.uid, with_kl):
            if term.uid not in with_z or not _is_of_decoded(term, site, with_z):
                continue
            if any(graph.holds(term, each.uid) or graph.holds(each, term.uid) for each in read):
                continue
            data = list(given_fields(term, site.z.uid))
            own = next((leaf for leaf in data if leaf.uid in encoded), None)
            if own is not None:
                return _unread(term, own)
            if data and other is None and not read:
                other = _unread(term, data[0])
    return other


def stands_beside(kl: Divergence, recon: Reconstruction, losses: Losses) -> bool:
    """Whether the reconstruction may be a summand that is not read: a KL and an error of something else stand by it.

    As where a model that is not seen returns its own error, and a property is predicted from its mean. Of a loss whose
    terms are handed to it the names say which is which.
    """
    graph, given = losses.graph, is_given(kl.location)
    if not given and not targets.is_of_other_data(recon, kl.location, graph):
        return False
    with_kl, with_error = graph.holding(kl.term.uid), graph.holding(recon.term.uid)
    sides = {strip(recon.first).uid, strip(recon.second).uid}
    return any(
        node.op in _NOT_READ and node.uid not in with_error and node.uid not in sides and (not given or _is_error(node))
        for value in losses.ends
        if value.uid in with_kl and value.uid in with_error
        for node in summands(value, kl.term.uid, with_kl)
    )


def _is_error(node: Expr) -> bool:
    """Whether what is handed over is called a reconstruction error."""
    return role_of(str(node.get("name"))) in (Role.RECONSTRUCTION, Role.RECONSTRUCTION_ERROR)


def _unread(term: Expr, data: Expr) -> Reconstruction:
    return Reconstruction(term, None, term, data, reduction=None, sign=0)


def summands(value: Expr, kl: int, with_kl: frozenset[int]) -> Iterator[Expr]:
    """What is added to a KL somewhere in a value, each summand without what scales and reduces it."""
    stack, seen = [value], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen or node.uid == kl:
            continue
        seen.add(node.uid)
        if node.op in _ADDED or node.uid in with_kl:
            stack += [arg for arg in reversed(node.args) if node.op in _ADDED or arg.uid in with_kl]
            continue
        inner = [arg for arg in node.args if arg.op != "const" and not is_scalar(arg)] if node.op in _SCALED else []
        if len(inner) == 1:
            stack += inner
        else:
            yield node


def _is_of_decoded(term: Expr, site: SamplerSite, with_z: frozenset[int]) -> bool:
    """Whether something is applied to z in a term, whose gradient reaches z, and a critic is no part of it by name."""
    if _CRITIC.search(origin(term).source):
        return False
    applied = any(node.op in _APPLIED and node.uid in with_z and node.uid != site.z.uid for node in walk(term))
    return applied and site.z.uid in reached([term])


def given_fields(term: Expr, z: int | None = None) -> Iterator[Expr]:
    """What is given from outside in a term, that below z left out: of a batch each of its fields is one by itself."""
    stack, seen = [term], {z}
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.op in _GIVEN or _is_field(node):
            yield node
        else:
            stack += reversed(node.args)


def _is_field(node: Expr) -> bool:
    """Whether a value is a field of what is given, or a field of one."""
    while node.op == "item" and node.args:
        node = node.args[0]
        if node.op in _GIVEN:
            return True
    return False
