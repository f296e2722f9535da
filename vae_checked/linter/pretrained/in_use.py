"""What a project does with the latents of the VAEs that it loads: the ends of all evaluations as facts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain

from vae_checked.catalogue.support.known_vaes import FACTORS, is_factor, known, takes_symmetric_pixels
from vae_checked.facts import Fact, Facts, Interval, Latents, Origin
from vae_checked.latent_facts import AffineMap, Use
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files.disk import Disk
from vae_checked.linter.pretrained import caches, clamps, conditions, confined, fine_tuning, pairs, pixel_ends, unpaired
from vae_checked.linter.pretrained.asked_for import Asked
from vae_checked.linter.pretrained.callers import Callers
from vae_checked.linter.pretrained.defaults import may_have_a_value
from vae_checked.linter.pretrained.ends import Decoded, Encoded, Encoding, Shown, Where
from vae_checked.linter.pretrained.factors import (
    beside,
    beside_the_scale,
    by_default,
    factors,
    name_in,
    number_in,
    one_ends,
    stored_without_shift,
    unscaled,
    without_shift,
)
from vae_checked.linter.pretrained.flow import DECODES, ENCODES, Flow, is_coding
from vae_checked.linter.pretrained.grids import grid
from vae_checked.linter.pretrained.identities import Models
from vae_checked.linter.pretrained.loss_terms import cuts
from vae_checked.linter.pretrained.own_decoders import own_decodes, owner_of_own
from vae_checked.linter.pretrained.pairs import Agreement, End, Pair
from vae_checked.linter.pretrained.precision import precision
from vae_checked.linter.pretrained.settings import Settings
from vae_checked.linter.pretrained.stored import factors_set, rescaled, scaled_in_place
from vae_checked.linter.pretrained.unfrozen import unfrozen
from vae_checked.linter.pretrained.vaes import Owner, owner_of
from vae_checked.linter.symbols.expression import origin, walk
from vae_checked.linter.symbols.values import Module
from vae_checked.mathematics import affine_maps
from vae_checked.record import replace

_CALLS = re.compile(rf"\.(?:{'|'.join(sorted(ENCODES | DECODES))})\(|DiagonalGaussianDistribution|latents|quant_conv\(")
# Whose latents are drawn, and lie anywhere.
_GAUSSIAN = frozenset(("AutoencoderKL",))
# The standard deviations of the channels as a factor, where latents are divided by them.
_STD = affine_maps.named("latents_std")
_AGREE = Agreement.INVERSE
_OF_ENDS = ("latents.encoded", "latents.decoded")
_Scope = tuple[str, str]


class InUse:
    """The ends of the latents' ways in a project."""

    def __init__(self) -> None:
        self._encoded: dict[_Scope, list[Encoded]] = {}
        self._decoded: dict[_Scope, list[Decoded]] = {}
        self._single: list[Facts] = []
        self._trained: list[Facts] = []
        self._read: set[str] = set()
        # Pictures behind `decode`, and the files that encode pictures of which none is negative: these come back so.
        self._shown: list[Shown] = []
        self._encodings: list[Encoding] = []
        self._unit: set[str] = set()
        # Latents that a number may scale, whatever becomes of them.
        self._multiplied: list[Encoded] = []
        # Latents that are stored, and those that are trained on and were not encoded in the same code.
        self._stored: list[Encoded] = []
        self._read_back: list[caches.Trained] = []
        self._conditions: list[conditions.Condition] = []

    def note(self, evaluation: Evaluation) -> None:
        """Take note of the ends in an evaluation, and of what one end says by itself."""
        using = [module for module in evaluation.modules() if module.read_once(_calls)]
        # Most of what uses a VAE has calls of one: what is stored is looked for in the rest alone.
        if (using and _codes(evaluation)) or caches.may_read(evaluation):
            self._note_flow(evaluation)
        for module in using:
            if module.path not in self._read:
                self._read.add(module.path)
                self._single += (_of(module.path, Latents(in_place=fact)) for fact in scaled_in_place(module))
                self._single += (_of(module.path, Latents(rescaled=fact)) for fact in rescaled(module))
                self._single += (_of(module.path, Latents(vae, factor=number)) for vae, number in factors_set(module))

    def _note_flow(self, evaluation: Evaluation) -> None:
        graph = evaluation.graph()
        flow = Flow(evaluation, graph)
        self._trained += fine_tuning.facts(evaluation, flow, graph)
        flow.encodings = [
            replace(each, pixels=None) if each.pixels and fine_tuning.learns_its_range(each.owner, graph) else each
            for each in flow.encodings
        ]
        for one in flow.encoded:
            for scope in _scopes(one):
                self._encoded.setdefault(scope, []).append(one)
        for other in flow.decoded:
            self._decoded.setdefault(_scope(other.where), []).append(other)
        self._stored += flow.stored
        self._conditions += conditions.conditions(flow, graph)
        self._read_back += caches.trained(evaluation, flow, graph)
        self._shown += (each for each in flow.pictures.shown if not fine_tuning.learns_its_range(each.owner, graph))
        self._encodings += flow.encodings
        self._unit |= {each.where.path for each in flow.encodings if each.pixels and each.pixels.value.low >= 0}
        self._multiplied += [each for each in flow.multiplied if _is_one_number(each)]
        self._single += _alone(flow)
        self._single += confined.behind_encode(flow, graph)
        self._single += (_of(evaluation.subject, Latents(cut=fact)) for fact in cuts(evaluation, flow.decodes))
        self._note_own(evaluation, flow)
        self._single += (_of(evaluation.subject, Latents(unused_gradient=fact)) for fact in unfrozen(evaluation, flow))
        self._single += _of_calls(evaluation, flow)

    def _note_own(self, evaluation: Evaluation, flow: Flow) -> None:
        """Take note of samples that a VAE of the project decodes: cut off, clamped as if pixels, scaled."""
        found = own_decodes(evaluation)
        for uid, call in found.items():
            made = evaluation.observations.decodings[uid]
            owner = owner_of_own(made)
            flow.stands_in(call, made.caller)
            for end in flow.ends_before(call, owner or Owner(""), is_own=True):
                clamped = end.clamped
                if clamped is not None and end.use is Use.GENERATED and not end.is_asked:
                    self._single.append(_of(end.where.subject, Latents(clamped=Fact(clamped.value, clamped.origin))))
                if end.clipping is not None and _is_by_a_factor(end):
                    self._single.append(_of(end.where.subject, Latents(clipping=end.clipping)))
                if owner is not None:
                    self._decoded.setdefault(_scope(end.where), []).append(end)
        if not flow.decodes:
            terms = cuts(evaluation, found)
            self._single += (_of(evaluation.subject, Latents(cut=fact)) for fact in terms if fact.value)

    def facts(self, modules: Collection[Module], disk: Disk) -> Iterator[Facts]:
        """What the ends say, alone and together, once all are known.

        `modules` are those of the whole project, `disk` holds the files of settings that they name.
        """
        settings = Settings(modules, disk)
        models = Models(modules, settings)
        found = [each for each in self._single if not clamps.may_be_off(each, modules)]
        found += factors(self._multiplied, _all(self._decoded), models, settings)
        for shown in self._shown:
            if not self._comes_back_as_given(shown):
                vae = Fact(shown.owner.model, shown.call)
                found.append(_of(shown.where.subject, Latents(vae=vae, shown=shown.lies)))
        ends: list[Encoded | Decoded] = [*_all(self._encoded), *_all(self._decoded)]
        found += pixel_ends.facts(self._encodings, self._shown, ends)
        told, callers = set[Origin](), Callers(modules)
        asks = Asked(_all(self._encoded), _all(self._decoded), modules)
        for scope in {**self._encoded, **self._decoded}:
            encoded, decoded = self._encoded.get(scope, []), self._decoded.get(scope, [])
            judged = [
                each
                for one, other in _by_owner(encoded, decoded)
                for each in _of_pairs(pairs.pairs(one, other), callers, modules, models)
            ]
            told |= {each.latents.decoded.origin for each in judged if each.latents.decoded is not None}
            found += judged
            paired = {end for each in judged for end in _ends_of(each.latents)}
            single = chain(
                one_ends(asks.others(encoded), asks.others(decoded), models), beside_the_scale(encoded, decoded)
            )
            found += (each for each in single if paired.isdisjoint(_ends_of(each.latents)) or _is_turned(each.latents))
        found += by_default(_all(self._encoded), models)
        if not any(end.use is Use.TRAINED for end in _all(self._encoded)):
            for read, end in caches.beside_decodes(self._read_back, _all(self._decoded)):
                latents = Latents(encoded=Fact(read.applied, read.at), decoded=Fact(end.applied, end.call))
                found.append(_of(end.where.subject, latents))
        apart = {end for each in found if _is_open(each.latents) for end in _ends_of(each.latents)}
        joined = caches.joined(self._stored, self._read_back, list(modules))
        encoded_all = [*_all(self._encoded), *joined]
        shiftless = without_shift(asks.others(encoded_all), asks.others(_all(self._decoded)), models)
        found += (each for each in shiftless if apart.isdisjoint(_ends_of(each.latents)))
        found += stored_without_shift(asks.others(self._stored), models)
        found += unscaled(encoded_all, _all(self._decoded), models)
        if not any(_is_open(each.latents) for each in found):
            found += _of_pairs(pairs.across(encoded_all, list(_all(self._decoded)), told), callers, modules, models)
        why, told_apart = self._why_unpaired(), conditions.beside(_distinct(found), self._conditions)
        yield from (replace(item, unobserved=why.get(item.subject, {})) for item in told_apart)
        yield from {str((item.sampler, item.training)): item for item in self._trained}.values()

    def _why_unpaired(self) -> Mapping[str, Mapping[str, str]]:
        """By subject why no two ends of its latents are judged together."""
        places = [each.where for each in self._encodings]
        places += (each.where for each in _all(self._encoded))
        places += (each.where for each in _all(self._decoded))
        scopes = {where.subject: _scope(where) for where in places}
        said = {
            scope: unpaired.reason(
                self._encoded.get(scope, ()),
                self._decoded.get(scope, ()),
                [each.call for each in self._encodings if _scope(each.where) == scope],
            )
            for scope in {*scopes.values()}
        }
        return {subject: dict.fromkeys(_OF_ENDS, said[scope]) for subject, scope in scopes.items()}

    def _comes_back_as_given(self, shown: Shown) -> bool:
        """Whether pictures of which none is negative were encoded, of which what is decoded has the range.

        In the same file, or where that encodes none in another one by the same VAE: a script that draws pictures shows
        what the one that trains was given.
        """
        if shown.where.path in self._unit:
            return True
        known = [each for each in self._encodings if each.pixels is not None]
        if not self._unit or any(each.where.path == shown.where.path for each in known):
            return False
        alike = [each for each in known if each.owner.model.identity == shown.owner.model.identity]
        return bool(alike) and all(each.where.path in self._unit for each in alike)


