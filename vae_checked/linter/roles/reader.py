"""What the choice of evaluations has to know of roles: `evaluations.reader.RoleReader`, met by this module."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.evaluations.reader import Handed, LossCall
from vae_checked.linter.roles import assemble, divergences, phi, reductions, samplers, ways
from vae_checked.linter.roles.called_losses import called_loss
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import (
    ELEMENTWISE,
    KL,
    OWN_KL,
    PASSED,
    PHI,
    REDUCTIONS,
    SAMPLE,
    SUMS,
    Expr,
    Graph,
    contains,
    strip,
    walk,
)
from vae_checked.linter.symbols.numeric import FOLLOWED
from vae_checked.linter.symbols.taken import Call, Taken, called, holders
from vae_checked.linter.symbols.values import OBJECT, Instance, Value
from vae_checked.mathematics.names import Role, likely_role_of

# What calls both heads and a reconstruction has more than these.
_LEAST_ARGUMENTS = 3
# What a formula is made of, and what chooses between several.
_OF_FORMULAS = PASSED | FOLLOWED | {"phi"}
# What takes a tensor, and no tuple of them.
_OF_ONE = ELEMENTWISE | REDUCTIONS | {"layer", "part"}


def roles_of_outputs(
    inputs: Iterable[Value], outputs: Value, values: Iterable[Expr], names: Mapping[int, list[str]]
) -> dict[str, Value]:
    """The parts of a forward's result by role: known by what they are, and by `names` where nothing is drawn."""
    found = samplers.find(Graph(values))
    parts = list(_parts(outputs))
    roles: dict[str, Value] = {}
    known = {value.uid for value in inputs if isinstance(value, Expr)}
    for site in found:
        heads = {node.uid for node in _spine(site.scale)}
        for part in parts:
            if not isinstance(part, Expr):
                continue
            bare = strip(part)
            if bare.uid == strip(site.location).uid:
                roles.setdefault(Role.MU, part)
            elif bare.uid in heads:
                roles.setdefault(Role.SECOND, part)
            elif bare.uid == site.z.uid:
                roles.setdefault(Role.LATENT, part)
            elif bare.uid in known:
                roles.setdefault(Role.INPUT, part)
            elif contains(part, site.z.uid):
                roles.setdefault(Role.RECONSTRUCTION, part)
    if not found:
        roles.update(_roles_by_name(parts, names))
    elif (
        _first_role(roles.get(Role.MU), names) == Role.SECOND and _first_role(roles.get(Role.SECOND), names) == Role.MU
    ):
        # Swapped on the way to the sampler: a loss is handed the heads as they are returned.
        roles[Role.MU], roles[Role.SECOND] = roles[Role.SECOND], roles[Role.MU]
    if Role.INPUT not in roles:
        first = next((value for value in inputs if isinstance(value, Expr)), None)
        if first is not None:
            roles[Role.INPUT] = first
    return roles


def _parts(outputs: Value) -> Iterator[Value]:
    """What a forward's result holds, the pairs in it opened."""
    held = outputs.attributes if isinstance(outputs, Instance) else outputs
    for part in held.values() if isinstance(held, dict) else held if isinstance(held, (tuple, list)) else (held,):
        if isinstance(part, (tuple, list)) and len(part) == 2:
            yield from part
        else:
            yield part


def _first_role(part: Value, names: Mapping[int, list[str]]) -> str | None:
    """The role of the first name that a value went by and that has one."""
    if not isinstance(part, Expr):
        return None
    return next((role for role in map(likely_role_of, names.get(part.uid, ())) if role is not None), None)


