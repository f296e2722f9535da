"""Latents that are repeated for each step: copies of the whole batch are no copies of each sample."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

MODEL = (
    HEAD
    + """

class Series(nn.Module):
    def __init__(self, inputs=5, wide=19, latents=7):
        super().__init__()
        self.latents, self.steps = latents, 23
        self.read = nn.Linear(23 * inputs, wide)
        self.to_m, self.to_s = nn.Linear(wide, latents), nn.Linear(wide, latents)
        self.write = nn.GRU(latents, wide, batch_first={batch_first})
        self.back = nn.Linear(wide, inputs)

    def forward(self, x):
        b, t, _ = x.shape
        batch_size = x.size(0)
        h = F.relu(self.read(x.reshape(b, -1)))
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        {repeated}
        out, _ = self.write(steps)
        return self.back(out), m, s


def loss(out, x, mu, logvar):
    error = F.mse_loss(out, x, reduction="sum")
    return error - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
"""
)
MIXING = {
    "one more axis in front": "steps = z.repeat(1, t, 1).view(b, t, self.latents)",
    "in two lines": "steps = z.repeat(1, self.steps, 1)\n        steps = steps.view(batch_size, self.steps, -1)",
    "along the samples": "steps = z.repeat(t, 1).view(-1, t, 7)",
    "tiled": "steps = torch.tile(z, (23, 1)).reshape(b, 23, 7)",
    "an axis of its own in front": "steps = z.unsqueeze(0).repeat(t, 1, 1).reshape(b, t, -1)",
    "expanded in front": "steps = z.unsqueeze(0).expand(t, -1, -1).reshape(b, t, 7)",
    "expanded by sizes": "steps = z.expand(t, b, 7).reshape(b, t, 7)",
    "repeated in front": "steps = z.repeat(t, 1, 1).reshape(b, t, 7)",
}
KEPT = {
    "an axis of its own": "steps = z.unsqueeze(1).repeat(1, t, 1).view(b, t, 7)",
    "expanded": "steps = z.unsqueeze(1).expand(-1, t, -1).reshape(b, t, 7)",
    "within a row": "steps = z.repeat(1, t).view(b, t, 7)",
    "each one": "steps = z.repeat_interleave(t, dim=0).view(b, t, 7)",
    "moved afterwards": "steps = z.repeat(t, 1).view(t, b, 7).transpose(0, 1)",
    "one step": "steps = z.repeat(1, 1, 1).view(b, 1, 7)",
    "how often is not known": "steps = z.repeat(1, some_steps, 1).view(b, t, 7)",
}
STEPS_FIRST = {
    "within rows": "y = x.transpose(0, 1)\n        steps = z.repeat(1, y.shape[0]).reshape(y.shape[0], y.shape[1], -1)",
    "within rows, by the batch": "steps = z.repeat(1, t).reshape(t, b, 7)",
    "each one": "steps = z.repeat_interleave(t, dim=0).view(t, b, 7)",
    "each one, by position": "steps = torch.repeat_interleave(z, 23, 0).reshape(23, -1, 7)",
    "an axis behind": "steps = z.unsqueeze(1).expand(b, t, 7).reshape(t, batch_size, 7)",
}


def text(repeated: str, *, batch_first: bool = True) -> str:
    return MODEL.format(repeated=repeated, batch_first=batch_first)


@pytest.mark.parametrize("repeated", MIXING.values(), ids=MIXING)
def test_copies_of_the_batch_viewed_as_copies_of_each_sample(repeated: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"series.py": text(repeated)})
    assert codes(report) == ["VAE106"]
    (finding,) = report.findings
    assert "z.unsqueeze(1).expand(-1, T, -1)" in (finding.fix or "")


@pytest.mark.parametrize("repeated", KEPT.values(), ids=KEPT)
def test_copies_of_each_sample_stay_together(repeated: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"series.py": text(repeated)})) == []


@pytest.mark.parametrize("repeated", STEPS_FIRST.values(), ids=STEPS_FIRST)
def test_copies_of_each_sample_viewed_as_copies_of_the_batch(repeated: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"series.py": text(repeated, batch_first=False)})
    assert codes(report) == ["VAE106"]
    (finding,) = report.findings
    assert "z.unsqueeze(0).expand(T, -1, -1)" in (finding.fix or "")


def test_copies_in_front_may_be_viewed_with_the_steps_first(tmp_path: Path) -> None:
    given = text("steps = z.repeat(t, 1).view(t, b, 7)", batch_first=False)
    assert codes(linted(tmp_path, {"series.py": given})) == []
