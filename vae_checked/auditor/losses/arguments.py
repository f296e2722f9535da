"""Matches the arguments of a loss with what a run has: by the names of both, by role, and what is left by order.

What names decide is one reading. What they leave open has as many as there are orders in which the loss runs, and the
audit says of a loss only what all of them agree in.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, islice, permutations

from torch import Tensor
from torch.distributions import Distribution

from vae_checked.adapters import Role
from vae_checked.auditor.losses.candidates import Candidate, Candidates, bound, candidates_of, parameters_of
from vae_checked.auditor.recording.origins import names_in
from vae_checked.auditor.recording.run import Run
from vae_checked.errors import ModelError
from vae_checked.mathematics.names import (
    argument_role_of,
    is_condition,
    is_kl_weight,
    is_log_determinant,
    is_made_again,
    is_number,
    is_only_a_target,
    is_sample,
    plain,
    role_of,
)

WHOLE = names_in("output outputs out outs model_output results result forward_output preds pred ret res recons y_pred")
WHOLE_INPUT = names_in("batch data inputs sample samples item example")
MODEL = names_in("model net vae network autoencoder module cvae ae")
_OF_THE_LATENT = (Role.MU, Role.SECOND, Role.LATENT)
_TORCHS = names_in("input inputs")
_MOST_ORDERS = 120
_ENTRY = re.compile(r"output\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Matched:
    """The arguments for a loss, in words what each was matched with, and the same as bindings.

    `supplied` are keywords that the loss asks for and nobody gave; `named` holds, per part of the output, the role that
    the name of the loss's parameter declares. `guessed` are the parameters that no name and no role decides.
    `exchanged`: handed over in the order in which the model returns them, the heads would be swapped.
    """

    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    words: tuple[str, ...]
    supplied: tuple[str, ...] = ()
    named: Mapping[str, Role] = field(default_factory=dict)
    guessed: tuple[str, ...] = ()
    exchanged: bool = False
    bindings: Mapping[str, str] = field(default_factory=dict)

    def with_keywords(self, given: Mapping[str, Candidate]) -> Matched:
        """The same with what the user gives for `**kwargs`."""
        return replace(
            self,
            kwargs={**self.kwargs, **{name: each.value for name, each in given.items()}},
            words=(*self.words, *(f"{name} = {each.words}" for name, each in given.items())),
            bindings={**self.bindings, **{name: each.written for name, each in given.items()}},
        )

    def with_weight(self, name: str) -> Matched:
        """The same with a keyword that the loss asks for, a weight that nobody gave."""
        return replace(
            self,
            kwargs={**self.kwargs, name: 1.0},
            words=(*self.words, f"{name} = 1.0, which it asks for and nobody gave"),
            supplied=(*self.supplied, name),
        )


_Assignment = dict[str, Candidate]


@dataclass(frozen=True, slots=True)
class Match:
    """Groups of readings of a loss, the likeliest first, and how to say that none of them will do."""

    groups: tuple[tuple[Matched, ...], ...]
    refusal: str


def match(
    function: Callable[..., object], name: str, run: Run, roles: Mapping[str, Role], given: Mapping[str, str]
) -> Match:
    """The arguments for the loss `function`, as groups of readings; the first group with one that runs has them all.

    `given` are bindings of the user's; ModelError where they name what the loss does not take.
    """
    parameters = parameters_of(function)
    choices = candidates_of(run, roles)
    _refuse_unknown(given, parameters, name)
    # What no parameter has by its name goes into `**kwargs`.
    others = {key: bound(text, choices) for key, text in given.items() if all(p.name != key for p in parameters)}
    wanted = _wanted(parameters, choices, given)
    if not wanted and any(p.kind is p.VAR_POSITIONAL for p in parameters):
        listed = ", ".join(entry.words for entry in _all_entries(run, roles))
        whole = Matched(tuple(entry.value for entry in _all_entries(run, roles)), {}, (f"*({listed})",))
        return Match(((whole.with_keywords(others),),), "")
    weights = [p for p in wanted if p.name not in given and _is_unnamed_weight(p, choices)]
    tensors = [p for p in wanted if p not in weights]
    explicit = {p.name: bound(given[p.name], choices) for p in tensors if p.name in given}
    free = [p.name for p in tensors if p.name not in given]
    only_named = {p.name for p in tensors if p.kind is p.KEYWORD_ONLY}
    found = _readings(free, only_named, explicit, choices)
    groups = (
        tuple(
            _matched(tensors, weights, parameters, reading, guessed).with_keywords(others) for reading, guessed in group
        )
        for group in found
    )
    return Match(tuple(group for group in groups if group), _refusal(name, tensors, explicit, choices))


def _wanted(
    parameters: Sequence[inspect.Parameter], choices: Candidates, given: Mapping[str, str]
) -> list[inspect.Parameter]:
    """The parameters that are to be given: the required ones, and those with a default that name what there is."""
    # A parameter that defaults to None and bears the name of a head is meant to be given where there is one.
    known = {plain(each.name) for each in (*choices.inputs, *choices.parts) if each.name}
    roles = {each.role for each in choices.parts}

    def is_meant(p: inspect.Parameter) -> bool:
        if p.name in given or p.default is p.empty:
            return True
        role = argument_role_of(p.name)
        return p.default is None and (plain(p.name) in known or (role in _OF_THE_LATENT and role in roles))

    return [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and is_meant(p)]


def _is_unnamed_weight(p: inspect.Parameter, choices: Candidates) -> bool:
    """Whether a required parameter is a weight of the KL, which nobody gave."""
    return p.default is p.empty and is_kl_weight(p.name) and all(plain(p.name) != plain(c.name) for c in choices.parts)


def _refuse_unknown(given: Mapping[str, str], parameters: Sequence[inspect.Parameter], name: str) -> None:
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for each in given:
        if all(p.name != each for p in parameters) and not takes_any:
            takes = ", ".join(p.name for p in parameters)
            raise ModelError(f"the loss {name} takes no {each}: it takes {takes}")


# ------------------------------------------------------------------------------------------------- readings


_Reading = tuple[_Assignment, tuple[str, ...]]


def _readings(
    names: Sequence[str], only_named: Collection[str], explicit: _Assignment, choices: Candidates
) -> Iterator[list[_Reading]]:
    """Groups of readings, the likeliest first; each names the parameters that are guessed in it.

    Those that are `only_named`, as they go by keyword, have no order.
    """
    decided = _by_name(names, explicit, choices)
    left = [name for name in names if name not in decided]
    if not left:
        yield [(decided, ())]
    elif any(name in only_named for name in left):
        return
    else:
        yield from _by_order(left, decided, choices)
    yield from _of_wholes(names, explicit, choices)
    # A name of the reconstruction or of a head may be that of the distribution which has it.
    told = {name: each for name, each in decided.items() if name in explicit or not _is_of_distribution(each, choices)}
    if len(told) < len(decided) and all(name not in only_named or name in told for name in names):
        yield from _by_order([name for name in names if name not in told], told, choices)
    # Names of data that the loss cannot be run with say something else than they seem to.
    kept = {name: each for name, each in decided.items() if name in explicit or each.role is not Role.INPUT}
    if len(kept) < len(decided):
        yield from _by_order([name for name in names if name not in kept], kept, choices, names_bind=False)


def _is_of_distribution(part: Candidate, choices: Candidates) -> bool:
    """Whether a part is a parameter of a distribution that stands in the output."""
    whole = (each.written for each in choices.entries if isinstance(each.value, Distribution))
    return any(part.written.startswith(f"{written}.") for written in whole)


def _by_name(names: Sequence[str], explicit: _Assignment, choices: Candidates) -> _Assignment:
    """What the names decide: those that an input or an output bears itself, and those of a role that one has."""
    found = dict(explicit)
    roles = _declared(names)
    for name in names:
        own = _bearing(name, roles.get(name), choices, len(names))
        if own is not None and all(own.value is not each.value for each in found.values()):
            found[name] = own
    made_again = any(role is Role.RECONSTRUCTION for role in roles.values())
    data = [name for name in names if roles.get(name) is Role.INPUT and name not in found]
    if len(data) > 1 and not made_again and any(map(is_only_a_target, data)):
        data = [name for name in data if is_only_a_target(name)]
    if len(data) == 1 and not _is_given(choices.x, found):
        found[data[0]] = choices.whole_input if _is_mapping(data[0], choices) else choices.x
    for name in names:
        role = roles.get(name)
        if name in found or role is None or role is Role.INPUT:
            continue
        part = next((each for each in choices.parts if each.role is role and not _is_given(each, found)), None)
        if part is not None:
            alone = list(roles.values()).count(role) == 1
            found[name] = (_list_of(role, part, choices) if alone else None) or part
    for name in names:
        twice = _returned_twice(found, choices) if roles.get(name) in (Role.MU, Role.SECOND) else None
        if name not in found and twice is not None:
            found[name] = twice
    for each in choices.defaults:
        if each.name in names:
            found.setdefault(each.name, each)
    return found


def _returned_twice(found: _Assignment, choices: Candidates) -> Candidate | None:
    """The entry of the output that is one tensor with a head that is given already, as where both heads are one."""
    heads = [each for each in found.values() if each.role in (Role.MU, Role.SECOND)]
    given = {each.written for each in found.values()}
    same = (each for each in choices.entries if any(each.value is head.value for head in heads))
    return next((each for each in same if each.written not in given), None)


def _list_of(role: Role, part: Candidate, choices: Candidates) -> Candidate | None:
    """The list of the output in which a part stands beside others, where all of them have its role."""
    for entry in choices.entries:
        if not isinstance(entry.value, (list, tuple)) or not part.written.startswith(f"{entry.written}["):
            continue
        within = [each for each in choices.parts if any(each.value is one for one in entry.value)]
        if len(within) == len(entry.value) > 1 and all(each.role is role for each in within):
            return entry
    return None


def _declared(names: Sequence[str]) -> dict[str, Role]:
    """The roles that the names of the parameters declare, each by itself and beside the others."""
    roles = {name: role for name in names if (role := argument_role_of(name)) is not None}
    for name in names:
        if any(is_made_again(other, name) for other in names):
            roles[name] = Role.INPUT
        elif any(is_made_again(name, other) for other in names):
            roles[name] = Role.RECONSTRUCTION
    # `loss(input, target)`, as torch names its own: the first is what is predicted.
    torchs = next((name for name in names if plain(name) in _TORCHS), None)
    if torchs is not None and Role.RECONSTRUCTION not in roles.values() and any(map(is_only_a_target, names)):
        roles[torchs] = Role.RECONSTRUCTION
    return roles


def _bearing(name: str, role: Role | None, choices: Candidates, count: int) -> Candidate | None:
    """The input or output that bears the name of a parameter; the model, or all of an output, by theirs."""
    if name.lower() in MODEL:
        return choices.model
    for each in choices.inputs:
        if plain(each.name) == plain(name) and role in (None, Role.INPUT):
            return choices.whole_input if each is choices.x and _is_mapping(name, choices) else each
    for each in (*choices.parts, *choices.entries):
        if each.name == name and not (role is Role.INPUT and each.role not in (None, Role.INPUT)):
            return each
    if count <= 2 and name.lower() in WHOLE and not isinstance(choices.output.value, Tensor):
        return choices.output
    if is_condition(name) and len(choices.inputs) > 1 and role is not Role.INPUT:
        return choices.inputs[1]
    return None


def _is_mapping(name: str, choices: Candidates) -> bool:
    """Whether a name asks for all of a batch that is no mere tensor."""
    return plain(name) in WHOLE_INPUT and not isinstance(choices.whole_input.value, Tensor)


def _is_given(candidate: Candidate, found: Mapping[str, Candidate]) -> bool:
    return any(candidate.value is each.value for each in found.values())


def _by_order(
    left: Sequence[str], decided: _Assignment, choices: Candidates, *, names_bind: bool = True
) -> Iterator[list[_Reading]]:
    """The parameters that are left with the outputs that are, in their order, the inputs anywhere among them."""
    if any((is_condition(name) and len(name) > 1) or is_number(name) for name in left):
        return  # a class, a condition or a number that the run does not have is no output
    roles = _declared(left) if names_bind else {}
    inputs = [each for each in choices.inputs if not _is_given(each, decided)]
    needs_x = not _is_given(choices.x, decided) and not _is_given(choices.whole_input, decided)
    # Another input that the loss asks for by its name may be what is made again; then x comes first, and need not come.
    by_name = any(each is not choices.x and _is_given(each, decided) for each in choices.inputs)
    tried: set[tuple[int, ...]] = set()
    without_x: list[list[_Reading]] = []
    heads = [each for each in choices.parts if each.role in (Role.MU, Role.SECOND) and not _is_given(each, decided)]
    later: list[list[_Reading]] = []
    for outputs in (choices.entries, choices.parts):
        free = [each for each in outputs if each.value is not None and not _is_given(each, decided)]
        for orders in (_interleaved(free, inputs, len(left)), permutations((*free, *inputs), len(left))):
            group: list[_Reading] = []
            lacking: list[_Reading] = []
            for order in islice(orders, _MOST_ORDERS):
                key = tuple(id(each.value) for each in order)
                if key in tried or not (_fits(left, order, roles) and _fits_a_flow(left, order, choices)):
                    continue
                tried.add(key)
                lacks_x = needs_x and all(each.value is not choices.x.value for each in order)
                chosen = lacking if lacks_x else group
                chosen.append(({**decided, **dict(zip(left, order, strict=True))}, tuple(left)))
            if by_name:
                without_x.append([one for one in lacking if all(_is_handed_on(e, one[0], choices) for e in free)])
            # Every output in its place comes before an order that passes one over, and both heads before z.
            for preferred in (free, heads):
                chosen = [one for one in group if all(_is_handed_on(each, one[0], choices) for each in preferred)]
                group = [one for one in group if one not in chosen]
                yield chosen
            later.append(group)
    yield from later
    yield from without_x


def _is_handed_on(candidate: Candidate, found: Mapping[str, Candidate], choices: Candidates) -> bool:
    """Whether a candidate is given, by itself or within an entry that is."""
    if _is_given(candidate, found):
        return True
    whole = [each.written for each in found.values() if each in choices.entries and not isinstance(each.value, Tensor)]
    return any(candidate.written.startswith(each) for each in whole)


def _interleaved(
    outputs: Sequence[Candidate], inputs: Sequence[Candidate], count: int
) -> Iterator[tuple[Candidate, ...]]:
    """Every choice of `count` candidates in which the outputs keep their order."""
    for taken in range(min(len(inputs), count) + 1):
        for chosen in permutations(inputs, taken):
            for kept in combinations(outputs, count - taken):
                for places in combinations(range(count), taken):
                    rest, of_inputs = iter(kept), iter(chosen)
                    yield tuple(next(of_inputs) if place in places else next(rest) for place in range(count))


def _fits(names: Sequence[str], order: Sequence[Candidate], roles: Mapping[str, Role]) -> bool:
    """Whether no parameter is given what has another role than its name says; `y` may be the reconstruction too."""
    for name, each in zip(names, order, strict=True):
        role = roles.get(name)
        if role is None or each.role is None or role is each.role:
            continue
        if role is Role.INPUT and each.role is Role.RECONSTRUCTION and not is_only_a_target(name):
            continue
        return False
    return True


def _fits_a_flow(names: Sequence[str], order: Sequence[Candidate], choices: Candidates) -> bool:
    """Whether what is called like a sample has a sample's size, and what is called like a log determinant has not.

    Samples before and after a flow come in the order in which they are returned.
    """
    heads = (each.value for each in choices.parts if each.role in (Role.MU, Role.LATENT))
    sizes = {each.numel() for each in heads if isinstance(each, Tensor)}
    samples = [each for name, each in zip(names, order, strict=True) if is_sample(name)]
    if not sizes:
        return True
    if any(not isinstance(each.value, Tensor) or each.value.numel() < min(sizes) for each in samples):
        return False
    returned = (*choices.entries, *choices.parts)
    places = [returned.index(each) for each in samples if each in returned]
    determinants = [each.value for name, each in zip(names, order, strict=True) if is_log_determinant(name)]
    return places == sorted(places) and not any(isinstance(d, Tensor) and d.numel() >= max(sizes) for d in determinants)


def _of_wholes(names: Sequence[str], explicit: _Assignment, choices: Candidates) -> Iterator[list[_Reading]]:
    """A loss of few arguments that takes all of an output, or of a batch, and takes it apart itself."""
    if len(names) + len(explicit) > 3 or isinstance(choices.output.value, Tensor):
        return
    decided = _by_name(names, explicit, choices)
    roles = _declared(names)
    batches = [choices.x, *([choices.whole_input] if choices.whole_input.value is not choices.x.value else [])]
    likely: list[_Reading] = []
    others: list[_Reading] = []
    for name in (each for each in names if each not in explicit):
        for batch in batches:
            reading = {**explicit, name: choices.output}
            for other in names:
                known = decided.get(other)
                if other not in reading:
                    reading[other] = known if known in choices.inputs[1:] and known is not None else batch
            if len({id(each.value) for each in reading.values()}) == len(reading):
                (likely if roles.get(name) is Role.RECONSTRUCTION else others).append((reading, (name,)))
    yield likely
    yield others


# ------------------------------------------------------------------------------------------ what comes of one


def _matched(
    wanted: Sequence[inspect.Parameter],
    weights: Sequence[inspect.Parameter],
    parameters: Sequence[inspect.Parameter],
    reading: _Assignment,
    guessed: tuple[str, ...],
) -> Matched:
    args: list[object] = []
    by_keyword: dict[str, object] = {}
    for place, p in enumerate(wanted):
        value = reading[p.name].value
        # An optional parameter that is passed over leaves a gap: what comes behind it goes by its name.
        in_order = place < len(parameters) and parameters[place] is p and p.kind is not p.KEYWORD_ONLY
        if in_order and not by_keyword:
            args.append(value)
        else:
            by_keyword[p.name] = value
    named = {
        each.words: role
        for p in wanted
        if (role := role_of(p.name)) is not None and (each := reading[p.name]).words.startswith("output")
    }
    matched = Matched(
        tuple(args),
        by_keyword,
        tuple(f"{p.name} = {reading[p.name].words}" for p in wanted),
        named=named,
        guessed=guessed,
        exchanged=_exchanges_heads([reading[p.name] for p in wanted]),
        bindings={p.name: reading[p.name].written for p in wanted},
    )
    for p in weights:
        matched = matched.with_weight(p.name)
    return matched


def _exchanges_heads(given: Sequence[Candidate]) -> bool:
    """Whether these entries of a tuple stand in its order but for the heads, which have changed places."""
    places = [(place, each.role) for each in given if (place := _place_in_a_tuple(each)) is not None]
    exchanged = {Role.MU: Role.SECOND, Role.SECOND: Role.MU}
    by_place = [role for _, role in sorted(places, key=lambda pair: pair[0])]
    in_order = [role for _, role in places]
    if in_order.count(Role.MU) != 1 or in_order.count(Role.SECOND) != 1:
        return False
    return by_place == [exchanged.get(role, role) if role is not None else None for role in in_order]


def _place_in_a_tuple(each: Candidate) -> int | None:
    match = _ENTRY.fullmatch(each.written)
    return None if match is None else int(match[1])


def _refusal(
    name: str, wanted: Sequence[inspect.Parameter], explicit: Mapping[str, Candidate], choices: Candidates
) -> str:
    names = [p.name for p in wanted]
    decided = _by_name([each for each in names if each not in explicit], dict(explicit), choices)
    missing = [each for each in names if each not in decided]
    returned = ", ".join(f"{part.words} ({part.role})" if part.role else part.words for part in choices.parts)
    written = ",".join(f"{each}={decided[each].written if each in decided else '...'}" for each in names)
    return (
        f"the loss {name}({', '.join(names)}) cannot be matched to what the model returned "
        f"({returned or 'nothing with a tensor'}): nothing is known for {', '.join(missing or names)}: "
        f'give bind="{written}", or loss=lambda ... that takes what the model returns'
    )


def _all_entries(run: Run, roles: Mapping[str, Role]) -> list[Candidate]:
    output = run.output
    if isinstance(output, Mapping):
        return [Candidate(f"output[{key!r}]", "", value) for key, value in output.items()]
    if isinstance(output, (tuple, list)):
        return [Candidate(f"output[{place}]", "", value) for place, value in enumerate(output)]
    return [Candidate("output", "output", output)]