def _distinct(found: Iterable[Facts]) -> Iterable[Facts]:
    """One of those that say the same of latents."""
    return {str(item.latents): item for item in found}.values()


def _codes(evaluation: Evaluation) -> bool:
    """Whether an evaluation has a call that encodes or decodes."""
    seen = evaluation.observations
    return bool(seen.encodings or seen.decodings) or any(map(is_coding, evaluation.graph().nodes))


def _calls(module: Module) -> bool:
    """Whether a file may encode, decode, or hold latents."""
    return any(_CALLS.search(cell.text) is not None for cell in module.file.cells)


def _is_one_number(end: Encoded) -> bool:
    """Whether a latent is scaled by one number, written out or set."""
    scale = end.applied.scale
    return number_in(scale) is not None or name_in(scale) is not None


def _all(ends: Mapping[_Scope, list[End]]) -> Iterator[End]:
    return chain.from_iterable(ends.values())


def _scope(where: Where) -> _Scope:
    return where.path, where.cls


def _scopes(one: Encoded) -> Iterable[_Scope]:
    """Where the other end is looked for: where a latent is used, and where it was encoded for a training elsewhere."""
    scopes = [_scope(one.where)]
    if one.use is Use.TRAINED and one.called_in is not None:
        scopes.append(_scope(one.called_in))
    return dict.fromkeys(scopes)


