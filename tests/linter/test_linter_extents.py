"""The sizes of a sample: a layer that is applied to each step makes as many elements as there are steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

from vae_checked.mathematics.effective_beta import rendered

NET = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self, steps):
        super().__init__()
        self.steps, self.through = steps, nn.LSTM(5, 33, batch_first=True)
        self.to_m, self.to_s, self.up = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)
        self.cell, self.back = nn.GRUCell(33, 33), nn.Linear(33, 5)

    def forward(self, x):
        h, (last, _) = self.through(x)
        m, s = self.to_m({code}), self.to_s({code})
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return {back}, m, s


def fit(net, loader):
    for x in loader:
        y, m, s = net(x)
        kl = (-0.5 * (1 + s - m.pow(2) - s.exp()).{reduced})
        (F.mse_loss(y, x) + kl).backward()


fit(Net(11), DataLoader(records, 32))
"""
)
SUM, MEAN = "sum(1).mean()", "mean()"
ROW, STEPS = "self.back(self.up(z))", "self.back(self.up(z).unsqueeze(1).repeat(1, self.steps, 1))"
STACKED = "torch.stack([self.back(self.up(z)) for _ in range(self.steps)], 1)"


@pytest.mark.parametrize(
    ("code", "back", "reduced", "text"),
    [
        ("last[-1]", ROW, SUM, "5 (elements of a sample 5)"),
        ("last[-1]", STEPS, SUM, "D (D the elements of a sample)"),
        ("last[-1]", STACKED, SUM, "D (D the elements of a sample)"),
        ("last[-1]", STEPS, MEAN, "0.1429 * D (latents 7, D the elements of a sample)"),
        ("h", ROW, MEAN, "D / L (L the latents, D the elements of a sample)"),
    ],
)
def test_the_steps_of_a_sample_are_counted_or_unknown(
    code: str, back: str, reduced: str, text: str, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": NET.format(code=code, back=back, reduced=reduced)})
    found = [facts.objective.effective_beta for facts in report.facts]
    assert {rendered(fact.value) for fact in found if fact is not None} == {text}


BOTH = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.both, self.back = nn.Linear(33, 14), nn.Linear(7, 33)

    def forward(self, x):
        h = self.both(x)
        m, s = {heads}
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        kl = (-0.5 * (1 + s - m.pow(2) - s.exp())).mean()
        loss = F.mse_loss(self.back(z), x) + kl
        return loss
"""
)
COUNTED, UNCOUNTED = "4.714 (latents 7, elements of a sample 33)", "33 / L (elements of a sample 33, L the latents)"


@pytest.mark.parametrize(
    ("heads", "text"),
    [
        ("h.chunk(2, dim=1)", COUNTED),
        ("h[:, :7], h[:, 7:]", COUNTED),
        ("h.view(-1, 2, 7)[:, 0], h.view(-1, 2, 7)[:, 1]", UNCOUNTED),
        ("h.view(-1, 2, 7).unbind(1)", UNCOUNTED),
        ("h.view(-1, 2, 7).transpose(0, 1)", UNCOUNTED),
        ("h.reshape(-1, 7, 2).unbind(-1)", UNCOUNTED),
    ],
)
def test_an_entry_of_other_axes_is_not_as_wide_as_its_layer(heads: str, text: str, tmp_path: Path) -> None:
    (facts,) = linted(tmp_path, {"net.py": BOTH.format(heads=heads)}).facts
    assert facts.objective.effective_beta is not None
    assert rendered(facts.objective.effective_beta.value) == text


CUT = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 60)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        kl = (-0.5 * (1 + s - m.pow(2) - s.exp()).sum(1)).mean()
        return F.mse_loss({back}, x) + kl


def fit(net, loader):
    for x in loader:
        net(x).backward()
"""
)
OPEN = "D (D the elements of a sample)"
CUTS = {
    "nothing": ("y", "60 (elements of a sample 60)"),
    "the end": ("y[:, :33]", "33 (elements of a sample 33)"),
    "a little": ("torch.sigmoid(y)[:, :-3]", "57 (elements of a sample 57)"),
    "of the last axis": ("y[..., 4:]", "56 (elements of a sample 56)"),
    "each other": ("y[:, ::2]", "30 (elements of a sample 30)"),
    "rows": ("y[:5]", OPEN),
    "one of three parts": ("y.chunk(3, dim=1)[0]", "20 (elements of a sample 20)"),
    "a border": ("y.view(-1, 6, 10)[:, 1:, :9]", "45 (elements of a sample 45)"),
    "as many as there are": ("y[:, : x.size(1)]", OPEN),
    "something put behind": ("torch.cat([y, x], 1)", OPEN),
    "a sum": ("y.view(-1, 6, 10).sum(2)", OPEN),
}


@pytest.mark.parametrize(("back", "text"), CUTS.values(), ids=CUTS)
def test_what_is_cut_off_behind_the_last_layer_is_not_counted(back: str, text: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": CUT.format(back=back)})
    found = [facts.objective.effective_beta for facts in report.facts]
    assert {rendered(fact.value).replace("C*H*W", "D") for fact in found if fact is not None} == {text}
