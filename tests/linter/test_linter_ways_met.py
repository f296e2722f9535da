"""What stands on two ways that nobody takes together is not put together, nor what is maximised taken for the error."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

# A flag chooses how many heads there are, and the KL of them; another term is added on the other way of the same flag.
APART = (
    HEAD
    + """

class Fair(nn.Module):
    def __init__(self, apart, judged):
        super().__init__()
        self.apart, self.judged = apart, judged
        self.trunk, self.extra, self.back = nn.Linear(20, 8), nn.Linear(20, 8), nn.Linear(4, 20)
        self.label = nn.Linear(4, 1)

    def encode(self, x):
        m, s = self.trunk(x).chunk(2, dim=1)
        if not self.apart:
            return m, s, None, None, {sign}0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
        mb, sb = self.extra(x).chunk(2, dim=1)
        ma, sa = torch.cat((m, mb), dim=1), torch.cat((s, sb), dim=1)
        return m, s, mb, sb, -0.5 * torch.sum(1 + sa - ma.pow(2) - sa.exp(), dim=1).mean()

    def forward(self, x, y):
        m, s, mb, sb, kl = self.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        bound = 2.0 * kl
        if self.apart:
            b = mb + torch.exp(0.5 * sb) * torch.randn_like(sb)
            bound += F.binary_cross_entropy_with_logits(self.label(b), y)
        elif self.judged:
            bound += -F.mse_loss(self.back(z), x, reduction="sum") / len(x)
        return z, bound
"""
)
TERMS = (
    HEAD
    + """

class Fair(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.back, self.judge = nn.Linear(20, 8), nn.Linear(4, 20), nn.Linear(4, 20)

    def terms(self, x, y):
        m, s = self.trunk(x).chunk(2, dim=1)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
        fooled = {error}
        return z, kl {joined} fooled
"""
)
LABELS = "F.binary_cross_entropy_with_logits(self.judge(z), y, reduction='sum') / len(x)"
INPUT = "F.mse_loss(self.back(z), x, reduction='sum') / len(x)"


def test_a_kl_is_not_joined_with_an_error_of_the_other_way(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"fair.py": APART.format(sign="")})) == []


def test_a_kl_is_joined_with_an_error_of_its_own_way(tmp_path: Path) -> None:
    (found,) = linted(tmp_path, {"fair.py": APART.format(sign="-")}).findings
    assert found.code == "VAE302"
    assert found.place is not None
    assert "return m, s, None, None" in APART.splitlines()[found.place.line - 1]


def test_labels_that_a_latent_is_not_to_tell_say_nothing_of_the_kl(tmp_path: Path) -> None:
    report = linted(tmp_path, {"fair.py": TERMS.format(error=LABELS, joined="-")})
    assert codes(report) == []
    assert all(facts.kl.sign is None for facts in report.facts)


@pytest.mark.parametrize(
    ("error", "joined", "expected"), [(LABELS, "+", []), (INPUT, "-", ["VAE302"]), (INPUT, "+", [])]
)
def test_the_kl_is_judged_by_what_stands_beside_it(
    error: str, joined: str, expected: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"fair.py": TERMS.format(error=error, joined=joined)})
    assert codes(report) == expected
    assert any(facts.kl.sign is not None for facts in report.facts)
