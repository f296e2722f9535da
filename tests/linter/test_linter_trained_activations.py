"""An activation that stands under `self.training` is what the loss of training is given, or what it is not given."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, codes, linted

SCENE = (
    HEAD
    + MODEL.replace(", nn.Sigmoid()", "")
    + """
    def forward(self, x):
        m, s = self.encode(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        if {mode}:
            y = torch.sigmoid(y)
        return y, m, s


net = Net()
optimizer = torch.optim.Adam(net.parameters())
net.train()
for x, labels in DataLoader(Dataset()):
    y, m, s = net(x)
    loss = {error} - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)
ERRORS = {
    "of classes": ('F.cross_entropy(y, labels, reduction="sum")', ["VAE405"]),
    "of logits": ('F.binary_cross_entropy_with_logits(y, x, reduction="sum")', ["VAE401"]),
}


@pytest.mark.parametrize(("error", "expected"), ERRORS.values(), ids=ERRORS)
def test_a_sigmoid_of_training_goes_into_a_loss_that_takes_scores(
    error: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"net.py": SCENE.format(mode="self.training", error=error)})) == expected


@pytest.mark.parametrize(("error", "expected"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("mode", ["not self.training", "self.settings"])
def test_a_sigmoid_of_evaluation_or_of_a_setting_is_left(
    mode: str, error: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"net.py": SCENE.format(mode=mode, error=error)})) == []
