"""Losses that take a model's result whole, or both heads as a pair, and take it apart themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, codes, linted

FORWARD = """
    def forward(self, x):
        m, logvar = self.encode(x)
        return {returned}

    def drawn(self, m, logvar):
        return self.back(m + torch.exp({exponent} * logvar) * torch.randn_like(m))
"""
CRITERION = (
    HEAD
    + """

def vae_loss({parameters}):
    {unpacked} = heads
    error = F.mse_loss(recon, x, reduction="none").sum(1)
    return (error - 0.5 * torch.sum(1 + logvar - m.pow(2) - logvar.exp(), dim=1)).mean()
"""
)
WAYS = {
    "the whole result": ("self.drawn(m, logvar), m, logvar", "x, heads", "recon, m, logvar"),
    "a pair of heads": ("self.drawn(m, logvar), (m, logvar)", "recon, x, heads", "m, logvar"),
    "a pair of heads first": ("(m, logvar), self.drawn(m, logvar)", "heads, recon, x", "m, logvar"),
}


@pytest.mark.parametrize(("returned", "parameters", "unpacked"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("exponent", "named"), [("0.5", []), ("1.0", ["VAE201"])])
def test_a_loss_meets_the_sampler_of_what_it_takes_apart(
    tmp_path: Path, returned: str, parameters: str, unpacked: str, exponent: str, named: list[str]
) -> None:
    net = HEAD + MODEL + FORWARD.format(returned=returned, exponent=exponent)
    loss = CRITERION.format(parameters=parameters, unpacked=unpacked)

    report = linted(tmp_path, {"net.py": net, "loss.py": loss})

    assert codes(report) == named
    assert any(facts.kl.form is not None and facts.sampler.std is not None for facts in report.facts)
