"""The loss as a whole: which expression is minimised, and with what sign, weight and reductions a term stands in it."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from vae_checked.facts import EffectiveBeta, Fact, Likelihood, Objective, Reduced
from vae_checked.linter.roles import (
    added_often,
    added_twice,
    ascents,
    by_turns,
    extents,
    inner_scales,
    nan_tests,
    put_beside,
    reductions,
    sample_turns,
    shown,
    two_formulas,
    warm_ups,
    ways,
)
from vae_checked.linter.roles.called_losses import called_loss, is_loss_name
from vae_checked.linter.roles.dead_weights import unread_weights, without_effect
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.inner_chains import inner_chain
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import NO_GRAD, Expr, Graph, origin
from vae_checked.linter.symbols.gradient_flow import GradientFlow, Stops, nothing_more, reached
from vae_checked.linter.symbols.numeric import leaves
from vae_checked.linter.symbols.values import Instance
from vae_checked.mathematics.chain_signs import sign_of
from vae_checked.mathematics.effective_beta import Term, effective_beta, elements, latents, scaling_of, targets
from vae_checked.mathematics.reductions import (
    ChainStep,
    Negate,
    Through,
    is_shared,
    summed_over_samples,
    weighs_formula,
)
from vae_checked.record import dataclass

if TYPE_CHECKING:
    from vae_checked.linter.evaluations.evaluation import Evaluation
    from vae_checked.linter.symbols.observations import Root
    from vae_checked.linter.symbols.values import Function

T = TypeVar("T")
_BY_A_TRAINER = "automatic_optimization"


@dataclass(frozen=True, slots=True)
class JointLoss:
    """A loss that holds a KL and its reconstruction: the chains from it down to both, outermost step first.

    `shared` is the part that both chains have in common: it scales the loss as a whole and balances nothing. `above` is
    what is done to the two once they are added, where in `shared` each may be averaged by itself. `formula` are the
    reductions inside the KL's own term, None where its ways to the heads do not agree; `added` is how often the KL is
    added.
    `minimised` is +1 when the loss is minimised, -1 when maximised, None when the source does not say;
    `differentiated` when that is known from a backward pass and no optimizer ascends.
    """

    total: Expr
    shared: tuple[ChainStep, ...]
    above: tuple[ChainStep, ...]
    kl: tuple[ChainStep, ...]
    recon: tuple[ChainStep, ...]
    formula: tuple[ChainStep, ...] | None
    minimised: int | None
    differentiated: bool = False
    added: added_twice.Added = added_twice.Added()


class Losses:
    """The expressions of an evaluation that hold both a KL and a reconstruction, and how they end."""

    def __init__(
        self,
        evaluation: Evaluation,
        graph: Graph,
        samples: Sequence[SamplerSite],
        kls: Sequence[Divergence],
        recons: Sequence[Reconstruction],
        unread: Iterable[Reconstruction] = (),
    ) -> None:
        self.evaluation = evaluation
        self.samples = samples
        self.kls = kls
        self.recons = recons
        with_kl = graph.holding_any(kl.term.uid for kl in kls)
        with_recon = graph.holding_any(recon.term.uid for recon in (*recons, *unread))
        with_both = with_kl & with_recon - shown.only_shown(evaluation)
        self.totals = [value for value in graph.values if value.uid in with_both]
        self.nodes = graph.nodes
        self.graph = graph
        self.flow = GradientFlow(graph)
        self._branches: list[Expr] | None = None
        self._unsettled: Graph | None = None
        self._tests_for_nan: bool | None = None
        self._trained: frozenset[object] | None = None
        self._unread: dict[tuple[int, int], list[Fact[str]]] = {}
        self._read: dict[Callable[[Losses], object], object] = {}
        self._with_term: dict[int, int] = {}
        self._roots_of: dict[int, list[int]] | None = None
        self._pairs: set[tuple[Hashable, ...]] | None = None
        # By operation and by the node of the source that a term is written as.
        self._unsettled_with: dict[tuple[str, ast.AST | None], set[int]] = {}
        self._roots_with: dict[tuple[str, ast.AST | None], list[Root]] = {}
        roots = evaluation.observations.roots
        differentiated = [root for root in roots if root.kind == "backward"]
        self.backward = rewritten(resolved(differentiated, evaluation), graph)
        named = [root for root in roots if called_loss(root) and _is_read(root)]
        self._called = rewritten(resolved(named, evaluation), graph)
        self._named = {value.uid for value in self._called}
        self.ends = list({value.uid: value for value in (*self.totals, *self.backward, *self._called)}.values())

    @property
    def branches(self) -> list[Expr]:
        """The choices between training and inference that the evaluation meets."""
        if self._branches is None:
            self._branches = [
                node
                for node in self.unsettled.nodes
                if node.op == "phi" and any(item.op == "training" for item in (node.args[0], *node.args[0].args))
            ]
        return self._branches

    @property
    def tests_for_nan(self) -> bool:
        """Whether a function of the evaluation asks of a value whether it is NaN, or finite."""
        if self._tests_for_nan is None:
            self._tests_for_nan = nan_tests.test_for_nan(self.evaluation.functions(), self.unsettled.nodes)
        return self._tests_for_nan

    @property
    def trained(self) -> frozenset[object]:
        """The serials of the layers that the gradient of a loss reaches where they are applied to something."""
        if self._trained is None:
            reached = self.flow.reached(self.ends)
            self._trained = frozenset(node.get("serial") for node in self.graph.having("layer") if node.uid in reached)
        return self._trained

    def read_once(self, reader: Callable[[Losses], T]) -> T:
        """What `reader` finds in these losses: asked for each sampler, read once."""
        if reader not in self._read:
            self._read[reader] = reader(self)
        return cast("T", self._read[reader])

    def unread_weights(self, function: Function) -> Sequence[Fact[str]]:
        """The weights that a function, or the class that it is written in, is given and never reads."""
        key = id(function.node), id(function.owner)
        if key not in self._unread:
            self._unread[key] = [*unread_weights(function, self.evaluation)]
        return self._unread[key]

    @property
    def draws(self) -> bool:
        """Whether anything is drawn in the evaluation, but for a sampler that was run by itself on heads of its own."""
        alone = {site.noise.uid for site in self.samples if is_given(site.location) and is_given(site.scale)}
        return any(node.op in ("noise", "draw") and node.uid not in alone for node in self.nodes)

    def trains(self, z: Expr) -> bool:
        """Whether z reaches a loss."""
        holding = self.graph.holding(z.uid)
        return any(value.uid in holding for value in self.ends)

    def of(self, kl: Divergence, recon: Reconstruction) -> Expr | None:
        """The largest loss that holds both terms: one that is differentiated, else one that is called a loss."""
        with_both = self._losses_with(kl.term.uid) & self._losses_with(recon.term.uid)
        holding = [total for place, total in enumerate(self.totals) if with_both >> place & 1]
        if not holding:
            return None
        best: Expr | None = None
        # Where it is seen what is differentiated, what else holds the same KL, or the same error, is only shown.
        shown = any(
            self.graph.holds(value, kl.term.uid) or self.graph.holds(value, recon.term.uid) for value in self.backward
        )
        shown = shown or self.are_differentiated(kl, recon)
        others = () if shown else (self._named, {total.uid for total in holding})
        for uids in ({value.uid for value in self.backward}, *others):
            for total in holding:
                if total.uid in uids and (best is None or self.graph.holds(total, best.uid)):
                    best = total
            if best is not None:
                among = (total for total in holding if total.uid in uids)
                return warm_ups.with_effect(best, among, kl.term.uid, self.graph)
        return None

    def _losses_with(self, term: int) -> int:
        """The totals, and what is differentiated, that hold a term: a bit for each, in order."""
        if term not in self._with_term:
            holding, losses = self.graph.holding(term), (*self.totals, *self.backward)
            self._with_term[term] = sum(1 << place for place, each in enumerate(losses) if each.uid in holding)
        return self._with_term[term]

    def is_differentiated(self, kl: Divergence) -> bool:
        """Whether a KL is part of what is differentiated."""
        return any(self.graph.holds(value, kl.term.uid) for value in self.backward)

    def leave_out(self, kl: Divergence) -> bool:
        """Whether what is differentiated, here or by a trainer that steps hand it to, is read and holds no such KL."""
        trained = self.read_once(handed_on)
        return bool(trained) and not any(self.graph.holds(value, kl.term.uid) for value in trained)

    def are_differentiated(self, kl: Divergence, recon: Reconstruction) -> bool:
        """Whether a KL and an error that are written where these two are stand together in what is differentiated.

        A validation computes them once more, and may add them up otherwise.
        """
        if self._pairs is None:
            self._pairs = set()
            for value in self.backward:
                inside = [
                    [term.term for term in terms if self.graph.holds(value, term.term.uid)]
                    for terms in (self.kls, self.recons)
                ]
                self._pairs |= {tuple(map(_written, pair)) for pair in itertools.product(*inside)}
        return (_written(kl.term), _written(recon.term)) in self._pairs

    def holds_one(self, recon: Reconstruction, wanted: int) -> bool:
        """Whether one side of a reconstruction, and not the other, has this node in it."""
        return self.graph.holds(recon.first, wanted) != self.graph.holds(recon.second, wanted)

    def hold_both(self, one: Reconstruction, other: Reconstruction) -> bool:
        """Whether a loss holds two reconstructions together."""
        return bool(self._losses_with(one.term.uid) & self._losses_with(other.term.uid))

    def minimised(self, total: Expr) -> int | None:
        """+1 where the total (scaled or not) is differentiated or called a loss, -1 where its negative is."""
        for value in self.backward:
            for chain in reductions.chains(value, total.uid, self.graph):
                sign = sign_of(chain)
                if sign is not None:
                    return sign
        return 1 if total.uid in self._named else None

    def read(self, kl: Divergence, recon: Reconstruction, total: Expr | None = None) -> JointLoss | None:
        """How the two terms stand in the loss, or in `total`; None where none adds both, or it holds one repeatedly."""
        total = self.of(kl, recon) if total is None else total
        if total is None or self._is_only_shown(total, kl):
            return None
        meeting = self.meeting(total, kl, recon)
        to_kl, to_recon = (reductions.trained_ways(total, term.uid, self.graph) for term in (kl.term, recon.term))
        if len(to_kl) != 1 or len(to_recon) != 1:
            return None
        to_kl = [warm_ups.opened(to_kl[0], total, self.totals, kl.term.uid, self.graph)]
        count = 0
        while count < min(len(to_kl[0]), len(to_recon[0])) and to_kl[0][count] == to_recon[0][count]:
            count += 1
        one = reductions.steps_of(to_kl[0])
        if put_beside.are_unread(meeting, one[:count]):
            return None
        down = reductions.steps_of(to_recon[0])
        samples = added_often.samples_in(total, kl, recon, self.recons, down, self.graph)
        added_up = summed_over_samples(summed_over_samples(down, count, samples), count, recon.often)
        # What a loss that is not read does to its error is not known.
        own = {0: (Through("unread"),), -1: (Negate(),)}.get(recon.sign, ())
        of_all = sample_turns.in_batches(to_recon[0], total, recon, (kl.location, kl.head), self.samples, self.graph)
        other = (*(added_up if of_all is None else of_all), *own)
        shared = tuple(filter(is_shared, one[:count]))
        whole = self.minimised(total) if sign_of(one[:count]) is not None else None
        firm = any(self.graph.holds(value, total.uid) for value in self.backward) and not self._climbs()
        added = reductions.chains(total, meeting.uid)
        above = tuple(filter(is_shared, added[0])) if len(added) == 1 else shared
        formula = inner_chain(kl, self.graph)
        often = added_twice.read(total, kl, recon, self.recons, self.graph)
        often = two_formulas.added(often, total, kl, self.kls, recon, self.recons, self.graph)
        return JointLoss(total, shared, above, one[count:], other[count:], formula, whole, firm, often)

    def _is_only_shown(self, total: Expr, kl: Divergence) -> bool:
        """Whether a loss is met where nothing is trained by it, as in a validation or a score of anomalies."""
        trained = any(self.graph.holds(value, total.uid) for value in self.backward)
        if not trained:
            off = (node for node in self.graph.having("detach") if node.get("known") == NO_GRAD)
            alone = self._pairs and any(self.graph.holds(node, kl.term.uid) for node in off)
            if alone or shown.is_written_without_gradient(kl.term):
                return True
        return shown.is_met_in_steps_shown(self.roots_with(total), self.evaluation)

    def meeting(self, total: Expr, kl: Divergence, recon: Reconstruction) -> Expr:
        """The innermost value in a loss that holds both terms."""
        both = self.graph.holding(kl.term.uid) & self.graph.holding(recon.term.uid)
        node = total
        while len(inner := [arg for arg in node.args if arg.uid in both]) == 1:
            node = inner[0]
        return node

    def holds(self, kl: Divergence, recon: Reconstruction | None) -> bool | None:
        """Whether the KL is part of a loss; False where it is computed beside one and used for nothing."""
        if any(self.graph.holds(end, kl.term.uid) for end in (*self.totals, *self.backward)):
            return True
        if recon is None:
            return None
        with_kl = self.roots_with(kl.term)
        functions = {id(root.function.node): root.function for root in with_kl if root.function is not None}
        by_steps = () if self.backward else self.read_once(handed_on)
        trained = any(self.graph.holds(value, recon.term.uid) for value in self.backward or by_steps)
        taken = shown.with_gradient(with_kl, self._written_alike(kl.term)) if trained else []
        if by_steps:
            taken = [root for root in taken if not self._is_beside_a_step(root, kl, with_kl)]
        if trained and shown.is_handed_to_nothing(taken, self.unsettled_with(kl.term), self.evaluation):
            return False
        if any(root.kind in ("return", "backward") for root in with_kl):
            return None
        if len(functions) != 1 or any(root.kind == "assign" and not root.name for root in with_kl):
            return None
        function = next(iter(functions.values()))
        ending = [
            root
            for root in self.roots_with(recon.term)
            if root.kind in ("return", "backward") and root.function is not None and root.function.node is function.node
        ]
        names = {root.name for root in with_kl if root.kind == "assign"}
        if not all(shown.is_only_shown(name, function.node) for name in names):
            return None
        # Where the error is handed on as a number, or without its gradient, a validation shows both.
        errors = self._written_alike(recon.term)
        return False if any(errors & reached(_expressions(root)) for root in ending) else None

    def _is_beside_a_step(self, root: Root, kl: Divergence, others: Iterable[Root]) -> bool:
        """Whether a step returns a KL beside the loss, where it is shown, or a function that the step calls returns it.

        What such a function gives when it is called by itself trains nothing.
        """
        if root.kind != "return" or root.function is None or root.depth > 1:
            return False
        if not is_step(root):
            node = root.function.node
            return any(other.depth > 1 and other.function and other.function.node is node for other in others)
        returned = rewritten(resolved([root], self.evaluation), self.graph)
        return bool(returned) and not any(self.graph.holds(value, kl.term.uid) for value in returned)

    def _climbs(self) -> bool:
        """Whether training goes, or may go, where the loss is larger."""
        return self.evaluation.read_once(ascents.climbs)

    @property
    def unsettled(self) -> Graph:
        """The evaluation before its branches were settled."""
        if self._unsettled is None:
            self._unsettled = self.evaluation.graph()
        return self._unsettled

    def minimises(self, choice: Expr) -> bool:
        """Whether a choice of the unsettled evaluation is part of what is differentiated, as far as anything is."""
        roots = (root.value for root in self.evaluation.observations.roots if root.kind == "backward")
        ends = [end for end in roots if isinstance(end, Expr)]
        return not ends or any(end in self.unsettled and self.unsettled.holds(end, choice.uid) for end in ends)

    def moves_term(self, choice: Expr, term: Expr, *, past: Stops = nothing_more) -> bool:
        """Whether a choice of the unsettled evaluation has a gradient by a term; what is `past` does not stop it."""
        return not self._written_alike(term).isdisjoint(reached([choice], past=past))

    def unsettled_with(self, term: Expr) -> set[int]:
        """The uids of what holds a term before branches were settled, known by where the term is written."""
        written = term.site.node if term.site is not None else None
        if (term.op, written) not in self._unsettled_with:
            self._unsettled_with[term.op, written] = self.unsettled.holding_any(self._written_alike(term))
        return self._unsettled_with[term.op, written]

    def _written_alike(self, term: Expr) -> set[int]:
        """The uids of what is written where a term is, before branches were settled."""
        written = term.site.node if term.site is not None else None
        alike = self.unsettled.having(term.op)
        return {node.uid for node in alike if node.site is not None and node.site.node is written}

    def roots_with(self, term: Expr) -> list[Root]:
        """The edges of statements at which a value holds a term, known by where it is written."""
        key = term.op, term.site.node if term.site is not None else None
        if key in self._roots_with:
            return self._roots_with[key]
        holding = self.unsettled_with(term)
        if self._roots_of is None:
            self._roots_of = {}
            for place, root in enumerate(self.evaluation.observations.roots):
                for uid in _uids(root):
                    self._roots_of.setdefault(uid, []).append(place)
        places = {place for uid in self._roots_of.keys() & holding for place in self._roots_of[uid]}
        self._roots_with[key] = [self.evaluation.observations.roots[place] for place in sorted(places)]
        return self._roots_with[key]

    def in_other_loops(self, kl: Divergence, recon: Reconstruction) -> bool:
        """Whether one of the terms is added up in a loop of unknown length that the other is not in."""
        return by_turns.in_other_loops(self.roots_with(kl.term), self.roots_with(recon.term))


def differentiated(evaluation: Evaluation) -> list[Expr]:
    """What is differentiated in every way through its branches: here, or by a trainer that a step hands it to."""
    roots = evaluation.observations.roots
    return resolved((root for root in roots if root.kind == "backward" or is_step(root)), evaluation)


def is_step(root: Root) -> bool:
    """Whether a trainer differentiates what is returned there: a model that may differ says so of itself."""
    if root.kind != "return" or root.function is None or root.function.name != "training_step":
        return False
    model = root.function.bound
    said = model.attributes.get(_BY_A_TRAINER, model.cls.find(_BY_A_TRAINER)) if isinstance(model, Instance) else None
    return said is None or said is True


def handed_on(losses: Losses) -> list[Expr]:
    """What is differentiated, here or by a trainer, as the graph of some losses has it."""
    return rewritten(differentiated(losses.evaluation), losses.graph)


def _written(term: Expr) -> Hashable:
    """Where a term is written; the term itself where that is not known."""
    return term.uid if term.site is None else (term.op, term.site.node)


def is_given(head: Expr) -> bool:
    """Whether a head is a parameter of the function that was run, or computed from one alone."""
    found = leaves(head)
    return bool(found) and all(leaf.op == "atom" for leaf in found)


def resolved(roots: Iterable[Root], evaluation: Evaluation) -> list[Expr]:
    """The losses among the values of some roots, in every way through their branches."""
    found: list[Expr] = []
    for root in roots:
        if isinstance(root.value, Expr):
            found.append(root.value)
        elif isinstance(root.value, dict):
            found += [item for key, item in root.value.items() if is_loss_name(str(key)) and isinstance(item, Expr)]
        elif isinstance(root.value, tuple) and root.value and isinstance(root.value[0], Expr):
            found.append(root.value[0])
    return ways.in_all(evaluation, found)


def rewritten(values: Iterable[Expr], graph: Graph) -> list[Expr]:
    """Values as a graph has them."""
    return [graph.rewritten.get(value.uid, value) for value in values]


def _expressions(root: Root) -> list[Expr]:
    """The expressions in the value at the edge of a statement."""
    from vae_checked.linter.evaluations.evaluation import expressions  # noqa: PLC0415  the two modules call each other

    return list(expressions(root.value))


def _uids(root: Root) -> set[int]:
    return {value.uid for value in _expressions(root)}


def _is_read(root: Root) -> bool:
    """Whether a value that a function calls a loss is read there again, where it is not what the function returns."""
    return root.kind != "assign" or root.function is None or not shown.is_never_read(root.name, root.function.node)


def objective_facts(
    losses: Losses,
    kl: Divergence | None,
    recon: Reconstruction | None,
    reading: JointLoss | None,
    reduced: tuple[Fact[Reduced] | None, Fact[Reduced] | None],
) -> Objective:
    """The effective beta, where the reductions tell it, and the weights that are given and never used."""
    if kl is None or recon is None or reading is None:
        return Objective()
    where = origin(reading.total)
    beta = None
    if reduced[0] is not None and reduced[1] is not None and not losses.in_other_loops(kl, recon):
        # Of terms of which one is added up in a loop of unknown length nobody knows how often it counts.
        beta = _effective_beta(kl, recon, reading, reduced[0].value, reduced[1].value)
    with_kl = {
        id(root.function.node): root.function for root in losses.roots_with(kl.term) if root.function is not None
    }
    unread = [weight for function in with_kl.values() for weight in losses.unread_weights(function)]
    chains = reading.kl, reductions.peeled(kl.term), reading.recon
    dead = without_effect(unread, chains, where, losses.evaluation, with_kl.values())
    return Objective(effective_beta=None if beta is None else Fact(beta, where), dead_weights=dead)


def _effective_beta(
    kl: Divergence, recon: Reconstruction, reading: JointLoss, of_kl: Reduced, of_recon: Reduced
) -> EffectiveBeta | None:
    above, beside = scaling_of(reading.kl), scaling_of((*reading.recon, *inner_scales.within(recon)))
    inside = scaling_of(filter(weighs_formula, reductions.peeled(kl.term)))
    down = (*reading.shared, *reading.kl, *(reading.formula or ()))
    times = reading.added.times
    if above is None or beside is None or inside is None or times is None or extents.averages_more(kl, down, of_kl):
        return None
    # The numbers at the top of the term are in its factor already: those with a name are said by it instead.
    own = math.prod(weight.amount for weight in inside[1] if weight.value)
    counted = elements(extents.elements(recon), flat=extents.is_no_picture(recon))
    size = targets() if recon.kind is Likelihood.CROSS_ENTROPY else counted
    return effective_beta(
        Term(of_kl, latents(extents.latents_of(kl)), kl.factor * times * above[0] / own, (*above[1], *inside[1])),
        Term(of_recon, size, beside[0], beside[1]),
    )
