"""VAE207: no noise in training, the same noise at every step, or std added instead of scaling eps."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.names import names_of
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity

_SEED_ONCE = "set the seed once, before the training loop, and draw each eps from where the random state then is"
_WORDS = {True: "yes", False: "no", None: "not observed"}


def judge(facts: Facts) -> Verdict:
    """Found where z is no mu + std * eps, with eps in it or without, or not random in training or from step to step."""
    timing, absent = facts.sampler.timing, False
    if timing is None:
        return lacking(facts, "sampler.timing")
    if timing.value.misplaced is not None:
        what = f"it is {timing.value.misplaced}"
    elif timing.value.without_eps:
        what = "it is mu + std, std added without eps"
    elif timing.value.repeated:
        what = "its noise is the same at every step, as the seed is set again before each draw"
    elif timing.value.training is False:
        absent = True
        what = "what is decoded is not random in training, no noise is added to it"
    elif timing.value.training is None:
        return Undecided(reason="whether z is random at each step of training was not seen")
    else:
        return Clean()
    return Found(
        Evidence(
            origin=timing.origin,
            values={
                "what": what,
                "training": _WORDS[timing.value.training],
                "evaluation": _WORDS[timing.value.evaluation],
                "remedy": _SEED_ONCE if timing.value.repeated else _sample(facts),
            },
            absent=absent,
        )
    )


def _sample(facts: Facts) -> str:
    names = names_of(facts)
    return f"{names.z} = {names.mu} + {names.eps} * {names.std}"


MISTAKE = Mistake(
    code="VAE207",
    name="noise-at-the-wrong-time",
    severity=Severity.ERROR,
    summary=(
        "z is not random in training, its noise is the same at every step, or it is mu + std, which is neither the "
        "mean nor a sample."
    ),
    why=(
        "Without noise in training the decoder never learns to cover the space between two means: the model is an "
        "autoencoder with a penalty, and decoding N(0, I) draws noise. A seed that is set before each draw ends alike: "
        "the noise becomes a constant that the decoder learns. mu + std moves every latent by one standard deviation. "
        "In evaluation both are in use, the mean for embeddings and a sample for the ELBO: that is a question of "
        "purpose, and no finding."
    ),
    symptoms=("samples-are-noise", "not-deterministic", "bad-embeddings"),
    said=("where is z sampled?", "mu + std without eps", "no noise in training", "manual_seed in forward"),
    message="z is no sample of the posterior: {what}",
    evidence="noise in training: {training}, in evaluation: {evaluation}",
    fix="{remedy}",
    bad=edit(
        ("        eps = torch.randn_like(std)\n", ""),
        ("return mu + eps * std", "return mu + std  # VAE207"),
    ),
    good=EXAMPLE,
    references=("Kingma and Welling 2014, section 2.4, https://arxiv.org/abs/1312.6114",),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
