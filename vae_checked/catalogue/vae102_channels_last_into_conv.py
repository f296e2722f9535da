"""VAE102: a channels-last image goes into a convolution."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import CHANNELS_LAST, edit
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking, left_to
from vae_checked.facts import Facts
from vae_checked.finding import Severity
from vae_checked.layout_facts import AxisOrder


def judge(facts: Facts) -> Verdict:
    """Found where the first convolution is given B H W C."""
    order = facts.data.axis_order
    if order is None:
        return lacking(facts, "data.axis_order")
    if order.value is AxisOrder.NHWC:
        return Found(Evidence(origin=order.origin, values={"order": order.value}))
    if order.value in (AxisOrder.SCRAMBLED, AxisOrder.SCRAMBLED_ARRAY):
        return left_to("VAE101")
    if order.value is AxisOrder.SCRAMBLED_CLASSES:
        return Undecided(reason="the axes were followed into the loss, not into the first convolution")
    return Clean()


MISTAKE = Mistake(
    code="VAE102",
    name="channels-last-into-conv",
    severity=Severity.ERROR,
    summary="A channels-last image (B, H, W, C) goes into a convolution, which reads axis 1 as the channels.",
    why=(
        "Where the convolution's number of input channels happens to be the image's height, nothing complains: rows "
        "are mixed as if they were colours, and the kernel slides over width and colour instead of height and width."
    ),
    symptoms=("scrambled", "shapes-disagree", "loss-stays-high"),
    said=("channels last into conv", "NHWC instead of NCHW", "expected input to have 3 channels"),
    message="a channels-last image goes into a convolution, which reads its height as channels",
    evidence="the convolution receives {order}, it takes B C H W",
    fix="{called.x} = {called.x}.permute(0, 3, 1, 2)",
    bad=edit(
        ("nn.Conv2d(3, 6, 3, padding=1)", "nn.Conv2d(8, 6, 3, padding=1)"),
        ("self.fc_mu = nn.Linear(6 * 8 * 12, latents)", "self.fc_mu = nn.Linear(6 * 12 * 3, latents)"),
        ("self.fc_logvar = nn.Linear(6 * 8 * 12, latents)", "self.fc_logvar = nn.Linear(6 * 12 * 3, latents)"),
        ("        x = x.permute(0, 3, 1, 2)\n", ""),
        ("h = self.encoder(x)", "h = self.encoder(x)  # VAE102"),
        text=CHANNELS_LAST,
    ),
    good=CHANNELS_LAST,
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html",
        "https://docs.pytorch.org/docs/stable/generated/torch.permute.html",
    ),
    seen_by=frozenset({Observer.AUDIT, Observer.LINT}),
    judge=judge,
)
