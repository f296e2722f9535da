"""A loss of two options: one chooses the KL, closed or estimated by the draw, and one the error beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, codes, linted

SCRIPT = (
    HEAD
    + "import math\n"
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back(z), m, s, z


def density(z, m, s):
    return (-0.5 * (math.log(2 * math.pi) + s + (z - m).pow(2) / s.exp())).sum(dim=-1)


def objective(out, x, how, likelihood, beta):
    y, m, s, z = out
    if likelihood == "bce":
        error = F.binary_cross_entropy(y, x, reduction="none").sum(dim=1)
    elif likelihood == "mse":
        error = F.mse_loss(y, x, reduction="none").sum(dim=1)
    else:
        raise ValueError(likelihood)
    if how == "closed":
        kl = 0.5 * (s.exp() + m.pow(2) - 1.0 - s).sum(dim=-1)
    elif how == "estimated":
        kl = density(z, m, s) - density(z, torch.zeros_like(m), torch.zeros_like(s))
    else:
        raise ValueError(how)
    return {total}


def train(loader, options):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        loss = objective(net(x), x, options.how, options.likelihood, options.beta)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
CLOSED = "0.5 * (s.exp() + m.pow(2) - 1.0 - s).sum(dim=-1)"


WEIGHED = "(error + beta * kl).mean()"


@pytest.mark.parametrize(
    ("total", "closed", "found", "is_whole"),
    [
        (WEIGHED, CLOSED, [], True),
        ("(error - beta * kl).mean()", CLOSED, ["VAE302"], True),
        (WEIGHED, CLOSED.replace("0.5", "-0.5"), [], False),
        (WEIGHED, CLOSED.replace("- s)", "+ s)"), ["VAE301"], True),
        ("beta * (error + kl).mean()", CLOSED.replace(".sum(", ".mean("), ["VAE503"], True),
    ],
    ids=["right", "both subtracted", "closed and negative", "closed by a wrong formula", "closed and averaged"],
)
def test_each_kl_is_asked_beside_each_error(
    total: str, closed: str, found: list[str], is_whole: bool, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"train.py": SCRIPT.replace(CLOSED, closed).replace("{total}", total)})
    assert codes(report) == found
    assert [vae.core_checked for vae in report.vaes] == [is_whole]
