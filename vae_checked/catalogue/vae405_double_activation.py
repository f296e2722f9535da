"""VAE405: the output passes two bounded activations in a row."""

from __future__ import annotations

import math

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.ranges import (
    RECURRENT,
    SOFTMAX,
    SQUASHING,
    before_the_loss,
    sigmoid,
    squashed_twice,
)
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Fact, Facts, Interval, Likelihood
from vae_checked.finding import Severity

_ONE = "keep one of the two activations"


def judge(facts: Facts) -> Verdict:
    """Found where one squashing activation follows another."""
    activations, output = facts.output.activations, facts.output.interval
    if activations is None:
        return lacking(facts, "output.activations", "output.interval")
    pair = squashed_twice(activations.value)
    if pair is None:
        return _before_a_sigmoid(facts, activations) or Clean()
    if output is None:
        return lacking(facts, "output.interval")
    of_loss = _is_of_loss(facts, pair, activations.value)
    seen = activations.value[:-1] if of_loss else activations.value
    values = {
        "first": pair[0],
        "then": "the softmax of the loss" if of_loss else pair[1],
        "seen": f"{', then '.join(seen)}{'; the loss takes the softmax of that' if of_loss else ''}",
        "effect": _effect(pair[1], output.value),
        "remedy": _behind(pair[0]) or (f"drop the {pair[0]}: the loss takes the softmax itself" if of_loss else _ONE),
    }
    return Found(Evidence(origin=activations.origin, values=values))


def _before_a_sigmoid(facts: Facts, activations: Fact[tuple[str, ...]]) -> Found | None:
    """Found where the loss applies a sigmoid to what a tanh or the like gives."""
    kind, output = facts.recon.kind, facts.output.interval
    if kind is None or output is None:
        return None
    first = before_the_loss(kind.value, activations.value, output.value)
    if first is None or first not in SQUASHING:
        return None
    values = {
        "first": first,
        "then": "the sigmoid of the loss",
        "seen": f"{first}; the loss takes the sigmoid of that",
        "effect": f"it stays in {sigmoid(output.value)}",
        "remedy": _behind(first) or f"drop the {first}: the loss applies a sigmoid itself",
    }
    return Found(Evidence(origin=activations.origin, values=values))


def _behind(first: str) -> str | None:
    """What is done where the first of two is no activation, but a layer that ends in one."""
    return f"put a linear layer behind the {first}, whose outputs lie in (-1, 1)" if first in RECURRENT else None


def _is_of_loss(facts: Facts, pair: tuple[str, str], activations: tuple[str, ...]) -> bool:
    """Whether the second of a pair is what the loss applies itself."""
    kind = facts.recon.kind
    return (
        kind is not None and kind.value is Likelihood.CROSS_ENTROPY and activations[-2:] == pair == (pair[0], SOFTMAX)
    )


def _effect(then: str, output: Interval) -> str:
    """What is left to an output: its interval, or of scores that are bounded how much likelier one class can be."""
    if then != SOFTMAX or not output.bounded:
        return f"it stays in {output}"
    largest = math.exp(output.high - output.low)
    return f"of scores in {output} no class gets more than {largest:.3g} times the probability of another"


MISTAKE = Mistake(
    code="VAE405",
    name="double-activation",
    severity=Severity.ERROR,
    summary="The decoder's output passes two bounded activations in a row.",
    why=(
        "The module ends in a sigmoid and forward applies another. A sigmoid of values in [0, 1] is in [0.5, 0.731]: "
        "the picture has a quarter of its contrast at best, and the dark half cannot be produced. A softmax before a "
        "cross entropy, which takes one itself, leaves every class almost as likely as the others."
    ),
    symptoms=("washed-out", "loss-stays-high"),
    said=("two sigmoids", "sigmoid in the model and again in forward", "softmax before CrossEntropyLoss"),
    message="the output passes {first} and then {then}: {effect}",
    evidence="activations at its end: {seen}",
    fix="{remedy}",
    bad=edit(
        (
            "            nn.Linear(40, 3 * 8 * 12),\n",
            "            nn.Linear(40, 3 * 8 * 12),\n            nn.Sigmoid(),\n",
        ),
        (".view(-1, 3, 8, 12)", ".view(-1, 3, 8, 12)  # VAE405"),
    ),
    good=EXAMPLE,
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html",
        "Kingma and Welling 2014, appendix C.1, https://arxiv.org/abs/1312.6114",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
