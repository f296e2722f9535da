"""What one arm of a condition has without its gradient: a KL is neither in the loss nor left out, a sample open."""

from __future__ import annotations

from pathlib import Path

import pytest
from linter_losses import KL, LOOP, MODEL, RECON, looped, read
from small_vaes.fragments import FIT, HEAD, LAYERS, codes, joined, linted

CUT = {
    "a value": "loss = recon + (kl.detach() if out.mean() > 0.3 else kl)",
    "a statement": "if out.mean() > 0.3:\n    kl = kl.detach()\nloss = recon + kl",
    "whole losses": "loss = recon + kl if out.mean() > 0.3 else recon + kl.detach()",
    "a floor": "if kl.item() < 3.5:\n    kl = kl.detach()\nloss = recon + kl",
    "by entry": "loss = recon + torch.where(kl > 3.5, kl, kl.detach())",
    "data": "loss = recon + (kl.data if out.mean() > 0.3 else kl)",
}


@pytest.mark.parametrize("loss", CUT.values(), ids=CUT)
def test_a_kl_cut_in_one_arm_is_open(loss: str, tmp_path: Path) -> None:
    found, clean = _verdicts(loss, tmp_path)
    assert "VAE305" not in found | clean


@pytest.mark.parametrize(
    "loss",
    [
        "loss = recon + (2 * kl if out.mean() > 0.3 else kl)",
        "shown = kl.detach() if out.mean() > 0.3 else kl\nprint(shown)\nloss = recon + kl",
    ],
    ids=["with its gradient in both", "only shown"],
)
def test_a_kl_with_its_gradient_is_clean(loss: str, tmp_path: Path) -> None:
    found, clean = _verdicts(loss, tmp_path)
    assert "VAE305" in clean - found


@pytest.mark.parametrize(
    "loss",
    ["loss = recon + kl.detach()", "loss = recon + (kl.detach() if out.mean() > 0.3 else kl.data)"],
    ids=["always", "in both"],
)
def test_a_kl_without_its_gradient_is_named(loss: str, tmp_path: Path) -> None:
    assert "VAE305" in _verdicts(loss, tmp_path)[0]


BY_TURN = """
def cost(out, mu, logvar, x, turn):
    recon = F.binary_cross_entropy(out, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
    return recon + ({first} if turn < 5 else {later})


def fit(loader):
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for {turn}, (x, _) in enumerate(loader):
        x = x.view(-1, 91)
        loss = cost(*model(x), x, {turn})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize("turn", ["epoch", "i", "turn"])
def test_the_place_of_a_batch_that_a_function_is_handed_is_any(turn: str, tmp_path: Path) -> None:
    found, clean = _read(MODEL + BY_TURN.format(turn=turn, first="kl.detach()", later="kl"), tmp_path)
    assert "VAE305" not in found | clean
    found, clean = _read(MODEL + BY_TURN.format(turn=turn, first="kl.detach()", later="kl.data"), tmp_path)
    assert "VAE305" in found
    found, clean = _read(MODEL + BY_TURN.format(turn=turn, first="3 * kl", later="kl"), tmp_path)
    assert "VAE305" in clean - found


def _verdicts(loss: str, folder: Path) -> tuple[set[str], set[str]]:
    return _read(MODEL + LOOP.format(body=looped(f"{RECON}\n{KL}\n{loss}")), folder)


def _read(text: str, folder: Path) -> tuple[set[str], set[str]]:
    report = read(folder, text)
    return {finding.code for finding in report.findings}, {code for vae in report.vaes for code in vae.clean}


SAMPLED = (
    HEAD
    + LAYERS
    + """
    def forward(self, x, late=None):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(m)
        {cut}
        return self.back(z), m, s
"""
    + FIT
)
ONE_ARM = {
    "a statement": "if x.mean() > 0.3:\n            z = z.detach()",
    "a value": "z = z.detach() if x.mean() > 0.3 else z",
    "data": "z = z if x.mean() > 0.3 else z.data",
    "by entry": "z = torch.where(x.mean() > 0.3, z.detach(), z)",
}
NO_ARM = {
    "none": "pass",
    "outside of training": "if not self.training:\n            z = z.detach()",
    "only shown": "print(z.detach() if x.mean() > 0.3 else z)",
    "doubled in one": "z = 2 * z if x.mean() > 0.3 else z",
    "straight through": "z = z + (z.round() - z).detach()",
}
ALL_ARMS = {
    "always": "z = z.detach()",
    "in both": "z = z.detach() if x.mean() > 0.3 else z.data",
    "in training": "if self.training:\n            z = z.detach()",
}


@pytest.mark.parametrize("cut", ONE_ARM.values(), ids=ONE_ARM)
def test_a_sample_cut_in_one_arm_is_open(cut: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": SAMPLED.format(cut=cut)})
    assert codes(report) == []
    assert joined(report)
    assert not any("VAE206" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize("cut", NO_ARM.values(), ids=NO_ARM)
def test_a_sample_with_its_gradient_is_clean(cut: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": SAMPLED.format(cut=cut)})
    assert codes(report) == []
    assert any("VAE206" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize("cut", ALL_ARMS.values(), ids=ALL_ARMS)
def test_a_sample_without_its_gradient_is_named(cut: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": SAMPLED.format(cut=cut)})) == ["VAE206"]
