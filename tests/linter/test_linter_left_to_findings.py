"""What a finding leaves undecided is decided by that finding: such a VAE was examined whole, others were not."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, LAYERS_FORWARD, LOOP, codes, linted

from vae_checked.reports import all_examined

MEAN = f"({KL}).mean()"
LOSSES = {
    "a softmax twice": (f"F.cross_entropy(torch.softmax(y, 1), x.argmax(-1)) + {MEAN}", ["VAE405"], True),
    "over the wrong axes": (f'F.mse_loss(torch.relu(y), x, reduction="none").sum(0).mean() + {MEAN}', ["VAE501"], True),
    "a softmax twice beside another KL": (
        "F.cross_entropy(torch.softmax(y, 1), x.argmax(-1)) + settings.divergence(m, s)",
        ["VAE405"],
        False,
    ),
}


@pytest.mark.parametrize(("loss", "expected", "whole"), LOSSES.values(), ids=LOSSES)
def test_a_question_that_a_finding_answers_is_decided(
    loss: str, expected: list[str], whole: bool, tmp_path: Path
) -> None:
    loop = LOOP.format(loss=f"loss = {loss}", differentiated="loss.backward()")
    report = linted(tmp_path, {"net.py": HEAD + LAYERS + LAYERS_FORWARD + loop})
    (vae,) = all_examined(report)
    assert codes(report) == expected
    assert vae.core_checked is whole
    assert (vae.gap is None) is whole
