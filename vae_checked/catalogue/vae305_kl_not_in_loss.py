"""VAE305: the KL, or its weight, never reaches the loss."""

from __future__ import annotations

import re

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.names import names_of
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking, left_to
from vae_checked.facts import Facts
from vae_checked.finding import Severity

# What takes the gradient of a tensor, where it is written.
_WITHOUT_GRADIENT = re.compile(r"\.(?:detach|item|numpy|tolist)\(|\.data\b|\bfloat\(")


# How a clamp that leaves one value alone, and one that leaves none, are called as an origin.
_CLIPPED = "with two equal bounds"
_PASSED_BY_NONE = "which no value of the KL passes"
_NAME = re.compile(r"[A-Za-z_][\w.]*")
# What makes 0 of all that is less than one, or of what does not hold.
_COUNTED = re.compile(r"//|%|[<>]|\b(?:int|round|floor|trunc|max|clip)\(")
# What puts a number under the name of an argument.
_OVERWRITTEN = re.compile(r"(\w+)\s*=\s*-?[\d.e]+")
# What keeps a value within bounds, where it is written.
_CLIP = re.compile(r"\b(?:clamp(?:_min|_max)?_?|clip|hardtanh|minimum|maximum|min|max|relu)\(")


def judge(facts: Facts) -> Verdict:
    """Found where the KL does not move the loss, or a weight meant for it moves nothing."""
    in_loss, dead = facts.kl.in_loss, facts.objective.dead_weights
    if facts.training.ungiven is not None:
        return left_to("VAE601")
    if in_loss is not None and in_loss.value is None:
        return Undecided(
            reason="the KL is in the loss, and one of its heads gets no gradient by it: it may be kept as it is"
        )
    if in_loss is not None and not in_loss.value:
        remedy = _remedy(facts, in_loss.origin.source)
        return Found(
            Evidence(
                origin=in_loss.origin,
                values={"unused": "the KL", "symbol": "KL", "remedy": remedy},
                absent=remedy == _sum(facts),
            )
        )
    if in_loss is not None and dead is not None and dead.value:
        values = {"unused": dead.value, "symbol": dead.value, "remedy": _sum(facts, dead.value[0])}
        return Found(Evidence(origin=dead.origin, values=values, absent=True))
    if in_loss is None or dead is None:
        return lacking(facts, "kl.in_loss", "objective.dead_weights")
    return Clean()


def _remedy(facts: Facts, stopped: str) -> str:
    """What brings the KL into the loss: added to it, or, where it stands there without its gradient, with that."""
    if facts.kl.uncalled is not None:
        return f"minimise what {facts.kl.uncalled.value} returns: {facts.kl.uncalled.value} is never called"
    if (overwritten := _OVERWRITTEN.fullmatch(stopped)) is not None:
        return f"take {stopped} away: it stands in the place of the {overwritten[1]} that is given"
    if _CLIPPED in stopped:
        return f"give the clamp of {names_of(facts).kl} room: between equal bounds it is a constant"
    if _PASSED_BY_NONE in stopped:
        return f"leave {names_of(facts).kl} as it is: the {stopped.split(maxsplit=1)[0]} lets no value of it through"
    if _COUNTED.search(stopped) and names_of(facts).kl not in stopped:
        return f"weigh {names_of(facts).kl} by more than 0 in some turn: {stopped} is 0 in each"
    if _CLIP.search(stopped):
        return f"leave {names_of(facts).kl} as it is: {stopped} lets no value of it through"
    return f"leave the gradient to {names_of(facts).kl}: {stopped} has none" if _cut_off(stopped) else _sum(facts)


def _cut_off(source: str) -> bool:
    return _WITHOUT_GRADIENT.search(source) is not None


def _sum(facts: Facts, weight: str = "beta") -> str:
    return names_of(facts).sum_with(weight if _NAME.fullmatch(weight) else "beta")


MISTAKE = Mistake(
    code="VAE305",
    name="kl-not-in-loss",
    severity=Severity.ERROR,
    summary="The KL is computed and never reaches the loss, or its weight is stored and never used.",
    why=(
        "What is minimised is the reconstruction alone: the model is an autoencoder, its posterior shrinks to a point, "
        "and decoding N(0, I) draws noise. Where beta does not move the loss, an experiment over beta compares runs "
        "that are the same."
    ),
    symptoms=("beta-does-nothing", "samples-are-noise", "loss-looks-well"),
    said=("KL is computed and not added", "KL not used in the loss", "beta is never used"),
    message="{unused} never reaches the loss: changing it does not change the loss",
    evidence="d loss / d {symbol} = 0",
    fix="{remedy}",
    bad=edit(
        ("mu.pow(2) - logvar.exp(), dim=1)", "mu.pow(2) - logvar.exp(), dim=1)  # VAE305"),
        ("(recon + kl).mean()", "recon.mean()"),
    ),
    good=EXAMPLE,
    references=(
        "Kingma and Welling 2014, equation 3, https://arxiv.org/abs/1312.6114",
        "Higgins and others 2017, section 2, https://openreview.net/forum?id=Sy2fzU9gl",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
