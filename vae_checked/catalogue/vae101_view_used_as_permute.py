"""VAE101: a view that should have been a permute."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.edits import moved_axes
from vae_checked.catalogue.support.example import CHANNELS_LAST, edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Verdict, lacking
from vae_checked.facts import Facts
from vae_checked.finding import Severity
from vae_checked.layout_facts import AxisOrder

# What is relabelled, what receives it, and what moves the elements as well.
_PLACES = {
    AxisOrder.SCRAMBLED: ("a picture", "the first convolution", "x = x.permute(0, 3, 1, 2)"),
    AxisOrder.SCRAMBLED_ARRAY: (
        "the array of a picture",
        "whoever takes it",
        "x = np.transpose(x, (2, 0, 1)), or x.permute(2, 0, 1) of a tensor",
    ),
    AxisOrder.SCRAMBLED_CLASSES: (
        "the class scores",
        "the loss",
        "x_logits = x_logits.permute(0, 2, 3, 1).reshape(-1, C)",
    ),
}


def judge(facts: Facts) -> Verdict:
    """Found where the axes are relabelled on the way to the first convolution, or to a loss over classes."""
    order = facts.data.axis_order
    if order is None:
        return lacking(facts, "data.axis_order")
    if order.value not in _PLACES:
        return Clean()
    what, receiver, fix = _PLACES[order.value]
    values = {"order": order.value, "what": what, "receiver": receiver, "fix": fix}
    return Found(Evidence(origin=order.origin, values=values))


MISTAKE = Mistake(
    code="VAE101",
    name="view-used-as-permute",
    severity=Severity.ERROR,
    summary="`view` or `reshape` is used to reorder axes: it relabels them and moves no element.",
    why=(
        "A channels-last image viewed as (B, C, H, W) has neighbouring pixels and colours shuffled into each other's "
        "places. The shape is right, so everything runs; the convolution sees a picture that has no neighbourhoods, "
        "and the reconstruction stays washed out. Scores per class and pixel (B, C, H, W) viewed as (-1, C) make one "
        "row out of C neighbouring pixels of one class: every pixel is compared with the scores of other pixels."
    ),
    symptoms=("scrambled", "samples-mix", "washed-out"),
    said=("view instead of permute", "two dimensions are mixed up", "reshape scrambles the image"),
    message="the axes of {what} are reordered without moving an element: two dimensions are mixed up",
    evidence="the axes that {receiver} receives: {order}",
    fix="{fix}",
    bad=edit(
        (
            "        x = x.permute(0, 3, 1, 2)\n",
            "        B, H, W, C = x.shape\n        x = x.reshape(B, C, H, W)  # VAE101\n",
        ),
        text=CHANNELS_LAST,
    ),
    good=CHANNELS_LAST,
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.permute.html",
        "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html",
    ),
    seen_by=frozenset({Observer.AUDIT, Observer.LINT}),
    judge=judge,
    fixer=moved_axes,
)
