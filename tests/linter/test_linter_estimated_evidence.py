"""An estimate of the evidence by weights of many draws, without a gradient, beside the training of the same heads."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

SCRIPT = (
    HEAD
    + "import math\n"
    + MODEL
    + FORWARD
    + """

def density(z, m, s):
    return torch.sum(-0.5 * (math.log(2 * math.pi) + s) - (z - m) ** 2 / (2 * s.exp()), -1)


def likelihood(y, x):
    return torch.sum(x * torch.log(y) + (1 - x) * torch.log(1 - y), -1)


net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x in DataLoader(Dataset()):
    y, m, s = net(x)
    loss = (-likelihood(y, x) {by} {kl}).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with torch.no_grad():
    for x in DataLoader(Dataset()):
        m, s = net.encode(x)
        z = m[:, None, :] + {std}[:, None, :] * torch.randn(m.size(0), 50, m.size(1))
        flat = z.view(-1, z.size(-1))
        wide = [each[:, None, :].expand_as(z).reshape(flat.size(0), -1) for each in (m, s)]
        none = torch.zeros(flat.size())
        given = likelihood(net.back(flat), x.repeat_interleave(50, 0))
        weights = (given + density(flat, none, none) - density(flat, wide[0], wide[1])).view(-1, 50)
        print(torch.logsumexp(weights, 1).mean() - math.log(50))
"""
)


@pytest.mark.parametrize(
    ("by", "std", "found"),
    [
        ("+", "torch.exp(0.5 * s)", []),
        ("-", "torch.exp(0.5 * s)", ["VAE302"]),
        ("+", "torch.exp(s)", ["VAE201"]),
    ],
    ids=["right", "trained by the wrong sign", "estimated by the wrong std"],
)
def test_an_estimate_is_no_latent_of_its_own(by: str, std: str, found: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": SCRIPT.format(by=by, std=std, kl=KL)})
    assert codes(report) == found
    assert [vae.core_checked for vae in report.vaes] == [std != "torch.exp(s)"]


MEASURED = """
with torch.no_grad():
    for x in DataLoader(Dataset()):
        y, _, _ = net(x)
        print(F.mse_loss(y.detach(), x, reduction="sum").item())
        m, s = net.encode(x)
        z = m + {other} * torch.randn_like(m)
        print(F.mse_loss(net.back(z), x, reduction="sum").item())
"""


@pytest.mark.parametrize(("other", "found"), [("torch.exp(0.5 * s)", []), ("torch.exp(s)", ["VAE201"])])
def test_an_error_alone_that_is_measured_is_none_either(other: str, found: list[str], tmp_path: Path) -> None:
    script = SCRIPT[: SCRIPT.index("with torch.no_grad")].format(by="+", kl=KL) + MEASURED.format(other=other)
    report = linted(tmp_path, {"train.py": script})
    assert codes(report) == found
    assert [vae.core_checked for vae in report.vaes] == [not found]
