"""VAE603: dropout that evaluation does not switch off."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where dropout stays on in evaluation."""
    names = facts.training.always_on_dropout
    if names is None:
        return lacking(facts, "training.always_on_dropout")
    if not names.value:
        return Clean()
    remedy = _REMEDIES[any(word in name for name in names.value for word in _OF_ATTENTION)]
    return Found(Evidence(origin=names.origin, values={"names": names.value, "remedy": remedy}))


_OF_ATTENTION = ("scaled_dot_product_attention", "dropout_p")
# Whether attention drops by the rate that it is given.
_REMEDIES = {
    False: "training=self.training in the call, or nn.Dropout made in __init__, which eval() switches off",
    True: "dropout_p=RATE if self.training else 0.0, with the rate that stands there",
}


_FINE = edit(("h = self.encoder(x)", "h = F.dropout(self.encoder(x), 0.2, training=self.training)"))


MISTAKE = Mistake(
    code="VAE603",
    name="always-on-dropout",
    severity=Severity.WARNING,
    summary="Dropout that eval() does not switch off: F.dropout without `training=`, the `dropout_p` of attention, or "
    "nn.Dropout built in forward.",
    why=(
        "F.dropout is on unless `training` says otherwise, F.scaled_dot_product_attention drops by its `dropout_p` in "
        "every mode, and an nn.Dropout that forward builds stays on because eval() reaches only what the constructor "
        "keeps. Embeddings, reconstructions and the test loss then change "
        "from call to call, and are worse than the model is: 'non-deterministic', 'really bad embeddings'. Where it "
        "is meant (Monte Carlo dropout) it deserves its name."
    ),
    symptoms=("not-deterministic", "bad-embeddings"),
    said=("dropout in eval", "F.dropout without training", "dropout_p in eval", "nn.Dropout in forward"),
    message="dropout stays on in evaluation: {names}",
    evidence="active after eval(): {names}",
    fix="{remedy}",
    bad=edit(
        ("F.dropout(self.encoder(x), 0.2, training=self.training)", "F.dropout(self.encoder(x), 0.2)  # VAE603"),
        text=_FINE,
    ),
    good=_FINE,
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html",
        "Gal and Ghahramani 2016, https://arxiv.org/abs/1506.02142",
    ),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
