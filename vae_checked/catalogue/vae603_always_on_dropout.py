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
    return Found(Evidence(origin=names.origin, values={"names": names.value})) if names.value else Clean()


_FINE = edit(("h = self.encoder(x)", "h = F.dropout(self.encoder(x), 0.2, training=self.training)"))


MISTAKE = Mistake(
    code="VAE603",
    name="always-on-dropout",
    severity=Severity.WARNING,
    summary="Dropout that eval() does not switch off: F.dropout without `training=`, or nn.Dropout built in forward.",
    why=(
        "F.dropout is on unless `training` says otherwise, and so is an nn.Dropout that forward builds, because "
        "eval() reaches only what the constructor keeps. Embeddings, reconstructions and the test loss then change "
        "from call to call, and are worse than the model is: 'non-deterministic', 'really bad embeddings'. Where it "
        "is meant (Monte Carlo dropout) it deserves its name."
    ),
    symptoms=("not-deterministic", "bad-embeddings"),
    said=("dropout in eval", "F.dropout without training", "nn.Dropout in forward"),
    message="dropout stays on in evaluation: {names}",
    evidence="active after eval(): {names}",
    fix="training=self.training in the call, or nn.Dropout made in __init__, which eval() switches off",
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
