"""VAE204: an activation confines mu or the width of the posterior."""

from __future__ import annotations

import ast
import math
import re
from contextlib import suppress

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.names import names_of
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking
from vae_checked.facts import REAL, Facts, Interval, Parametrisation
from vae_checked.finding import Severity
from vae_checked.mathematics.gaussians import std_at

# A mean that reaches two standard deviations of the prior is confined by nothing that matters, nor is a posterior that
# can be three times narrower than the prior.
_MU_REACH = 2.0
_STD_REACH = 0.35
# What is all but as wide as the prior: a product of experts with the prior among them is never wider.
_AS_WIDE = 0.99

_LOGS = frozenset({Parametrisation.LOGVAR, Parametrisation.LOG_STD})

_OF_ACTIVATIONS = re.compile(r"lu$|act|tanh|sigm|soft|plus|nonlin|non_lin|clamp|clip|squash")
_OF_RECURRENT = re.compile(r"rnn|lstm|gru")
_CALLED = re.compile(r"[A-Za-z_][\w.]{0,30}(?=\()")


def judge(facts: Facts) -> Verdict:
    """Found where mu, or the std that the head for std stands for, is kept from values that a posterior needs."""
    mu, second, reader = facts.heads.mu, facts.heads.second, facts.sampler.std or facts.kl.form
    timing = facts.sampler.timing
    read_as = None if reader is None else reader.value.parametrisation
    reading = timing or reader
    names, clipped, chosen = names_of(facts), [], False
    excused = mu is not None and _is_confined(mu.value)
    # A prior that is learned may lie where the posterior is kept: a mean that is positive on purpose, and an std that
    # can be below 1, are enough then. One that was not read may be learned, as where the reading was cut short.
    standard = facts.cut_at is None if facts.kl.form is None else not facts.kl.form.value.learned
    is_unit = facts.kl.form is not None and standard
    if mu is not None and _is_confined(mu.value) and (standard or _is_one_sided(mu.value)):
        whose = "the mass of N(0, 1)" if facts.kl.form is None else "the prior's mass"
        missed = f"stays out of {100 * _prior_outside(mu.value):.3g} % of {whose}" if standard else "keeps its sign"
        clipped.append((names.mu, mu, f"{names.mu} {missed}"))
    if second is not None and read_as is not None:
        std = _std(read_as, second.value)
        confined = (std.low > _STD_REACH and (standard or std.low >= 1.0)) or (is_unit and std.high < _AS_WIDE)
        if confined and read_as in _LOGS and _is_chosen(second.value):
            chosen = True
        elif confined:
            named = facts.names.get("second")
            meaning = read_as.meaning if named is None else f"{named} ({read_as.meaning})"
            clipped.append((meaning, second, f"std stays in {std}"))
        excused = excused or std.low > _STD_REACH or std.high < _AS_WIDE
    if not clipped and chosen:
        return Undecided(reason="the range of the head for std has limits of its own, as somebody chose them")
    if not clipped and excused:
        return Undecided(reason="the prior is learned, or was not read, and may lie where the posterior is kept")
    if not clipped:
        return _unclipped(facts, read_as)
    reads = "the KL" if reading is facts.kl.form else "the sampler"
    by, layer = _activation(clipped[0][1].origin.source), _recurrent(clipped[0][1].origin.source)
    named = " and ".join(head.partition(" (")[0] for head, _, _ in clipped)
    return Found(
        Evidence(
            origin=clipped[0][1].origin,
            values={
                "heads": " and ".join(head for head, _, _ in clipped),
                "intervals": " and ".join(str(fact.value) for _, fact, _ in clipped),
                "by": by if layer is None else f"the states of {layer}",
                "remedy": f"take {by} away from {named}"
                if layer is None
                else f"put a linear layer behind {layer}, before {named}",
                "consequences": "; ".join(words for _, _, words in clipped),
            },
            related=(
                *((fact.origin, f"the {head} head") for head, fact, _ in clipped[1:]),
                *([] if reading is None else [(reading.origin, reads)]),
            ),
        )
    )


def _is_confined(mean: Interval) -> bool:
    return mean.low > -_MU_REACH or mean.high < _MU_REACH


