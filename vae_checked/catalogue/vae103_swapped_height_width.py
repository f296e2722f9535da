"""VAE103: height and width are swapped on the way into the convolutions."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import CHANNELS_LAST, edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking, left_to
from vae_checked.facts import Facts
from vae_checked.finding import Severity
from vae_checked.layout_facts import AxisOrder

# What the data need instead of what swaps their axes.
_MOVES = {
    AxisOrder.NCWH: ".permute(0, 3, 1, 2)",
    AxisOrder.NCWH_OF_NCHW: ", its axes left as they are: the channels are first already",
}


def judge(facts: Facts) -> Verdict:
    """Found where the first convolution is given B C W H."""
    order = facts.data.axis_order
    if order is None:
        return lacking(facts, "data.axis_order")
    if order.value in _MOVES:
        values = {"order": order.value, "move": _MOVES[order.value]}
        return Found(Evidence(origin=order.origin, values=values))
    if order.value is AxisOrder.NC_OPEN:
        return Undecided(reason="height and width are swapped in what is compared, not on the way into the convolution")
    if order.value in (AxisOrder.SCRAMBLED, AxisOrder.SCRAMBLED_ARRAY):
        return left_to("VAE101")
    if order.value is AxisOrder.SCRAMBLED_CLASSES:
        return Undecided(reason="the axes were followed into the loss, not into the first convolution")
    return Clean()


MISTAKE = Mistake(
    code="VAE103",
    name="swapped-height-width",
    severity=Severity.WARNING,
    summary="Height and width change places on the way into the first convolution.",
    why=(
        "A reversed tuple of axes turns (B, H, W, C) into (B, C, W, H): the picture is mirrored on its diagonal. "
        "Square images hide it, and flattened ones too; pretrained weights then see every picture lying on its "
        "side, and what the decoder draws no longer lines up with the input pixel by pixel."
    ),
    symptoms=("scrambled", "shapes-disagree"),
    said=("height and width swapped", "H and W are swapped"),
    message="height and width are swapped before the first convolution",
    evidence="the convolution receives {order}",
    fix="{called.x} = {called.x}{move}",
    bad=edit(("x = x.permute(0, 3, 1, 2)", "x = x.permute(0, 3, 2, 1)  # VAE103"), text=CHANNELS_LAST),
    good=CHANNELS_LAST,
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.permute.html",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html",
    ),
    seen_by=frozenset({Observer.AUDIT, Observer.LINT}),
    judge=judge,
)
