"""VAE406: a one-sided activation before the sigmoid halves its range."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.ranges import (
    SQUASHING,
    before_the_loss,
    half_ranged,
    leaks,
    of_one_half,
    sigmoid,
    squashed_twice,
)
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking, left_to
from vae_checked.facts import Facts, Likelihood
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where an activation that gives no negative values, or hardly any, stands right before the sigmoid."""
    activations, output, kind = facts.output.activations, facts.output.interval, facts.recon.kind
    if activations is None:
        return lacking(facts, "output.activations", "output.interval")
    likelihood, reaches = None if kind is None else kind.value, None if output is None else output.value
    of_loss = before_the_loss(likelihood, activations.value, reaches)
    if of_loss is not None and of_loss not in SQUASHING and output is not None:
        values = {"first": of_loss, "output": sigmoid(output.value), "then": _OF_LOSS}
        return Found(Evidence(origin=activations.origin, values=values))
    if output is None and likelihood is Likelihood.BCE_WITH_LOGITS:
        return lacking(facts, "output.interval")
    perhaps = before_the_loss(Likelihood.BCE_WITH_LOGITS, activations.value, reaches)
    if kind is None and perhaps is not None and perhaps not in SQUASHING:
        # The loss may apply a sigmoid itself.
        return lacking(facts, "recon.kind")
    first = half_ranged(activations.value, None if output is None else output.value)
    if first is None:
        leaking = leaks(activations.value)
        if leaking is not None:
            return Undecided(reason=f"below 0.5 the sigmoid is reached through the small slope of a {leaking} alone")
        halved = None if output is None else of_one_half(likelihood, activations.value, output.value)
        if halved is not None and squashed_twice(activations.value) is not None:
            return left_to("VAE405")
        if halved is not None:
            return Undecided(reason=f"what reaches the sigmoid has one sign: its output is in {halved}")
        return Clean()
    if output is None:
        return lacking(facts, "output.interval")
    values = {"first": first, "output": output.value, "then": "the sigmoid"}
    return Found(Evidence(origin=activations.origin, values=values))


_OF_LOSS = "the sigmoid of the loss"


MISTAKE = Mistake(
    code="VAE406",
    name="half-range-activation",
    severity=Severity.ERROR,
    summary="A ReLU (or another activation that is never negative) stands right before the output's sigmoid.",
    why=(
        "A sigmoid of values that are never negative is in [0.5, 1): the dark half of every picture cannot be "
        "produced, pixels whose input is cut off get no gradient, and the reconstructions look washed out."
    ),
    symptoms=("washed-out", "loss-stays-high"),
    said=("relu before sigmoid", "output is never below 0.5"),
    message="{first} right before {then} leaves the output in {output}",
    evidence="{first} then {then}: output in {output}",
    fix="drop the {first} before {then}",
    bad=edit(
        (
            "            nn.Linear(40, 3 * 8 * 12),\n",
            "            nn.Linear(40, 3 * 8 * 12),\n            nn.ReLU(),\n",
        ),
        (".view(-1, 3, 8, 12)", ".view(-1, 3, 8, 12)  # VAE406"),
    ),
    good=EXAMPLE,
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
