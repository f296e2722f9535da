"""A loss that nothing differentiates in sight, whose KL has no gradient, or may have none, beside an error that has."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

TERMS = """
        error = F.mse_loss(y, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
"""
MODEL = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def loss(self, outputs, **settings):
        y, x, m, s = outputs
"""
    + TERMS
    + """
        {lines}
        return {{"loss": loss, "error": error.detach(), "kl": kl.detach()}}
"""
)
FUNCTION = (
    HEAD
    + """
def objective(y, x, m, s):
    if True:
"""
    + TERMS
    + """
        {lines}
        return loss, error, kl
"""
)
CUT = {
    "detached": "loss = error + kl.detach()",
    "a number": "loss = error + 0.5 * kl.item()",
    "detached with its weight": "loss = error + (3.0 * kl).detach()",
    "what lets nothing through": "loss = error + torch.clamp(kl, max=0.0)",
}
RIGHT = {
    "the sum": "loss = error + kl",
    "all of it is shown": "loss = (error + kl).detach()",
    "numbers that are shown": "loss = error.item() + kl.item()",
    "a step for the decoder": "whole = error + kl\n        loss = error + kl.detach()\n        print(whole)",
    "without a gradient": "with torch.no_grad():\n            loss = error + kl",
}


@pytest.mark.parametrize("text", [MODEL, FUNCTION], ids=["model", "function"])
@pytest.mark.parametrize("lines", CUT.values(), ids=CUT)
def test_a_kl_without_its_gradient_in_a_loss_is_named(lines: str, text: str, tmp_path: Path) -> None:
    assert "VAE305" in codes(linted(tmp_path, {"net.py": text.format(lines=lines)}))


@pytest.mark.parametrize("lines", RIGHT.values(), ids=RIGHT)
def test_a_kl_that_trains_or_is_shown_with_the_error_is_not(lines: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": MODEL.format(lines=lines)})) == []


BOUNDED = {
    "from above": ("torch.clamp(self.weight * kl, max=3.0)", False),
    "by the smaller of two": ("torch.minimum(self.weight * kl, torch.tensor(3.0))", False),
    "from above by a name": ("torch.clamp(kl, max=self.most)", False),
    "from both sides by names": ("kl.clamp(self.least, self.most)", False),
    "from above by a name, weighed": ("torch.clamp(self.weight * kl, max=self.most)", False),
    "by the smaller of it and a name": ("torch.min(kl, self.most)", False),
    "from below, turned": ("-torch.clamp(-kl, min=-self.most)", False),
    "from below": ("torch.clamp(self.weight * kl, min=3.0)", True),
    "from below by a name": ("torch.clamp(self.weight * kl, min=self.least)", True),
    "by the larger of it and a name": ("torch.max(kl, self.least)", True),
    "not": ("self.weight * kl", True),
}


@pytest.mark.parametrize(("term", "clean"), BOUNDED.values(), ids=BOUNDED)
def test_a_weighted_kl_that_is_bounded_from_above_is_not_clean(term: str, clean: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": MODEL.format(lines=f"loss = error + {term}")})
    assert codes(report) == []
    assert any("VAE305" in vae.clean for vae in report.vaes) is clean