def _roles_by_name(parts: list[Value], names: Mapping[int, list[str]]) -> dict[str, Value]:
    """Heads by the names that they go by; the output is the part that is computed from mu."""
    expressions = [part for part in parts if isinstance(part, Expr)]
    heads: dict[str, Expr] = {}
    for part in expressions:
        for name in names.get(part.uid, ()):
            role = likely_role_of(name)
            if role in (Role.MU, Role.SECOND):
                heads.setdefault(role, part)
    if heads.keys() != {Role.MU, Role.SECOND}:
        return {}
    known, mu = {head.uid for head in heads.values()}, heads[Role.MU].uid
    output = next((part for part in expressions if part.uid not in known and contains(part, mu)), None)
    return {} if output is None else {**heads, Role.RECONSTRUCTION: output}


def _spine(scale: Expr) -> list[Expr]:
    """The nodes from which a scale is computed elementwise: any of them may be handed on as the head for std."""
    found: dict[int, Expr] = {}
    stack = [scale]
    while stack:
        node = stack.pop()
        if node.uid in found:
            continue
        found[node.uid] = node
        if node.op in ("exp", "mul", "div", "sqrt", "softplus", "clamp", "add", "pow", "neg", "square") or (
            node.op in ("cast", "detach", "contiguous", "view")
        ):
            stack.extend(arg for arg in node.args if arg.op != "const")
    return list(found.values())


def taken_models(evaluation: Evaluation) -> dict[Taken, set[Call]]:
    """What is not known and is called for both heads of a KL, or for parts of a loss that are put together here.

    With each the ways in which it is called, and the parts of it that are.
    """
    found: dict[Taken, set[Call]] = {}
    for node in walk(*_put_together(evaluation)):
        call = called(node)
        if call is not None:
            found.setdefault(call[0], set()).add(call[1])
            for holder, part in holders(node.args[0]):
                found.setdefault(holder, set()).add((part, None, frozenset()))
    values = [value for value in evaluation.values() if value.bits & KL == KL]
    if not values:
        return found
    graph = Graph(values)
    if not _may_be_two_heads(graph.having("item")) or not _may_be_kl_of_parts(graph):
        # Most of what is so is a network: its ways are not looked at.
        return found
    graph = Graph(phi.resolved(values, most=ways.most_conditions(evaluation)))
    reading = graph.holding_any(node.uid for node in graph.having("item") if _maker(node) is not None)
    makers = ((_maker(kl.location), _maker(kl.head)) for kl in divergences.find(graph, within=reading))
    for one, other in makers:
        if one is not None and other is not None and one[0] == other[0] and one[1][0] == other[1][0]:
            found.setdefault(one[0], set()).update((one[1], other[1]))
    return found


def _may_be_two_heads(items: Iterable[Expr]) -> bool:
    """Whether two of some parts may be what one call of an unknown thing returns, as far as branches tell."""
    known: dict[tuple[Taken, str], int] = {}
    for item in items:
        end = _whole_of(item)
        if end.op == "phi" or (end.args and end.args[0].bits & PHI):
            return True
        call = called(end)
        if call is not None and known.setdefault((call[0], call[1][0]), item.uid) != item.uid:
            return True
    return False


def _may_be_kl_of_parts(graph: Graph) -> bool:
    """Whether in one way or another a part of what an unknown thing returns may be a head of a KL.

    A formula of it alone holds all that a KL is made of. What a condition chooses may be part of a formula.
    """
    # Per node which of these a formula has that ends in it, and whether such a part is a leaf of it.
    own: dict[int, tuple[int, bool]] = {}
    for node in graph.nodes:
        formed, has_part = node.bits & OWN_KL, node.op == "item" and _may_have_maker(node)
        if node.op in _OF_FORMULAS:
            for arg in node.args:
                below = own[arg.uid]
                formed, has_part = formed | below[0], has_part or below[1]
        if has_part and formed == OWN_KL:
            return True
        own[node.uid] = formed, has_part
    return False


def _may_have_maker(part: Expr) -> bool:
    """Whether in one way or another a value is a part of what an unknown thing returns."""
    end = _whole_of(part)
    return bool(end.bits & PHI) or called(end) is not None


