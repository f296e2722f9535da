"""VAE706: the VAE whose latents a model is trained on gathers gradients, and no optimizer uses them."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.in_use import IN_USE
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where a loss reaches the encoder of a VAE that is neither frozen nor trained."""
    unused = facts.latents.unused_gradient
    if unused is None:
        return lacking(facts, "latents.unused_gradient")
    return Found(Evidence(origin=unused.origin, values={"vae": unused.value})) if unused.value else Clean()


_LOOP = """\


def fit(model, scheduler, batches, t):
    vae = load()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for pictures in batches:
        with torch.no_grad():
            raw = vae.encode(pictures).latent_dist.sample()
        z = (raw - vae.config.shift_factor) * vae.config.scaling_factor
        noise = torch.randn_like(z)
        loss = F.mse_loss(model(scheduler.add_noise(z, noise, t), t), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_FINE = IN_USE + _LOOP


MISTAKE = Mistake(
    code="VAE706",
    name="trainable-vae-in-latent-loop",
    severity=Severity.WARNING,
    summary="A VAE that is only used to encode gathers gradients at each step, and no optimizer uses them.",
    why=(
        "`from_pretrained` puts a model into evaluation mode, and its parameters still require gradients. Where the "
        "denoiser is trained on `vae.encode(x)` as it is, the whole encoder is kept for the backward pass: memory and "
        "time for gradients that nobody uses, and they pile up, since no optimizer sets them to zero."
    ),
    symptoms=("memory-runs-out",),
    said=("out of memory when training in latent space", "vae not frozen", "requires_grad_(False) forgotten"),
    message="the loss reaches the encoder of {vae}, which is neither frozen nor given to an optimizer",
    evidence="no line freezes it, and encode stands under no torch.no_grad()",
    fix="vae.requires_grad_(False), and encode under torch.no_grad()",
    bad=edit(
        ("    return vae.requires_grad_(False)", "    return vae"),
        (
            "        with torch.no_grad():\n            raw = vae.encode(pictures).latent_dist.sample()\n",
            "        raw = vae.encode(pictures).latent_dist.sample()  # VAE706\n",
        ),
        text=_FINE,
    ),
    good=_FINE,
    references=("https://docs.pytorch.org/docs/stable/notes/autograd.html#setting-requires-grad",),
    seen_by=frozenset({Observer.LINT}),
    judge=judge,
)
