"""VAE206: the sample blocks the gradient to the posterior."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.edits import with_gradient
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.names import names_of
from vae_checked.catalogue.support.places import at
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts, Head
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where the gradient of z does not reach both heads."""
    reaches = facts.sampler.gradient_reaches
    if reaches is None:
        return lacking(facts, "sampler.gradient_reaches")
    if reaches.value >= frozenset(Head):
        return Clean()
    stopped, called = facts.sampler.gradient_stopped, names_of(facts)
    # What is drawn with its gradient is drawn right: something else takes it away.
    remedy = f"draw {called.z} as {called.mu} + {called.std} * {called.eps}, or by rsample()"
    if stopped is not None:
        # That may stand in another file than the draw, which is right.
        where = at(stopped.origin.place, reaches.origin.place)
        remedy = f"leave the gradient to {called.z}: {stopped.value}{where} has none"
    return Found(
        Evidence(
            origin=reaches.origin,
            related=() if stopped is None else ((stopped.origin, "the gradient stops here"),),
            values={
                "blocked": [_called(head, facts) for head in Head if head not in reaches.value],
                "reached": reaches.value or "neither head",
                "remedy": remedy,
            },
        )
    )


def _called(head: Head, facts: Facts) -> str:
    return names_of(facts).mu if head is Head.MU else facts.names.get("second", "head for std")


_FINE = edit(
    (
        "        eps = torch.randn_like(std)\n        return mu + eps * std\n",
        "        return torch.distributions.Normal(mu, std).rsample()\n",
    )
)


MISTAKE = Mistake(
    code="VAE206",
    name="sample-without-gradient",
    severity=Severity.ERROR,
    summary="z is drawn in a way that lets no gradient through to mu or to the head for std.",
    why=(
        "`sample()` and `torch.normal(mu, std)` return a constant as far as autograd knows. The encoder is then "
        "trained by the KL alone, which asks it to forget the input: the encoder does not learn, and "
        "reconstructions are all the same."
    ),
    symptoms=("encoder-does-not-learn", "all-alike", "kl-is-0"),
    said=("rsample instead of sample", "torch.normal has no gradient", "no reparameterization trick"),
    message="the gradient does not pass through z to: {blocked}",
    evidence="the reconstruction's gradient reaches {reached}",
    fix="{remedy}",
    bad=edit(
        ("Normal(mu, std).rsample()", "Normal(mu, std).sample()  # VAE206"),
        text=_FINE,
    ),
    good=_FINE,
    references=(
        "Kingma and Welling 2014, section 2.4, https://arxiv.org/abs/1312.6114",
        "https://docs.pytorch.org/docs/stable/distributions.html#pathwise-derivative",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
    fixer=with_gradient,
)
