"""The facts of several evaluations of one VAE, without those that say nothing of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeAlias

from vae_checked.facts import Factor, Facts, KLForm, Reduced, StdCurve
from vae_checked.record import replace

# The facts whose places distinguish one VAE from another; the others follow from where these are seen.
_ANCHORS = frozenset(("sampler.std", "sampler.noise", "sampler.gradient_reaches", "kl.form", "recon.kind"))
# What is known, and where, by the paths of facts.
_Content: TypeAlias = dict[str, tuple[object, object]]


def distinct(seen: list[Facts], tests: Collection[str]) -> list[Facts]:
    """Without the facts of evaluations that saw nothing but what another saw of the same sampler, KL and loss.

    Nor those of `tests`, given by their subjects, that know no more of a VAE than the code it is of: what differs are
    the sizes and settings that a test chose.
    """
    found = list(seen)
    contents = [_content(item) for item in found]
    kept: list[int] = []
    # Which of the facts kept say something of this kind at this place: whoever says as much as another is among them.
    saying: dict[tuple[str, object], list[int]] = {}
    # The fullest first: only these can say all that another says.
    for index in sorted(
        range(len(found)), key=lambda index: (-len(contents[index]), found[index].cut_at is not None, index)
    ):
        own = contents[index]
        kinds = [(path, place) for path, (_, place) in own.items()]
        others = min((saying.get(kind, ()) for kind in kinds), key=len, default=kept)
        told = next((other for other in others if own.items() <= contents[other].items()), None)
        if told is not None:
            found[told] = _with_lines_of(found[told], found[index])
        elif found[index].subject not in tests or not any(
            found[other].subject not in tests and _same_vae(own, contents[other]) for other in kept
        ):
            kept.append(index)
            for kind in kinds:
                saying.setdefault(kind, []).append(index)
    return [found[index] for index in sorted(kept)]


def _same_vae(content: _Content, other: _Content) -> bool:
    """Whether all the places of a sampler, a KL and a loss, of which there is one, are among the other's."""
    anchors, others = (
        {(path, place) for path, (_, place) in each.items() if path in _ANCHORS} for each in (content, other)
    )
    return bool(anchors) and anchors <= others


def _with_lines_of(kept: Facts, dropped: Facts) -> Facts:
    """The facts kept, with the lines at which another evaluation of the same VAE stopped."""
    lines = {path: place for path, place in dropped.stopped_at.items() if path not in kept.stopped_at}
    lines = {path: place for path, place in lines.items() if kept.get(path) is None}
    if not lines:
        return kept
    reasons = {path: dropped.unobserved[path] for path in lines}
    return replace(kept, unobserved={**kept.unobserved, **reasons}, stopped_at={**kept.stopped_at, **lines})


def _content(facts: Facts) -> _Content:
    known = list(facts.known())
    anchored = any(path in _ANCHORS for path, _ in known)
    content: _Content = {
        part: (value, fact.origin.place if path in _ANCHORS or not anchored else None)
        for path, fact in known
        for part, value in _parts(path, fact.value)
    }
    # A draw that trains without a KL is another one than a draw that has one, though both be at the same lines.
    lacking = "kl.in_loss" if facts.kl.form is not None else "kl.form"
    if lacking in facts.elsewhere:
        content[f"{lacking}.elsewhere"] = (True, None)
    return content


def _parts(path: str, value: object) -> Iterator[tuple[str, object]]:
    """What a fact says, each part by itself: one axis of a reduction may be known, or a KL but for its direction."""
    if isinstance(value, KLForm):
        yield path, value.parametrisation
        if value.reversed is not None:
            yield f"{path}.reversed", value.reversed
        return
    if isinstance(value, Factor):
        # What a distribution claims of its own KL is said again where the KL is added to a loss by that factor.
        yield f"{path}.value", value.value
        if not value.claimed:
            yield path, value
        return
    if not isinstance(value, Reduced):
        yield path, _essence(value)
        return
    known = {"batch": value.batch, "event": value.event}
    yield path, replace(value, batch=None, event=None)
    yield from ((f"{path}.{axis}", kind) for axis, kind in known.items() if kind is not None)


def _essence(value: object) -> object:
    """What two evaluations of one line agree on: a curve's parametrisation, not the points it was drawn at."""
    return value.parametrisation if isinstance(value, StdCurve) else value
