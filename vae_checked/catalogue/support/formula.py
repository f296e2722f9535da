"""What is shown of a KL's formula: its values beside those of the closed form."""

from __future__ import annotations

from vae_checked.facts import Facts, Family, KLForm, NoiseLaw

NOT_GAUSSIAN = "noise and KL are of a posterior that may not be Gaussian at all"


def beside_closed_form(form: KLForm) -> dict[str, object]:
    """The values of a message: `points` are (mu, s), `found` and `closed` the two values at each."""
    return {
        "points": tuple((mu, s) for mu, s, _, _ in form.values),
        "found": tuple((mu, value) for mu, _, value, _ in form.values),
        "closed": tuple((mu, closed) for mu, _, _, closed in form.values),
    }


def is_no_kl(facts: Facts) -> bool:
    """Whether VAE301 says of what stands for the KL that it is that of no parametrisation."""
    form, noise = facts.kl.form, facts.sampler.noise
    if form is None or form.value.reversed or form.value.family is not Family.GAUSSIAN:
        return False
    is_gaussian = noise is None or noise.value.law is not NoiseLaw.OTHER
    return form.value.parametrisation is None and is_gaussian
