"""A KL in which another function stands for one of its terms: of the mean, or of the head for std."""

from __future__ import annotations

from pathlib import Path

import pytest
from linter_losses import KL, LOOP, MODEL, RECON, looped, read

SIZES = {
    "the size of the mean": "kl = -0.5 * torch.sum(1 + logvar - mu.abs() - logvar.exp())",
    "the exponential of the mean for its square": "kl = -0.5 * torch.sum(1 + logvar - mu.exp() - logvar.exp())",
    "a square for the variance": "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar ** 2)",
    "the mean for the variance": "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - mu.exp())",
    "the head for the variance": "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar)",
    "the mean for the logarithm": "kl = -0.5 * torch.sum(1 + mu - mu ** 2 - logvar.exp())",
    "the product of both heads": "kl = 0.5 * torch.sum(mu * logvar + logvar.exp() - logvar - 1)",
    "a size of a log std": "kl = 0.5 * torch.sum(mu.abs() + torch.exp(2 * logvar) - 2 * logvar - 1)",
    "of the std by name": "std = (logvar / 2).exp()\nkl = 0.5 * torch.sum(std ** 2 + mu.abs() - logvar - 1)",
}
OTHERS = {
    "the kl": "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())",
    "the variance apart": "kl = -0.5 * torch.sum(1 + logvar - mu ** 2) + 0.5 * logvar.exp().sum()",
    "a penalty of both heads": "kl = 0.5 * torch.sum(mu ** 2 + logvar ** 2)",
    "a penalty around 1": "kl = 0.5 * torch.sum(mu ** 2 + logvar ** 2 - 1)",
    "a penalty of the mean": "kl = 0.5 * torch.sum(mu ** 2 - 1)",
    "another penalty": "kl = 0.5 * torch.sum(mu.abs() + logvar ** 2 - 2 * logvar)",
}


@pytest.mark.parametrize("formula", SIZES.values(), ids=SIZES)
def test_another_function_in_the_place_of_one_term(formula: str, tmp_path: Path) -> None:
    report = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\n{formula}\nloss = recon + kl")))
    assert [finding.code for finding in report.findings if finding.code == "VAE301"] == ["VAE301"]


@pytest.mark.parametrize("formula", OTHERS.values(), ids=OTHERS)
def test_what_is_a_kl_or_no_attempt_at_one(formula: str, tmp_path: Path) -> None:
    report = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\n{formula}\nloss = recon + kl")))
    assert [finding.code for finding in report.findings if finding.code == "VAE301"] == []


@pytest.mark.parametrize("heads", ["mu, logvar", "mu.detach(), logvar.detach()"])
def test_a_formula_of_other_heads_is_none(heads: str, tmp_path: Path) -> None:
    """Only what a sampler draws with is read so: elsewhere such a polynomial may be anything."""
    other = "a, b = other(x), another(x)\nkl = 0.5 * torch.sum(a.abs() + b.exp() - b - 1)"
    report = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\n{other}\nshow({heads})\nloss = recon + kl")))
    assert [finding.code for finding in report.findings if finding.code == "VAE301"] == []


SHOWN = "shown = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\nprint(shown.item())"
TRAINED = {
    "the size of the mean": ("-0.5 * torch.sum(1 + logvar - mu.abs() - logvar.exp())", ["VAE301"], False),
    "a square for the variance": ("-0.5 * torch.sum(1 + logvar - mu ** 2 - logvar ** 2)", ["VAE301"], False),
    "what is no attempt": ("torch.sum(mu.abs() + logvar ** 2 - 2 * logvar)", [], False),
    "what is not read": ("penalty(mu, logvar)", [], False),
    "the kl": ("-0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())", [], True),
}


@pytest.mark.parametrize(("formula", "found", "clean"), TRAINED.values(), ids=TRAINED)
def test_a_kl_that_is_only_shown_does_not_answer_for_the_loss(
    formula: str, found: list[str], clean: bool, tmp_path: Path
) -> None:
    report = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\nloss = recon + {formula}\n{SHOWN}")))
    assert [finding.code for finding in report.findings if finding.code == "VAE301"] == found
    assert any("VAE301" in vae.clean for vae in report.vaes) is clean


TOLD = {
    "of a distribution": "kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(torch.zeros_like(mu), 1.0)).sum(1)",
    "of each latent": "(0.5 * (mu ** 2 + logvar.exp() - logvar - 1)).mean(0)",
    "of each latent, twice": "(mu ** 2 + logvar.exp() - logvar - 1).mean(0)",
    "detached": "(0.5 * (mu ** 2 + logvar.exp() - logvar - 1)).mean(0).detach().cpu()",
}


