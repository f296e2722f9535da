"""Methods of an unread base class that move to a device what they are given, by their names: it comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

NET = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return m, s, self.back(m + torch.exp({half}s) * torch.randn_like(s))
"""
SCENE = (
    HEAD
    + "from kit import Runner\n"
    + NET
    + """

class Work(Runner):
    def __init__(self, settings):
        super().__init__(settings)
        net = Net()
        self.net = self.{method}(net)
        self.optimizer = torch.optim.Adam(net.parameters())

    def step(self, batch):
        x = self.{method}(batch[0])
        m, s, y = self.net(x)
        loss = ((y - x) ** 2).sum(1).mean() - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
)


def scene(folder: Path, method: str, half: str) -> tuple[list[str], bool]:
    report = linted(folder, {"work.py": SCENE.format(method=method, half=half)})
    return codes(report), any("VAE201" in each.clean and "VAE301" in each.clean for each in report.judgements)


@pytest.mark.parametrize("method", ["to_gpu", "to_device", "move_to_cuda", "cudafy"])
def test_what_such_a_method_is_given_is_read_behind_it(method: str, tmp_path: Path) -> None:
    assert scene(tmp_path / "right", method, "0.5 * ") == ([], True)
    assert scene(tmp_path / "wrong", method, "") == (["VAE201"], False)


@pytest.mark.parametrize("method", ["changed", "quantised", "to_numbers"])
def test_what_another_method_makes_of_it_is_not_known(method: str, tmp_path: Path) -> None:
    assert scene(tmp_path, method, "") == ([], False)


FUNCTIONS = (
    HEAD
    + "from kit import {imported}\n"
    + NET
    + """


net = {made}
optimizer = torch.optim.Adam(net.parameters())
for batch in loader:
    x = {moved}
    m, s, y = net(x)
    loss = ((y - x) ** 2).sum(1).mean() - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)
# What is imported, how the model comes out of it, and its input.
MOVERS = {
    "a tensor": ("convert_tensor", "Net()", "convert_tensor(batch, device, non_blocking=True)"),
    "a model": ("setup_model", "setup_model(Net())", "batch"),
    "a model with its device": ("wrap_model", "wrap_model(Net(), device)", "batch"),
    "a model of what follows": ("setup_model", "setup_model(settings, Net())", "batch"),
    "by a name": ("auto_model", "auto_model(model=Net())", "batch"),
}


@pytest.mark.parametrize(("imported", "made", "moved"), MOVERS.values(), ids=MOVERS)
def test_so_are_what_functions_move(imported: str, made: str, moved: str, tmp_path: Path) -> None:
    parts = {"imported": imported, "made": made, "moved": moved}
    right = linted(tmp_path / "right", {"train.py": FUNCTIONS.format(half="0.5 * ", **parts)})
    assert codes(right) == []
    assert any("VAE201" in each.clean and "VAE301" in each.clean for each in right.judgements)
    assert codes(linted(tmp_path / "wrong", {"train.py": FUNCTIONS.format(half="", **parts)})) == ["VAE201"]


def test_what_other_functions_make_of_a_model_is_not_known(tmp_path: Path) -> None:
    parts = {"imported": "reduced", "made": "reduced(Net())", "moved": "batch"}
    assert codes(linted(tmp_path, {"train.py": FUNCTIONS.format(half="", **parts)})) == []
