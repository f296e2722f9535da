"""Heads that are taken from one tensor along an axis, which is gone from them: what is left is one row a sample."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.both, self.back = {both}, nn.Linear(7, 33)

    def forward(self, x):
        h = self.both(x){view}
        {heads}
        z = mean + torch.exp({std}) * torch.randn_like(mean)
        error = F.mse_loss(self.back(z), x, reduction="none").sum(1).mean()
        kl = (0.5 * (mean.pow(2) + second.exp() - 1 - second)).{reduced}
        loss = error + kl
        return loss
"""
)
ROWS = {
    "entries": "mean, second = h[:, 0], h[:, 1]",
    "unbind": "mean, second = h.unbind(1)",
    "unbind from the end": "mean, second = torch.unbind(h, dim=-2)",
    "unbind of the first axis": "mean, second = h.transpose(0, 1).unbind()",
    "unbind by its places": "parts = h.unbind(1)\n        mean, second = parts[0], parts[1]",
    "select": "mean, second = h.select(1, 0), torch.select(h, dim=1, index=1)",
    "squeeze": "mean, second = [part.squeeze(1) for part in h.chunk(2, dim=1)]",
    "squeeze from the end": "mean, second = [torch.squeeze(part, -2) for part in h.chunk(2, dim=1)]",
    "squeeze of whatever is one": "mean, second = [part.squeeze() for part in h.chunk(2, dim=1)]",
}


def net(heads: str, std: str = "0.5 * second", reduced: str = "sum(1).mean()", view: str = ".view(-1, 2, 7)") -> str:
    """A VAE of rows, whose heads are made of one layer in two maps."""
    width = 21 if "3" in view else 14
    return NET.format(both=f"nn.Linear(33, {width})", view=view, heads=heads, std=std, reduced=reduced)


@pytest.mark.parametrize("heads", ROWS)
@pytest.mark.parametrize(("std", "expected"), [("0.5 * second", []), ("second", ["VAE201"])])
def test_heads_without_the_axis_of_both_are_rows(heads: str, std: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": net(ROWS[heads], std)})
    assert codes(report) == expected
    (vae,) = report.vaes
    # Of an index with numbers it is not said how many axes are left; of the others no axis is left open.
    assert {"VAE202", "VAE203", "VAE206", "VAE302", "VAE305"} <= set(vae.clean)


@pytest.mark.parametrize("heads", [name for name in ROWS if name.startswith("squeeze")])
def test_a_mean_over_the_latents_that_are_left_is_named(heads: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": net(ROWS[heads], reduced="mean()")})) == ["VAE503"]


def test_an_axis_that_is_kept_counts_as_one(tmp_path: Path) -> None:
    """The sum goes over the one entry that is kept, and the mean over the latents."""
    assert "VAE304" in codes(linted(tmp_path, {"net.py": net("mean, second = h.chunk(2, dim=1)")}))


@pytest.mark.parametrize("kl", ["sum(1).mean()", "sum(-1).mean()"])
@pytest.mark.parametrize("squeeze", ["squeeze(-1)", "squeeze(2)", "squeeze()"])
def test_a_convolution_of_one_step_leaves_rows(kl: str, squeeze: str, tmp_path: Path) -> None:
    heads = f"mean, second = [part.{squeeze} for part in h.chunk(2, dim=1)]"
    text = NET.format(both="nn.Conv1d(33, 14, 1)", view="", heads=heads, std="0.5 * second", reduced=kl)
    report = linted(tmp_path, {"net.py": text.replace("self.both(x)", "self.both(x.unsqueeze(2))")})
    assert codes(report) == []
    assert "VAE304" in report.vaes[0].clean


@pytest.mark.parametrize(("std", "expected"), [("0.5 * second", []), ("second", ["VAE201"])])
def test_the_first_of_three_pieces_are_heads(std: str, expected: list[str], tmp_path: Path) -> None:
    """A view says how many there are to unbind."""
    text = net("mean, second, unused = h.unbind(1)", std, view=".view(-1, 3, 7)")
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == expected
    assert [facts for facts in report.facts if facts.sampler.std and facts.kl.form]