def used_as_one(evaluation: Evaluation) -> set[tuple[Taken, str]]:
    """What is called for parts of a loss and the method, where the result is computed with, or asked by a key.

    A result that a loop goes through by numbers, as the features of a discriminator, holds things of one kind.
    """
    found: set[tuple[Taken, str]] = set()
    for node in walk(*_put_together(evaluation)):
        by_key = node.op == "item" and isinstance(node.get("index"), str) and node.get("index") != "any"
        if node.op in _OF_ONE or by_key or _is_by_turns(node):
            calls = (called(strip(arg)) for arg in node.args)
            found.update((call[0], call[1][0]) for call in calls if call is not None)
    return found


def _is_by_turns(node: Expr) -> bool:
    """Whether a node is what something holds at a place that is not known."""
    keys = node.get("key") if node.op == "index" else None
    return isinstance(keys, tuple) and len(keys) == 1 and isinstance(keys[0], tuple) and keys[0][:1] == ("expr",)


def heads_of(evaluation: Evaluation) -> dict[str, Role]:
    """The parameters of the function that was run which the one KL in it is of."""
    values = [value for value in evaluation.values() if value.bits & KL == KL]
    if not values:
        return {}
    found = {
        (str(mu.get("name")), str(second.get("name")))
        for kl in divergences.find(Graph(values))
        for mu, second in [(strip(kl.location), strip(kl.head))]
        if mu.op == second.op == "atom"
    }
    return dict(zip(found.pop(), (Role.MU, Role.SECOND), strict=True)) if len(found) == 1 else {}


def loss_calls(evaluation: Evaluation) -> list[LossCall]:
    """The calls of something unknown that have both heads of a sampler among their arguments."""
    values = evaluation.values()
    if not any(value.bits & SAMPLE for value in values):
        return []
    graph = evaluation.graph()
    calls = [
        (node, call[0]) for node in graph.having("opaque") if (call := called(node)) is not None and not call[1][0]
    ]
    if not any(len(node.args) > _LEAST_ARGUMENTS for node, _ in calls):
        return []
    found: dict[Taken, LossCall] = {}
    for site in evaluation.read_once(_drawn):
        location, spine = strip(site.location).uid, {node.uid for node in _spine(site.scale)}
        for node, taken in calls:
            given = [_held(arg) for arg in node.args[1:]]
            mu = next((place for place, held in enumerate(given) if location in held), None)
            second = next((place for place, held in enumerate(given) if held - {location} & spine), None)
            if mu is not None and second is not None:
                found.setdefault(taken, LossCall(taken, len(given), mu, second, _keywords(node)))
    return list(found.values())


def handed(evaluation: Evaluation) -> list[Handed]:
    """The unknown models whose results are differentiated: as they return them, or by a loss that is unknown too.

    The loss is known by what it is called with: both heads of one model, by their names.
    """
    names, parameters = evaluation.observations.names, evaluation.read_once(_parameters)
    found: dict[tuple[Taken, Taken | None], Handed] = {}
    for value in _differentiated(evaluation):
        own = _maker(_bare(value))
        if own is not None:
            found.setdefault((own[0], None), Handed(own[0], frozenset((own[1],))))
        for node in walk(value):
            each = _handed_loss(node, names) if node.op == "opaque" and len(node.args) > _LEAST_ARGUMENTS else None
            if each is not None and each.loss is not None and each.loss.taken[1] in parameters:
                found.setdefault((each.model, each.loss.taken), each)
    return list(found.values())


def _bare(total: Expr) -> Expr:
    """What is differentiated, without what scales or averages it as a whole: `(0.5 * loss.mean()).backward()`."""
    node = strip(total)
    while (index := reductions.scaled_at(node)) is not None:
        node = strip(node.args[index])
    return node


def _parameters(evaluation: Evaluation) -> frozenset[str]:
    """The names of all that functions are handed: another name that is not known is one of the file itself."""
    specs = (function.node.args for function in evaluation.functions())
    return frozenset(item.arg for spec in specs for item in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs))


