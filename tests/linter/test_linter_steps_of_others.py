"""A step of another optimizer of the same name moves nothing of this one; nor does a method that is only named."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, OBJECTIVE, codes, linted

from vae_checked.linter import LintReport
from vae_checked.reports import all_examined

VAE = HEAD + MODEL + FORWARD + OBJECTIVE
# Another function, of another file, that steps an optimizer of its own by the same name.
OTHER = """
import torch


def search(z, goal):
    optimizer = torch.optim.Adam((z,))
    for _ in range(40):
        optimizer.zero_grad()
        (z - goal).pow(2).sum().backward()
        optimizer.step()
    return z
"""
TRAINED = (
    "from search import search\n"
    + VAE
    + """

def turn(net, loader, optimizer):
    for x in loader:
        y, m, s = net(x)
        loss = objective(y, x, m, s)
        optimizer.zero_grad()
        loss.backward()
        {step}
    return search(m.detach().requires_grad_(), x[:, :7])


def main(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(9):
        turn(net, loader, optimizer)
"""
)
KEPT = (
    VAE
    + """

class Trainer:
    def __init__(self):
        self.net, self.loader = Net(), DataLoader(torchvision.datasets.MNIST("."))
        self.optim = torch.optim.Adam(self.net.parameters())

    def train(self):
        for x, _ in self.loader:
            y, m, s = self.net(x)
            loss = objective(y, x, m, s)
            self.optim.zero_grad()
            loss.backward()
            {step}


Trainer().train()
"""
)
IN_A_TABLE = (
    VAE
    + """

class Trainer:
    def __init__(self):
        self.net, self.loader = Net(), DataLoader(torchvision.datasets.MNIST("."))
        {made}

    def train(self):
        for x, _ in self.loader:
            y, m, s = self.net(x)
            loss = objective(y, x, m, s)
            self.optimizers["ends"].zero_grad()
            self.optimizers["trunk"].zero_grad()
            loss.backward()
            {steps}


Trainer().train()
"""
)
ENDS = "[*self.net.to_m.parameters(), *self.net.to_s.parameters(), *self.net.back.parameters()]"
MADE = (
    f"""self.optimizers = {{
            "trunk": torch.optim.Adam(self.net.trunk.parameters()),
            "ends": torch.optim.Adam({ENDS}),
        }}""",
    f"""self.optimizers = dict()
        self.optimizers["trunk"] = torch.optim.Adam(self.net.trunk.parameters())
        self.optimizers["ends"] = torch.optim.Adam({ENDS})""",
)


def clean(report: LintReport) -> set[str]:
    return {code for each in all_examined(report) if each.is_vae for code in each.clean}


@pytest.mark.parametrize("step", ["pass", "optimizer.step", "optimizer.zero_grad()", "optimizer.state_dict()"])
def test_another_function_steps_its_own_optimizer_by_that_name(step: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TRAINED.format(step=step), "search.py": OTHER})
    assert "VAE602" not in clean(report)


@pytest.mark.parametrize("step", ["optimizer.step()", "kept = optimizer; kept.step()", "unknown(optimizer)"])
def test_an_optimizer_that_is_stepped_where_it_is_handed_is_clean(step: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TRAINED.format(step=step), "search.py": OTHER})
    assert codes(report) == []
    assert "VAE602" in clean(report)


def test_a_variable_of_the_file_is_one_in_all_its_functions(tmp_path: Path) -> None:
    of_file = TRAINED.replace("(net, loader, optimizer)", "(net, loader)").replace(
        "def main(loader):\n", "def main():\n"
    )
    of_file = of_file.replace("    optimizer = torch", "    global optimizer\n    optimizer = torch").replace(
        "loader)\n", "load)\n"
    )
    for step, is_clean in (("optimizer.step()", True), ("pass", False)):
        report = linted(tmp_path, {"net.py": of_file.format(step=step), "search.py": OTHER})
        assert ("VAE602" in clean(report)) is is_clean


@pytest.mark.parametrize(("step", "is_clean"), [("self.optim.step()", True), ("self.optim.step", False)])
def test_a_step_that_is_not_called_moves_nothing(step: str, is_clean: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": KEPT.format(step=step)})
    assert codes(report) == ([] if is_clean else ["VAE601"])
    assert ("VAE602" in clean(report)) is is_clean


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize(
    ("steps", "is_clean"),
    [
        ('self.optimizers["ends"].step(); self.optimizers["trunk"].step()', True),
        ("[each.step() for each in self.optimizers.values()]", True),
        ('self.optimizers["ends"].step()', False),
        # The same one twice.
        ('self.optimizers["ends"].step(); self.optimizers["ends"].step()', False),
    ],
)
def test_each_optimizer_of_a_table_is_stepped_by_its_name(
    made: str, steps: str, is_clean: bool, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": IN_A_TABLE.format(made=made, steps=steps)})
    assert codes(report) == []
    assert ("VAE602" in clean(report)) is is_clean
