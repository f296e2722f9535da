"""Elements that a model drops by a mask of its own, beside a layer that evaluation switches off: VAE603 is open."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, codes, linted

SCENE = (
    HEAD
    + """
import random


def thinned(h):
    return h * (torch.rand_like(h) > 0.2)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.trunk = nn.Dropout(0.1), nn.Linear(84, 33)
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 84)

    def forward(self, x):
        {before}
        h = torch.relu(self.drop(self.trunk(x)))
        {behind}
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s
"""
    + FIT
)
BY_HAND = {
    "entries of the input": ("x = x.clone(); x[torch.rand(x.shape) < 0.2] = 3", "pass"),
    "places of the input": ("x = x.clone(); x[:, torch.randperm(84)[:20]] = 0", "pass"),
    "a mask of NumPy": ("x = x.masked_fill(torch.from_numpy(np.random.rand(84) < 0.2), 0)", "pass"),
    "truth values of NumPy": ("x = x * torch.from_numpy(np.random.binomial(1, 0.8, size=84)).float()", "pass"),
    "one by one": ("x[:, [place for place in range(84) if random.random() < 0.2]] = 0", "pass"),
    "a product": ("pass", "h = h * (torch.rand_like(h) > 0.2).float() / 0.8"),
    "truth values": ("pass", "h = h * torch.bernoulli(torch.full_like(h, 0.8))"),
    "truth values in place": ("pass", "h = h * torch.empty_like(h).bernoulli_(0.8)"),
    "a distribution": ("pass", "h = h * torch.distributions.Bernoulli(0.8).sample(h.shape)"),
    "a choice": ("pass", "h = torch.where(torch.rand_like(h) < 0.2, torch.zeros_like(h), h)"),
    "a helper": ("pass", "h = thinned(h)"),
    "a helper of another library": ("pass", "h = library.thinned(h)"),
    "a helper before the layers": ("x = library.thinned(x)", "pass"),
}
# What drops nothing, and whether evaluation switches off what does.
OTHERS = {
    "nothing else": ("pass", "pass", True),
    "noise": ("x = x + 0.1 * torch.randn_like(x)", "pass", True),
    "a function": ("pass", "h = F.dropout(h, 0.3, self.training)", True),
    "a function that stays on": ("pass", "h = F.dropout(h, 0.3)", False),
}


@pytest.mark.parametrize(("before", "behind"), BY_HAND.values(), ids=BY_HAND)
def test_what_drops_by_hand_is_not_clean(before: str, behind: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": SCENE.format(before=before, behind=behind)})
    assert codes(report) == []
    assert not any("VAE603" in judgement.clean for judgement in report.judgements)


@pytest.mark.parametrize(("before", "behind", "is_off"), OTHERS.values(), ids=OTHERS)
def test_layers_alone_are_read(before: str, behind: str, is_off: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": SCENE.format(before=before, behind=behind)})
    assert codes(report) == ([] if is_off else ["VAE603"])
    assert any("VAE603" in judgement.clean for judgement in report.judgements) is is_off


def test_data_that_training_drops_leave_the_model_clean(tmp_path: Path) -> None:
    text = SCENE.format(before="pass", behind="pass").replace("net(x)", "net(x * (torch.rand_like(x) > 0.2))")
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert any("VAE603" in judgement.clean for judgement in report.judgements)
