"""What is said of latents that have further axes, as steps, nodes or maps: no number that leaves their count out."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

from vae_checked.finding import Finding
from vae_checked.linter import LintReport
from vae_checked.mathematics.effective_beta import rendered

OF_STEPS = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.up = nn.GRUCell(12, 40), nn.Linear(12, 50)
        self.to_m, self.to_s = nn.Linear(90, 12), nn.Linear(90, 12)
        self.start = nn.Parameter(torch.zeros(1, 40))

    def turn(self, h, x):
        both = torch.cat([h, x], dim=1)
        m, s = self.to_m(both), self.to_s(both)
        return m, s, m + torch.exp(0.5 * s) * torch.randn_like(s)

    def forward(self, x):
        h = self.start.expand(len(x), -1)
        ms, ss, zs = [], [], []
        for t in range(x.shape[1]):
            m, s, z = self.turn(h, x[:, t])
            h = self.cell(z, h)
            ms.append(m)
            ss.append(s)
            zs.append(z)
        return {returned}


net = Net()
for x in DataLoader(records, 32):
    z, m, s = net(x)
    kl = -0.5 * (1 + s - m.pow(2) - s.exp()).{reduced}
    recon = F.mse_loss(net.up(z), x, reduction="{error}")
    (recon + kl).backward()
"""
)
STACKED = ", ".join(f"torch.stack({each}, dim={{axis}})" for each in ("zs", "ms", "ss"))
ONE_TURN = "self.turn(h, x)[2], *self.turn(h, x)[:2]"

OF_NODES = (
    HEAD
    + """
class Layer(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.linear, self.own = nn.Linear(width, out), nn.Parameter(torch.eye(width))

    def forward(self, edges, x):
        return self.linear({product})


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = Layer(60, 32), Layer(60, 32)
        self.back = nn.Sequential(nn.Linear(32, 60), nn.Sigmoid())

    def forward(self, edges, x):
        m, s = self.to_m(edges, x), self.to_s(edges, x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


net = Net()
for edges, x in DataLoader(records, 32):
    y, m, s = net(edges, x)
    kl = -0.5 * (1 + s - m.pow(2) - s.exp()).{reduced}
    (F.mse_loss(y, x, reduction="{error}") + kl).backward()
"""
)
OF_MAPS = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Conv2d(3, 6, 4, 4), nn.Conv2d(3, 6, 4, 4)
        self.back = nn.ConvTranspose2d(6, 3, 4, 4)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


net = Net()
for x in DataLoader(records, 32):
    y, m, s = net(x)
    kl = -0.5 * (1 + s - m.pow(2) - s.exp()).{reduced}
    (F.mse_loss(y, x, reduction="{error}") + kl).backward()
"""
)
ROWS_MEAN = "sum(-1).mean()"
ONE_OVER_BATCH = "1 / B (B the batch size; at batch 128: 0.007812)"
UNKNOWN = "proportional to 1 / the batch size"


def betas(report: LintReport) -> set[str]:
    found = [facts.objective.effective_beta for facts in report.facts]
    return {rendered(fact.value) for fact in found if fact is not None}


def mismatch(report: LintReport) -> Finding:
    (found,) = [finding for finding in report.findings if finding.code == "VAE504"]
    return found


@pytest.mark.parametrize(
    "source",
    [
        OF_STEPS.format(returned=STACKED.format(axis=1), reduced=ROWS_MEAN, error="sum"),
        OF_STEPS.format(returned=STACKED.format(axis=-2), reduced=ROWS_MEAN, error="sum"),
        OF_NODES.format(product="edges @ x", reduced=ROWS_MEAN, error="sum"),
        OF_NODES.format(product="torch.bmm(edges, x)", reduced=ROWS_MEAN, error="sum"),
        OF_MAPS.format(reduced="sum(1).mean()", error="sum"),
    ],
    ids=["steps", "steps from behind", "nodes", "nodes by bmm", "maps"],
)
def test_a_mean_that_may_be_one_over_more_than_the_batch_has_no_number(source: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": source})
    found = mismatch(report)
    assert not betas(report)
    assert found.evidence.endswith(UNKNOWN)
    assert "over all axes of a sample, then divide both by the batch size" in found.fix
    assert "len(" not in found.fix


@pytest.mark.parametrize(
    "source",
    [
        OF_STEPS.format(returned=ONE_TURN, reduced=ROWS_MEAN, error="sum"),
        OF_NODES.format(product="x", reduced=ROWS_MEAN, error="sum"),
        OF_MAPS.format(reduced="sum((1, 2, 3)).mean()", error="sum"),
    ],
    ids=["one turn", "rows", "all axes of maps"],
)
def test_a_mean_over_the_batch_alone_keeps_its_number(source: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": source})
    assert betas(report) == {ONE_OVER_BATCH}
    assert mismatch(report).fix.endswith("/ len(x)")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (OF_STEPS.format(returned=STACKED.format(axis=1), reduced="mean()", error="mean"), "D / L"),
        (OF_NODES.format(product="edges @ x", reduced="mean()", error="mean"), "D / L"),
        (OF_NODES.format(product="torch.bmm(edges, x)", reduced="mean()", error="mean"), "D / L"),
        (
            OF_NODES.format(product="x @ self.own", reduced="mean()", error="mean"),
            "1.875 (latents 32, elements of a sample 60)",
        ),
    ],
    ids=["steps", "nodes", "nodes by bmm", "rows"],
)
def test_latents_are_counted_in_all_axes_or_not_at_all(source: str, text: str, tmp_path: Path) -> None:
    (found,) = betas(linted(tmp_path, {"net.py": source}))
    assert found.startswith(text)


def test_a_mean_over_steps_beside_an_error_summed_over_them_is_not_clean(tmp_path: Path) -> None:
    steps = OF_STEPS.format(returned=STACKED.format(axis=1), reduced=ROWS_MEAN, error="sum")
    row = OF_STEPS.format(returned=ONE_TURN, reduced=ROWS_MEAN, error="sum")
    of_steps, of_row = (
        {code for each in linted(tmp_path / name, {"net.py": source}).judgements for code in each.clean}
        for name, source in (("steps", steps), ("row", row))
    )
    assert "VAE503" not in of_steps
    assert "VAE503" in of_row
