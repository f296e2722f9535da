"""Labels that are made up of numbers and draws: what a judge says of a picture beside a KL is no reconstruction."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

SCENE = (
    HEAD
    + """from kit import Runner, move


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return m, s, torch.sigmoid(self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)))


class Work(Runner):
    def __init__(self, settings):
        super().__init__(settings)
        net, judge = Net(), nn.Sequential(nn.Linear(33, 1), nn.Sigmoid())
        self.net, self.judge = {net}, {judge}
        self.optimizer, self.second = torch.optim.Adam(net.parameters()), torch.optim.Adam(judge.parameters())

    def named(self, x):
        size = x.size(0)
        self.label = {label}

    def step(self, x):
        self.named(x)
        m, s, y = self.net(x)
        kl = torch.mean(-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1))
        loss = kl + F.binary_cross_entropy({said}, self.label)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
)
MADE_UP = {
    "a number, moved by what is not read": "self.on_device(torch.Tensor(size, 1).fill_(1.0))",
    "ones, moved by a function": "move(torch.ones(size, 1))",
    "a list of numbers": "move(torch.tensor([0.9] * size))",
    "of arrays": "move(torch.from_numpy(np.zeros((size, 1))))",
    "ones and zeros": "torch.cat([torch.ones(size, 1), torch.zeros(size, 1)])",
    "a little noise": "0.9 + 0.1 * torch.rand(size, 1)",
    "drawn": "self.on_device(torch.empty(size, 1).uniform_(0.8, 1.0))",
}


def scene(folder: Path, label: str, said: str = "self.judge(y)", is_read: bool = False) -> list[str]:
    net, judge = ("net", "judge") if is_read else ("self.on_device(net)", "self.on_device(judge)")
    return codes(linted(folder, {"work.py": SCENE.format(net=net, judge=judge, label=label, said=said)}))


@pytest.mark.parametrize("label", MADE_UP.values(), ids=MADE_UP)
@pytest.mark.parametrize("is_read", [False, True], ids=["unread", "read"])
def test_a_label_that_is_made_up_is_no_data(label: str, is_read: bool, tmp_path: Path) -> None:
    assert scene(tmp_path, label, is_read=is_read) == []


@pytest.mark.parametrize("label", ["x", "move(x)", "self.pictures", "self.picture(3)"])
def test_an_error_of_data_that_are_not_read_is_still_weighed(label: str, tmp_path: Path) -> None:
    assert scene(tmp_path, label, said="y") == ["VAE502"]


def test_an_error_of_classes_beside_a_made_up_label_is_another_one(tmp_path: Path) -> None:
    """With both beside the KL nothing says which of them is the reconstruction: neither is."""
    text = SCENE.format(
        net="self.on_device(net)",
        judge="self.on_device(judge)",
        label="move(torch.ones(size, 1))",
        said="self.judge(y)",
    )
    both = text.replace("loss = kl + ", "loss = kl + F.cross_entropy(self.kind(y), self.classes) + ")
    assert both != text
    assert codes(linted(tmp_path, {"work.py": both})) == []


def test_draws_that_a_model_is_tried_on_are_its_data(tmp_path: Path) -> None:
    assert scene(tmp_path, "x", said="y", is_read=True) == ["VAE502"]
    text = SCENE.format(net="net", judge="judge", label="x", said="y")
    tried = text.replace("    def step(self, x):\n", "    def step(self):\n        x = move(torch.rand(14, 33))\n")
    assert tried != text
    assert codes(linted(tmp_path / "tried", {"work.py": tried})) == ["VAE502"]
