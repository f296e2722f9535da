"""VAE601: parameters that no gradient reaches."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts, Ungiven
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where parameters get no gradient from the loss."""
    names, ungiven = facts.training.without_gradient, facts.training.ungiven
    if ungiven is not None:
        why, remedy = _UNGIVEN[ungiven.value]
        values = {"names": (why,), "remedy": remedy.format(source=ungiven.origin.source)}
        undifferentiated = ungiven.value is Ungiven.UNDIFFERENTIATED
        return Found(Evidence(origin=ungiven.origin, values=values, absent=undifferentiated))
    if names is None:
        return lacking(facts, "training.without_gradient")
    if not names.value:
        return Clean()
    # A loss that was not read may train them.
    return Found(Evidence(origin=names.origin, values={"names": names.value, "remedy": _REMEDY}, absent=True))


_UNGIVEN = {
    Ungiven.UNDIFFERENTIATED: (
        "any parameter before the optimizer's step, as nothing is differentiated",
        "call backward() on the loss before {source}",
    ),
    Ungiven.COMPARED: (
        "the decoder, as the data are compared with themselves",
        "compare what is decoded with the data in {source}",
    ),
    Ungiven.UNTAKEN: (
        "any parameter in a step, as the optimizer never takes one",
        "call the optimizer's step() after backward(), next to {source}",
    ),
    Ungiven.ERASED: ("any parameter, as it is erased before the optimizer's step", "call {source} before backward()"),
}
_REMEDY = "remove the detach before the layer, or a layer that no loss uses"


MISTAKE = Mistake(
    code="VAE601",
    name="parameters-without-gradient",
    severity=Severity.WARNING,
    summary="Parameters of the model that the loss never reaches: their gradient is None or exactly 0.",
    why=(
        "A detach, a no_grad, a head that is built and never called, a loss without its backward(): parameters that no "
        "gradient reaches keep their random initial values, and so do all layers before a detach: 'the encoder does "
        "not learn'."
    ),
    symptoms=("encoder-does-not-learn", "loss-stays-high"),
    said=("detach", "grad is None", "no_grad in forward"),
    message="no gradient of the loss reaches {names}",
    evidence="no gradient, or one of 0: {names}",
    fix="{remedy}",
    bad=edit(("h = self.encoder(x)", "h = self.encoder(x).detach()  # VAE601")),
    good=EXAMPLE,
    references=("https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html",),
    seen_by=frozenset({Observer.LINT, Observer.AUDIT}),
    judge=judge,
)
