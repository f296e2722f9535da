"""What is wrong only where branches under different conditions meet: which of them go together is not known.

A finding is kept where its mistake is ruled out in no way through the conditions that are not known, or in none in
which one of its lines is run; an error too where it is ruled out in none where one condition holds, or does not, and a
question of balance is left to whoever sets that. Otherwise the facts that the conditions choose are those of one
setting or another, and nothing is said of them.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product

from vae_checked.catalogue import CATALOGUE, Found, Mistake, Undecided
from vae_checked.catalogue.verdict import Evidence
from vae_checked.facts import Facts
from vae_checked.finding import Place, Severity
from vae_checked.linter.evaluations.evaluation import Evaluation, expressions
from vae_checked.linter.files import syntax
from vae_checked.linter.roles import assemble, phi
from vae_checked.linter.roles.across import Across
from vae_checked.linter.symbols.conditions import BY_KEY, contradict
from vae_checked.linter.symbols.expression import PHI, Expr, walk
from vae_checked.linter.symbols.observations import Observations, ProjectObservations
from vae_checked.linter.symbols.values import Value
from vae_checked.record import replace

# Ways through the conditions of one finding: 2 to the power of their number, each of about as many nodes as all have.
_MAX_CONDITIONS, _MAX_NODES = 5, 40_000
# What is read once more in each way costs what the evaluation did: more than these are left as they are.
_MAX_FACTS, _MAX_WAYS = 32, 96
# The facts by which a VAE is known: they go last.
_CORE = ("recon.kind", "kl.form", "sampler.std")
# What asks for a setting is made of these, of the calls of these names, and no longer than this.
_OF_SETTINGS = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Compare, ast.cmpop, ast.expr_context)
_ASKING = ("get", "getattr", "lower", "upper", "strip")
_SHORT = 60
_REASON = "what is seen here depends on settings that are not known"


def settled(evaluation: Evaluation, facts: list[Facts], observed: ProjectObservations) -> list[Facts]:
    """The facts of an evaluation without those by which a mistake is made where several settings meet alone."""
    if len(facts) > _MAX_FACTS or not any(value.bits & PHI for value in evaluation.values()):
        return facts
    ways, kept = None, list(facts)
    for index, mistake in product(range(len(facts)), CATALOGUE):
        while isinstance(verdict := mistake.judge(kept[index]), Found):
            ways = ways or _Ways(evaluation, observed)
            doubtful = ways.doubtful(kept[index], mistake, verdict.evidence)
            if doubtful is None:
                asked = ways.asked(mistake, verdict.evidence)
                if asked:
                    kept[index] = replace(kept[index], settings={**kept[index].settings, mistake.code: asked})
                break
            # Of the others, the one that has the right two settings together is not known to be the one that is run.
            kept = [_without(item, doubtful) for item in kept]
    return kept


def _without(facts: Facts, path: str) -> Facts:
    group, name = path.split(".")
    if facts.get(path) is None:
        return facts
    changed = {group: replace(getattr(facts, group), **{name: None})}
    return replace(facts, unobserved={**facts.unobserved, path: _REASON}, **changed)


class _Ways:
    """The facts of one evaluation in each way through some of its conditions."""

    def __init__(self, evaluation: Evaluation, observed: ProjectObservations) -> None:
        self._evaluation = evaluation
        self._observed = observed
        self._graph = evaluation.graph()
        self._branching = phi.Branching((value for value in self._graph.values if value.bits & PHI), True)
        self._facts: dict[frozenset[tuple[int, bool]], list[Facts] | None] = {}

    def doubtful(self, item: Facts, mistake: Mistake, evidence: Evidence) -> str | None:
        """The path of a fact by which a mistake is made in some ways alone; None where the finding stands."""
        told = _places(evidence)
        conditions = self._conditions(set(told))
        if not conditions or len(self._facts) + 2 ** len(conditions) > _MAX_WAYS:
            return None
        met = self._met(conditions)
        readings = [facts for _, facts in met]
        found = [_finds(mistake, facts, told) for facts in readings]
        if False not in found:
            return None
        if not any(_finds_whole(mistake, facts, told) for facts in readings):
            # Of conditions that exclude each other nothing is run with what stands under both.
            apart = (facts for facts in self._apart(conditions) if _finds_whole(mistake, facts, told))
            if next(apart, None) is not None:
                return _varying(item, mistake, readings)
        if True not in found:
            return None
        if any(_is_of_a_mapping(condition) and _decides(uid, met, found) for uid, condition in conditions.items()):
            return _varying(item, mistake, readings)
        for place in told:
            paths = _told_at(place, item, mistake)
            if _always(found, (_is_met(facts, place, paths) for facts in readings)):
                return None
        settings = product(conditions, (True, False)) if mistake.severity is Severity.ERROR else ()
        if any(_always(found, (way[uid] is holds for way, _ in met)) for uid, holds in settings):
            return None
        return _varying(item, mistake, readings)

    def asked(self, mistake: Mistake, evidence: Evidence) -> tuple[str, ...]:
        """The settings without which a mistake is not seen, as the source asks for them: those that are wanted, where
        one is; empty where it is seen without any, or where not all ways were tried."""
        told = _places(evidence)
        conditions = self._conditions(set(told))
        ways = [way for way in _every(conditions) if not self._contradicts(way, conditions)]
        if not conditions or any(frozenset(way.items()) not in self._facts for way in ways):
            return ()
        with_it = [way for way, facts in self._met(conditions) if _finds(mistake, facts, told)]
        if not with_it:
            return ()
        held = {uid: with_it[0][uid] for uid in conditions if len({way[uid] for way in with_it}) == 1}
        if not held:
            # One setting or another may choose it: of several layers that confine a head, each.
            any_of = [uid for uid in conditions if {each: each == uid for each in conditions} in with_it]
            others = (way for way, _ in self._met(conditions) if way not in with_it)
            if all(any(way[uid] for uid in any_of) for way in with_it) and any_of:
                words = [_in_words(conditions[uid], True) for uid in any_of]
                if all(words) and not any(way[uid] for way in others for uid in any_of):
                    return (" or ".join(dict.fromkeys(words)),)
        wanted = [uid for uid, holds in held.items() if holds] or list(held)
        words = [_in_words(conditions[uid], held[uid]) for uid in wanted]
        return tuple(dict.fromkeys(filter(None, words)))

    def _met(self, conditions: Mapping[int, Expr]) -> list[tuple[dict[int, bool], list[Facts]]]:
        """The ways through some conditions that contradict nothing, and the facts in each."""
        ways = (way for way in _every(conditions) if not self._contradicts(way, conditions))
        return [(way, facts) for way in ways if (facts := self._under(way)) is not None]

    def _apart(self, conditions: Mapping[int, Expr]) -> Iterator[list[Facts]]:
        """The facts in each of the ways in which conditions are put together that exclude each other."""
        for way in _every(conditions):
            if self._contradicts(way, conditions) and (facts := self._under(way)) is not None:
                yield facts

    def _contradicts(self, way: Mapping[int, bool], conditions: Mapping[int, Expr]) -> bool:
        steps = ((conditions[uid], holds) for uid, holds in way.items())
        return contradict(steps, self._evaluation.observations.refused.values())

    def _conditions(self, places: set[Place]) -> dict[int, Expr]:
        """The conditions that choose what stands at some places, what is made of it, and it of up to a layer."""
        own = [node for node in self._graph.nodes if node.site is not None and node.site.place in places]
        holding = self._graph.holding_any(node.uid for node in own)
        above = (node for node in self._graph.having("phi") if node.uid in holding)
        chosen = [node.args[0] for node in (*above, *_below(own)) if node.op == "phi"]
        around = [
            condition
            for root in self._evaluation.observations.roots
            if root.path and any(value.uid in holding for value in expressions(root.value))
            for condition, _ in root.path
        ]
        found = {each.uid: each for each in (*chosen, *around) if not phi.asks_for_mode(each)}
        affordable = (_MAX_NODES // len(self._graph.nodes)).bit_length() - 1
        return dict(list(found.items())[: max(min(_MAX_CONDITIONS, affordable), 0)])

    def _under(self, holding: Mapping[int, bool]) -> list[Facts] | None:
        key = frozenset(holding.items())
        if key not in self._facts:
            evaluation = self._chosen(holding)
            facts = None if evaluation is None else assemble.facts_of(evaluation, Across(self._observed))
            self._facts[key] = facts
        return self._facts[key]

    def _chosen(self, holding: Mapping[int, bool]) -> Evaluation | None:
        """The evaluation in one way through some conditions; None where they contradict each other."""
        way = self._branching.way(holding)
        if way is None:
            return None
        known, seen = self._evaluation.observations, dict[int, Value]()
        roots = [
            replace(root, value=self._value(root.value, way, seen))
            for root in known.roots
            if all(holding.get(condition.uid, holds) is holds for condition, holds in root.path)
        ]
        chosen = Observations(roots, known.entered, known.names, known.fed, known.cuts, known.skipped)
        return replace(self._evaluation, observations=chosen)

    def _value(self, value: Value, way: phi.Way, seen: dict[int, Value]) -> Value:
        """What a value is in one way; containers that were met before are in `seen` by their ids."""
        if isinstance(value, Expr):
            return self._branching.under(value, way)
        if not isinstance(value, (tuple, list, dict)):
            return value
        if id(value) not in seen:
            seen[id(value)] = value
            if isinstance(value, dict):
                seen[id(value)] = {key: self._value(item, way, seen) for key, item in value.items()}
            else:
                seen[id(value)] = type(value)(self._value(item, way, seen) for item in value)
        return seen[id(value)]


def _places(evidence: Evidence) -> list[Place]:
    places = [origin.place for origin in (evidence.origin, *(other for other, _ in evidence.related))]
    return [place for place in places if place is not None]


def _every(conditions: Iterable[int]) -> list[dict[int, bool]]:
    uids = list(conditions)
    return [dict(zip(uids, held, strict=True)) for held in product((True, False), repeat=len(uids))]


def _in_words(condition: Expr, holds: bool) -> str:
    """A condition as the source asks for it, where that is short and asks for a setting alone; empty otherwise."""
    where = condition.site
    if where is None:
        return ""
    name = str(condition.get("name"))
    if name.startswith(BY_KEY):
        key, asked = _key_in(where.node), name.split(":", 2)[2]
        text = f"{ast.unparse(key)} == {asked}" if key is not None and asked and _asks(key) else ""
    elif isinstance(where.node, ast.arg):  # asked for as it is, or by the name that it is kept under
        text = where.node.arg
    else:
        # Whether a file is run by itself is no setting.
        text = where.origin.source if _asks(where.node) else ""
    if not text or len(text) > _SHORT:
        return ""
    if holds:
        return text
    return f"not ({text})" if isinstance(where.node, ast.Compare) or name.startswith(BY_KEY) else f"not {text}"


def _key_in(node: ast.AST | None) -> ast.expr | None:
    """The key that `table[key]` or `table.get(key)` asks for."""
    if isinstance(node, ast.Subscript):
        return node.slice
    return node.args[0] if isinstance(node, ast.Call) and node.args else None


def _asks(node: ast.AST) -> bool:
    return all(map(_asks_for_settings, ast.walk(node)))


def _asks_for_settings(node: ast.AST) -> bool:
    """Whether a part of a condition may ask for a setting: `args.x`, `config["x"]`, `config.get("x", False)`."""
    if isinstance(node, ast.Call):
        return syntax.called(node) in _ASKING
    return isinstance(node, _OF_SETTINGS) and getattr(node, "id", "") != "__name__"


def _below(nodes: Iterable[Expr]) -> Iterator[Expr]:
    """What some values are computed from, as far as the outputs of layers, those included."""
    seen: set[int] = set()
    stack = [*nodes]
    while stack:
        node = stack.pop()
        if node.uid not in seen:
            seen.add(node.uid)
            yield node
            if node.op != "layer":
                stack.extend(node.args)


def _finds(mistake: Mistake, facts: Iterable[Facts], places: Sequence[Place]) -> bool | None:
    """Whether a mistake is found at the first of some places; False where it is ruled out of what stands at one."""
    ruled_out = False
    for item in facts:
        verdict = mistake.judge(item)
        if isinstance(verdict, Found):
            if not places or verdict.evidence.origin.place == places[0]:
                return True
        elif not isinstance(verdict, Undecided):
            ruled_out = ruled_out or any(_is_met([item], place, _told_at(place, item, mistake)) for place in places)
    return False if ruled_out else None


def _finds_whole(mistake: Mistake, facts: Iterable[Facts], places: Sequence[Place]) -> bool:
    """Whether a mistake is found with all of some places."""
    verdicts = map(mistake.judge, facts)
    return any(isinstance(each, Found) and {*places}.issubset(_places(each.evidence)) for each in verdicts)


def _told_at(place: Place, item: Facts, mistake: Mistake) -> frozenset[str]:
    """The paths of the facts that are reported at a place: those by which a mistake is judged, where there are such."""
    paths = {path for path, fact in item.known() if fact.origin.place == place}
    return frozenset(paths.intersection(mistake.needs) or paths)


def _is_met(facts: Iterable[Facts], place: Place, paths: Collection[str]) -> bool:
    """Whether one of some facts is reported at a place."""
    return any(fact.origin.place == place for item in facts for path, fact in item.known() if path in paths)


def _is_of_a_mapping(condition: Expr) -> bool:
    """Whether an option is asked for that no code names: a mapping which is not read may give it another value."""
    return any(
        node.op == "item" and node.site is not None and isinstance(node.site.node, ast.arg) for node in walk(condition)
    )


def _decides(uid: int, met: Sequence[tuple[Mapping[int, bool], object]], found: Sequence[bool | None]) -> bool:
    """Whether a mistake is found in some way, and not where the one condition is otherwise."""
    ways = {frozenset(way.items()): each for (way, _), each in zip(met, found, strict=True)}
    return any(
        each is True and ways.get(way - {(uid, held)} | {(uid, not held)}) is not True
        for way, each in ways.items()
        for at, held in way
        if at == uid
    )


def _always(found: Iterable[bool | None], where: Iterable[bool]) -> bool:
    """Whether a mistake is found somewhere, and nowhere ruled out, where something is so."""
    asked = {each for each, so in zip(found, where, strict=True) if so}
    return True in asked and False not in asked


def _varying(item: Facts, mistake: Mistake, readings: Iterable[list[Facts]]) -> str:
    """The path of the fact, among those that decide, that is another in some ways; what a VAE is known by goes last."""
    known = [each for facts in readings for each in facts]
    paths = sorted(
        (path for path in mistake.needs if item.get(path) is not None),
        key=lambda path: (path in _CORE, not _varies(item, path, known)),
    )
    return paths[0]


def _varies(item: Facts, path: str, readings: Iterable[Facts]) -> bool:
    fact = item.get(path)
    others = (each.get(path) for each in readings)
    return fact is not None and any(other is None or other.value != fact.value for other in others)
