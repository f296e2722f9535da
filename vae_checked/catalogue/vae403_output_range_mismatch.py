"""VAE403: what the decoder can produce is not where the data are."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, PIPELINE, edit
from vae_checked.catalogue.support.names import made_by
from vae_checked.catalogue.support.ranges import (
    RECURRENT,
    SQUASHING,
    before_the_loss,
    fitting_activation,
    half_ranged,
    other_end,
    pixel_scale,
    reachable,
    squashed_twice,
)
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking, left_to
from vae_checked.facts import REAL, SYMMETRIC_UNIT, UNIT, Facts, Interval, Likelihood
from vae_checked.finding import Provenance, Severity

_OTHER_SCALE = frozenset({Likelihood.CROSS_ENTROPY, Likelihood.DENSITY, Likelihood.POISSON})
# What takes any target, and any prediction for it, or scores of which each class can have the largest.
_UNBOUND = frozenset(
    {Likelihood.MSE, Likelihood.L1, Likelihood.SMOOTH_L1, Likelihood.GAUSSIAN_NLL, Likelihood.CROSS_ENTROPY}
)
# Without a loss the output may be the prediction itself or its logits; data below 0 are neither classes nor counts.
_CENTRED = ", whose mean was taken away: they lie on both sides of 0, and beyond 1 or -1"
_HALF = 0.5  # pixels that fill less of [0, 1] may be something else
_HALF_UNUSED = "half of the output is never a target"
_WITHOUT_A_LOSS = (Likelihood.MSE, Likelihood.BCE_WITH_LOGITS)


def judge(facts: Facts) -> Verdict:
    """Found where output and data differ in range, unless a neighbour of this code says why they do."""
    kind, output, data = facts.recon.kind, facts.output.interval, facts.data.interval
    without_bounds = kind is not None and kind.value in _UNBOUND and output is not None and output.value == REAL
    classes = kind is not None and kind.value is Likelihood.CROSS_ENTROPY
    if without_bounds and (data is None or classes or not data.value.bounded):
        # Whatever the data are, it can be produced.
        return Clean()
    if data is None and output is not None and squashed_twice(_chain(facts)) is not None:
        return left_to("VAE405")
    if output is None or data is None:
        return lacking(facts, "recon.kind", "output.interval", "data.interval")
    if facts.data.trained is not None:
        return Undecided(
            reason="a model that is trained on other data is handed these, and no output is compared with them"
        )
    if kind is not None and kind.value in _OTHER_SCALE:
        return Undecided(reason=f"{kind.value} takes its prediction on another scale than the data")
    # Columns whose mean was taken away reach both sides of 0, as far as they happen to.
    centred = facts.data.centred is not None and facts.data.centred.value
    if not centred and (not data.value.bounded or data.value.width == 0):
        return Undecided(reason=f"data in {data.value} have no range to compare")
    # Where somebody says what the data of this model are, an output that ends in a sigmoid or a tanh is compared with
    # pixels as it is: no logits, and no counts. What is derived from code may be another picture, handed in for show.
    stated = output.origin.how is not Provenance.READ and data.origin.how is Provenance.READ
    pixels = stated and output.value.bounded and UNIT.contains(data.value) and data.value.width > _HALF
    kinds = (kind.value,) if kind is not None else _WITHOUT_A_LOSS[:1] if pixels else _WITHOUT_A_LOSS
    own = _own_code(facts, kinds[0], output.value, data.value)
    if own is not None:
        return left_to(own)
    tolerance = 0.0 if centred else 0.01 * data.value.width
    seen = [reachable(each, output.value) for each in kinds]
    problems = [_problem(each, to, data.value, tolerance) for each, to in zip(kinds, seen, strict=True)]
    if kind is None and not pixels and (None in problems or data.value.low >= 0.0):
        return lacking(facts, "recon.kind")
    if problems[0] is None:
        return Clean()
    if problems[0] == _HALF_UNUSED and _chain(facts)[-1:] and _chain(facts)[-1] in RECURRENT:
        return Undecided(reason=f"an {_chain(facts)[-1]} goes to -1 by itself, and its outputs can keep to the data")
    rescaled = _rescaled(facts, output.value)
    return Found(
        Evidence(
            origin=output.origin,
            values={
                "output": seen[0],
                "made": made_by(facts) + (" and what scales it" if rescaled else ""),
                "data": data.value,
                "problem": problems[0] + (_CENTRED if centred else ""),
                "remedy": "scale the data to [0, 1]"
                if not kinds[0].target.contains(data.value, tolerance)
                else f"hand over what the {rescaled} gives as it is"
                if rescaled is not None and fitting_activation(data.value) == f"a {rescaled}"
                else other_end(_chain(facts), fitting_activation(data.value)),
            },
            related=(
                (data.origin, "the data"),
                *([] if kind is None else [(kind.origin, "the loss that compares both")]),
            ),
        )
    )


def _chain(facts: Facts) -> tuple[str, ...]:
    """The activations at the decoder's end."""
    return () if facts.output.activations is None else facts.output.activations.value


