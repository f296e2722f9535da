"""A KL that is estimated by densities, to a prior that is not read: the posterior's density at its draw tells it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, codes, linted

from vae_checked.facts import Facts

TEXT = (
    HEAD
    + """
import math
from torch.distributions import Normal
from flows import Glow


class Planar(nn.Module):
    def __init__(self, latents=7):
        super().__init__()
        self.w, self.u = nn.Parameter(torch.randn(latents)), nn.Parameter(torch.randn(latents))

    def forward(self, z):
        a = torch.tanh((z * self.w).sum(-1, keepdim=True))
        return z + self.u * a, torch.log(torch.abs(1 + ((1 - a**2) * self.w * self.u).sum(-1)))
"""
    + MODEL
    + """
        self.flows, self.glow = nn.ModuleList([Planar(), Planar()]), Glow(7)

    def step(self, x):
        m, s = self.encode(x)
        eps = torch.randn_like(s)
        z = m + torch.exp(0.5 * s) * eps
        log_q = {own}
        {prior}
        error = F.binary_cross_entropy(self.back(z), x, reduction="none").sum(1)
        loss = (error + log_q - log_p).mean()
        loss.backward()
"""
).replace(
    """
        self.flows, self.glow""",
    """
    def build(self):
        self.flows, self.glow""",
)
FLOW = """self.build()
        at, turned = z, 0
        for flow in self.flows:
            at, log_det = flow(at)
            turned = turned + log_det
        log_p = turned - 0.5 * (at**2 + math.log(2 * math.pi)).sum(1)"""
LEARNED = "log_p = Glow(7).log_prob(z)"
OWN = {
    "written out": "(-0.5 * math.log(2 * math.pi) - 0.5 * s - 0.5 * (z - m) ** 2 / s.exp()).sum(-1)",
    "by the noise": "-0.5 * (s + eps**2 + math.log(2 * math.pi)).sum(1)",
    "of torch": "Normal(m, torch.exp(0.5 * s)).log_prob(z).sum(1)",
}


def unread(tmp_path: Path, own: str, prior: str) -> list[Facts]:
    report = linted(tmp_path, {"flowing.py": TEXT.format(own=own, prior=prior)})
    assert codes(report) == []
    return [facts for facts in report.facts if facts.kl.unread]


@pytest.mark.parametrize("prior", [FLOW, LEARNED], ids=["a flow", "a library's"])
@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
def test_the_density_of_a_posterior_at_its_draw_is_recognised(own: str, prior: str, tmp_path: Path) -> None:
    (facts,) = unread(tmp_path, own, prior)
    assert facts.sampler.std
    assert facts.recon.kind
    assert facts.kl.form is None
    assert "is not read" in facts.unobserved["kl.form"]


NO_DENSITY = {
    "without its entropy": "(-0.5 * eps**2).sum(1)",
    "with twice its entropy": "(-s - 0.5 * eps**2).sum(1)",
    "of another mean": "(-0.5 * s - 0.5 * z**2 / s.exp()).sum(1)",
}


@pytest.mark.parametrize("own", NO_DENSITY.values(), ids=NO_DENSITY)
def test_what_is_no_density_of_the_draw_is_none(own: str, tmp_path: Path) -> None:
    assert unread(tmp_path, own, LEARNED) == []


def test_a_kl_that_is_read_needs_no_other(tmp_path: Path) -> None:
    assert unread(tmp_path, OWN["of torch"], "log_p = Normal(0.0, 1.0).log_prob(z).sum(1)") == []
