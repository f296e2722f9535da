"""A KL to a prior with heads of its own takes four values, which are easily handed over in another order."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.reports import all_examined

WRITTEN = (
    HEAD
    + """
from torch.distributions import Normal, kl_divergence


def divergence(mu1, mu2, ls1, ls2):
    return ls2 - ls1 - 0.5 + 0.5 * (ls1.exp() ** 2 + (mu1 - mu2) ** 2) / ls2.exp() ** 2


def between(mu1, mu2, ls1, ls2):
    return kl_divergence(Normal(mu1, ls1.exp()), Normal(mu2, ls2.exp()))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_q, self.to_p, self.back = nn.Linear(84, 14), nn.Linear(10, 14), nn.Linear(7, 84)

    def forward(self, x, c):
        m, s = self.to_q(x).chunk(2, dim=1)
        pm, ps = self.to_p(c).chunk(2, dim=1)
        y = self.back(m + s.exp() * torch.randn_like(s))
        kl = CALL
        return F.mse_loss(y, x, reduction="none").sum(1).mean() + kl.sum(1).mean()
"""
)
# Which of the two means is the prior's makes no difference.
RIGHT = ("m, pm, s, ps", "pm, m, s, ps")
WRONG = ("m, s, pm, ps", "m, s, ps, pm", "pm, ps, s, m", "ps, pm, s, m")


@pytest.mark.parametrize("function", ["divergence", "between"])
@pytest.mark.parametrize("given", RIGHT)
def test_heads_that_a_kl_takes_as_the_sampler_does(given: str, function: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": WRITTEN.replace("CALL", f"{function}({given})")})
    assert codes(report) == []
    assert any("VAE205" in each.clean for each in all_examined(report))


@pytest.mark.parametrize("function", ["divergence", "between"])
@pytest.mark.parametrize("given", WRONG)
def test_heads_that_are_two_means_or_two_widths_to_a_kl(given: str, function: str, tmp_path: Path) -> None:
    call = f"{function}({given})"
    (finding,) = linted(tmp_path, {"net.py": WRITTEN.replace("CALL", call)}).findings
    assert finding.code == "VAE205"
    assert "both as means, or both as widths" in finding.message
    assert finding.place is not None
    assert finding.place.text.strip() == f"kl = {call}"


def test_heads_that_two_calls_hand_over_are_shown_where_they_are_read(tmp_path: Path) -> None:
    twice = "0.5 * divergence(m, s, pm, ps)\n        kl = kl + 0.5 * divergence(m, s, pm, ps)"
    (finding,) = linted(tmp_path, {"net.py": WRITTEN.replace("CALL", twice)}).findings
    assert finding.code == "VAE205"
    assert finding.place is not None
    assert finding.place.text.strip().startswith("return ls2 - ls1")