def _rescaled(facts: Facts, output: Interval) -> str | None:
    """The one activation at the decoder's end, where the output does not lie where that leaves it."""
    chain = _chain(facts)
    own = {"sigmoid": UNIT, "tanh": SYMMETRIC_UNIT}.get(chain[0]) if len(chain) == 1 else None
    return None if own is None or (own.low, own.high) == (output.low, output.high) else chain[0]


def _problem(kind: Likelihood, seen: Interval, data: Interval, tolerance: float) -> str | None:
    if not kind.target.contains(data, tolerance):
        return "the loss needs targets in [0, 1]"
    if not seen.contains(data, tolerance):
        return "part of the data cannot be produced"
    # Data in the middle of a wider output lose nothing; data on one side of 0 leave the other half without a target.
    one_sided = data.low >= -tolerance or data.high <= tolerance
    if seen.bounded and min(-seen.low, seen.high) >= 0.5 * data.width and one_sided:
        return _HALF_UNUSED
    return None


def _own_code(facts: Facts, kind: Likelihood, output: Interval, data: Interval) -> str | None:
    """The code of the mistake that makes the ranges differ, where it is one of the neighbours."""
    chain = _chain(facts)
    by_loss = before_the_loss(kind, chain, output)
    neighbours = {
        "VAE104": pixel_scale(data, kind, output) is not None,
        "VAE405": squashed_twice(chain) is not None or (by_loss is not None and by_loss in SQUASHING),
        "VAE406": half_ranged(chain, output) is not None or (by_loss is not None and by_loss not in SQUASHING),
        "VAE401": kind is Likelihood.BCE_WITH_LOGITS and UNIT.contains(output),
        "VAE402": kind is Likelihood.BCE and not UNIT.contains(output),
    }
    return next((code for code, made in neighbours.items() if made), None)


_NORMALIZE = """\
transforms.Compose(
        [transforms.Resize((8, 12)), transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
    )"""
_NORMALIZED = edit(
    ("DATA_RANGE = (0.0, 1.0)", "DATA_RANGE = (-1.0, 1.0)"),
    ("transforms.Compose([transforms.Resize((8, 12)), transforms.ToTensor()])", _NORMALIZE),
    text=EXAMPLE + PIPELINE,
)

MISTAKE = Mistake(
    code="VAE403",
    name="output-range-mismatch",
    severity=Severity.ERROR,
    summary="The interval that the decoder can reach and the interval of the data differ.",
    why=(
        "A sigmoid never reaches the dark half of pixels in [-1, 1], a tanh none of those beyond 1 after ImageNet's "
        "normalisation: that part of the error cannot be learned away. A tanh against pixels in [0, 1] spends half of "
        "its range on values that are never a target, and what is drawn looks washed out."
    ),
    symptoms=("washed-out", "loss-stays-high", "loss-is-negative", "blurry"),
    said=("tanh against data in [0, 1]", "sigmoid against data in [-1, 1]", "range of output and data differ"),
    message="{called.x_hat} is in {output}{made}, the data{at_related} in {data}: {problem}",
    evidence="output in {output}, data in {data}",
    fix="let output and data share one range: {remedy}",
    bad=edit(
        (
            "torch.sigmoid(self.decoder(z)).view(-1, 3, 8, 12)",
            "torch.sigmoid(self.decoder(z)).view(-1, 3, 8, 12)  # VAE403",
        ),
        text=_NORMALIZED,
    ),
    good=edit(("torch.sigmoid(", "torch.tanh("), text=_NORMALIZED),
    references=(
        "https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.ToTensor.html",
        "https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.Normalize.html",
    ),
    seen_by=frozenset({Observer.AUDIT, Observer.LINT}),
    judge=judge,
)
