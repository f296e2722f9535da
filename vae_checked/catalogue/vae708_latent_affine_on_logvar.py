"""VAE708: the map of the mean is applied to the log variance."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.in_use import IN_USE
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where both halves of the parameters go through one affine map."""
    mean, second = facts.latents.mean, facts.latents.second
    if mean is None or second is None:
        return lacking(facts, "latents.mean", "latents.second")
    if second.value.is_identity or second.value != mean.value:
        return Clean()
    values = {"applied": f"z -> {second.value}"}
    return Found(Evidence(origin=second.origin, values=values, related=((mean.origin, "the mean"),)))


_NORMALISED = """\


def normalised(vae, pictures, mean, std):
    mu, logvar = vae.encode(pictures).latent_dist.parameters.chunk(2, dim=1)
    mu = (mu - mean) / std
    logvar = logvar - 2 * torch.log(std)
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
"""
_FINE = IN_USE + _NORMALISED


MISTAKE = Mistake(
    code="VAE708",
    name="latent-affine-on-logvar",
    severity=Severity.ERROR,
    summary="The affine map that normalises the mean of a posterior is applied to its log variance.",
    why=(
        "If z has the mean mu and the variance exp(logvar), then (z - m) / s has the mean (mu - m) / s and the "
        "variance exp(logvar) / s**2: its log variance is logvar - 2 log s. Applied to the log variance, the map of "
        "the mean gives another number, and each draw has noise of a size that the VAE never had."
    ),
    symptoms=("other-results", "loss-looks-well"),
    said=("logvar normalised by mean and std", "artefacts from cached moments"),
    message="the log variance goes through the map of the mean, {applied}",
    evidence="of (z - m) / s the log variance is logvar - 2 * log(s)",
    fix="logvar - 2 * torch.log(std)",
    bad=edit(("    logvar = logvar - 2 * torch.log(std)", "    logvar = (logvar - mean) / std  # VAE708"), text=_FINE),
    good=_FINE,
    references=("https://en.wikipedia.org/wiki/Normal_distribution#Operations_and_functions_of_normal_variables",),
    seen_by=frozenset({Observer.LINT}),
    judge=judge,
)
