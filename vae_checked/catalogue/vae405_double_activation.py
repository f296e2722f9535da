"""VAE405: the output passes two bounded activations in a row."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.ranges import squashed_twice
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where one squashing activation follows another."""
    activations, output = facts.output.activations, facts.output.interval
    if activations is None:
        return lacking(facts, "output.activations", "output.interval")
    pair = squashed_twice(activations.value)
    if pair is None:
        return Clean()
    if output is None:
        return lacking(facts, "output.interval")
    values = {"first": pair[0], "then": pair[1], "output": output.value}
    return Found(Evidence(origin=activations.origin, values=values))


MISTAKE = Mistake(
    code="VAE405",
    name="double-activation",
    severity=Severity.ERROR,
    summary="The decoder's output passes two bounded activations in a row.",
    why=(
        "The module ends in a sigmoid and forward applies another. A sigmoid of values in [0, 1] is in [0.5, "
        "0.731]: the picture has a quarter of its contrast at best, and the dark half can not be produced."
    ),
    symptoms=("washed-out", "loss-stays-high"),
    said=("two sigmoids", "sigmoid in the model and again in forward"),
    message="the output passes {first} and then {then}: it stays in {output}",
    evidence="{first} then {then}: output in {output}",
    fix="keep one of the two activations",
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
