"""VAE201: the sampler and the KL disagree about the head for std."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence
from contextlib import suppress

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.by_one_name import only_name, value_of
from vae_checked.catalogue.support.edits import halved_exponent
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.formula import is_no_kl
from vae_checked.catalogue.support.names import names_of, std_formula
from vae_checked.catalogue.support.places import at
from vae_checked.catalogue.support.readings import kl_departs
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking, left_to
from vae_checked.facts import Facts, Family, HeadSource, Parametrisation
from vae_checked.finding import Severity
from vae_checked.mathematics.gaussians import std_at

_NAME = re.compile(r"[\w.]+")
_MODULES = frozenset(("torch", "math", "np", "F", "nn", "functional"))
# A std that is added to keep another above 0: next to nothing for a posterior that is not as narrow itself.
_FLOOR = 0.05


def judge(facts: Facts) -> Verdict:
    """Found where the KL reads the head for std as something else than the sampler makes std of."""
    std, form = facts.sampler.std, facts.kl.form or facts.kl.density
    if facts.kl.form is not None and facts.kl.form.value.family is Family.FULL:
        # It is known as the KL of the covariance that z is drawn with.
        return Clean()
    if std is None or form is None:
        return lacking(facts, "sampler.std", "kl.form")
    read_as = form.value.parametrisation
    if read_as is None and is_no_kl(facts):
        return left_to("VAE301")
    if read_as is None:
        return Undecided(reason="the KL reads the head for std in no way that is known")
    if std.value.parametrisation is read_as:
        return Clean()
    if facts.heads.source is not None and facts.heads.source.value is HeadSource.SWAPPED:
        # The KL is given the mean in the place of the head for std: what it takes that for is no reading of the other.
        return Undecided(reason="the KL is given the heads in each other's place")
    shown = [(s, drawn, _assumed(read_as, s)) for s, drawn in std.value.points]
    if (floor := _floor(shown)) is not None:
        return Undecided(reason=f"the std drawn with and that of the KL differ by a floor of {floor:.3g} alone")
    if all(assumed is not None and math.isclose(drawn, assumed, rel_tol=1e-3) for _, drawn, assumed in shown) and shown:
        # Each may be cut off at numbers of its own.
        return Undecided(reason="the std drawn with is that of the KL wherever both were compared")
    departs = kl_departs(facts, std.value.parametrisation, read_as)
    place, other = (form, (std.origin, "the sampler")) if departs else (std, (form.origin, "the KL"))
    elsewhere = at(other[0].place, place.origin.place)
    names = names_of(facts)
    factor = _factor(shown)
    drawn, kind = std.origin.source, std.value.parametrisation
    if _holds(drawn, facts.names.get("eps")):
        # Where eps is no factor of its own, as in `eps.mul(std)`, what was measured says what eps is scaled by.
        drawn = _without(drawn, names.eps) or (names.std if kind is None else kind.formula)
    if kind is not None and drawn == kind.formula:
        # What was measured is a function of s: the KL is said to read the head by its name.
        drawn = re.sub(r"\bs\b", names.head, drawn)
    formula = std_formula(read_as, facts)
    redrawn = f"{names.std} = {formula}"
    if kind is Parametrisation.STD and drawn.isidentifier():
        # The head itself is drawn with, by a name that it has in the sampler.
        redrawn = f"draw with {std_formula(read_as, facts, drawn)}, not with {drawn}"
    elif kind is None and (alias := _alias(drawn, names.head, shown)) is not None:
        # The sampler has the head by a name of its own, and the formula is of that.
        written = std_formula(read_as, facts, alias)
        redrawn = f"{names.std} = {written}" if "std" in facts.names else f"draw with {written}"
    elif kind is None and _is_of_another(drawn, names.head):
        # The formula is right for what the sampler is given, and that is no head.
        redrawn = f"give the sampler the {names.head} that the KL reads, or the KL what the sampler is given"
    elif "std" not in facts.names and drawn != std.origin.source:
        # Nothing is called std: the product is written anew.
        redrawn = f"{names.z} = {names.mu} + {names.eps} * {formula}"
    elif _holds(formula, names.std):
        # The head goes by the name of what is made of it.
        redrawn = f"draw with the std that the KL assumes, not with {drawn}"
    alone = redrawn if "std" in facts.names else f"draw with {formula}"
    if departs and kind is not None:
        # Beside a prior of one's own the density of the posterior alone is read otherwise.
        own = f"log q(z|x) is that of N({names.mu}, std^2), with std = {std_formula(kind, facts)}"
        kl = facts.kl.form
        # An estimate that stands among other terms has the density of the posterior somewhere by itself.
        remedy = own if kl is None or (kl.value.sampled and kl.value.written is None) else names.kl_anew
        if facts.kl.form is not None and facts.kl.form.value.learned:
            # The KL to a prior that is learned is another one than that to N(0, I).
            remedy = f"in the KL, take {std_formula(kind, facts)} for the std of q(z|x), as the sampler does"
    else:
        remedy = redrawn
    return Found(
        Evidence(
            origin=place.origin,
            values={
                # What is written out has its factor in it.
                "sampler": f"{factor:.4g} * {drawn}" if factor is not None and _NAME.fullmatch(drawn) else drawn,
                "at_sampler": elsewhere if departs else "",
                "at_kl": "" if departs else elsewhere,
                "meaning": read_as.meaning,
                "remedy": remedy if factor is None else f"{alone}, without the factor {factor:.4g}",
                "curve": tuple((s, drawn) for s, drawn, assumed in shown if assumed is not None),
                "assumed": tuple((s, assumed) for s, _, assumed in shown if assumed is not None),
            },
            related=(other,),
            mendable=(std.value.parametrisation, read_as) == (Parametrisation.LOG_STD, Parametrisation.LOGVAR)
            and not departs,
        )
    )


def _is_of_another(formula: str, head: str) -> bool:
    """Whether one name alone stands in a formula, and not that of the head."""
    name = only_name(formula, _MODULES)
    if name is None or name == head.partition(".")[0]:
        return False
    return isinstance(ast.parse(formula, mode="eval").body, (ast.Call, ast.BinOp))


def _alias(formula: str, head: str, shown: Sequence[tuple[float, float, float | None]]) -> str | None:
    """The name by which the sampler has the head: what is written of that comes to what was drawn, at every point."""
    name = only_name(formula, _MODULES)
    if name is None or name == head or not shown:
        return None
    values = ((value_of(formula, name, s), drawn) for s, drawn, _ in shown)
    same = all(value is not None and math.isclose(value, drawn, rel_tol=1e-6) for value, drawn in values)
    return name if same else None


def _floor(shown: Sequence[tuple[float, float, float | None]]) -> float | None:
    """The small number by which the std of the sampler and that of the KL differ at every point."""
    steps = [abs(drawn - assumed) for _, drawn, assumed in shown if assumed is not None]
    most = max(steps, default=0.0)
    small = len(steps) > 1 and 0.0 < most <= _FLOOR
    return most if small and math.isclose(min(steps), most, rel_tol=1e-3) else None


def _factor(shown: Sequence[tuple[float, float, float | None]]) -> float | None:
    """What the std of a sampler is that of the KL times, at every point; None where no one number is it."""
    ratios = [drawn / assumed for _, drawn, assumed in shown if assumed]
    same = len(ratios) == len(shown) and all(math.isclose(ratio, ratios[0], rel_tol=1e-6) for ratio in ratios)
    return ratios[0] if ratios and same else None


def _without(product: str, eps: str) -> str | None:
    """A product as it is written, without eps; None where it is not that of eps and something else."""
    with suppress(SyntaxError, ValueError):
        stack, factors = [ast.parse(product, mode="eval").body], list[str]()
        while stack:
            node = stack.pop()
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
                stack += (node.right, node.left)
            else:
                factors.append(ast.get_source_segment(product, node) or "")
        if factors.count(eps) == 1 and len(factors) > 1:
            return " * ".join(factor for factor in factors if factor != eps)
    return None


def _holds(source: str, name: str | None) -> bool:
    return name is not None and re.search(rf"\b{re.escape(name)}\b", source) is not None


def _assumed(parametrisation: Parametrisation, s: float) -> float | None:
    """The std that a parametrisation makes of s, None where it makes none of it: of a negative number."""
    try:
        std = std_at(parametrisation, s)
    except (ValueError, OverflowError):
        return None
    return std if std >= 0.0 else None


MISTAKE = Mistake(
    code="VAE201",
    name="log-std-read-as-logvar",
    severity=Severity.ERROR,
    summary="The sampler and the KL disagree about what the head for std means.",
    why=(
        "The KL pulls one distribution towards the prior while the decoder is trained on samples of another: the "
        "posterior has the wrong width, and the loss is no bound on the likelihood. A misleading name that is used "
        "consistently is no mistake."
    ),
    symptoms=("std-is-odd", "samples-are-noise", "other-results"),
    said=("logvar.exp() is variance", "should be 0.5 * logvar", "treats it as if it was the log std", "exp(log_sigma)"),
    message="the sampler{at_sampler} uses {sampler} as std, the KL{at_kl} reads {called.head} as {meaning}",
    evidence="std at {called.head} = {curve:x} is {curve:y}; the KL assumes {assumed:y}",
    fix="{remedy}",
    bad=edit(("torch.exp(0.5 * logvar)", "torch.exp(logvar)  # VAE201")),
    good=EXAMPLE,
    references=("Kingma and Welling 2014, section 2.4 and appendix B, https://arxiv.org/abs/1312.6114",),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
    fixer=halved_exponent,
)