def _alone(flow: Flow) -> Iterator[Facts]:
    """What one end of a latent's way says without the other."""
    for scaled in flow.pictures.scaled:
        name = str(scaled.factor).removeprefix("z ")
        yield _of(scaled.where.subject, Latents(on_picture=Fact(name, scaled.at)))
    for each in flow.encodings:
        vae = Fact(each.owner.model, each.call)
        yield _of(each.where.subject, Latents(vae=vae, pixels=each.pixels))
    for where, fact in flow.pixel_maps:
        yield _of(where.subject, Latents(pixel_map=fact))
    for end in flow.decoded:
        clamped = end.clamped
        # What somebody else hands over, and what a schedule may confine, need not be free.
        if end.encoded is None and not end.is_asked:
            confined: Fact[Interval | None] | None = Fact(None, end.call) if end.is_read else None
            if clamped is not None:
                confined = Fact(clamped.value, clamped.origin)
            yield _of(end.where.subject, Latents(vae=Fact(end.owner.model, end.call), clamped=confined))
        is_drawn = takes_symmetric_pixels(end.owner.model) or end.owner.built in _GAUSSIAN or _is_by_a_factor(end)
        if end.clipping is not None and (is_drawn or end.applied.names):
            # Of a VAE of which nothing is known the latents may lie in [-1, 1].
            yield _of(end.where.subject, Latents(clipping=end.clipping))
    for subject, mean, second in flow.halves.pairs():
        yield _of(subject, Latents(mean=mean, second=second))


