"""VAE202: eps is not drawn from N(0, I)."""

from __future__ import annotations

import ast

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.edits import normal_noise
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.formula import NOT_GAUSSIAN
from vae_checked.catalogue.support.names import names_of
from vae_checked.catalogue.support.written import expression_in, statement_in
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking, left_to
from vae_checked.facts import KL, Facts, NoiseLaw, Origin, Recon, Sampler
from vae_checked.finding import Severity

_STANDARD = frozenset(("randn", "randn_like"))


def judge(facts: Facts) -> Verdict:
    """Found where eps follows another law than N(0, 1); a posterior that may not be Gaussian is left open."""
    noise = facts.sampler.noise
    if noise is None:
        return lacking(facts, "sampler.noise")
    if noise.value.law is NoiseLaw.STANDARD_NORMAL:
        return Clean()
    if noise.value.law is NoiseLaw.CONSTANT:
        return left_to("VAE207")
    form = facts.kl.form
    if noise.value.law is NoiseLaw.OTHER and form is None:
        return lacking(facts, "kl.form")
    if noise.value.law is NoiseLaw.OTHER and form is not None and form.value.parametrisation is None:
        return Undecided(reason=NOT_GAUSSIAN)
    names = names_of(facts)
    remedy = f"{names.eps} = torch.randn_like({names.std})"
    if noise.value.law is NoiseLaw.NORMAL:
        remedy = f"{_drawn_alone(noise.origin, names.eps) or remedy}, neither scaled nor shifted"
    of_the_heads = noise.value.law is NoiseLaw.POSTERIOR
    alone = facts.sampler == Sampler(noise=noise) and facts.kl == KL() and facts.recon == Recon()
    usual = f", as {noise.value.setting} is by default" if noise.value.setting else ""
    values = {
        "drawn": "z, here handed to the decoder by itself," if alone else "eps",
        "noise": "z" if alone else "eps",
        "law": f"{noise.value.law}{usual}",
        "mean": names.mu if of_the_heads else noise.value.mean,
        "std": names.std if of_the_heads else noise.value.std,
        "remedy": remedy,
    }
    return Found(Evidence(origin=noise.origin, values=values))


def _drawn_alone(origin: Origin, eps: str) -> str | None:
    """The standard normal draw that stands in a scaled or shifted one, under the name that this has; None without."""
    line = statement_in(origin.source if origin.place is None else origin.place.text)
    source = expression_in(origin.source)
    draws = [] if source is None else [node for node in ast.walk(source) if isinstance(node, ast.Call)]
    draws = [node for node in draws if isinstance(node.func, ast.Attribute) and node.func.attr in _STANDARD]
    if len(draws) != 1:
        return None
    match line:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return f"{name} = {ast.unparse(draws[0])}"
    return f"{eps} = {ast.unparse(draws[0])}"


MISTAKE = Mistake(
    code="VAE202",
    name="non-gaussian-noise",
    severity=Severity.ERROR,
    summary="The noise of the reparameterization is not N(0, I).",
    why=(
        "The KL assumes q(z|x) = N(mu, std^2). With `rand_like` z samples from a uniform: eps has mean 0.5 and std "
        "0.289, is never negative, and every latent is shifted by half a standard deviation. Decoding N(0, I) then "
        "asks the decoder for latents that it never met."
    ),
    symptoms=("samples-are-noise", "std-is-odd", "other-results"),
    said=("samples from uniform", "rand instead of randn", "rand_like instead of randn_like"),
    message="{drawn} is drawn from a distribution that is not N(0, 1): {law}",
    evidence="{noise} has mean {mean} and std {std}; N(0, 1) has 0 and 1",
    fix="{remedy}",
    bad=edit(("torch.randn_like(std)", "torch.rand_like(std)  # VAE202")),
    good=EXAMPLE,
    references=(
        "Kingma and Welling 2014, section 2.4, https://arxiv.org/abs/1312.6114",
        "https://docs.pytorch.org/docs/stable/generated/torch.randn_like.html",
        "https://docs.pytorch.org/docs/stable/generated/torch.rand_like.html",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
    fixer=normal_noise,
)
