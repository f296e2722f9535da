"""VAE209: the weight of a quantiser's commitment stands on the term that moves its codes."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where a number weighs the term of the codes, and none that of the encoding."""
    found = facts.objective.commitment
    if found is None:
        return lacking(facts, "objective.commitment")
    if found.value is None or found.value.on_codes is None:
        return Clean()
    values = {"weight": f"{found.value.on_codes:.4g}", "ratio": f"{found.value.ratio:.4g}"}
    return Found(Evidence(origin=found.origin, values=values))


_MADE = """\
        features = self.fc_features(self.encoder(x))
        code = self.codebook(torch.cdist(features, self.codebook.weight).argmin(1))
        straight = features + (code - features).detach()
        return Output(self.decode(z + straight), mu, logvar, features, code)"""

_LOSS = """\
    loss = (recon + kl).mean()
    if code is None:
        return loss
    codebook = F.mse_loss(code, features.detach())
    commitment = F.mse_loss(features, code.detach())
    return loss + codebook + 0.25 * commitment"""

_LAYERS = """\
        self.fc_features = nn.Linear(40, latents)
        self.codebook = nn.Embedding(11, latents)
        self.decoder = nn.Sequential("""

_OUTPUT = """\
DATA_RANGE = (0.0, 1.0)
Output = namedtuple("Output", "x_hat mu logvar features code")
"""

# A VAE whose decoder is given a code as well, one of a few rows.
_QUANTISED = edit(
    ("import torch\nimport", "from collections import namedtuple\n\nimport torch\nimport"),
    ("DATA_RANGE = (0.0, 1.0)\n", _OUTPUT),
    ("        self.decoder = nn.Sequential(", _LAYERS),
    ("        return self.decode(z), mu, logvar", _MADE),
    ("def loss_function(x_hat, x, mu, logvar):", "def loss_function(x_hat, x, mu, logvar, features=None, code=None):"),
    ("    return (recon + kl).mean()", _LOSS),
)

MISTAKE = Mistake(
    code="VAE209",
    name="commitment-on-the-codes",
    severity=Severity.WARNING,
    summary="The weight of a VQ-VAE's commitment stands on the term that moves the codes, not on that of the encoder.",
    why=(
        "In the paper the weight of 0.25 stands on the commitment, the term that moves the encoder. On the other term "
        "it slows the codes instead, and the encoder is drawn in full to codes that hardly follow it."
    ),
    symptoms=("all-alike", "other-results"),
    said=("beta is on the wrong term", "the commitment loss and the codebook loss are swapped"),
    message=(
        "{weight} weighs the term that moves the codes: the encoder is drawn to them {ratio} times as strongly as they "
        "to it"
    ),
    evidence="the gradient at the encoding is {ratio} times that at the codes",
    fix="put the weight before the commitment, the term in which the codes are detached",
    bad=edit(
        (
            "    return loss + codebook + 0.25 * commitment",
            "    return loss + 0.25 * codebook + commitment  # VAE209",
        ),
        text=_QUANTISED,
    ),
    good=_QUANTISED,
    references=(
        "van den Oord, Vinyals and Kavukcuoglu 2017, equation 3, https://arxiv.org/abs/1711.00937",
        "https://github.com/CompVis/taming-transformers/blob/master/taming/modules/vqvae/quantize.py",
    ),
    seen_by=frozenset({Observer.AUDIT}),
    judge=judge,
)
