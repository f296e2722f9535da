"""What several evaluations say of one VAE is said once."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, linted

LOSS = f"""

def vae_loss(recon, x, m, s):
    error = F.binary_cross_entropy(recon, x, reduction="none").sum(1)
    kl = {KL}
    return (error + kl).mean()


def train(loader):
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for x, _ in loader:
        recon, m, s = model(x)
        loss = vae_loss(recon, x, m, s)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_a_loss_that_is_also_run_alone_leaves_the_core_of_its_vae_checked(tmp_path: Path) -> None:
    report = linted(tmp_path, {"vae.py": HEAD + MODEL + FORWARD + LOSS})
    assert report.findings == ()
    # Run alone, the loss does not tell how many axes an error has; run by the model, it does.
    assert "vae_loss" not in [facts.subject.rpartition(":")[2] for facts in report.facts]
    assert "1 VAE examined: sampler, KL and loss checked in 1" in report.summary


# Two posteriors, whose draws, KLs and errors are computed at the same lines.
TWO = (
    HEAD
    + """

def kl_of(m, s):
    return (-0.5 * (1 + s - m.pow(2) - s.exp())).sum(1).mean()


def error(given, asked):
    return (given - asked).pow(2).sum(1).mean()


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return m + torch.exp(0.5 * s) * torch.randn_like(m), m, s


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.other, self.back = Reader(), Reader(), nn.Linear(7, 84)
        self.optimizer = torch.optim.Adam(self.parameters())

    def step(self, x, y):
        self.optimizer.zero_grad()
{loss}
        loss.backward()
        self.optimizer.step()
"""
)
ERRORS = "error(self.back(z), x) + error(self.back(w), y)"


def _summary(lines: list[str], tmp_path: Path) -> str:
    report = linted(tmp_path, {"vae.py": TWO.format(loss="\n".join(f"        {line}" for line in lines))})
    assert report.findings == ()
    return report.summary


@pytest.mark.parametrize(
    "lines",
    [
        ["z, m, s = self.one(x)", "w, m, s = self.other(y)", f"loss = {ERRORS} + kl_of(m, s)"],
        ["z, m, s = self.one(x)", "w, m, s = self.one(y)", f"loss = {ERRORS} + kl_of(m, s)"],
        ["z, m, s = self.one(x)", "w, _, _ = self.other(y)", f"loss = {ERRORS} + kl_of(m, s)"],
        [
            "loss = 0.0",
            "for reader, given in ((self.one, x), (self.other, y)):",
            "    z, m, s = reader(given)",
            "    loss = loss + error(self.back(z), given)",
            "loss = loss + kl_of(m, s)",
        ],
    ],
)
def test_a_posterior_without_a_kl_is_another_one_than_its_twin(lines: list[str], tmp_path: Path) -> None:
    assert "1 VAE examined: sampler, KL and loss checked in 0" in _summary(lines, tmp_path)


@pytest.mark.parametrize(
    "lines",
    [
        ["z, m, s = self.one(x)", "w, n, t = self.other(y)", f"loss = {ERRORS} + kl_of(m, s) + kl_of(n, t)"],
        # What is encoded once more of what was decoded has no prior of its own.
        ["z, m, s = self.one(x)", "w, _, _ = self.one(self.back(z))", f"loss = {ERRORS} + kl_of(m, s)"],
        # What is measured of another batch trains nothing.
        [
            "z, m, s = self.one(x)",
            "w, _, _ = self.other(y)",
            "print(error(self.back(w), y))",
            "loss = error(self.back(z), x) + kl_of(m, s)",
        ],
    ],
)
def test_a_posterior_with_its_kl_stays_checked_next_to_others(lines: list[str], tmp_path: Path) -> None:
    assert "sampler, KL and loss checked in 1" in _summary(lines, tmp_path)


DRAWN = ["z, m, s = self.one(x)", "w, n, t = self.other(y)"]


@pytest.mark.parametrize(
    ("lines", "is_clean"),
    [
        ([*DRAWN, f"loss = {ERRORS} + kl_of(m, s)", "print(kl_of(n, t).item())"], False),
        ([*DRAWN, f"loss = {ERRORS} + kl_of(n, t)", "print(kl_of(m, s).item())"], False),
        ([*DRAWN, "loss = error(self.back(z + w), x) + kl_of(m, s)", "print(kl_of(n, t))"], False),
        ([*DRAWN, "loss = error(self.back(z + w), x) + kl_of(m, s) + kl_of(n, t)", "print(kl_of(n, t))"], True),
        # The error of its draw is not trained on either.
        ([*DRAWN, "loss = error(self.back(z), x) + kl_of(m, s)", "print(error(self.back(w), y) + kl_of(n, t))"], True),
    ],
)
def test_a_kl_that_is_only_shown_is_another_one_than_its_twin(lines: list[str], is_clean: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"vae.py": TWO.format(loss="\n".join(f"        {line}" for line in lines))})
    assert report.findings == ()
    (vae,) = report.vaes
    assert "VAE301" in vae.clean
    assert ("VAE305" in vae.clean) is is_clean