def _handed_loss(node: Expr, names: Mapping[int, list[str]]) -> Handed | None:
    """The unknown loss that is called with both heads of an unknown model."""
    call = called(node)
    if call is None or call[1][1] is None:
        return None
    given = node.args[1:]
    roles = [_first_role(strip(arg), names) for arg in given]
    if roles.count(Role.MU) != 1 or roles.count(Role.SECOND) != 1:
        return None
    mu, second = roles.index(Role.MU), roles.index(Role.SECOND)
    one, other = _maker(given[mu]), _maker(given[second])
    if one is None or other is None or one[0] != other[0] or one[0] == call[0]:
        return None
    loss = LossCall(call[0], len(given), mu, second, _keywords(node), by_names=True)
    return Handed(one[0], frozenset((one[1], other[1])), loss)


def _differentiated(evaluation: Evaluation) -> list[Expr]:
    roots = (root.value for root in evaluation.observations.roots if root.kind == "backward")
    return [value for value in roots if isinstance(value, Expr)]


def _held(argument: Expr) -> set[int]:
    """An argument, or what an object that is one holds, and what that is a part of or follows elementwise from."""
    node = strip(argument)
    if node.op != "opaque" or not str(node.get("name")).startswith(OBJECT):
        return {node.uid}
    return {strip(part).uid for part in node.args}


def _keywords(call: Expr) -> tuple[str, ...]:
    """The names of those arguments that a call gives by name."""
    written = None if call.site is None else call.site.node
    names = [item.arg for item in written.keywords] if isinstance(written, ast.Call) else []
    return tuple(name for name in names if name is not None)


def _put_together(evaluation: Evaluation) -> list[Expr]:
    """The sums that are differentiated, or that are called a loss."""
    roots = (root for root in evaluation.observations.roots if root.kind == "backward" or called_loss(root))
    return [root.value for root in roots if isinstance(root.value, Expr) and root.value.bits & SUMS]


def _maker(head: Expr) -> tuple[Taken, Call] | None:
    """The unknown thing whose call returns a head among others, and the call."""
    node = strip(head)
    return called(_whole_of(node)) if node.op == "item" else None


def _whole_of(part: Expr) -> Expr:
    """What a value is a part of, or a part of a part."""
    node = part
    while node.op in ("item", "attribute", "part") and node.args:
        node = strip(node.args[0])
    return node


def draws(evaluation: Evaluation) -> bool:
    """Whether an evaluation has a sampler."""
    return any(value.bits & SAMPLE for value in evaluation.values()) and bool(evaluation.read_once(_drawn))


def _drawn(evaluation: Evaluation) -> list[SamplerSite]:
    """The samplers of an evaluation, its branches as they are."""
    return samplers.find(evaluation.graph())


def joins(evaluation: Evaluation) -> bool:
    """Whether the function that was run has a value with a KL that reads the heads which a sampler draws with."""
    return evaluation.read_once(assemble.is_joined)


def holds_joined(evaluation: Evaluation) -> bool:
    """Whether any function that was run has a KL that reads the heads which a sampler draws with."""
    return evaluation.read_once(assemble.has_joined)


def trains_joined(evaluation: Evaluation) -> bool:
    """Whether what is differentiated has a KL that reads the heads which a sampler draws with."""
    return assemble.has_joined_in(evaluation, _differentiated(evaluation))


def leaves_out_joined(evaluation: Evaluation) -> bool:
    """Whether something is differentiated, and none of it has a KL that reads the heads which a sampler draws with."""
    return bool(_differentiated(evaluation)) and not trains_joined(evaluation)


def departs(evaluation: Evaluation) -> bool:
    """Whether a KL is that of no parametrisation, or may read its head otherwise than the sampler beside it."""
    return assemble.has_departing_kl(evaluation)
