"""What is shown of a KL's formula: its values beside those of the closed form."""

from __future__ import annotations

from vae_checked.facts import KLForm

NOT_GAUSSIAN = "noise and KL are of a posterior that may not be Gaussian at all"


def beside_closed_form(form: KLForm) -> dict[str, object]:
    """The values of a message: `points` are (mu, s), `found` and `closed` the two values at each."""
    return {
        "points": tuple((mu, s) for mu, s, _, _ in form.values),
        "found": tuple((mu, value) for mu, _, value, _ in form.values),
        "closed": tuple((mu, closed) for mu, _, _, closed in form.values),
    }
