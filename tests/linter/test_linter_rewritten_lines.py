"""A remedy that writes the line of a KL anew keeps its sign, its 1/2 and its weight: the loss counts on them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, linted

NET = (
    HEAD
    + LAYERS
    + """
    def forward(self, x):
        mu, logstd = self.to_m(x), self.to_s(x)
        return self.back(mu + logstd.exp() * torch.randn_like(mu)), mu, logstd


def terms(x, y, mu, logstd, beta):
    error = F.mse_loss(y, x, reduction="none").sum(-1)
    kl = {kl}
    return error, kl


def fit(loader, beta):
    net = Net()
    for x, _ in loader:
        y, mu, logstd = net(x)
        error, kl = terms(x, y, mu, logstd, beta)
        loss = ({total}).mean()
        loss.backward()
"""
)
WRONG = "torch.sum(1 + logstd - mu ** 2 - logstd.exp(), dim=1)"
RIGHT = "torch.sum(1 + 2 * logstd - mu.pow(2) - (2 * logstd).exp(), dim=1)"


def remedies(tmp_path: Path, kl: str, total: str) -> dict[str, str | None]:
    report = linted(tmp_path, {"net.py": NET.format(kl=kl, total=total)})
    return {finding.code: finding.fix for finding in report.findings}


@pytest.mark.parametrize(
    ("kl", "total", "fix"),
    [
        (f"-0.5 * {WRONG}", "error + beta * kl", f"kl = -0.5 * {RIGHT}"),
        (f"0.5 * {WRONG}", "error - beta * kl", f"kl = 0.5 * {RIGHT}"),
        (f"{WRONG} / 2", "error - beta * kl", f"kl = 0.5 * {RIGHT}"),
        (f"-(-0.5 * {WRONG})", "error - beta * kl", f"kl = 0.5 * {RIGHT}"),
        (WRONG, "error - beta * 0.5 * kl", f"kl = {RIGHT}"),
        (f"-{WRONG}", "error + beta / 2 * kl", f"kl = -{RIGHT}"),
        (f"beta * 0.5 * {WRONG}", "error - kl", RIGHT),
        (f"-{WRONG}", "error + kl", f"kl = -0.5 * {RIGHT}"),
        (f"torch.mean(0.5 * {WRONG})", "error - beta * kl", f"kl = (0.5 * {RIGHT}).mean()"),
    ],
)
def test_the_line_of_a_kl_is_as_many_times_the_kl_as_before(kl: str, total: str, fix: str, tmp_path: Path) -> None:
    assert remedies(tmp_path, kl, total)["VAE201"] == fix


@pytest.mark.parametrize(("kl", "total", "sign"), [("-0.5", "error + kl", "+"), ("0.5", "error - kl", "-")])
def test_a_weight_is_put_before_the_kl_as_the_loss_has_it(kl: str, total: str, sign: str, tmp_path: Path) -> None:
    assert remedies(tmp_path, f"{kl} * {WRONG}", total)["VAE305"] == f"loss = (error {sign} beta * kl).mean()"


def test_a_dead_weight_is_called_as_it_is(tmp_path: Path) -> None:
    text = NET.replace("beta", "kl_weight").format(kl=f"-0.5 * {WRONG}", total="error + kl")
    fixes = {finding.code: finding.fix for finding in linted(tmp_path, {"net.py": text}).findings}
    assert fixes["VAE305"] == "loss = (error + kl_weight * kl).mean()"


@pytest.mark.parametrize(
    ("kl", "fix"),
    [
        (f"-0.5 * {WRONG}".replace("- mu ** 2", "- mu"), f"kl = -0.5 * {RIGHT}"),
        (f"beta * 0.5 * {WRONG}".replace("- logstd.exp()", "- (2 * logstd).exp()"), RIGHT),
    ],
)
def test_a_formula_of_no_kl_is_written_anew_with_its_sign(kl: str, fix: str, tmp_path: Path) -> None:
    total = "error + beta * kl" if kl.startswith("-") else "error - kl"
    assert remedies(tmp_path, kl, total)["VAE301"] == fix


@pytest.mark.parametrize(
    ("eps", "fix"),
    [
        ("1e-2 * torch.randn_like(logvar)", "epsilon = torch.randn_like(logvar), neither scaled nor shifted"),
        ("torch.randn(5, 7) * 0.3 + 1", "epsilon = torch.randn(5, 7), neither scaled nor shifted"),
        ("torch.rand_like(logvar)", "epsilon = torch.randn_like(logvar)"),
    ],
)
def test_a_draw_that_is_scaled_is_left_as_it_stands_in_its_line(eps: str, fix: str, tmp_path: Path) -> None:
    drawn = f"std = (0.5 * logvar).exp()\n        epsilon = {eps}\n        return self.back(mu + std * epsilon), mu"
    text = NET.replace("logstd", "logvar").format(kl=f"-0.5 * {WRONG}".replace("logstd", "logvar"), total="error + kl")
    text = text.replace("return self.back(mu + logvar.exp() * torch.randn_like(mu)), mu", drawn)
    fixes = {finding.code: finding.fix for finding in linted(tmp_path, {"net.py": text}).findings}
    assert fixes["VAE202"] == fix


CLASSIFIER = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(84, 20), nn.Linear(20, 10)

    def forward(self, x):
        return F.softmax(self.last(torch.relu(self.first(x))), dim=1)


def fit(loader):
    net = Net()
    for x, labels in loader:
        F.cross_entropy(net(x), labels).backward()
"""
)


def test_what_the_loss_takes_itself_is_no_part_of_the_output(tmp_path: Path) -> None:
    (finding,) = linted(tmp_path, {"vae.py": CLASSIFIER}).findings
    assert finding.code == "VAE405"
    assert finding.message.endswith("of scores in [0, 1] no class gets more than 2.72 times the probability of another")
    assert finding.evidence == "activations at its end: softmax; the loss takes the softmax of that"
