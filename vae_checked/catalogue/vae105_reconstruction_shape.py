"""VAE105: the reconstruction has another shape than the input."""

from __future__ import annotations

import math

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where the reconstruction's axes are not those of the input, flattened where one of the two is."""
    shape = facts.output.shape
    if shape is None:
        return lacking(facts, "output.shape")
    if _same(shape.value.input.split(), shape.value.output.split()):
        return Clean()
    values = {"input": shape.value.input, "output": shape.value.output}
    return Found(Evidence(origin=shape.origin, values=values))


def _same(taken: list[str], made: list[str]) -> bool:
    if len(taken) == len(made) or min(len(taken), len(made)) < 2:
        return taken == made
    # A flattened reconstruction is compared with a flattened input.
    return taken[:1] == made[:1] and _elements(taken[1:]) == _elements(made[1:])


def _elements(axes: list[str]) -> tuple[int, list[str]]:
    return math.prod(int(axis) for axis in axes if axis.isdigit()), sorted(a for a in axes if not a.isdigit())


_FINE = edit(('F.mse_loss(x_hat, x, reduction="none").sum', "(x_hat - x).pow(2).sum"))


MISTAKE = Mistake(
    code="VAE105",
    name="reconstruction-shape",
    severity=Severity.ERROR,
    summary="The reconstruction has another shape than what it is compared with.",
    why=(
        "A difference of shapes that broadcast raises nothing: one grey channel is compared with all three colours, "
        "or a (B, 1) column with a (B,) row, every sample with every other. The loss goes down, towards an average."
    ),
    symptoms=("shapes-disagree", "loss-stays-high", "blurry"),
    said=("broadcasting in the loss", "target size is different from the input size"),
    message="x_hat has the shape ({output}), x has ({input})",
    evidence="({input}) went in, ({output}) came out",
    fix="give the decoder's output the input's shape: ({input})",
    bad=edit(
        ("            nn.Linear(40, 3 * 8 * 12),", "            nn.Linear(40, 8 * 12),"),
        (".view(-1, 3, 8, 12)", ".view(-1, 1, 8, 12)  # VAE105"),
        text=_FINE,
    ),
    good=_FINE,
    references=(
        "https://docs.pytorch.org/docs/stable/notes/broadcasting.html",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html",
    ),
    seen_by=frozenset({Observer.AUDIT, Observer.LINT}),
    judge=judge,
)
