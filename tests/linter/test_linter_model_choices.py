"""A setting chooses one of several models: what trains that one trains each of the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, joined, linted

from vae_checked.linter import LintReport

WIDE = (MODEL + FORWARD).replace("class Net", "class Wide").replace("33", "35")
NETS = HEAD + MODEL + FORWARD
SCRIPT = (
    HEAD
    + """
import argparse
import nets
from nets import Net, Wide

parser = argparse.ArgumentParser()
parser.add_argument("--model"{default})
args = parser.parse_args()
SET = ("net", "wide")


def build(name):
    {built}


{chosen}
optimizer = torch.optim.Adam(model.parameters())


def bound(out, x, m, s):
    return F.binary_cross_entropy(out, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())


for x, _ in DataLoader(Dataset()):
    out, m, s = model(x)
    loss = bound(out, x, m, s){beside}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)
BRANCHES = """
if args.model == "net":
    model = Net()
elif args.model == "wide":
    model = {wide}.to("cuda")
else:
    raise ValueError(args.model)
"""
CHOICES = {
    "nothing is set": ("", "pass", BRANCHES.format(wide="Wide()")),
    "a default": (', default="net"', "pass", BRANCHES.format(wide="Wide()")),
    "of a module": (', default="net"', "pass", BRANCHES.format(wide="nets.Wide()")),
    "a table": ("", 'return {"net": Net, "wide": Wide}[name]()', "model = build(args.model)"),
    "a function": (
        ', default="net"',
        'if name == "net":\n        return Net()\n    else:\n        return Wide()',
        "model = build(args.model)",
    ),
    "a function that refuses": (
        ', default="net"',
        'if name not in SET:\n        raise KeyError\n    if name == "net":\n        return Net()\n    return Wide()',
        "model = build(args.model)",
    ),
}


def read(tmp_path: Path, choice: tuple[str, str, str], wide: str, beside: str = "") -> LintReport:
    default, built, chosen = choice
    script = SCRIPT.format(default=default, built=built, chosen=chosen, beside=beside)
    return linted(tmp_path, {"nets.py": NETS + wide, "train.py": script})


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_a_mistake_of_a_model_that_is_not_chosen_today(choice: tuple[str, str, str], tmp_path: Path) -> None:
    report = read(tmp_path, choice, WIDE.replace("torch.exp(0.5 * s)", "torch.exp(s)"))
    assert codes(report) == ["VAE201"]


def test_a_model_that_computes_its_scale_in_place_is_one_of_them(tmp_path: Path) -> None:
    chosen = BRANCHES.format(wide="Wide()").replace(
        "else:", 'elif args.model == "other":\n    model = nets.Other()\nelse:'
    )
    models = WIDE.replace("torch.exp(0.5 * s)", "s.mul(1).exp_()") + WIDE.replace("class Wide", "class Other")
    assert codes(read(tmp_path, ("", "pass", chosen), models)) == ["VAE201"]


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_each_model_of_a_choice_is_joined(choice: tuple[str, str, str], tmp_path: Path) -> None:
    report = read(tmp_path, choice, WIDE)
    assert codes(report) == []
    places = {facts.sampler.std.origin.place for facts in joined(report) if facts.sampler.std}
    assert len(places) == 2


def test_a_setting_that_is_asked_once_more_may_choose_the_loss_as_well(tmp_path: Path) -> None:
    default, built, chosen = CHOICES["a default"]
    beside = '\n    if args.model == "wide":\n        loss = loss * 2'
    wide = WIDE.replace("torch.exp(0.5 * s)", "torch.exp(s)")
    assert codes(read(tmp_path, (default, built, chosen), wide, beside)) == []


def test_a_model_beside_the_chosen_one_is_no_choice(tmp_path: Path) -> None:
    chosen = "model = Net()\nother = Wide()\nif args.model:\n    model = Net()\nelse:\n    small = Wide()"
    wide = WIDE.replace("torch.exp(0.5 * s)", "torch.exp(s)")
    assert codes(read(tmp_path, ("", "pass", chosen), wide)) == []


def test_a_model_that_returns_more_belongs_to_other_code(tmp_path: Path) -> None:
    wide = WIDE.replace("torch.exp(0.5 * s)", "torch.exp(s)").replace(", m, s\n", ", x, m, s\n")
    assert wide.count(", x, m, s") == 1
    assert codes(read(tmp_path, CHOICES["a default"], wide)) == []


def test_one_of_the_models_is_joined_where_the_chosen_one_is_not(tmp_path: Path) -> None:
    default, built, chosen = CHOICES["a default"]
    script = SCRIPT.format(default=default, built=built, chosen=chosen, beside="")
    # What the loss is handed of the chosen one is not read.
    nets = f"import regular\n{NETS}".replace(", m, s\n", ", regular.of(m), regular.of(s)\n")
    assert nets.count("regular.of") == 2
    report = linted(
        tmp_path, {"nets.py": nets + WIDE.replace("torch.exp(0.5 * s)", "torch.exp(s)"), "train.py": script}
    )
    assert codes(report) == ["VAE201"]


def test_each_of_six_models_is_joined(tmp_path: Path) -> None:
    names = ["Wide", "Deep", "Small", "Tall", "Flat"]
    branches = "".join(f'elif args.model == "{name}":\n    model = nets.{name}()\n' for name in names)
    chosen = f'if args.model == "net":\n    model = Net()\n{branches}'
    models = "".join(WIDE.replace("class Wide", f"class {name}") for name in names[:-1])
    last = WIDE.replace("class Wide", "class Flat").replace("torch.exp(0.5 * s)", "torch.exp(s)")
    report = read(tmp_path, ("", "pass", chosen), models + last)
    assert len({facts.sampler.std.origin.place for facts in joined(report) if facts.sampler.std}) == 6
    assert codes(report) == ["VAE201"]
