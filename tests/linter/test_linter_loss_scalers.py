"""A loss that is scaled for half precision: what is differentiated is the loss, as far as its terms go."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

TRAINING = (
    HEAD
    + "from apex import amp\n"
    + MODEL
    + FORWARD
    + """

class Trainer:
    def __init__(self, scaler=None):
        self.net = Net().cuda()
        self.optimizer = torch.optim.Adam(self.net.parameters())
        self.grad_scaler = scaler

    def fit(self, loader):
        scaler = torch.cuda.amp.GradScaler()
        for x in loader:
            y, m, s = self.net(x)
            loss = F.binary_cross_entropy(y, x, reduction="sum") - {half}torch.sum(1 + s - m.pow(2) - s.exp())
            self.optimizer.zero_grad()
            {backward}
            self.optimizer.step()
"""
)
BACKWARD = {
    "torch's": "scaler.scale(loss).backward()",
    "one that is handed over": "self.grad_scaler.scale(loss).backward()",
    "apex's": "with amp.scale_loss(loss, self.optimizer) as scaled:\n                scaled.backward()",
}


@pytest.mark.parametrize("backward", BACKWARD.values(), ids=BACKWARD)
def test_the_factor_of_a_kl_is_known_in_a_loss_that_is_scaled(backward: str, tmp_path: Path) -> None:
    right = linted(tmp_path / "right", {"train.py": TRAINING.format(half="0.5 * ", backward=backward)})
    assert codes(right) == []
    assert any({"VAE303", "VAE505"} <= set(each.clean) for each in right.judgements)
    wrong = linted(tmp_path / "wrong", {"train.py": TRAINING.format(half="", backward=backward)})
    assert codes(wrong) == ["VAE303"]


def test_what_another_method_of_that_name_makes_is_not_the_loss(tmp_path: Path) -> None:
    backward = "self.net.balance.scale(loss).backward()"
    report = linted(tmp_path, {"train.py": TRAINING.format(half="", backward=backward)})
    assert not any("VAE303" in each.clean for each in report.judgements)
    assert codes(report) == []
