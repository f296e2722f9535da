"""VAE801: the decoder never sees what the encoder is conditioned on."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where the encoder takes a condition that reaches neither the decoder nor the loss by another way."""
    ignored = facts.objective.ignored_conditions
    if ignored is None:
        return lacking(facts, "objective.ignored_conditions")
    return Found(Evidence(origin=ignored.origin, values={"names": ignored.value})) if ignored.value else Clean()


_LABELS = """\
    def labels(self, y, x):
        # Without a label, as where one draws of any class, all of them are 0.
        return x.new_zeros(len(x), 7) if y is None else F.one_hot(y, 7).to(x.dtype)

    def encode(self, x, y=None):
        h = self.encoder(torch.cat([x.flatten(1), self.labels(y, x)], dim=1))"""

_CONDITIONAL = edit(
    ('INPUT = "B 3 8 12"', 'INPUT = "x: B 3 8 12, y: int<7> B"'),
    ("nn.Flatten(), nn.Linear(3 * 8 * 12, 40)", "nn.Linear(3 * 8 * 12 + 7, 40)"),
    ("            nn.Linear(latents, 40),", "            nn.Linear(latents + 7, 40),"),
    ("    def encode(self, x):\n        h = self.encoder(x)", _LABELS),
    ("def decode(self, z):", "def decode(self, z, y=None):"),
    ("self.decoder(z)", "self.decoder(torch.cat([z, self.labels(y, z)], dim=1))"),
    ("def forward(self, x):", "def forward(self, x, y=None):"),
    ("self.encode(x)", "self.encode(x, y)"),
    ("self.decode(z)", "self.decode(z, y)"),
)

MISTAKE = Mistake(
    code="VAE801",
    name="ignored-condition",
    severity=Severity.WARNING,
    summary="The encoder takes a class or another condition, and the decoder does not.",
    why=(
        "A conditional VAE is a model of p(x | z, y). With y in the encoder alone, z has to carry the class, and what "
        "is drawn is of any class, whichever is asked for. Training looks as it should."
    ),
    symptoms=("condition-does-nothing", "other-results"),
    said=("the decoder ignores the class", "the label has no effect on what is generated"),
    message="the encoder takes {names}, and at a given z the reconstruction does not change with it",
    evidence="with z held, no step between {names} and the reconstruction or the loss",
    fix="hand it to the decoder with z, as in self.decoder(torch.cat([z, y], dim=1))",
    bad=edit(
        ("            nn.Linear(latents + 7, 40),", "            nn.Linear(latents, 40),"),
        ("self.decoder(torch.cat([z, self.labels(y, z)], dim=1))", "self.decoder(z)"),
        ("return self.decode(z, y), mu, logvar", "return self.decode(z, y), mu, logvar  # VAE801"),
        text=_CONDITIONAL,
    ),
    good=_CONDITIONAL,
    references=("Sohn, Lee and Yan 2015, https://papers.nips.cc/paper/5775-learning-structured-output-representation",),
    seen_by=frozenset({Observer.AUDIT}),
    judge=judge,
)
