"""VAE602: parameters that no optimizer holds."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity
from vae_checked.mathematics.names import ITEMS, SPENT
from vae_checked.record import replace


def judge(facts: Facts) -> Verdict:
    """Found where no optimizer holds some of the parameters."""
    names = facts.training.without_optimizer
    if names is None:
        return lacking(facts, "training.without_optimizer")
    if not names.value:
        return Clean()
    # What a forward pass builds is new each time: no optimizer that is made once can hold it.
    anew = names.origin.built is not None
    how, first, last = "", "give the optimizer ", " too"
    if anew:
        how = ", built anew at each call"
        first, last = "build ", " in __init__, and apply it here"
    elif all(name.endswith(ITEMS) for name in names.value):
        # A model does not know of what stands in a plain list or dict.
        first, last = "keep ", " in an nn.ModuleList or nn.ModuleDict, so that parameters() has its layers"
    elif all(name.endswith(SPENT) for name in names.value):
        # An iterator hands out what it has once: whoever goes through it next gets nothing.
        how = ", whose parameters were gone through before: an iterator hands them out once"
        first, last = "make a list of the parameters of ", " before the first use of them: list(...)"
    elif all(f"{name.partition('.')[0]}.parameters()" in names.origin.source for name in names.value):
        # The optimizer is given all that the model had when it was built.
        first, last = "build the optimizer behind the line that sets ", ""
    lost = tuple(name.removesuffix(ITEMS).removesuffix(SPENT) for name in names.value)
    values = {"names": lost, "how": how, "first": first, "last": last}
    return Found(Evidence(origin=replace(names.origin, built=None), values=values, absent=not anew))


_OPTIMIZER = """\


def configure_optimizers(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)
"""
_FINE = EXAMPLE + _OPTIMIZER


MISTAKE = Mistake(
    code="VAE602",
    name="parameters-without-optimizer",
    severity=Severity.WARNING,
    summary="Trainable parameters of the model that no optimizer was given.",
    why=(
        "An optimizer built from a list of submodules forgets one, or layers live in a plain list or dict that "
        "`parameters()` does not see. They get a gradient at each step and never move: the head stays random, and the "
        "loss soon stops falling."
    ),
    symptoms=("encoder-does-not-learn", "loss-stays-high"),
    said=("not in the optimizer", "layers in a python list", "ModuleList forgotten"),
    message="no optimizer holds {names}{how}",
    evidence="trainable, and not in the optimizer: {names}",
    fix="{first}{names}{last}",
    bad=edit(
        ("model.parameters()", "[*model.encoder.parameters(), *model.decoder.parameters()]"),
        ("lr=1e-3)", "lr=1e-3)  # VAE602"),
        text=_FINE,
    ),
    good=_FINE,
    references=(
        "https://docs.pytorch.org/docs/stable/optim.html#constructing-it",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html",
    ),
    seen_by=frozenset({Observer.LINT}),
    judge=judge,
)
