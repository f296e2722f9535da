"""How probable counts are by a negative binomial distribution, written by hand, with zeros apart or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

NET = (
    HEAD
    + """

def likelihood(x, mean, spread, gate, eps=1e-8):
    {before}
    return {formula}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.back = nn.Linear(84, 33), nn.Linear(7, 84)
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)
        self.gate = nn.Linear(7, 84)
        self.log_spread = nn.Parameter(torch.randn(84))

    def step(self, x, optimizer):
        m, s = self.to_m(self.up(x)), self.to_s(self.up(x))
        z = m + torch.exp({std}) * torch.randn_like(s)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
        mean = F.softmax(self.back(z), dim=-1) * x.sum(dim=1, keepdim=True)
        loss = ({sign}likelihood(x, mean, torch.exp(self.log_spread), self.gate(z)).sum(dim=1) + kl).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
BOTH = "both = torch.log(spread + mean + eps)"
COUNTED = "torch.lgamma(x + spread) - torch.lgamma(spread) - torch.lgamma(x + 1)"
FORMS = {
    "as it is": (BOTH, f"spread * (torch.log(spread + eps) - both) + x * (torch.log(mean + eps) - both) + {COUNTED}"),
    "in another order": (
        BOTH,
        f"{COUNTED} + x * torch.log(mean) - x * both + spread * torch.log(spread) - spread * both",
    ),
    "as an error": (
        "first = torch.lgamma(spread + eps) + torch.lgamma(x + 1) - torch.lgamma(x + spread + eps)",
        "-(first + (spread + x) * torch.log(1 + mean / spread) + x * (torch.log(spread) - torch.log(mean + eps)))",
    ),
    "by the inverse of the dispersion": (
        "spread = 1 / (spread + eps)\n    mean = torch.clamp(mean, min=eps)\n    " + BOTH,
        f"spread * (torch.log(spread + eps) - both) + x * (torch.log(mean + eps) - both) + {COUNTED}",
    ),
    "with zeros apart": (
        BOTH + "\n    open = F.softplus(-gate)\n    share = -gate + spread * (torch.log(spread + eps) - both)\n"
        "    zero = F.softplus(share) - open\n"
        f"    some = -open + share + x * (torch.log(mean + eps) - both) + {COUNTED}",
        "torch.where(x < eps, zero, some)",
    ),
}
OTHER = {
    "a mean with another sign": f"spread * (torch.log(spread) + both) + x * (torch.log(mean) - both) + {COUNTED}",
    "a mean that is squared": f"spread * (torch.log(spread) - both) + x * (torch.log(mean**2) - both) + {COUNTED}",
    "no dispersion": f"x * torch.log(mean + eps) + {COUNTED}",
}


def net(before: str, formula: str, std: str = "0.5 * s", sign: str = "-") -> dict[str, str]:
    return {"net.py": NET.format(before=before, formula=formula, std=std, sign=sign)}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_likelihood_of_counts_that_are_spread_is_joined(form: tuple[str, str], tmp_path: Path) -> None:
    right = linted(tmp_path / "right", net(*form))
    assert codes(right) == []
    assert joined(right)
    assert codes(linted(tmp_path / "wrong", net(*form, std="s"))) == ["VAE201"]


@pytest.mark.parametrize("form", [FORMS["as it is"], FORMS["in another order"]], ids=["as it is", "in another order"])
def test_a_likelihood_that_is_minimised_is_named(form: tuple[str, str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, net(*form, sign=""))) == ["VAE505"]


@pytest.mark.parametrize("formula", OTHER.values(), ids=OTHER)
def test_another_formula_of_counts_is_no_likelihood(formula: str, tmp_path: Path) -> None:
    report = linted(tmp_path, net(BOTH, formula))
    assert [facts for facts in report.facts if facts.kl.form]
    assert joined(report) == []
