"""From what somebody sees, in their words, to the symptoms and mistakes that it may be."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence

from vae_checked.catalogue import CATALOGUE, Mistake
from vae_checked.catalogue.symptoms import SYMPTOMS, Symptom
from vae_checked.record import dataclass

# What people write for one and the same thing.
_ALIKE = {
    "kld": "kl", "kullback": "kl", "zero": "0", "one": "1", "gray": "grey", "infinity": "inf", "infinite": "inf",
    "sigma": "std", "deviation": "std", "reconstruction": "recon", "reconstruct": "recon", "picture": "image",
    "photo": "image", "color": "colour", "gradient": "grad", "identical": "same", "alike": "same", "equal": "same",
    "blur": "blurry", "increas": "rise", "grow": "rise", "vanish": "0", "log_var": "logvar", "black": "dark",
    "embed": "embedding", "learnt": "learn", "explod": "nan", "overflow": "nan",
}  # fmt: skip
_SMALL = frozenset(
    "a am an and any are as at be been but by can do does during each for from get go goes had has have how i if in "
    "into is it its just me my of off on or our so some still than that the their them then there they this to too "
    "very was we what when where which while why will with would you your after becomes become few seem seems look "
    "looks come comes out epoch epochs step steps value values keep keeps".split()
)
_ENDINGS = ("ing", "ed", "es", "s", "e")
_MOST = 3
_WORD_FOR_WORD = 0.999


@dataclass(frozen=True, slots=True)
class Answer:
    """What some words may be about, the likeliest first: mistakes that they name, symptoms that they tell of."""

    named: tuple[Mistake, ...]
    symptoms: tuple[Symptom, ...]


def mistakes_with(symptom: Symptom) -> list[Mistake]:
    """The mistakes that cause it, those of which it is the most telling sign first."""
    found = [each for each in CATALOGUE if symptom.name in each.symptoms]
    return sorted(found, key=lambda each: each.symptoms.index(symptom.name))


def search(words: str) -> Answer:
    """What `words` may be about, as in `search("loss is nan")`; an empty answer where nothing is known of them."""
    texts = [(each.title, *each.said) for each in SYMPTOMS]
    texts += [(each.name.replace("-", " "), *each.said) for each in CATALOGUE]
    scores = _scores(words, texts)
    best = max(scores, default=0.0)
    # Words that are common to half the catalogue tell nothing by themselves.
    near = [score >= max(0.85 * best, 0.3) for score in scores]
    ordered = sorted((place for place, close in enumerate(near) if close), key=lambda place: -scores[place])
    found = [place for place in ordered if place < len(SYMPTOMS)]
    # A symptom that is what was asked, word for word, leaves no room for what is near.
    found = [place for place in found if scores[place] >= _WORD_FOR_WORD] or found
    named = [place - len(SYMPTOMS) for place in ordered if place >= len(SYMPTOMS) and scores[place] == best]
    return Answer(tuple(CATALOGUE[place] for place in named[:_MOST]), tuple(SYMPTOMS[place] for place in found[:_MOST]))


def _scores(words: str, texts: Sequence[Iterable[str]]) -> list[float]:
    """Per text of several phrases how much of `words` is in it, and most of all in one phrase: from 0 to 1."""
    phrases = [[frozenset(_terms(phrase)) for phrase in text] for text in texts]
    together = [frozenset[str]().union(*each) for each in phrases]
    asked = dict.fromkeys(_terms(words))
    frequency = {term: sum(term in each for each in together) for term in asked}
    weight = {term: math.log(1 + len(texts) / count) for term, count in frequency.items() if count}
    # A word that is in no text at all says that the question may be about something else.
    total = sum(weight.values()) + 0.5 * sum(not count for count in frequency.values())
    if not weight:
        return [0.0] * len(texts)
    return [
        sum(weight[term] for term in weight if term in whole) / total * 0.5
        + max(_alike(phrase, weight) for phrase in parts) / total * 0.5
        for parts, whole in zip(phrases, together, strict=True)
    ]


def _alike(phrase: frozenset[str], weight: dict[str, float]) -> float:
    """The weight of what a phrase shares with what was asked, a little less for each word that was not asked."""
    return sum(weight[term] for term in weight if term in phrase) * (1 - 0.02 * len(phrase - weight.keys()))


def _terms(text: str) -> Iterator[str]:
    for word in re.findall(r"[a-z_]+|\d+(?:\.\d+)?", text.lower()):
        if word not in _SMALL:
            stem = _stem(word)
            yield _ALIKE.get(word, _ALIKE.get(stem, stem))


def _stem(word: str) -> str:
    ending = next((each for each in _ENDINGS if word.endswith(each) and len(word) - len(each) > 2), "")
    return word.removesuffix(ending) if word.isalpha() else word
