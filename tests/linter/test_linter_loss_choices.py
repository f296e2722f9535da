"""Losses of which a setting that is not known makes one: an object of the project's, or one of torch's."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, joined, linted

NET = HEAD + MODEL + FORWARD
LOSSES = (
    HEAD
    + """

class Squared{base}:
    def __init__(self, weight):
        {begun}
        self.weight = weight

    def {name}(self, y, x, m, s):
        kl = -0.5 * torch.sum(1 + {read} - m.pow(2) - {read}.exp())
        return F.mse_loss(y, x, reduction="sum") + self.weight * kl


class Crossed{base}:
    def __init__(self, weight):
        {begun}
        self.weight = weight

    def {name}(self, y, x, m, s):
        kl = -0.5 * torch.sum(1 + {read} - m.pow(2) - {read}.exp())
        return F.binary_cross_entropy(y, x, reduction="sum") + self.weight * kl
"""
)
TRAIN = (
    HEAD
    + """
import losses
from nets import Net


class Losses:
    def __init__(self, kind, options):
        self.kind = kind
        self.options = options

    def made(self):
        loss = None
        if self.kind == "labels":
            loss = nn.CrossEntropyLoss()
        elif self.kind == "squared":
            loss = losses.Squared(**self.options)
        elif self.kind == "crossed":
            loss = losses.Crossed(**self.options)
        return loss


class Training:
    def __init__(self, config, batches):
        self.model = Net()
        self.loss = Losses(config["loss"], config["options"]).made()
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.batches = batches

    def run(self):
        for x in self.batches:
            y, m, s = self.model(x)
            loss = self.loss{called}(y, x, m, s)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
"""
)
KINDS = {
    "by a method": {"base": "", "begun": "super().__init__()", "name": "measure", "called": ".measure"},
    "as a function": {"base": "", "begun": "super().__init__()", "name": "__call__", "called": ""},
    "as a module": {"base": "(nn.Module)", "begun": "super().__init__()", "name": "forward", "called": ""},
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(("read", "expected"), [("s", []), ("(2 * s)", ["VAE201"])])
def test_each_loss_that_a_branch_makes_is_tried(
    kind: dict[str, str], read: str, expected: list[str], tmp_path: Path
) -> None:
    files = {"nets.py": NET, "losses.py": LOSSES.format(read=read, **kind), "train.py": TRAIN.format(**kind)}
    report = linted(tmp_path, files)
    assert codes(report) == expected
    assert {str(facts.recon.kind.value) for facts in joined(report) if facts.recon.kind} == {"mse", "bce"}


def test_what_a_loss_of_the_project_holds_is_read_of_each(tmp_path: Path) -> None:
    kind = KINDS["by a method"]
    train = TRAIN.format(**kind).replace(
        "            loss.backward()", "            loss = loss / self.loss.weight\n            loss.backward()"
    )
    report = linted(tmp_path, {"nets.py": NET, "losses.py": LOSSES.format(read="s", **kind), "train.py": train})
    assert codes(report) == []
    assert joined(report)


def test_of_data_sets_that_a_branch_makes_none_is_taken_for_a_loss(tmp_path: Path) -> None:
    sets = """

class Logs(Dataset):
    def __getitem__(self, index):
        return torch.rand(84).log()

    def both(self, one, other):
        return one.exp() - other


class Rows(Logs):
    def __getitem__(self, index):
        return torch.rand(84)


def train(config):
    data = Logs() if config.logs else Rows()
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for x in DataLoader(data, batch_size=32):
        y, m, s = model(x)
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
    report = linted(tmp_path, {"train.py": NET + sets})
    assert joined(report)
