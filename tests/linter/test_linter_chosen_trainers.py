"""Objects that step an optimizer, of which a name chooses one at run time: the first does not stand for all."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, codes, linted

from vae_checked.reports import all_examined

PLAIN = """

class Plain:
    def step_by(self, x, net, optimizer):
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
JUDGED = """

class Judged:
    def __init__(self):
        self.judge = nn.Linear(7, 2)
        self.own = torch.optim.Adam({held})

    def step_by(self, x, net, optimizer):
        y, m, s = net(x)
        scores = self.judge(m)
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss = loss + (scores[:, 0] - scores[:, 1]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
CHOICES = {
    "ifs": """

def chosen(name):
    if name == "plain":
        return Plain()
    if name == "judged":
        return {other}()
    raise ValueError(name)
""",
    "one line": """

def chosen(name):
    return Plain() if name == "plain" else {other}()
""",
    "else": """

def chosen(name):
    if name == "plain":
        made = Plain()
    else:
        made = {other}()
    return made
""",
}
FIT = """

def fit(loader, name):
    net = Net()
    optimizer = torch.optim.Adam({parameters})
    how = {how}
    for x in loader:
        how.step_by(x, net, optimizer)
"""
MODEL = HEAD + LAYERS + LAYERS_FORWARD + PLAIN


def judged(folder: Path, text: str) -> tuple[list[str], bool]:
    """The mistakes that are found, and whether an optimizer is said to hold all."""
    report = linted(folder, {"net.py": text})
    return codes(report), any("VAE602" in each.clean for each in all_examined(report))


@pytest.mark.parametrize("way", CHOICES)
@pytest.mark.parametrize("held", ["[nn.Parameter(torch.zeros(2))]", "self.judge.parameters()"])
def test_what_a_chosen_object_steps_is_open(held: str, way: str, tmp_path: Path) -> None:
    text = MODEL + JUDGED.format(held=held) + CHOICES[way].format(other="Judged")
    assert judged(tmp_path, text + FIT.format(parameters="net.parameters()", how="chosen(name)")) == ([], False)


@pytest.mark.parametrize("way", CHOICES)
def test_what_no_object_may_step_is_still_named(way: str, tmp_path: Path) -> None:
    text = MODEL + JUDGED.format(held="self.judge.parameters()") + CHOICES[way].format(other="Judged")
    assert judged(tmp_path, text + FIT.format(parameters="net.to_m.parameters()", how="chosen(name)"))[0] == ["VAE602"]


@pytest.mark.parametrize("how", ["Plain()", "chosen(name)"])
def test_the_only_object_that_steps_is_known(how: str, tmp_path: Path) -> None:
    text = MODEL + CHOICES["ifs"].format(other="Plain")
    assert judged(tmp_path, text + FIT.format(parameters="net.parameters()", how=how)) == ([], True)
