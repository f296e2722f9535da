"""A file that names no tensor library and makes models: what the models take is not taken from its own few steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

from vae_checked.linter.interpreter.interpreter import MAX_PLAIN_STEPS

# As many statements as no call into a file without tensors may take.
DEEP = MODEL.replace(
    "        self.settings = settings\n",
    "        self.settings = settings\n        self.widths = {}\n"
    + "".join(f"        self.widths['{at}'] = settings\n" for at in range(MAX_PLAIN_STEPS + 7)),
)
assert DEEP != MODEL
FACTORY = """
from nets import Net


def build(settings):
    {before}
    return Net(settings)
"""
SCRIPT = (
    HEAD
    + """
from factory import build

model = build(load("settings.yaml"))
for x, _ in DataLoader(Dataset()):
    out, m, s = model(x)
    loss = F.binary_cross_entropy(out, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    loss.backward()
"""
)


def found(tmp_path: Path, before: str, model: str) -> list[str]:
    wrong = (model + FORWARD).replace("torch.exp(0.5 * s)", "torch.exp(s)")
    # Of two models that fit, none is taken for what is not known.
    other = (MODEL + FORWARD).replace("class Net", "class Other")
    files = {"nets.py": HEAD + wrong + other, "factory.py": FACTORY.format(before=before), "train.py": SCRIPT}
    return codes(linted(tmp_path, files))


@pytest.mark.parametrize("model", [MODEL, DEEP], ids=["small", "large"])
def test_a_model_that_a_factory_makes_is_read(model: str, tmp_path: Path) -> None:
    assert found(tmp_path, "pass", model) == ["VAE201"]


def test_a_factory_that_works_too_long_itself_is_left(tmp_path: Path) -> None:
    before = "\n    ".join(f"name = 'layer' + str({at})" for at in range(MAX_PLAIN_STEPS))
    assert found(tmp_path, before, MODEL) == []
