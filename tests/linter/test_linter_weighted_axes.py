"""What weighs each step of a sequence may make a mean of their sum: no wrong axes, and no sum over the batch either."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

TEXT = (
    HEAD
    + MODEL
    + FORWARD
    + """

def terms(net, x, c, w, discount):
    y, m, s = net(x)
    kl = (-0.5 * (1 + s - m.pow(2) - s.exp())).sum(-1).mean()
    error = (y.view(-1, 12, 7) - c.view(-1, 12, 7)).pow(2)
    recon = {recon}
    return recon, kl


def fit(net, loader, optimizer, told):
    steps = 12
    {weights}
    for x, c in loader:
        recon, kl = terms(net, x, c, w, 0.97)
        loss = recon + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
WEIGHTS = {
    "equal": "w = torch.ones(steps).div_(steps)",
    "equal to one": "w = torch.ones(steps)",
    "written": "w = torch.tensor([0.5, 0.25, 0.25])",
    "falling": "w = torch.softmax(torch.linspace(1, 0, steps), dim=0)",
    "told": "w = told",
    "normalised": "w = told / told.sum()",
    "discounted": "w = 0.97 ** torch.arange(steps)",
}
RECON = {
    "by a method": "error.mean(dim=(0, -1)).mul(w).sum()",
    "by an operator": "(error.mean(dim=(0, -1)) * w).sum()",
    "by the function": "torch.mul(error.mean(dim=(0, -1)), w).sum()",
    "per sample": "(error.mean(dim=-1) * w).sum(-1).mean()",
    "by einsum": "torch.einsum('bt,t->b', error.mean(-1), w).mean()",
}


@pytest.mark.parametrize("recon", RECON.values(), ids=RECON)
@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
def test_a_weighted_mean_of_steps_is_no_wrong_axis(weights: str, recon: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"steps.py": TEXT.format(weights=weights, recon=recon)})
    assert codes(report) == []
    assert any(facts.recon.kind for facts in report.facts)


@pytest.mark.parametrize("recon", ["(error.mean(dim=-1) * 2.0).sum(-1).mean()", "error.mean(dim=-1).sum(-1).mean()"])
def test_a_sum_of_means_that_nothing_weighs_is_named(recon: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"steps.py": TEXT.format(weights="w = None", recon=recon)})
    assert codes(report) == ["VAE501"]