def _is_by_a_factor(end: Decoded) -> bool:
    """Whether a latent is brought back by the number that is the factor of a VAE: it is of about unit variance."""
    under = affine_maps.inverse(end.applied.scale)
    number = None if under is None else number_in(under)
    return number is not None and any(is_factor(number, factor) for factor in FACTORS)


def _of_calls(evaluation: Evaluation, flow: Flow) -> Iterator[Facts]:
    """Of the calls of a VAE that is known in which precision it computes, and on which grid of latents."""
    for call, owner in flow.encodes.values():
        half = precision(evaluation, call.args[0]) if known(owner.model) is not None else None
        if half is not None:
            yield _of(evaluation.subject, Latents(vae=Fact(owner.model, origin(call)), precision=half))
    for call in flow.decodes.values():
        used = owner_of(call.args[0])
        if used is None or known(used.model) is None:
            continue
        vae = Fact(used.model, origin(call))
        half, begun = precision(evaluation, call.args[0]), None
        # Noise in the place of pictures that are encoded is on their grid.
        if not any(node.uid in flow.encodes for node in walk(call.args[1])):
            begun = grid(call.args[1])
        if half is not None:
            yield _of(evaluation.subject, Latents(vae=vae, precision=half))
        if begun is not None:
            yield _of(evaluation.subject, Latents(vae=vae, grid=begun))


def _by_owner(encoded: list[Encoded], decoded: list[Decoded]) -> Iterator[tuple[list[Encoded], list[Decoded]]]:
    """The ends of one VAE each: all of a scope, or those of one name where there are several."""
    owners = {*(each.owner for each in encoded), *(each.owner for each in decoded)}
    names = {owner.name for owner in owners if owner.name}
    identities = {owner.model.identity for owner in owners if owner.model.identity}
    if len(names) <= 1 and len(identities) <= 1:
        yield encoded, decoded
        return
    for key in sorted({_key(owner) for owner in owners}):
        yield (
            [each for each in encoded if _key(each.owner) == key],
            [each for each in decoded if _key(each.owner) == key],
        )


def _key(owner: Owner) -> str:
    return owner.name or owner.model.identity


def _of_pairs(found: Iterable[Pair], callers: Callers, modules: Collection[Module], models: Models) -> Iterator[Facts]:
    """The facts of pairs of ends: of those that agree one is enough, one whose call has another way before others."""
    agreed = False
    for pair in sorted(found, key=lambda pair: pair.other is None):
        if pair.agreement is Agreement.DIFFERENT and pair.decoded.use is Use.GIVEN and callers.may_scale(pair.decoded):
            continue
        if pair.agreement is Agreement.DIFFERENT and may_have_a_value(pair, modules):
            continue
        if pair.agreement is Agreement.OPEN or (pair.agreement is Agreement.INVERSE and agreed):
            continue
        agreed |= pair.agreement is Agreement.INVERSE
        encoded, decoded = pair.encoded, pair.decoded
        other = None if pair.other is None else Fact(pair.other.applied, pair.other.call)
        # Whose factor is known tells which of two ends has it.
        vae = None if pair.agreement is Agreement.INVERSE else Fact(encoded.owner.model, encoded.call)
        latents = Latents(
            vae=vae,
            encoded=Fact(encoded.applied, encoded.at),
            decoded=Fact(decoded.applied, decoded.call),
            other_way=other,
            round_trip=None if pair.trip is None else Fact(pair.trip, decoded.call),
        )
        if pair.agreement is _AGREE and decoded.encoded is None:
            latents = replace(latents, used_with=beside(encoded, models))
        yield _of(decoded.where.subject, latents)


def _ends_of(latents: Latents) -> Iterator[tuple[Origin, AffineMap | None]]:
    """Where the maps stand that are known of a latent's way, each as it is behind `encode`."""
    for fact in (latents.encoded, latents.one_end):
        if fact is not None:
            yield fact.origin, fact.value
    if latents.decoded is not None:
        yield latents.decoded.origin, affine_maps.undoing(latents.decoded.value)


def _is_turned(latents: Latents) -> bool:
    """Whether latents are multiplied by the standard deviations of their channels, though both ends may do so alike."""
    return latents.one_end is not None and latents.one_end.value.scale == _STD


def _is_open(latents: Latents) -> bool:
    """Whether two ends are known of a latent's way, of which the one does not undo the other."""
    encoded, decoded = latents.encoded, latents.decoded
    return encoded is not None and decoded is not None and pairs.agreement(encoded.value, decoded.value) is not _AGREE


def _of(subject: str, latents: Latents) -> Facts:
    return replace(Facts(subject), latents=latents)
