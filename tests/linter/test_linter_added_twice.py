"""A KL that a loss adds up twice: by two loops over its terms, by two additions, layer by layer."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

from vae_checked.linter import LintReport

TRAIN = """

def fit(loader):
    settings = read_settings()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        y, m, s = net(x)
        error = F.{error}(y, x, reduction="sum") / len(x)
        kl = ({kl}).mean()
{sum}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
TWICE = {
    "two loops over a list": """\
        loss = error
        for term in [kl]:
            loss = loss + term
        for term in [kl]:
            loss += term""",
    "two loops over a table": """\
        terms = {"error": error, "kl": kl}
        loss = 0
        for name, term in terms.items():
            loss = loss + term
        for name, term in terms.items():
            if name == "kl":
                loss = loss + term""",
    "a sum and a loop": """\
        terms = [error, kl]
        loss = sum(terms)
        for term in terms[1:]:
            loss += term""",
    "in two lines": """\
        loss = kl + error
        loss = kl + loss""",
    "with the same weight": """\
        loss = error + settings.beta * kl
        loss = loss + settings.beta * kl""",
}
ONCE = {
    "one loop": """\
        loss = error
        for term in [kl]:
            loss = loss + term""",
    "both terms twice": """\
        terms = [error, kl]
        loss = sum(terms)
        for term in terms:
            loss += term""",
    "half of it twice": """\
        loss = error + 0.5 * kl
        loss = loss + 0.5 * kl""",
    "shown in another sum": """\
        loss = error + kl
        shown = (loss + kl).item()
        print(shown)""",
}
_NORMAL = "torch.distributions.kl_divergence({q}, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()"
_DRAWN = "torch.distributions.Normal(m, torch.exp(0.5 * s))"
# The KL of both heads, as it may be written a second time.
FORMULAS = {
    "other algebra": "0.5 * (m ** 2 + torch.exp(s) - s - 1).sum(1).mean()",
    "term by term": "0.5 * (torch.exp(s) + m * m).sum(1).mean() - 0.5 * (1 + s).sum(1).mean()",
    "a library": _NORMAL.format(q=_DRAWN),
    "a Gaussian of several latents": "torch.distributions.kl_divergence("
    "torch.distributions.Independent(torch.distributions.Normal(m, torch.exp(s / 2)), 1), "
    "torch.distributions.Independent(torch.distributions.Normal(torch.zeros_like(m), 1.0), 1)).mean()",
    "by the std": "(0.5 * (std ** 2 + m ** 2 - 1) - torch.log(std)).sum(1).mean()",
    "over the batch": "-0.5 * torch.sum(1 + s - m ** 2 - s.exp()) / len(x)",
}
# What no second addition of the KL is for sure, or none at all; with whether that it is added once is clean.
OTHER_TERMS = {
    "an estimate": (
        """\
q = torch.distributions.Normal(m, std)
        z = q.rsample()
        estimate = (q.log_prob(z) - torch.distributions.Normal(0.0, 1.0).log_prob(z)).sum(1).mean()
        loss = error + kl + estimate""",
        False,
    ),
    "another weight": ("loss = error + kl + 0.1 * again", False),
    "another reduction": ("loss = error + kl + again / m.shape[1]", False),
    "halves of both": ("loss = error + 0.5 * kl + 0.5 * again", False),
    "shown": ("loss = error + kl; print(again.item())", True),
}


def _linted(tmp_path: Path, lines: str, error: str = "binary_cross_entropy") -> LintReport:
    text = HEAD + MODEL + FORWARD + TRAIN.format(error=error, kl=KL, sum=lines)
    return linted(tmp_path, {"net.py": text})


@pytest.mark.parametrize("error", ["binary_cross_entropy", "mse_loss"])
@pytest.mark.parametrize("lines", TWICE.values(), ids=TWICE)
def test_a_kl_that_is_added_twice_is_named(lines: str, error: str, tmp_path: Path) -> None:
    report = _linted(tmp_path, lines, error)
    assert codes(report) == ["VAE303"]
    assert "added to the loss 2 times" in report.findings[0].message
    (beta,) = (facts.objective.effective_beta for facts in report.facts if facts.objective.effective_beta)
    assert beta.value.constant == 2.0


@pytest.mark.parametrize("lines", ONCE.values(), ids=ONCE)
def test_a_kl_that_counts_once_is_not_accused(lines: str, tmp_path: Path) -> None:
    report = _linted(tmp_path, lines)
    assert codes(report) == []
    (beta,) = (facts.objective.effective_beta for facts in report.facts if facts.objective.effective_beta)
    assert beta.value.constant == 1.0


def test_a_lost_half_beside_one_addition_is_still_named(tmp_path: Path) -> None:
    text = HEAD + MODEL + FORWARD + TRAIN.format(error="binary_cross_entropy", kl=f"2 * ({KL})", sum=ONCE["one loop"])
    lost = text.replace("2 * (-0.5 * torch.sum(", "(-torch.sum(")
    report = linted(tmp_path, {"net.py": lost})
    assert codes(report) == ["VAE303"]
    assert "2 times the KL divergence" in report.findings[0].message


def test_a_kl_beside_each_of_two_errors_is_left_open(tmp_path: Path) -> None:
    lines = """\
        other = F.binary_cross_entropy(y[:, :41], x[:, :41], reduction="sum") / len(x)
        loss = (error + kl) + (other + kl)"""
    report = _linted(tmp_path, lines)
    assert codes(report) == []
    assert not any("VAE303" in vae.clean for vae in report.vaes)


def _in_two_formulas(formula: str) -> str:
    return f"""\
        std = torch.exp(0.5 * s)
        again = {formula}
        """


@pytest.mark.parametrize("error", ["binary_cross_entropy", "mse_loss"])
@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_a_kl_that_is_added_in_two_formulas_is_named(formula: str, error: str, tmp_path: Path) -> None:
    report = _linted(tmp_path, _in_two_formulas(formula) + "loss = error + kl + again", error)
    assert codes(report) == ["VAE303"]
    assert {finding.message for finding in report.findings} == {"the KL is added to the loss 2 times"}
    reasons = {reason.reason for vae in report.vaes for reason in vae.undecided.values()}
    assert not any("no draw was seen" in reason for reason in reasons)


@pytest.mark.parametrize(("loss", "is_once"), OTHER_TERMS.values(), ids=OTHER_TERMS)
@pytest.mark.parametrize("formula", [FORMULAS["a library"], FORMULAS["other algebra"]])
def test_other_terms_of_the_same_heads_are_not_accused(loss: str, is_once: bool, formula: str, tmp_path: Path) -> None:
    report = _linted(tmp_path, _in_two_formulas(formula) + loss)
    assert codes(report) == []
    assert any("VAE303" in vae.clean for vae in report.vaes) is is_once
