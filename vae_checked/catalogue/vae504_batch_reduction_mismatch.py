"""VAE504: one term is a sum over the batch, the other a mean."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.balance import batch_settled, over_batch, settled, stated
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.names import names_of
from vae_checked.catalogue.support.own_error import summed, written_error, written_kl
from vae_checked.catalogue.verdict import Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts, Reduced, Reduction
from vae_checked.finding import Severity
from vae_checked.mathematics.effective_beta import batch_power


def judge(facts: Facts) -> Verdict:
    """Found where the two terms are reduced over the batch in different ways."""
    kl, recon = facts.kl.reduced, facts.recon.reduced
    if kl is None or recon is None:
        return lacking(facts, "kl.reduced", "recon.reduced")
    verdict = batch_settled(facts, recon.value, kl.value)
    if verdict is not None:
        return verdict
    size = _size(batch_power(kl.value, recon.value))
    terms = (("the KL", kl), ("the reconstruction", recon))
    # The one to change is summed, or is divided more often than once.
    (name, first), (other, second) = terms if _off(kl.value) >= _off(recon.value) else terms[::-1]
    values = {
        "first": f"{name} is {over_batch(first.value)}",
        "other": other,
        "second": over_batch(second.value),
        "beta": stated(facts, f"proportional to {size}"),
        "alike": _alike(facts, kl.value, recon.value),
    }
    return Found(Evidence(origin=first.origin, values=values, related=((second.origin, other),)))


def _off(reduced: Reduced) -> tuple[int, int]:
    """How far a term is from one that is divided by the batch size once; of two as far, the sum is farther."""
    divisions = reduced.batch_divisions or 0
    return abs(divisions - 1), -divisions


def _alike(facts: Facts, kl: Reduced, recon: Reduced) -> str:
    """What makes the terms one over the batch: the sum is divided by its size, and what is divided twice only once.

    Where a mean over everything stands beside a sum over everything, one remedy answers VAE502 as well.
    """
    called = names_of(facts)
    if None in (kl.event, recon.event, facts.objective.effective_beta):
        # Whether a mean is one over more than the batch, as over steps, is not known: a division of the other term by
        # the batch size alone would leave their number in the balance.
        return f"sum {called.recon} and {called.kl} over all axes of a sample, then divide both by the batch size"
    terms = ((written_kl(facts), kl.batch_divisions), (written_error(facts), recon.batch_divisions))
    for (name, divisions), (_, others) in (terms, terms[::-1]):
        if (divisions, others) == (0, 1):
            sums = summed(facts) if settled(facts, (recon, Reduction.MEAN), (kl, Reduction.SUM)) is None else None
            return f"divide the sum by the batch size as well: {name} / len({called.x})" if sums is None else sums
        if (divisions, others) == (2, 1):
            return f"divide {name} by the batch size once, not twice"
    return f"reduce both over the batch alike: ({called.recon} + {called.kl}).mean()"


def _size(power: int | None) -> str:
    if power == 1:
        return "the batch size"
    return "1 / the batch size" if power == -1 else f"the batch size to the power of {power}"


MISTAKE = Mistake(
    code="VAE504",
    name="batch-reduction-mismatch",
    severity=Severity.WARNING,
    summary="One term of the loss is summed over the batch, the other averaged over it.",
    why=(
        "The weight of the KL against the reconstruction is then multiplied or divided by the batch size: the batch "
        "size changes the loss, the last and smaller batch of an epoch has another beta than the rest, and results "
        "do not carry over to another machine. A constant beta balances the terms at one batch size only."
    ),
    symptoms=("batch-size-matters", "unbalanced", "loss-jumps"),
    said=("batch size changes the loss", "one is divided by the batch size, the other is not"),
    message="over the batch {first}, {other}{at_related} {second}: batch size changes the loss",
    evidence="effective beta: {beta}",
    fix="{alike}",
    bad=edit(
        ("mu.pow(2) - logvar.exp(), dim=1)", "mu.pow(2) - logvar.exp())  # VAE504"),
        ("(recon + kl).mean()", "recon.mean() + kl"),
    ),
    good=EXAMPLE,
    references=("Kingma and Welling 2014, equations 8 and 10, https://arxiv.org/abs/1312.6114",),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
