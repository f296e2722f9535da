"""A module whose constructor sets `self.training` to True is in training until eval() says otherwise, as any other."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, codes, linted

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, training=True):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)
        {set}

    def draw(self, m, s):
        if self.training:
            return m + torch.exp(0.5 * s) * torch.randn_like(s)
        return m

    def forward(self, x):
        x = F.dropout(x, 0.1, self.training)
        m, s = self.to_m(x), self.to_s(x)
        return self.back(self.draw(m, s)), m, s


def fit(net, loader, optimizer):
    {begin}
    for x in loader:
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") + ({KL}).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def validate(net, loader):
    net.eval()
    return sum(F.mse_loss(net(x)[0], x).item() for x in loader)


def run(loader, held_back):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(9):
        fit(net, loader, optimizer)
        print(validate(net, held_back))
"""
)
SET = {
    "by the constructor's argument": "self.training = training",
    "written": "self.training = True",
    "by name": 'setattr(self, "training", training)',
    "not at all": "pass",
}


@pytest.mark.parametrize("how", SET)
def test_an_evaluation_that_is_never_undone_leaves_the_noise_open(how: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(set=SET[how], begin="pass", KL=KL)})
    assert codes(report) == []
    assert not any("VAE207" in judgement.clean for judgement in report.judgements)


@pytest.mark.parametrize("how", SET)
def test_a_mode_that_each_epoch_begins_with_is_clean(how: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(set=SET[how], begin="net.train()", KL=KL)})
    assert codes(report) == []
    assert any({"VAE207", "VAE603"} <= set(judgement.clean) for judgement in report.judgements)


def test_a_module_that_begins_in_evaluation_draws_no_noise(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(set="self.training = False", begin="pass", KL=KL)})
    assert "VAE207" in codes(report)
