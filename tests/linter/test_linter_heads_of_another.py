"""Of two posteriors, each KL takes both heads of one: a head that is handed to two KLs leaves another one out."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

WRITTEN = (
    HEAD
    + """

def divergence(m, s):
    return -0.5 * (1 + s - m.pow(2) - s.exp()).sum(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.other, self.back = nn.Linear(84, 14), nn.Linear(84, 14), nn.Linear(14, 84)

    def forward(self, x):
        m, s = self.one(x).chunk(2, dim=1)
        n, t = self.other(x).chunk(2, dim=1)
        first = m + torch.exp(0.5 * s) * torch.randn_like(s)
        second = n + torch.exp(0.5 * t) * torch.randn_like(t)
        y = self.back(torch.cat([first, second], 1))
        kl = SUM
        return (F.mse_loss(y, x, reduction="none").sum(1) + kl).mean()
"""
)
# Both parts of all heads are in some KL: as a sum it is the same whichever mean stands beside which width.
RIGHT = (
    "divergence(m, s) + divergence(n, t)",
    "divergence(m, t) + divergence(n, s)",
    "divergence(m, s) + divergence(n, t) + divergence(n, s)",
)
WRONG = (
    "divergence(m, s) + divergence(n, s)",
    "divergence(m, t) + divergence(n, t)",
    "divergence(m, s) + divergence(m, t)",
)
# Of which posterior a KL is left out on purpose is not known.
OPEN = ("divergence(m, s)", "divergence(m, s) + divergence(m, s)", "divergence(m, s) + n.pow(2).sum(1)")


@pytest.mark.parametrize("kls", RIGHT)
def test_kls_that_have_all_heads_of_two_posteriors(kls: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": WRITTEN.replace("SUM", kls)})) == []


@pytest.mark.parametrize("kls", WRONG)
def test_a_head_in_two_kls_that_leaves_another_out(kls: str, tmp_path: Path) -> None:
    (finding,) = linted(tmp_path, {"net.py": WRITTEN.replace("SUM", kls)}).findings
    assert finding.code == "VAE205"
    assert "with a head of another posterior" in finding.message


@pytest.mark.parametrize("kls", OPEN)
def test_a_posterior_without_a_kl_takes_no_head_of_another(kls: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": WRITTEN.replace("SUM", kls)})) == []


@pytest.mark.parametrize(
    "drawn",
    [
        # Another width of the same mean, one of which a setting picks; and one that is a number.
        "m + torch.exp(0.5 * (t if self.training else s)) * torch.randn_like(s)",
        "m + torch.exp(0.5 * t) * torch.randn_like(t) if x.shape[1] > 9 else m + s.exp() * torch.randn_like(s)",
    ],
)
def test_two_widths_of_one_mean_are_no_two_posteriors(drawn: str, tmp_path: Path) -> None:
    text = WRITTEN.replace("n + torch.exp(0.5 * t) * torch.randn_like(t)", drawn)
    report = linted(tmp_path, {"net.py": text.replace("SUM", "divergence(m, s)")})
    assert not any("another posterior" in finding.message for finding in report.findings)


def test_a_head_that_is_used_otherwise_is_not_left_out(tmp_path: Path) -> None:
    kls = "divergence(m, s) + divergence(n, s) + (t - 1).pow(2).sum(1)"
    assert codes(linted(tmp_path, {"net.py": WRITTEN.replace("SUM", kls)})) == []


TAKEN = """        m, s = self.one(x).chunk(2, dim=1)
        n, t = self.other(x).chunk(2, dim=1)
"""
# One layer makes all four.
OF_ONE_LAYER = (
    "m, s, n, t = self.all(x).chunk(4, dim=1)",
    "m, s, n, t = torch.split(self.all(x), 7, dim=-1)",
    "m, s, n, t = self.all(x).split(7, 1)",
    "h = self.all(x)\n        m, s, n, t = h[:, :7], h[:, 7:14], h[:, 14:21], h[:, 21:]",
    "m, s, n, t = self.all(x).view(-1, 4, 7).unbind(1)",
    "one, other = self.all(x).chunk(2, 1)\n        (m, s), (n, t) = one.chunk(2, 1), other.chunk(2, 1)",
)


def of_one_layer(taken: str, kls: str) -> str:
    assert TAKEN in WRITTEN
    layers = "self.one, self.other, self.back = nn.Linear(84, 14), nn.Linear(84, 14), nn.Linear(14, 84)"
    assert layers in WRITTEN
    text = WRITTEN.replace(TAKEN, f"        {taken}\n").replace("SUM", kls)
    return text.replace(layers, "self.all, self.back = nn.Linear(84, 28), nn.Linear(14, 84)")


@pytest.mark.parametrize("taken", OF_ONE_LAYER)
def test_heads_of_one_layer_that_two_kls_share(taken: str, tmp_path: Path) -> None:
    for number, kls in enumerate(WRONG):
        (finding,) = linted(tmp_path / str(number), {"net.py": of_one_layer(taken, kls)}).findings
        assert finding.code == "VAE205"
        assert "with a head of another posterior" in finding.message
    for kls in RIGHT:
        report = linted(tmp_path / "right", {"net.py": of_one_layer(taken, kls)})
        assert codes(report) == []
        assert any("VAE205" in each.clean for each in report.vaes)


@pytest.mark.parametrize(
    "taken",
    [
        # What the two have in common is not known: one head under two conditions.
        "h = self.all(x)\n        m, n, s, t = h[:, :7], h[:, 7:14], h[:, 14:21], h[:, 14 + offset():]",
        "h = self.all(x)\n        m, n, s, t = h[:, :7], h[:, 7:14], h[:, 14:21], h[:, 15:22]",
    ],
)
def test_parts_that_overlap_are_no_two_heads(taken: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": of_one_layer(taken, "divergence(m, s) + divergence(n, s)")})
    assert not any("another posterior" in finding.message for finding in report.findings)
