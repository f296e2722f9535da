"""A model or a loss that code is handed, and whose class it declares, is known by that class."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, joined, linted

from vae_checked.linter import LintReport
from vae_checked.linter.interpreter import declared
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import Site
from vae_checked.linter.symbols.values import Class, Value

NET = HEAD + MODEL + FORWARD
LOSS = (
    HEAD
    + """

class Bound(nn.Module):
    def forward(self, out, x, mu, logvar):
        error = F.binary_cross_entropy(out, x, reduction="none").sum(1)
        return (error - 0.5 * torch.sum(1 + {read} - mu.pow(2) - {read}.exp(), dim=1)).mean()
"""
)
WRONG, RIGHT = "(2 * logvar)", "logvar"
STEP = """
    def step(self, x):
        out, m, s = self.model(x)
        loss = self.bound(out, x, m, s)
        loss.backward()
"""
IMPORTS = """
from dataclasses import dataclass
from typing import Optional

import nets
from losses import Bound
from nets import Net
"""
HANDED = {
    "by their names": """
class Trainer:
    def __init__(self, model: Net, bound: Bound, rate: float):
        self.model, self.bound, self.rate = model, bound, rate
""",
    "by keywords": """
class Trainer:
    def __init__(self, *, model: nets.Net, bound: "Bound"):
        self.model = model
        self.bound = bound
""",
    "as what may be absent": """
class Trainer:
    def __init__(self, model: Optional[Net], bound: Bound | None):
        self.model, self.bound = model, bound
""",
    "as fields": """
@dataclass
class Trainer:
    model: Net
    bound: Bound
    rate: float = 0.1
""",
}
FUNCTION = """
def train(model: Net, bound: Bound, x):
    out, m, s = model(x)
    loss = bound(out, x, m, s)
    loss.backward()
"""


def read(tmp_path: Path, text: str, logvar: str = WRONG, net: str = NET) -> LintReport:
    files = {"nets.py": net, "losses.py": LOSS.format(read=logvar), "train.py": HEAD + IMPORTS + text}
    return linted(tmp_path, files)


@pytest.mark.parametrize("handed", HANDED.values(), ids=HANDED)
def test_parts_of_a_trainer_are_known_by_their_declared_classes(handed: str, tmp_path: Path) -> None:
    report = read(tmp_path, handed + STEP)
    assert [facts.subject for facts in joined(report)]
    assert codes(report) == ["VAE201"]


def test_arguments_of_a_function_are_known_by_their_declared_classes(tmp_path: Path) -> None:
    assert codes(read(tmp_path, FUNCTION)) == ["VAE201"]


def test_what_is_right_stays_silent(tmp_path: Path) -> None:
    report = read(tmp_path, FUNCTION, RIGHT)
    assert joined(report)
    assert codes(report) == []


# Nothing else joins these two.
OPEN = NET.replace("class Net", "class Base") + "\n    def prior(self):\n        raise NotImplementedError\n"
UNKNOWN = {
    "several": FUNCTION.replace("model: Net", "model: list[Net]"),
    "one of two": FUNCTION.replace("model: Net", "model: Net | Bound"),
    "another library's": FUNCTION.replace("model: Net", "model: nn.Module").replace("bound: Bound", "bound: nn.Module"),
}


@pytest.mark.parametrize("text", UNKNOWN.values(), ids=UNKNOWN)
def test_a_class_that_is_not_the_one_declared_is_not_taken_for_it(text: str, tmp_path: Path) -> None:
    given = {"train.py": HEAD + IMPORTS + text, "losses.py": LOSS.format(read=WRONG)}
    names = (
        NET.replace("Net", "Net") + "\n\nclass Other(Net):\n    def encode(self, x):\n        return self.trunk(x)\n"
    )
    report = linted(tmp_path, {"nets.py": names, **given})
    assert not [facts for facts in joined(report) if facts.subject.startswith("train.py")]


def test_a_class_that_leaves_methods_open_stands_for_nothing(tmp_path: Path) -> None:
    text = FUNCTION.replace("Net", "Base")
    files = {"nets.py": OPEN, "losses.py": LOSS.format(read=WRONG)}
    report = linted(tmp_path, {**files, "train.py": HEAD + IMPORTS.replace("Net", "Base") + text})
    assert not [facts for facts in joined(report) if facts.subject.endswith("train")]


@pytest.mark.parametrize(
    ("told", "made"),
    [
        ('"""What is shown, with some loss of detail; the loss, if any, is small."""', False),
        ("loss = x.mean()", True),
        ("loss, shown = x, x", True),
        ("x = self.loss_of(x)", True),
        ('x = {"loss": x}', True),
        ('x = x["kl_loss"]', True),
        ("x.backward()", True),
    ],
)
def test_parts_are_made_where_code_has_a_loss(
    told: str, made: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[str] = []
    construct = declared.construct

    def counted(context: Context, cls: Class, args: list[Value], kwargs: dict[str, Value], site: Site) -> Value:
        parts.append(cls.name)
        return construct(context, cls, args, kwargs, site)

    monkeypatch.setattr(declared, "construct", counted)
    shown = f"    def shown(self, x):\n        {told}\n        return self.model.decode(x * torch.exp(x))\n"
    text = f"class Shown:\n    def __init__(self, model: Net):\n        self.model = model\n\n{shown}"
    linted(tmp_path, {"nets.py": NET, "shown.py": f"{HEAD}from nets import Net\n\n\n{text}"})
    assert ("Net" in parts) is made


def test_a_part_of_a_part_is_made_in_a_file_that_speaks_of_no_loss(tmp_path: Path) -> None:
    inner = HEAD + "\nfrom nets import Net\n\n\nclass Outer(nn.Module):\n    def __init__(self, vae: Net):\n"
    inner += "        super().__init__()\n        self.vae = vae\n\n    def forward(self, x):\n"
    inner += "        return self.vae(x)\n"
    task = HEAD + "\nfrom losses import Bound\nfrom outer import Outer\n\n\nclass Task(nn.Module):\n"
    task += "    def __init__(self, outer: Outer):\n        super().__init__()\n"
    task += "        self.outer, self.loss = outer, Bound()\n\n    def training_step(self, x, number):\n"
    task += "        y, m, s = self.outer(x)\n        return self.loss(y, x, m, s)\n"
    files = {"nets.py": NET, "outer.py": inner, "task.py": task}
    right = linted(tmp_path / "right", {**files, "losses.py": LOSS.format(read=RIGHT)})
    assert codes(right) == []
    assert joined(right)
    assert codes(linted(tmp_path / "wrong", {**files, "losses.py": LOSS.format(read=WRONG)})) == ["VAE201"]
