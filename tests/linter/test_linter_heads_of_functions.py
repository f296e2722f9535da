"""A training is examined however its function is headed: `async`, in another one, in a branch, in an inner class."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest
from small_vaes.fragments import KL, codes, linted

NET = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(91, 33), nn.ReLU())
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 91)

    def forward(self, x):
        h = self.trunk(x)
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


"""
BODY = """\
net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x in loader:
    y, m, s = net(x)
    loss = (SIGNF.mse_loss(y, x, reduction="none").sum(1) + KL).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""".replace("KL", KL)


def within(text: str, depth: int = 1) -> str:
    return indent(BODY, "    " * depth).join(text.split("BODY\n"))


HEADS = {
    "async": within("async def train(loader):\nBODY\n"),
    "async, with what it waits for": within(
        "async def step(net, x):\n    return net(x)\n\n\nasync def train(loader):\nBODY\n"
    ).replace("= net(x)", "= await step(net, x)"),
    "async, in a class": within("class Trainer:\n    async def train(self, loader):\nBODY\n", 2),
    "async, over what comes": within("async def train(loader):\nBODY\n").replace("for x", "async for x"),
    "handed to what is not read": within("def main(loader, run):\n    def train():\nBODY\n    run(train)\n", 2),
    "returned": within("def trainer():\n    def train(loader):\nBODY\n    return train\n", 2),
    "in a branch": within(
        "if torch.cuda.is_available():\n    def train(loader):\nBODY\nelse:\n    def train(loader):\n        pass\n", 2
    ),
    "wrapped by hand": within("def train(loader):\nBODY\n\ntrain = torch.compile(train)\n"),
    "in a class of a class": within("class All:\n    class Trainer:\n        def train(self, loader):\nBODY\n", 3),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_wrong_sign_is_named_under_each_head(name: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"a.py": NET + HEADS[name].replace("SIGN", "-")})) == ["VAE505"]


@pytest.mark.parametrize("name", HEADS)
def test_a_right_training_is_clean_under_each_head(name: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"a.py": NET + HEADS[name].replace("SIGN", "")})
    assert codes(report) == []
    assert any("VAE505" in each.clean for each in report.vaes)


def test_what_another_of_its_name_replaces_is_not_run(tmp_path: Path) -> None:
    wrong, right = (within("def train(loader):\nBODY\n").replace("SIGN", sign) for sign in ("-", ""))
    assert codes(linted(tmp_path, {"a.py": f"{NET}{wrong}\n\n{right}"})) == []
    assert codes(linted(tmp_path, {"a.py": f"{NET}{right}\n\n{wrong}"})) == ["VAE505"]


@pytest.mark.parametrize("remark", ["", "        # whoever shows it calls .backward() of it\n"])
def test_a_part_of_another_function_that_trains_nothing_is_left_to_it(remark: str, tmp_path: Path) -> None:
    text = f"{NET}def shown(loader, show):\n    def cost(x):\n{remark}        y, m, s = Net()(x)\n"
    text += f'        return (F.mse_loss(y, x, reduction="none").sum(1) - {KL}).mean()\n    show(loader)\n'
    assert [each.subject.rpartition(":")[2] for each in linted(tmp_path, {"a.py": text}).vaes] == ["Net"]
