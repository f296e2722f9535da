"""VAE704: pictures on another scale than the VAE was trained on, or the map of pixels on latents."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import edit
from vae_checked.catalogue.support.in_use import IN_USE
from vae_checked.catalogue.support.known_vaes import was_trained_on_symmetric_pixels
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking
from vae_checked.facts import BYTE, SYMMETRIC_UNIT, Fact, Facts, Interval, Origin
from vae_checked.finding import Severity

# Pixels that a dark batch, or a picture without white, still reaches.
_REACHED = 0.5
# Where the least value of pixels lies that were mapped to [-1, 1] and once more: 2 * -1 - 1.
_TWICE = -2.9
# What all pixels lie below that were divided by 127.5, less 1, and were no bytes.
_DARK = -0.9
# So much of a picture is lost where it is taken for another range than its own.
_CUT = 0.4
# How far from 0 and 1 the ends of a picture may lie that is on the scale it is taken for.
_NEAR = 0.02


def judge(facts: Facts) -> Verdict:
    """Found where the pictures that are encoded lie in [0, 1] or far beyond 1, and the VAE takes [-1, 1]."""
    mapped = facts.latents.pixel_map
    if mapped is not None and mapped.value:
        values = {
            "what": f"the map of pixels, {mapped.value}, stands on the latents",
            "pixels": "latents are about normal, not in an interval",
            "remedy": "map the picture before encode, or behind decode",
        }
        return Found(Evidence(origin=mapped.origin, values=values))
    vae, pixels, shown = facts.latents.vae, facts.latents.pixels, facts.latents.shown
    if vae is None or (pixels is None and shown is None):
        return lacking(facts, "latents.vae", "latents.pixels")
    other = facts.latents.other_pixels
    if other is None and not was_trained_on_symmetric_pixels(vae.value):
        return Undecided(reason="the range that this VAE was trained on is not known")
    related = () if other is None else ((other.origin, "its other end takes pictures in [-1, 1] here"),)
    if shown is not None:
        return _of_shown(shown, ((vae.origin, "decoded here"), *related))
    assert pixels is not None  # noqa: S101  one of the two was asked for above
    what = _wrong(pixels.value)
    if what is None:
        return (
            Clean()
            if SYMMETRIC_UNIT.contains(pixels.value, tolerance=0.02)
            else Undecided(reason=f"whether pictures in {pixels.value} lie in [-1, 1] is not known")
        )
    trained = "that was trained on" if other is None else "whose other end takes"
    values = {
        "what": f"{what} go into a VAE {trained} [-1, 1]",
        "pixels": f"pictures in {pixels.value}",
        "remedy": "encode x * 2 - 1 of pictures x in [0, 1]",
    }
    return Found(Evidence(origin=pixels.origin, values=values, related=((vae.origin, "encoded here"), *related)))


def _of_shown(shown: Fact[Interval], related: tuple[tuple[Origin, str], ...]) -> Verdict:
    """Found where what decode gives is taken for [0, 1] or bytes as it is, or is mapped there twice."""
    lies = shown.value
    if shown.value.low <= -_CUT:
        what, remedy = "pictures in [-1, 1] are taken for pictures in [0, 1]", "map the picture first: x / 2 + 0.5"
    elif shown.value.low >= _CUT:
        what, remedy = "pictures that were mapped to [0, 1] are mapped once more", "map the picture once: x / 2 + 0.5"
    elif (of_bytes := Interval(shown.value.low * BYTE.high, shown.value.high * BYTE.high)) == SYMMETRIC_UNIT:
        lies, what, remedy = (
            of_bytes,
            "pictures in [-1, 1] are taken for bytes",
            "map the picture first: x * 127.5 + 127.5",
        )
    elif max(abs(shown.value.low), abs(shown.value.high - 1)) <= _NEAR:
        return Clean()
    else:
        return Undecided(reason=f"what decode gives lies in {shown.value} of the range that it is taken for")
    values = {"what": what, "pixels": f"what decode gives lies in {lies} here", "remedy": remedy}
    return Found(Evidence(origin=shown.origin, values=values, related=related))


def _wrong(pixels: Interval) -> str | None:
    """What pictures in an interval are that is not [-1, 1]."""
    if not pixels.bounded:
        return None
    if pixels.high <= _DARK:
        return "pictures in [0, 1] that were mapped as if they were bytes"
    if pixels.high <= _REACHED:
        return None
    if pixels.low <= _TWICE and pixels.high <= 1.05:
        return "pictures that were mapped to [-1, 1] twice"
    if pixels.low >= 0:
        return "bytes" if pixels.high > 2 * _REACHED + 1 else "pictures in [0, 1]"
    # The mean and standard deviation of ImageNet take white to about 2.2 to 2.7.
    return "pictures normalised by the statistics of a data set" if pixels.high > 2 and pixels.low < -1.5 else None


_PICTURES = """\


def pictures(folder):
    from torchvision import datasets, transforms

    return datasets.ImageFolder(folder, transforms.Compose([transforms.Resize(64), transforms.ToTensor()]))


def train_on(folder, model, scheduler, t):
    for x, _label in torch.utils.data.DataLoader(pictures(folder), batch_size=16):
        train(model, scheduler, x * 2 - 1, t).backward()
"""
_FINE = IN_USE + _PICTURES


MISTAKE = Mistake(
    code="VAE704",
    name="pixel-range-at-the-vae",
    severity=Severity.ERROR,
    summary="Pictures are encoded on another scale than the VAE was trained on, or latents are mapped as if pixels.",
    why=(
        "The autoencoders of latent diffusion take pictures in [-1, 1]. One in [0, 1] is encoded as a pale picture of"
        " half the contrast, and is decoded as one: the latents are those of washed-out images, and no loss tells."
    ),
    symptoms=("washed-out", "loss-stays-high"),
    said=(
        "images not normalised to [-1, 1] before vae.encode",
        "pale, dull colours of a pretrained VAE",
        "vae.encode of [0, 1] pictures",
    ),
    message="on the scale of something else: {what}",
    evidence="what is known: {pixels}",
    fix="{remedy}",
    bad=edit(
        ("scheduler, x * 2 - 1, t)", "scheduler, x, t)"),
        ("transforms.ToTensor()]))", "transforms.ToTensor()]))  # VAE704"),
        text=_FINE,
    ),
    good=_FINE,
    references=("https://huggingface.co/docs/diffusers/api/image_processor",),
    seen_by=frozenset({Observer.LINT}),
    judge=judge,
)
