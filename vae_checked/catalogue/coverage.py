"""How far each VAE was examined, from all that was seen of it, and what stopped the reading where its core is open."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from vae_checked.catalogue.verdict import Undecided, Weighted, is_left_to
from vae_checked.finding import is_named
from vae_checked.record import dataclass

if TYPE_CHECKING:
    from vae_checked.catalogue import Judgement
    from vae_checked.facts import Facts
    from vae_checked.finding import Finding, Place

    _Standing = Literal["found", "clean"] | Weighted | Undecided

# What makes a VAE: the KL and the sampler that belongs to it. The order is that in which open questions are reported.
CORE = ("VAE301", "VAE201", "VAE202", "VAE203", "VAE302", "VAE304")
# Its reconstruction is examined where the ranges are decided, or the reductions.
RECONSTRUCTION = (("VAE401", "VAE402", "VAE403"), ("VAE501", "VAE502", "VAE503", "VAE504"))
# What is asked of one term, and may be open of another of the same heads, which is written elsewhere.
_OF_A_TERM = {
    "kl.form": frozenset(("VAE301", "VAE302", "VAE303", "VAE304", "VAE305", "VAE306")),
    "recon.kind": frozenset(("VAE401", "VAE402", "VAE404")),
}
_OF_LATENTS = "VAE7"
_SAMPLER = ("sampler.std", "sampler.noise", "sampler.gradient_reaches", "sampler.timing")


@dataclass(frozen=True, slots=True)
class Gap:
    """An open question of the core: the codes that it leaves open, and the fact that is missing, if one is.

    `reason` says why in words, empty where nothing is known of it; `place` is the line that stopped the reading.
    """

    codes: tuple[str, ...]
    path: str
    reason: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """The verdicts on one VAE, over all evaluations and latents of it that were seen."""

    subject: str
    findings: tuple[Finding, ...]
    clean: tuple[str, ...]
    weighted: Mapping[str, Weighted]
    undecided: Mapping[str, Undecided]
    views: tuple[Facts, ...]

    @property
    def is_vae(self) -> bool:
        """Whether it is a VAE, and not a loss or a model alone."""
        return any(map(is_vae, self.views))

    @property
    def said_clean(self) -> tuple[str, ...]:
        """The mistakes that source is said not to make: of what is no VAE those in the use of latents alone."""
        return self.clean if self.is_vae else tuple(code for code in self.clean if code.startswith(_OF_LATENTS))

    @property
    def is_function(self) -> bool:
        """Whether the subject is a function, which is no model to be built."""
        return any(view.of_function for view in self.views if view.subject == self.subject)

    @property
    def found(self) -> frozenset[str]:
        """The codes of the mistakes that it makes."""
        return frozenset(finding.code for finding in self.findings)

    @property
    def core_checked(self) -> bool:
        """Whether every question of the core is decided, by a finding, by a look that found nothing, or by a weight.

        One that is left to a finding is decided by that.
        """
        left = (code for code, verdict in self.undecided.items() if is_left_to(verdict, self.found))
        decided = {*self.found, *self.clean, *self.weighted, *left}
        return decided.issuperset(CORE) and any(decided.issuperset(codes) for codes in RECONSTRUCTION)

    @property
    def gap(self) -> Gap | None:
        """The first open question of the core; None where there is none."""
        if self.core_checked:
            return None
        ranges, reductions = RECONSTRUCTION
        code = next((code for code in (*CORE, *ranges, *reductions) if code in self.undecided), None)
        return None if code is None else self._gap(code)

    def _gap(self, code: str) -> Gap:
        verdict = self.undecided[code]
        path = next(iter(verdict.missing), "")
        codes = tuple(other for other, each in self.undecided.items() if path and path in each.missing) or (code,)
        # The view that knows the line says why, before one that did not see as far.
        views = sorted(self.views, key=lambda view: path not in view.stopped_at)
        view = next((view for view in views if path in view.unobserved), None)
        if view is None:
            return Gap(codes, path, verdict.reason)
        return Gap(codes, path, view.unobserved[path], view.stopped_at.get(path))


def is_vae(facts: Facts) -> bool:
    """Whether the facts are of a VAE, and not of a loss or model alone: a sampler or a KL is among them."""
    return facts.kl.form is not None or any(path.startswith("sampler.") for path, _ in facts.known())


def examined(facts: Sequence[Facts], judgements: Sequence[Judgement]) -> list[Examined]:
    """One entry per VAE: what was seen in a training function counts for the class whose sampler or KL it runs."""
    views = list(zip(facts, judgements, strict=True))
    compared, paths = _compared([item for item, _ in views]), _drawing_files([item for item, _ in views])
    models = _owners(item for item in facts if item.subject in paths)
    losses = _owners(item for item in facts if item.subject not in paths)

    def home(item: Facts, trainers: Mapping[object, set[str]]) -> str:
        homes = _homes(item, models, compared, paths)
        homes = homes or {subject for anchor in _anchors(item) for subject in trainers.get(anchor, ())}
        homes = homes or _homes(item, losses, compared, paths)
        is_model = _is_of_class(item) and item.subject in paths
        return item.subject if is_model or len(homes) != 1 else next(iter(homes))

    drawn: dict[object, set[str]] = {}
    for item, _ in views:
        for anchor in _anchors(item) if _sampler_place(item) is not None else ():
            drawn.setdefault(anchor, set()).add(home(item, {}))
    of: dict[str, list[tuple[Facts, Judgement]]] = {}
    for item, judgement in views:
        if not _is_of_prior(item):
            # A loss that was run by itself goes where the trainer that calls it goes, which has the sampler.
            of.setdefault(home(item, drawn if _sampler_place(item) is None else {}), []).append((item, judgement))
    for item, judgement in views:
        if _is_of_prior(item):
            of.setdefault(_generating(item, of), []).append((item, judgement))
    named: dict[str, list[Finding]] = {}
    for finding in (each for judgement in judgements for each in judgement.findings):
        named.setdefault(finding.subject, []).append(finding)
    return [_of_all(subject, seen, named.get(subject, ())) for subject, seen in of.items()]


def _is_of_prior(facts: Facts) -> bool:
    """Whether all that is known is what a model generates from, which is no latent beside the one that it trains."""
    return [path for path, _ in facts.known()] == ["sampler.noise"]


def _generating(facts: Facts, of: Mapping[str, list[tuple[Facts, Judgement]]]) -> str:
    """The VAE that generates: of the same subject, or the only one that draws in the same file, or in any."""
    drawing = {subject: [view for view, _ in seen if _sampler_place(view) is not None] for subject, seen in of.items()}
    place = _sampler_place(facts)
    files = () if place is None else (place.path,)
    by_subject = [name for name, seen in drawing.items() if any(view.subject == facts.subject for view in seen)]
    in_file = [name for name, seen in drawing.items() if any(_is_drawn_in(view, files) for view in seen)]
    in_any = [name for name, seen in drawing.items() if seen]
    found = next((each for each in (by_subject, in_file, in_any) if len(each) == 1), [facts.subject])
    return found[0]


def _is_drawn_in(facts: Facts, files: Collection[str]) -> bool:
    place = _sampler_place(facts)
    return place is not None and place.path in files


def _homes(
    item: Facts,
    owners: Mapping[object, set[str]],
    compared: Mapping[str, set[Place | None]],
    paths: Mapping[str, set[str]],
) -> set[str]:
    """The classes that a view may be one of: those with its sampler or KL."""
    homes = {subject for anchor in _anchors(item) for subject in owners.get(anchor, ())}
    homes = {subject for subject in homes if _are_compared_alike(item, subject, compared)}
    # A trainer's KL is of each model that it may be handed, and these draw in files of their own.
    own = paths.get(item.subject, set())
    return {subject for subject in homes if not own or not paths.get(subject) or own & paths[subject]}


def _owners(facts: Iterable[Facts]) -> dict[object, set[str]]:
    """The classes in whose evaluations a sampler or a KL was seen, by its place."""
    found: dict[object, set[str]] = {}
    for item in facts:
        if _is_of_class(item):
            for anchor in _anchors(item):
                found.setdefault(anchor, set()).add(item.subject)
    return found


def _compared(facts: Iterable[Facts]) -> dict[str, set[Place | None]]:
    """By subject where its errors stand, and where what is compared is decoded, as far as both are known."""
    found: dict[str, set[Place | None]] = {}
    for item in facts:
        found.setdefault(item.subject, set()).update(_comparison(item))
    return found


def _drawing_files(facts: Iterable[Facts]) -> dict[str, set[str]]:
    """By subject the files that hold its samplers."""
    found: dict[str, set[str]] = {}
    for item in facts:
        place = _sampler_place(item)
        if place is not None:
            found.setdefault(item.subject, set()).add(place.path)
    return found


def _comparison(facts: Facts) -> set[Place | None]:
    kind, decoded = facts.recon.kind, facts.output.interval
    return set() if kind is None or decoded is None else {kind.origin.place, decoded.origin.place}


def _are_compared_alike(facts: Facts, owner: str, compared: Mapping[str, set[Place | None]]) -> bool:
    """Whether a view may be one of a class: models that share the sampler of their base class decode each by itself.

    What is seen without its error goes where the rest of its subject does.
    """
    seen = _comparison(facts) or compared.get(facts.subject, set())
    its = compared.get(owner, set())
    return not seen or not its or not seen.isdisjoint(its)


def _is_of_class(facts: Facts) -> bool:
    """Whether the subject is a class, whatever its name begins with: a file has no name behind it."""
    return not facts.of_function and is_named(facts.subject)


def _anchors(facts: Facts) -> Iterator[object]:
    """What tells one latent from another: the place of its sampler, and of its KL."""
    place = _sampler_place(facts)
    if place is not None:
        yield ("sampler", place)
    if facts.kl.form is not None and facts.kl.form.origin.place is not None:
        yield ("kl", facts.kl.form.origin.place)


def _sampler_place(facts: Facts) -> Place | None:
    places = (fact.origin.place for fact in map(facts.get, _SAMPLER) if fact is not None)
    return next((place for place in places if place is not None), None)


def _of_all(subject: str, seen: list[tuple[Facts, Judgement]], named: Sequence[Finding]) -> Examined:
    """The verdicts of each latent together: clean is what is clean in all of them.

    What is `named` of the subject counts as found, though another VAE that it trains is the one that it was seen in.
    """
    own = [finding for _, judgement in seen for finding in judgement.findings]
    own += [finding for finding in named if not any(finding is each for each in own)]
    latents = [_of_latent(views) for views in _latents(seen)]
    codes = dict.fromkeys(code for latent in latents for code in latent)
    kept = {code: min((latent.get(code, Undecided()) for latent in latents), key=_precedence) for code in codes}
    kept.update({finding.code: "found" for finding in named})
    return Examined(
        subject,
        tuple(own),
        tuple(sorted(code for code, verdict in kept.items() if verdict == "clean")),
        {code: verdict for code, verdict in kept.items() if isinstance(verdict, Weighted)},
        {code: verdict for code, verdict in kept.items() if isinstance(verdict, Undecided)},
        tuple(item for item, _ in seen),
    )


def _latent_place(facts: Facts) -> Place | None:
    return None if _is_of_prior(facts) else _sampler_place(facts)


def _latents(seen: list[tuple[Facts, Judgement]]) -> list[list[tuple[Facts, Judgement]]]:
    """The views of each latent; what is seen of the model beside its latents counts for the first."""
    found: dict[object, list[tuple[Facts, Judgement]]] = {}
    kls: dict[object, object] = {}
    for item, judgement in sorted(seen, key=lambda pair: _latent_place(pair[0]) is None):
        place, form = _latent_place(item), item.kl.form
        kl = None if form is None else form.origin.place
        key: object = place
        if place is None:
            key = kls.get(kl, ("kl", kl)) if form is not None else next(iter(found), None)
        elif kl is not None:
            kls[kl] = place
        found.setdefault(key, []).append((item, judgement))
    return list(found.values())


def _of_latent(views: list[tuple[Facts, Judgement]]) -> dict[str, _Standing]:
    """The verdicts on one latent: what is asked of a term is clean where it is clean of each that is written of it."""
    kept = _of_one([judgement for _, judgement in views])
    for path, codes in _OF_A_TERM.items():
        by_place: dict[Place | None, list[Judgement]] = {}
        for item, judgement in views:
            fact = item.get(path)
            if fact is not None:
                by_place.setdefault(fact.origin.place, []).append(judgement)
        for judgements in by_place.values() if len(by_place) > 1 else ():
            for code, verdict in _of_one(judgements).items():
                if code in codes and kept[code] == "clean" and isinstance(verdict, Undecided):
                    kept[code] = verdict
    return kept


def _precedence(verdict: _Standing) -> int:
    """Found in one latent is found; open in one is open; settled in one is not clean in all."""
    return 0 if verdict == "found" else 3 if verdict == "clean" else 2 if isinstance(verdict, Weighted) else 1


def _of_one(judgements: Sequence[Judgement]) -> dict[str, _Standing]:
    """The verdicts on one latent: a look decides what another evaluation lacked, not what another saw and left open."""
    kept: dict[str, _Standing] = {}
    for judgement in judgements:
        for finding in judgement.findings:
            kept[finding.code] = "found"
    for judgement in judgements:
        for code, settled in judgement.weighted.items():
            kept.setdefault(code, settled)
    for judgement in judgements:
        for code, verdict in judgement.undecided.items():
            if verdict.reason:
                kept.setdefault(code, verdict)
    for judgement in judgements:
        for code in judgement.clean:
            kept.setdefault(code, "clean")
    for judgement in judgements:
        for code, verdict in judgement.undecided.items():
            before = kept.setdefault(code, verdict)
            if isinstance(before, Undecided) and not before.reason and len(verdict.missing) < len(before.missing):
                kept[code] = verdict
    return kept