def _is_chosen(second: Interval) -> bool:
    """Whether a logarithm is kept within limits of its own around 0, as 4 * sigmoid(s) - 2 keeps it."""
    return math.isfinite(second.high) and second.high > 1.0 and math.isclose(second.low, -second.high)


def _is_one_sided(mean: Interval) -> bool:
    """Whether a mean is cut off on one side, not made positive: 0 itself is among the values of a ReLU alone."""
    return (mean.low >= 0.0 and not mean.low_open) or (mean.high <= 0.0 and not mean.high_open)


def _activation(source: str) -> str:
    """What is called last in the expression that confines a head, where that is short."""
    with suppress(SyntaxError, ValueError):
        whole = ast.parse(source, mode="eval").body
        if isinstance(whole, ast.Call) and isinstance(whole.func, ast.Attribute):
            name = whole.func.attr if isinstance(_owner(whole.func), ast.Call) else ast.unparse(whole.func)
            # A module that an object keeps, and whose name is none of an activation, ends in one.
            kept = name.startswith("self.") and _OF_ACTIVATIONS.search(name.rpartition(".")[2].lower()) is None
            return f"the activation at the end of {name}" if kept else name
    called = _CALLED.match(source)
    return "an activation" if called is None else called[0]


def _recurrent(source: str) -> str | None:
    """The recurrent layer whose states a head is, by its name: the tanh in it cannot be taken away."""
    name = source.partition("(")[0].strip()
    return name if name.startswith("self.") and _OF_RECURRENT.search(name.rpartition(".")[2].lower()) else None


def _owner(of: ast.expr) -> ast.expr:
    """What the dotted name of a method begins with."""
    while isinstance(of, (ast.Attribute, ast.Subscript)):
        of = of.value
    return of


def _unclipped(facts: Facts, read_as: Parametrisation | None) -> Verdict:
    """One confined head shows the mistake; that both are known to be free rules it out."""
    second = facts.heads.second
    if facts.heads.mu is None or second is None:
        return lacking(facts, "heads.mu", "heads.second")
    if read_as is not None or second.value == REAL:
        return Clean()
    if facts.sampler.std is None and facts.kl.form is None:
        return lacking(facts, "sampler.std")
    return Undecided(reason="std is computed from the head for std by a formula that is not known")


def _prior_outside(interval: Interval) -> float:
    return 1.0 - 0.5 * (math.erf(interval.high / math.sqrt(2)) - math.erf(interval.low / math.sqrt(2)))


def _std(parametrisation: Parametrisation, head: Interval) -> Interval:
    low, high = head.low, head.high
    if parametrisation in (Parametrisation.STD, Parametrisation.VAR):
        # eps is symmetric: a negative scale is as wide as a positive one.
        low, high = (0.0 if low <= 0.0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))
    return Interval(_std_at(parametrisation, low), _std_at(parametrisation, high), head.low_open, head.high_open)


def _std_at(parametrisation: Parametrisation, s: float) -> float:
    try:
        return std_at(parametrisation, s)
    except OverflowError:
        return math.inf


MISTAKE = Mistake(
    code="VAE204",
    name="clipped-posterior-head",
    severity=Severity.WARNING,
    summary="An activation confines mu, or the width of the posterior, to values that are far from all it may need.",
    why=(
        "A ReLU on mu keeps every mean on one side of the prior; on the log variance it forbids any std below 1, a "
        "tanh any below 0.61, so that no latent can ever become sharp. A clamp that only guards exp, such as [-30, "
        "20], clips nothing useful and is no mistake."
    ),
    symptoms=("std-is-odd", "loss-stays-high", "blurry"),
    said=("relu on mu", "softplus or tanh on logvar", "it should be linear", "std never below 1"),
    message="the posterior is confined by {by}: {heads} in {intervals}",
    evidence="what the heads can reach: {consequences}",
    fix="{remedy}",
    bad=edit(
        ("return self.fc_mu(h), self.fc_logvar(h)", "return torch.relu(self.fc_mu(h)), self.fc_logvar(h)  # VAE204")
    ),
    good=EXAMPLE,
    references=("Kingma and Welling 2014, appendix C.2, https://arxiv.org/abs/1312.6114",),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
