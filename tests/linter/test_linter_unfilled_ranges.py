"""What is computed from something unknown need not fill its interval, and a KL of two Bernoullis compares no data."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, joined, linted

TEXT = (
    HEAD
    + LAYERS
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        l = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        q = torch.sigmoid(l)
        y = {output}
        error = {error}
        return error.sum(1) - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
"""
)
BY_NAME = 'F.binary_cross_entropy(y, x, reduction="none")'
OF_X = "x * torch.log(y + 1e-6) + (1 - x) * torch.log(1 - y + 1e-6)"
FORWARD = """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s
"""


def found(tmp_path: Path, output: str, error: str = BY_NAME) -> list[str]:
    return codes(linted(tmp_path, {"net.py": TEXT.format(output=output, error=error)}))


@pytest.mark.parametrize(
    "output",
    [
        "torch.cumsum(torch.log(q), dim=1).exp()",
        "torch.exp(-torch.cumsum(F.softplus(l), dim=1))",
        "torch.exp(l - torch.logsumexp(l, dim=1, keepdim=True))",
        "torch.abs(torch.cumprod(q, dim=1))",
        "torch.clamp(torch.cumprod(q, dim=1), 1e-7, 10.0)",
        "torch.exp(torch.sum(torch.log(q), dim=1, keepdim=True)).expand_as(x)",
    ],
)
def test_what_is_made_of_unknown_values_is_not_judged(output: str, tmp_path: Path) -> None:
    assert found(tmp_path, output) == []
    assert found(tmp_path, output, f"-({OF_X})") == []


@pytest.mark.parametrize(
    "output",
    [
        "torch.exp(l)",
        "torch.abs(l)",
        "torch.clamp(l, 1e-7, 10.0)",
        "F.relu(torch.cumsum(l, dim=1))",
        "torch.exp(-q) + q",
    ],
)
def test_what_is_made_of_known_values_leaves_the_range(output: str, tmp_path: Path) -> None:
    assert found(tmp_path, output) == ["VAE402"]
    assert found(tmp_path, output, f"-({OF_X})") == ["VAE402"]


OBJECTIVE = """

def objective(y, x, log_likelihood, d, m, s, logits, prior_logits):
    error = -log_likelihood(y, x)
    kl = -0.5 * (1 + s - m.pow(2) - s.exp())
    q, p = torch.sigmoid(logits), torch.sigmoid(prior_logits)
    one = d * torch.log(q + 1e-6) + (1 - d) * torch.log(1 - q + 1e-6)
    other = d * torch.log(p + 1e-6) + (1 - d) * torch.log(1 - p + 1e-6)
    return {total} + kl.sum(1)
"""


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        ("error.sum(1) + (one - other).sum(1)", []),
        ("(one - other).sum(1) + error.sum(1)", []),
        ("error.sum(1) - (other - one).sum(1)", []),
        # One of them alone is an error, with a sign that is right or wrong.
        ("-one.sum(1)", []),
        ("one.sum(1)", ["VAE505"]),
        ("-(one + other).sum(1)", []),
        ("(one + other).sum(1)", ["VAE505"]),
    ],
)
def test_a_divergence_of_two_bernoullis_is_no_reconstruction(total: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": HEAD + LAYERS + FORWARD + OBJECTIVE.format(total=total)})
    assert codes(report) == expected
    is_divergence = "error" in total
    assert bool(joined(report)) is not is_divergence
