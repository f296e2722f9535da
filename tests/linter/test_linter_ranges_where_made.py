"""Where the data are said to lie: at what brings them there, not where a loss puts them in another shape."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, SQUASHED, linted

MADE = "torchvision.transforms.Normalize((0.5,), (0.5,))"
FIT = """
    def forward(self, x):
        m, s = self.to_m(x.flatten(1)), self.to_s(x.flatten(1))
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s


steps = [torchvision.transforms.ToTensor(), {made}]
digits = torchvision.datasets.MNIST("digits", transform=torchvision.transforms.Compose(steps))
net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x, _ in DataLoader(digits, batch_size=5):
    y, m, s = net(x)
    {prepared}
    loss = (F.mse_loss(y, {target}, reduction="none").sum(1) - 0.5 * (1 + s - m.pow(2) - s.exp()).sum(1)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
SHAPED = {
    "flat": ("pass", "x.flatten(1)"),
    "a view": ("pass", "x.view(len(x), -1)"),
    "before": ("x = x.reshape(-1, 84)", "x"),
    "on another device": ('x = x.to("cuda")', "x.view(-1, 84)"),
    "some of it": ("x = x[:, :, 1:]", "x.flatten(1)"),
}


def place_of_data(prepared: str, target: str, tmp_path: Path) -> str:
    text = HEAD + SQUASHED + FIT.format(made=MADE, prepared=prepared, target=target)
    (found,) = linted(tmp_path, {"net.py": text}).findings
    assert found.code == "VAE403"
    lines = [text.splitlines()[related.place.line - 1] for related in found.related if "data" in related.message]
    return lines[0]


@pytest.mark.parametrize(("prepared", "target"), SHAPED.values(), ids=SHAPED)
def test_the_place_is_that_of_the_transform(prepared: str, target: str, tmp_path: Path) -> None:
    assert "Normalize" in place_of_data(prepared, target, tmp_path)


def test_what_changes_the_range_is_the_place(tmp_path: Path) -> None:
    assert place_of_data("x = 1.5 * x", "x.flatten(1)", tmp_path).strip() == "x = 1.5 * x"
