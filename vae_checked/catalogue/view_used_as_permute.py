"""VAE101: a view that should have been a permute."""

from __future__ import annotations

from vae_checked.catalogue.example import CHANNELS_LAST, edit
from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.facts import AxisOrder, Evidence, Facts
from vae_checked.finding import Severity


def judge(facts: Facts) -> Evidence | None:
    order = facts.data.axis_order
    if order is None or order.value is not AxisOrder.SCRAMBLED:
        return None
    return Evidence(origin=order.origin, values={"order": order.value})


MISTAKE = Mistake(
    code="VAE101",
    name="view-used-as-permute",
    severity=Severity.ERROR,
    summary="`view` or `reshape` is used to reorder axes: it relabels them and moves no element.",
    why=(
        "A channels-last image viewed as (B, C, H, W) has neighbouring pixels and colours shuffled into each other's "
        "places. The shape is right, so everything runs; the convolution sees a picture that has no neighbourhoods, "
        "and the reconstruction stays washed out."
    ),
    message="the axes of x are reordered without moving an element: two dimensions are mixed up",
    measured="the first convolution receives {order}",
    fix="x = x.permute(0, 3, 1, 2)",
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
    needs=("data.axis_order",),
    judge=judge,
)
