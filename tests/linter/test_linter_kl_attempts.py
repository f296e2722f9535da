"""A formula that lacks one term of the KL, or has a std for the variance, is no KL and tries to be one."""

from __future__ import annotations

from pathlib import Path

import pytest
from linter_losses import LOOP, MODEL, RECON, looped, read

FORMULAS = {
    "a std for the variance": ("kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - torch.exp(0.5 * logvar))", ["VAE301"]),
    "a std for the variance, by name": (
        "std = (logvar / 2).exp()\nkl = 0.5 * torch.sum(std + mu.pow(2) - logvar - 1)",
        ["VAE301"],
    ),
    "a size for the logarithm": ("kl = -0.5 * torch.sum(1 + logvar.abs() - mu ** 2 - logvar.exp())", ["VAE301"]),
    "a size of a log std": (
        "kl = torch.sum(0.5 * (mu ** 2 + torch.exp(2 * logvar) - 1) - torch.relu(logvar))",
        ["VAE301"],
    ),
    "a logarithm of its exponential": (
        "kl = -0.5 * torch.sum(1 + torch.log(logvar.exp() + 1e-8) - mu ** 2 - logvar.exp())",
        [],
    ),
    "no logarithm": ("kl = -0.5 * torch.sum(1 - mu ** 2 - logvar.exp())", ["VAE301"]),
    "no logarithm, of a log std": ("kl = 0.5 * torch.sum(mu ** 2 + torch.exp(2 * logvar) - 1)", ["VAE301"]),
    "the logarithm apart": (
        "kl = 0.5 * torch.sum(mu ** 2 + logvar.exp() - 1) - 0.5 * logvar.sum()",
        [],
    ),
    "the entropy apart": (
        (
            "cross = 0.5 * torch.sum(mu ** 2 + logvar.exp() - 1, dim=1)\n"
            "entropy = torch.sum(0.5 * logvar, dim=1)\nkl = torch.sum(cross - entropy)"
        ),
        [],
    ),
    "a penalty of both heads": ("kl = 0.5 * torch.sum(mu ** 2 + logvar.exp())", []),
    "a penalty with another constant": ("kl = 0.5 * torch.sum(mu ** 2 + logvar.exp() - 3)", []),
    "a penalty of the std": ("kl = 0.5 * torch.sum(mu ** 2 + torch.exp(0.5 * logvar) - 1)", []),
}


@pytest.mark.parametrize(("formula", "expected"), FORMULAS.values(), ids=FORMULAS)
def test_a_formula_without_one_term_of_the_kl(formula: str, expected: list[str], tmp_path: Path) -> None:
    report = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\n{formula}\nloss = recon + kl")))
    assert [finding.code for finding in report.findings if finding.code == "VAE301"] == expected


EACH = "each = -0.5 * (1 + logvar - mu ** 2 - logvar.exp())"
# Free bits for each latent, or less: below them the formula is another one, and the KL stands under the bound.
FREE_BITS = {
    "a clamp": "kl = torch.clamp(each.mean(dim=0), min=0.25).sum()",
    "a clamp of each entry": "kl = each.clamp(min=0.25).sum()",
    "a maximum": "kl = torch.maximum(each.mean(dim=0), torch.tensor(0.25)).sum()",
    "a ramp": "kl = (F.relu(each - 0.25) + 0.25).sum()",
}


@pytest.mark.parametrize("bound", FREE_BITS.values(), ids=FREE_BITS)
def test_free_bits_make_no_other_formula_of_the_kl(bound: str, tmp_path: Path) -> None:
    text = MODEL + LOOP.format(body=looped(f"{RECON}\n{EACH}\n{bound}\nloss = recon + kl"))
    report = read(tmp_path, text)
    assert "VAE301" not in [finding.code for finding in report.findings]
    assert any(facts.kl.form and facts.kl.form.value.parametrisation for facts in report.facts)
    wrong = read(tmp_path, text.replace("logvar.exp())", "torch.exp(0.5 * logvar))"))
    assert "VAE301" in [finding.code for finding in wrong.findings]


@pytest.mark.parametrize(
    ("formula", "fix"),
    [
        ("-0.5 * torch.sum(1 + logvar + mu ** 2 - logvar.exp())", "-0.5 * torch.sum(1 + logvar - mu.pow(2)"),
        ("0.5 * torch.sum(logvar.exp() - mu ** 2 - 1 - logvar)", "-0.5 * torch.sum(1 + logvar - mu.pow(2)"),
        ("-0.5 * torch.sum(1 + logvar + 2 * mu ** 2 - logvar.exp())", "-0.5 * torch.sum(1 + logvar - mu.pow(2)"),
    ],
)
def test_a_mean_of_the_wrong_sign_turns_no_kl_about(formula: str, fix: str, tmp_path: Path) -> None:
    report = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\nkl = {formula}\nloss = recon + kl")))
    (finding,) = report.findings
    assert finding.code == "VAE301"
    assert finding.fix.startswith(f"kl = {fix}")
    turned = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\nkl = {formula}\nloss = recon - kl")))
    assert [each.code for each in turned.findings] == ["VAE301", "VAE302"]