@pytest.mark.parametrize("weight", ["1.0", "3.0"])
@pytest.mark.parametrize("shown", TOLD.values(), ids=TOLD)
def test_a_kl_that_is_logged_beside_the_loss_is_no_finding(shown: str, weight: str, tmp_path: Path) -> None:
    lines = f"{RECON}\nprint({shown})\n{KL}\nloss = recon + {weight} * kl"
    report = read(tmp_path, MODEL + LOOP.format(body=looped(lines)))
    assert report.findings == ()
    assert [vae.core_checked for vae in report.vaes] == [True]
    without = lines.replace(f" + {weight} * kl", "")
    report = read(tmp_path, MODEL + LOOP.format(body=looped(without)))
    assert {finding.code for finding in report.findings} == {"VAE305"}


def test_a_logged_kl_that_reads_the_head_otherwise_is_named_for_that(tmp_path: Path) -> None:
    shown = "print(0.5 * torch.sum(mu ** 2 + (2 * logvar).exp() - 2 * logvar - 1))"
    report = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\n{KL}\n{shown}\nloss = recon + 3 * kl")))
    assert "VAE305" not in {finding.code for finding in report.findings}


def test_what_is_not_read_of_both_heads_may_be_the_kl(tmp_path: Path) -> None:
    lines = f"{RECON}\nloss = recon + penalty(mu, logvar)\n{SHOWN}"
    assert read(tmp_path, MODEL + LOOP.format(body=looped(lines))).findings == ()
    lines = lines.replace("mu, logvar", "x")
    report = read(tmp_path, MODEL + LOOP.format(body=looped(lines)))
    assert [finding.code for finding in report.findings] == ["VAE305"]


def test_a_shown_kl_beside_a_loss_without_one_is_named(tmp_path: Path) -> None:
    report = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\nloss = recon\n{SHOWN}")))
    assert [finding.code for finding in report.findings] == ["VAE305"]


EVALUATED = """
model = Net()
optimizer = torch.optim.Adam(model.parameters())


def cost(out, x, mu, logvar, beta=4.0):
    kl = -0.5 * torch.sum(1 + logvar - VALUE - logvar.exp())
    kl /= 128 * 4096
    return F.binary_cross_entropy(out, x) + beta * kl


def train():
    for x in training:
        out, mu, logvar = model(x)
        optimizer.zero_grad()
        loss = cost(out, x, mu, logvar)
        loss.backward()
        optimizer.step()


def evaluate():
    total = 0
    for x in held_out:
        out, mu, logvar = model(x)
        total += cost(out, x, mu, logvar, 0.5).item()
    print(total)


for epoch in range(9):
    train()
    evaluate()
"""


@pytest.mark.parametrize(("written", "found"), [("mu.pow(2)", []), ("mu.abs()", ["VAE301"])])
def test_a_kl_is_told_from_a_near_one_whatever_divides_it(written: str, found: list[str], tmp_path: Path) -> None:
    """Of a batch of pictures one element's share is below a millionth, and so is what a wrong term adds."""
    report = read(tmp_path, MODEL + EVALUATED.replace("VALUE", written))
    assert [finding.code for finding in report.findings if finding.code == "VAE301"] == found


ONE_LAYER = """

def fit(loader):
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for x in loader:
        out, m, s = model(x)
        sigma = torch.exp(s)
        kl = 0.5 * torch.sum(m.pow(2) + sigma.pow(2) - 2 * s - 1)
        loss = F.binary_cross_entropy(out, x, reduction="sum") + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(("layer", "found"), [("to_m", ["VAE205"]), ("to_s", [])])
def test_a_kl_of_heads_that_one_layer_makes_is_no_other_formula(layer: str, found: list[str], tmp_path: Path) -> None:
    model = MODEL.replace("self.to_s(h)", f"self.{layer}(h)").replace("s / 2", "s")
    report = read(tmp_path, model + ONE_LAYER)
    assert [finding.code for finding in report.findings if finding.code in ("VAE205", "VAE301")] == found


OPTIONAL = """\
import torch
from torch import nn


class Loss(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.error, self.kind = nn.MSELoss(reduction="sum"), kind

    def apart(self, mu, logvar):
        return torch.sum(mu.pow(2).add_(logvar.exp()).mul_(-1).add_(1){last}).mul_(-0.5)

    def forward(self, y, x, mu, logvar=None):
        if self.kind == "variational":
            return self.error(y, x) + self.apart(mu, logvar)
        return self.error(y, x)
"""


@pytest.mark.parametrize(("last", "expected"), [(".add_(logvar)", []), ("", ["VAE301"])])
def test_a_head_that_need_not_be_given_is_one_of_the_formula(last: str, expected: list[str], tmp_path: Path) -> None:
    report = read(tmp_path, OPTIONAL.format(last=last))
    assert [finding.code for finding in report.findings] == expected
