"""Data sets of a project that a name, a branch or a file of settings chooses: none is known to go with a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, SQUASHED, codes, linted

SETS = (
    HEAD
    + """

class Shapes(Dataset):
    def __init__(self, count=50):
        held = np.random.randn(count, 84).astype(np.float32)
        self.held = (held - np.mean(held, axis=0)) / np.std(held, axis=0)

    def __getitem__(self, index):
        return self.held[index], 0

    def __len__(self):
        return len(self.held)


class Rings(Dataset):
    def __init__(self, count=50):
        self.held = {rings}

    def __getitem__(self, index):
        return self.held[index], 0

    def __len__(self):
        return len(self.held)
"""
)
STORED = 'np.load("rings.npy")'
CENTRED = SETS[SETS.index("(held - np.mean") : SETS.index("\n\n    def __getitem__")].replace(
    "held", 'np.load("r.npy")'
)
SQUEEZED = (
    SQUASHED
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return F.mse_loss(y, x, reduction="sum") + 0.5 * torch.sum(m ** 2 + s.exp() - s - 1)
"""
)
NETS = HEAD + SQUEEZED.replace("class Net", "class Squeezed")
FIT = (
    HEAD
    + """
import argparse
import json

import nets
import sets

parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True)
parser.add_argument("--settings", required=True)
args = parser.parse_args()
config = json.load(open(args.settings))

{held}

net = {net}
optimizer = torch.optim.Adam(net.parameters())
for x, _ in DataLoader(held, batch_size=32, shuffle=True):
    loss = net(x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)
WAYS = {
    "of a module": "held = getattr(sets, args.data)()",
    "of a register": 'KNOWN = {"a": sets.Shapes, "b": sets.Rings}\nheld = KNOWN[args.data]()',
    "of those that are made": 'KNOWN = {"a": sets.Shapes(), "b": sets.Rings()}\nheld = KNOWN[args.data]',
    "in branches": 'if args.data == "a":\n    held = sets.Shapes()\nelse:\n    held = sets.Rings()',
    "in branches turned": 'if args.data == "b":\n    held = sets.Rings()\nelse:\n    held = sets.Shapes()',
}


@pytest.mark.parametrize("held", WAYS.values(), ids=list(WAYS))
def test_a_data_set_that_is_one_of_several_tells_no_range(held: str, tmp_path: Path) -> None:
    files = {"sets.py": SETS.format(rings=STORED), "nets.py": NETS}
    chosen = FIT.format(held=held, net="nets.Squeezed()")
    assert codes(linted(tmp_path / "one of two", {**files, "fit.py": chosen})) == []
    alone = FIT.format(held="held = sets.Shapes()", net="nets.Squeezed()")
    assert codes(linted(tmp_path / "alone", {**files, "fit.py": alone})) == ["VAE403"]


@pytest.mark.parametrize("turned", [False, True])
def test_data_sets_of_two_branches_that_lie_alike_tell_their_range(turned: bool, tmp_path: Path) -> None:
    held = WAYS["in branches turned" if turned else "in branches"]
    rings = CENTRED.strip().removeprefix("self.held = ")
    files = {
        "sets.py": SETS.format(rings=rings),
        "nets.py": NETS,
        "fit.py": FIT.format(held=held, net="nets.Squeezed()"),
    }
    assert codes(linted(tmp_path, files)) == ["VAE403"]


PLAIN = """

class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.only = nn.Linear(84, 84)
"""
BY_SETTINGS = 'held = getattr(sets, config["data"])()'


@pytest.mark.parametrize(("net", "expected"), [("Forest", []), ("Squeezed", ["VAE403"])])
def test_settings_that_name_another_model_tell_no_data_of_this(net: str, expected: list[str], tmp_path: Path) -> None:
    linear = NETS + PLAIN
    settings = json.dumps({"data": "Shapes", "model": net})
    fit = FIT.format(held=BY_SETTINGS, net='getattr(nets, config["model"])()')
    files = {"sets.py": SETS.format(rings=STORED), "nets.py": linear, "fit.py": fit, "settings/one.json": settings}
    assert codes(linted(tmp_path, files)) == expected


# ----------------------------------------------------------------------- one step with the numbers of several sets

LOADERS = (
    HEAD
    + """from torchvision import datasets, transforms


def numbers(name):
    if name == "digits":
        return {"mean": (0.13,), "std": (0.31,)}
    if name == "houses":
        return {"mean": (0.44,), "std": (0.2,)}
    return {"mean": (0.13,), "std": (0.31,)}


def steps(given):
    return transforms.Compose([transforms.ToTensor(), transforms.Normalize(given["mean"], given["std"])])


def loader(name):
    return DataLoader(datasets.ImageFolder(name, transform=steps(numbers(name))), batch_size=32)
"""
)
ONE = HEAD + "from loaders import loader\n\n" + SQUEEZED


@pytest.mark.parametrize(("other", "told"), [("houses", False), ("digits", True), ("", True)])
def test_a_step_that_is_given_other_numbers_elsewhere_tells_no_range(other: str, told: bool, tmp_path: Path) -> None:
    shown = HEAD + "from loaders import loader\n\nfor x, _ in loader('digits'):\n    print(x.shape)\n"
    again = HEAD + f"from loaders import loader\n\nfor x, _ in loader('{other}'):\n    print(x.shape)\n"
    files = {"loaders.py": LOADERS, "net.py": ONE, "shown.py": shown}
    report = linted(tmp_path, {**files, "again.py": again} if other else files)
    assert ("VAE403" in codes(report)) is told


TWO = (
    HEAD
    + """
from loaders import loader


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)
        self.back = nn.Sequential(nn.Linear(7, 84), nn.Sigmoid())
        self.to_n, self.to_t = nn.Linear(10, 7), nn.Linear(10, 7)
        self.label = nn.Sequential(nn.Linear(7, 10), nn.Sigmoid())

    def forward(self, x, c):
        m, s = self.to_m(x), self.to_s(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        n, t = self.to_n(c), self.to_t(c)
        d = self.label(n + torch.exp(0.5 * t) * torch.randn_like(t))
        kl = 0.5 * torch.sum(m ** 2 + s.exp() - s - 1) + 0.5 * torch.sum(n ** 2 + t.exp() - t - 1)
        return F.mse_loss(y, x, reduction="sum") + F.{error}(d, c, reduction="sum") + kl
"""
)


FITTED = """

def fit(optimizer):
    net = Net()
    for x, c in loader("digits"):
        loss = net(x, torch.eye(10)[c])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_of_two_inputs_that_are_reconstructed_the_data_may_be_either(tmp_path: Path) -> None:
    files = {"loaders.py": LOADERS, "net.py": TWO.format(error="mse_loss")}
    line = 1 + files["net.py"].split("\n").index("        self.back = nn.Sequential(nn.Linear(7, 84), nn.Sigmoid())")
    report = linted(tmp_path, {**files, "net.py": files["net.py"] + FITTED})
    assert {each.place.line for each in report.findings if each.place is not None} == {line}


STEPS = """

class Trained(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)
        self.back = nn.Sequential(nn.Linear(7, 84), nn.Sigmoid())

    def error(self, x):
        m, s = self.to_m(x), self.to_s(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return F.mse_loss(y, x, reduction="sum") + 0.5 * torch.sum(m ** 2 + s.exp() - s - 1)

    def training_step(self, train_batch, number):
        return self.error(train_batch)

    def validation_step(self, val_batch, number):
        return self.error(val_batch)
"""


def test_what_is_trained_and_what_is_validated_is_one_input(tmp_path: Path) -> None:
    shown = HEAD + "from loaders import loader\n\nfor x, _ in loader('digits'):\n    print(x.shape)\n"
    net = HEAD + "from loaders import loader\nfrom lightning import LightningModule\n"
    files = {"loaders.py": LOADERS, "net.py": net + STEPS.replace("nn.Module", "LightningModule"), "shown.py": shown}
    assert codes(linted(tmp_path, files)) == ["VAE403"]
