"""What another training, or a trial, of the same files says nothing of: whether this one takes a gradient."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, OBJECTIVE, codes, linted

TRIED = (
    HEAD
    + MODEL
    + FORWARD
    + OBJECTIVE
    + """

if __name__ == "__main__":
    x = torch.rand(5, 84)
    y, m, s = Net()(x)
    loss = objective(y, x, m, s)
    print(loss.item())
"""
)
TRAINER = """
import torch
from net import objective


class Trainer:
    def __init__(self, model, loader):
        self.model, self.loader = model, loader
        self.optimizer = torch.optim.Adam(self.model.parameters())

    def train(self):
        for x in self.loader:
            self.optimizer.zero_grad()
            y, mu, logvar = self.model(x)
            loss = objective(y, x, mu, logvar)
            {between}
            self.optimizer.step()
"""


@pytest.mark.parametrize(("between", "clean"), [("loss.backward()", True), ("taken(loss)", False)])
def test_a_trial_beside_a_training_does_not_say_what_that_lacks(between: str, clean: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TRIED, "trainer.py": TRAINER.format(between=between)})
    assert codes(report) == []
    assert all("VAE601" in each.clean for each in report.vaes) is clean


SCRIPT = """
net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x in DataLoader(rows):
    optimizer.zero_grad()
    y, m, s = net(x)
    loss = objective(y, x, m, s)
    {between}
    optimizer.step()
"""


@pytest.mark.parametrize(("between", "clean"), [("loss.backward()", True), ("taken(loss)", False)])
def test_what_a_script_runs_itself_is_its_training(between: str, clean: bool, tmp_path: Path) -> None:
    source = TRIED[: TRIED.index("if __name__")] + SCRIPT.format(between=between)
    report = linted(tmp_path, {"net.py": source})
    assert codes(report) == []
    assert any("VAE601" in each.clean for each in report.vaes) is clean


PAIR = (
    HEAD
    + MODEL
    + FORWARD
    + f"""

class First:
    def __init__(self):
        self.model = Net()
        self.optimizer = torch.optim.Adam(self.model.parameters())

    def fit(self, x):
        y, m, s = self.model(x)
        loss = (F.binary_cross_entropy(y, x, reduction="none").sum(1) + {KL}).mean()
        self.model.zero_grad()
        {{first}}
        {{then}}


class Second:
    def __init__(self):
        self.model = nn.Linear(3, 3)
        self.optimizer = torch.optim.Adam(self.model.parameters())

    def fit(self, x):
        loss = self.model(x).pow(2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
)


@pytest.mark.parametrize(
    ("first", "then", "clean"),
    [
        ("loss.backward()", "self.optimizer.step()", True),
        ("shown(loss)", "self.optimizer.step()", False),
        ("loss.backward()", "self.optimizer.zero_grad()", False),
        ("loss.backward()", "self.scheduler.step()", False),
    ],
    ids=["trained", "not differentiated", "not stepped", "a schedule alone"],
)
def test_what_trains_another_model_of_the_file_trains_this_one_not(
    first: str, then: str, clean: bool, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": PAIR.format(first=first, then=then)})
    assert codes(report) == []
    assert any("VAE601" in each.clean for each in report.vaes) is clean


GIVEN = (
    HEAD
    + MODEL
    + FORWARD
    + OBJECTIVE
    + """

def fit(loader, optimizer):
    net = Net()
    for x in loader:
        net.zero_grad()
        y, m, s = net(x)
        loss = objective(y, x, m, s)
        {step}
        optimizer.step()
"""
)


@pytest.mark.parametrize(("step", "clean"), [("loss.backward()", True), ("taken(loss)", False)])
def test_an_optimizer_that_is_handed_over_takes_what_is_differentiated(step: str, clean: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": GIVEN.format(step=step)})
    assert codes(report) == []
    assert any("VAE601" in each.clean for each in report.vaes) is clean
