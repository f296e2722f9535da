"""VAE104: pixels are not divided by 255, or twice."""

from __future__ import annotations

from vae_checked.catalogue.mistake import Mistake, Observer
from vae_checked.catalogue.support.example import EXAMPLE, edit
from vae_checked.catalogue.support.ranges import entering_scale, pixel_scale
from vae_checked.catalogue.verdict import Clean, Evidence, Found, Undecided, Verdict, lacking
from vae_checked.facts import Fact, Facts, Interval
from vae_checked.finding import Severity


def judge(facts: Facts) -> Verdict:
    """Found where data lie a factor of about 255 from the output, or from what is encoded; unbounded ones are open."""
    data, output, kind, trained = facts.data.interval, facts.output.interval, facts.recon.kind, facts.data.trained
    if data is None or output is None:
        return lacking(facts, "data.interval", "output.interval")
    if not data.value.bounded:
        return Undecided(reason="the data have no bounds to compare")
    if kind is None and not output.value.bounded:
        return lacking(facts, "recon.kind")
    ratio = pixel_scale(data.value, None if kind is None else kind.value, output.value)
    if ratio is None:
        return _entering(facts, data)
    what = "what the decoder can produce" if trained is None else "those that the model is trained on"
    role = "the decoder's output" if trained is None else "the data that it is trained on"
    return Found(
        Evidence(
            origin=data.origin,
            values={
                "which": "the data",
                "ratio": ratio,
                "data": data.value,
                "what": what,
                "role": role,
                "lies": f"in {output.value}",
            },
            related=((output.origin, role),),
        )
    )


def _entering(facts: Facts, data: Fact[Interval]) -> Verdict:
    """What is compared fits; the encoder may still take pixels on another scale than the loss."""
    entering = facts.data.entering
    if entering is None:
        return lacking(facts, "data.entering")
    scale = entering_scale(data.value, entering.value)
    if scale is None:
        return Clean()
    return Found(
        Evidence(
            origin=entering.origin,
            values={
                "which": "the pixels that enter the encoder",
                "ratio": scale,
                "data": data.value,
                "what": "those that the reconstruction is compared with",
                "role": "what enters the encoder is",
                "lies": f"{scale:.4g} times these",
            },
            related=((data.origin, "the data"),),
        )
    )


_PICTURES = """\


class Pictures(torch.utils.data.Dataset):
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        import numpy as np
        from PIL import Image

        picture = np.asarray(Image.open(self.paths[index]).convert("RGB"))
        return torch.from_numpy(picture).permute(2, 0, 1).float() / 255


def train(model, paths, epochs=10):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for x in torch.utils.data.DataLoader(Pictures(paths), batch_size=16):
            x_hat, mu, logvar = model(x)
            loss = loss_function(x_hat, x, mu, logvar)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
_FINE = EXAMPLE + _PICTURES


MISTAKE = Mistake(
    code="VAE104",
    name="pixel-scale",
    severity=Severity.ERROR,
    summary="The pixels are not divided by 255, or twice: data and output differ by a factor of about 255.",
    why=(
        "Raw bytes against an output in [0, 1] leave an error that nothing can reduce: the loss starts in the "
        "millions, the head for std is driven to where exp overflows, and the loss is NaN. Divided twice (ToTensor "
        "divides by 255 already) all pictures are black, and the decoder that draws black wins; where the encoder "
        "alone divides them again, all samples look alike to it, and the latents say little of them. A model that was "
        "trained on the one scale and is handed the other, by a script that embeds or scores pictures, answers with "
        "latents and errors that mean nothing."
    ),
    symptoms=("loss-is-huge", "loss-is-nan", "not-between-0-and-1", "loss-stays-high", "washed-out", "bad-embeddings"),
    said=("data are not normalized, divided by 255", "divided by 255 twice", "ToTensor divides already"),
    message="{which} are {ratio} times as large as {what}{at_related}",
    evidence="data in {data}, {role} {lies}",
    fix="divide the pixels by 255, and only once",
    bad=edit(
        ("DATA_RANGE = (0.0, 1.0)", "DATA_RANGE = (0.0, 255.0)"),
        (".float() / 255", ".float()  # VAE104"),
        text=_FINE,
    ),
    good=_FINE,
    references=(
        "https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.ToTensor.html",
        "https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.PILToTensor.html",
    ),
    seen_by=frozenset({Observer.AUDIT, Observer.LINT}),
    judge=judge,
)
