"""A balance is that of the loss that trains, and depends on the batch as its weights do."""

from __future__ import annotations

from pathlib import Path

import pytest
from linter_losses import LOOP, looped, loss_codes

TERMS = """

def terms(out, x, mu, logvar):
    recon = F.mse_loss(out, x, reduction="{reduction}")
    return recon, -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
"""
FIT = LOOP.replace("epochs=5", "validation, epochs=5, batch_size=24, share=0.3")
BOTH = """
            model.eval()
            total = 0.0
            with torch.no_grad():
                for batch in validation:
                    out, mu, logvar = model(batch[0].view(-1, 91))
                    {body}
"""
SHOWN = {
    "the error and the KL": "recon, kl = terms(out, batch[0], mu, logvar)\n                    total += recon + kl",
    "both side by side": "total += terms(out, batch[0], mu, logvar)",
    "one way side by side": (
        "if len(batch) > 2:\n"
        "                        recon = terms(out, batch[0], mu, logvar)\n"
        "                    else:\n"
        "                        recon, kl = terms(out, batch[0], mu, logvar)\n"
        "                    total += recon"
    ),
}
# The share of a batch in the data, as some weigh the KL by it.
SHARES = {
    "a name": "share = batch_size / 4200\nloss = recon + share * kl",
    "where it weighs": "loss = recon + (batch_size / 4200) * kl",
    "below": "share = 4200 / batch_size\nloss = recon + kl / share",
}
# By what multiplies the mean error beside a KL that is summed.
WEIGHTS = {
    "the batch size in a product": ("0.3 * 91 * batch_size", []),
    "the batch size first": ("batch_size * 0.3", []),
    "no batch size": ("0.3 * 91 * epochs", ["VAE504"]),
    "a share of the data": ("batch_size / len(loader.dataset)", []),
}


@pytest.mark.parametrize("body", SHOWN.values(), ids=SHOWN)
def test_a_validation_is_not_balanced_beside_a_training(body: str, tmp_path: Path) -> None:
    trained = looped("recon, kl = terms(out, x, mu, logvar)\nloss = SHARE * batch_size * recon + kl")
    text = "SHARE = 0.3\n" + TERMS.format(reduction="mean") + FIT.format(body=trained) + BOTH.format(body=body)
    assert loss_codes(tmp_path, text) == []


WEIGHED = """

def whole(out, x, mu, logvar, **options):
    weight = 1.0
    if "weight" in options:
        weight = options["weight"]
    recon = F.mse_loss(out, x)
    kl = torch.mean(-0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), dim=1), dim=0)
    return recon + weight * kl
"""


def test_a_weight_that_a_validation_leaves_out_is_that_of_the_training(tmp_path: Path) -> None:
    for weight, found in ((', weight=SETTINGS["share"]', []), ("", ["VAE502"])):
        trained = looped(f"loss = whole(out, x, mu, logvar{weight})")
        shown = BOTH.format(body="total += whole(out, batch[0], mu, logvar)")
        settings = 'import json\n\nSETTINGS = json.load(open("settings.json"))\n'
        assert loss_codes(tmp_path, settings + WEIGHED + FIT.format(body=trained) + shown) == found


def test_a_validation_that_computes_its_own_terms_is_not_balanced_either(tmp_path: Path) -> None:
    own = (
        "x = batch[0].view(-1, 91)\n"
        "                    error = F.mse_loss(out, x)\n"
        "                    apart = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n"
        "                    total += (error + apart).item()"
    )
    trained = looped("recon, kl = terms(out, x, mu, logvar)\nloss = SHARE * batch_size * recon + kl")
    text = "SHARE = 0.3\n" + TERMS.format(reduction="mean") + FIT.format(body=trained) + BOTH.format(body=own)
    assert loss_codes(tmp_path, text) == []
    # Nor where the training is not read: nothing is minimised here.
    alone = TERMS.format(reduction="mean") + FIT.format(body=looped("loss = out.sum()")) + BOTH.format(body=own)
    assert loss_codes(tmp_path, alone) == []
    differentiated = looped(
        own.replace("batch[0]", "x").replace("                    ", "").replace("total +=", "loss =")
    )
    trained = TERMS.format(reduction="mean") + FIT.format(body=differentiated.replace(".item()", ""))
    assert loss_codes(tmp_path, trained) == ["VAE502", "VAE504"]


def test_a_loss_that_is_only_returned_is_balanced(tmp_path: Path) -> None:
    text = (
        TERMS.format(reduction="mean")
        + """
def vae_loss(out, x, mu, logvar):
    recon, kl = terms(out, x, mu, logvar)
    return recon + kl
"""
    )
    assert loss_codes(tmp_path, text) == ["VAE502", "VAE504"]


@pytest.mark.parametrize(("weight", "expected"), WEIGHTS.values(), ids=WEIGHTS)
def test_a_weight_made_of_the_batch_size_moves_with_the_batch(weight: str, expected: list[str], tmp_path: Path) -> None:
    body = looped(f"share = {weight}\nrecon, kl = terms(out, x, mu, logvar)\nloss = share * recon + kl")
    assert loss_codes(tmp_path, TERMS.format(reduction="mean") + FIT.format(body=body)) == expected


@pytest.mark.parametrize("share", SHARES.values(), ids=SHARES)
def test_the_share_of_a_batch_is_a_weight(share: str, tmp_path: Path) -> None:
    body = looped(f"recon, kl = terms(out, x, mu, logvar)\n{share.replace('kl', '(kl / len(x))')}")
    assert loss_codes(tmp_path, TERMS.format(reduction="mean") + FIT.format(body=body)) == []
