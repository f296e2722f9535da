"""What the remedies say of a decoder's end, where it passes activations that have to go."""

from __future__ import annotations

import pytest
from planted.facts import made

from vae_checked.catalogue import Found, find
from vae_checked.facts import REAL, SYMMETRIC_UNIT, UNIT, Facts, Interval, Likelihood

SIGNED, STANDARDISED = SYMMETRIC_UNIT, Interval(-0.4, 2.8)
# By the activations at the end, applied first first: what they leave, where the data are, and the remedy.
ENDS = {
    "one before the right one": (("silu", "tanh"), Interval(-0.28, 1.0), SIGNED, "drop the silu before the tanh"),
    "two before the right one": (
        ("relu", "silu", "tanh"), Interval(0.0, 1.0), SIGNED, "drop the relu and the silu before the tanh",
    ),
    "another one alone": (("silu",), Interval(-0.28), SIGNED, "end the decoder in a tanh in the place of the silu"),
    "two others": (
        ("relu", "hardtanh"), UNIT, SIGNED,
        "end the decoder in a tanh in the place of the relu and the hardtanh",
    ),
    "none that fits": (("sigmoid",), UNIT, STANDARDISED, "end the decoder in a linear layer, without the sigmoid"),
    "a sigmoid for a tanh": (("sigmoid",), UNIT, SIGNED, "end the decoder in a tanh"),
    "no activation": ((), Interval(0.0), SIGNED, "end the decoder in a tanh"),
}  # fmt: skip


def remedy(code: str, facts: Facts) -> str:
    verdict = find(code).judge(facts)
    assert isinstance(verdict, Found)
    return str(verdict.evidence.values["remedy"])


@pytest.mark.parametrize("name", ENDS)
def test_what_stands_before_the_right_end_is_dropped(name: str) -> None:
    chain, output, data, wanted = ENDS[name]
    facts = made(
        {
            "recon.kind": Likelihood.MSE,
            "output.activations": chain,
            "output.interval": output,
            "data.interval": data,
        }
    )
    assert remedy("VAE403", facts) == wanted


@pytest.mark.parametrize(
    ("chain", "wanted"),
    [((), ", or a sigmoid before the loss"), (("silu",), " without the silu, or a sigmoid in its place")],
    ids=["none", "one"],
)
def test_a_sigmoid_stands_in_the_place_of_another_activation(chain: tuple[str, ...], wanted: str) -> None:
    output = Interval(-0.28) if chain else REAL
    facts = made({"recon.kind": Likelihood.BCE, "output.activations": chain, "output.interval": output})
    assert remedy("VAE402", facts) == f"F.binary_cross_entropy_with_logits(x_hat, x){wanted}"
