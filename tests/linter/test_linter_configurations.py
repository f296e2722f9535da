"""Parts of a training that a file of settings names: the model, its loss and what trains it are put together by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

from vae_checked.linter import LintReport, lint

PARTS = (
    HEAD
    + """

class Wide(nn.Module):
    def __init__(self, width=7):
        super().__init__()
        self.there, self.back = nn.Linear(84, 14), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.there(x).chunk(2, dim=1)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


class Narrow(nn.Module):
    def __init__(self, width=7):
        super().__init__()
        self.there, self.back = nn.Linear(84, 14), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.there(x).chunk(2, dim=1)
        return self.back(m + torch.exp(s) * torch.randn_like(s)), m, s


class Plain(nn.Module):
    def __init__(self, width=7):
        super().__init__()
        self.both = nn.Linear(84, 84)

    def forward(self, x):
        return self.both(x), x, x
"""
)
# The second head is a log variance for one of the losses, and a log of the std for the other.
LOSSES = (
    HEAD
    + """

def of_variance(y, m, s, x):
    return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())


def of_spread(y, m, s, x):
    return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + 2 * s - m.pow(2) - (2 * s).exp())
"""
)
READ = "import json\n\n\ndef read(path):\n    with open(path) as file:\n        return json.load(file)\n"
TRAIN = {
    "by getattr": """
    model = getattr(parts, config["model"]["kind"])(**config["model"]["sizes"])
    loss = getattr(losses, config["loss"])
""",
    "from the names of a module": """
    model = vars(parts)[config.get("model").get("kind")](7)
    loss = losses.__dict__[config.get("loss")]
""",
    "by a path": """
    place, name = f"parts.{config['model']['kind']}".rsplit(".", 1)
    model = getattr(importlib.import_module(place), name)()
    loss = getattr(importlib.import_module("losses"), config["loss"])
""",
    "from a table of models": """
    model = {"Plain": parts.Plain, "Wide": parts.Wide, "Narrow": parts.Narrow}[config["model"]["kind"]]()
    loss = getattr(losses, config["loss"].lower())
""",
}


def training(made: str, before: str = "config = read(sys.argv[1])") -> str:
    return (
        HEAD
        + f"""
import importlib
import sys

import losses
import parts
from read import read


def main():
    {before}
{made}
    optimizer = torch.optim.Adam(model.parameters())
    for x in DataLoader(torch.load("rows.pt"), batch_size=12):
        optimizer.zero_grad()
        y, m, s = model(x)
        loss(y, m, s, x).backward()
        optimizer.step()


if __name__ == "__main__":
    main()
"""
    )


def settings(model: str, loss: str) -> str:
    return json.dumps({"model": {"kind": model, "sizes": {"width": 7}}, "loss": loss})


def files(made: str, **configs: str) -> dict[str, str]:
    texts = {f"{name}.json": text for name, text in configs.items()}
    return {"parts.py": PARTS, "losses.py": LOSSES, "read.py": READ, "train.py": training(made), **texts}


@pytest.mark.parametrize("made", TRAIN.values(), ids=TRAIN)
def test_what_a_file_of_settings_names_is_put_together(made: str, tmp_path: Path) -> None:
    report = linted(tmp_path, files(made, config=settings("Narrow", "of_spread")))
    assert [item.subject.endswith("Narrow") or "train.py" in item.subject for item in joined(report)]
    assert codes(report) == []


@pytest.mark.parametrize("made", TRAIN.values(), ids=TRAIN)
def test_a_loss_that_does_not_go_with_the_model_of_a_file_is_named(made: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, files(made, config=settings("Narrow", "of_variance")))) == ["VAE201"]


@pytest.mark.parametrize("made", TRAIN.values(), ids=TRAIN)
def test_each_file_of_settings_is_read_by_itself(made: str, tmp_path: Path) -> None:
    right = {"config": settings("Wide", "of_variance"), "other": settings("Narrow", "of_spread")}
    assert codes(linted(tmp_path, files(made, **right))) == []
    wrong = {"config": settings("Wide", "of_variance"), "other": settings("Narrow", "of_variance")}
    assert codes(linted(tmp_path / "wrong", files(made, **wrong))) == ["VAE201"]


def test_a_file_of_another_project_chooses_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(settings("Narrow", "of_variance"))
    report = linted(tmp_path / "project", files(TRAIN["by getattr"]))
    assert "VAE201" not in codes(report)


def test_names_that_nothing_has_choose_nothing(tmp_path: Path) -> None:
    made = TRAIN["by getattr"]
    without = linted(tmp_path / "without", files(made))
    report = linted(tmp_path / "with", files(made, config=settings("Deep", "of_nothing"), data='{"kind": "Narrow"}'))
    assert codes(report) == codes(without)
    assert len(joined(report)) == len(joined(without))


FOLDERS = {
    "beside the code": "settings.json",
    "in a folder of its own": "configs/a.json",
    "deeper": "experiments/one/two/a.json",
}


@pytest.mark.parametrize("place", FOLDERS.values(), ids=FOLDERS)
def test_settings_are_found_near_the_code(place: str, tmp_path: Path) -> None:
    made = files(TRAIN["by getattr"])
    assert codes(linted(tmp_path, {**made, place: settings("Narrow", "of_variance")})) == ["VAE201"]


def test_settings_that_come_make_what_is_kept_void(tmp_path: Path) -> None:
    linted(tmp_path, files(TRAIN["by getattr"]))
    kept = str(tmp_path / "kept")
    assert "VAE201" not in codes(lint([tmp_path], cache=kept))
    (tmp_path / "config.json").write_text(settings("Narrow", "of_variance"))
    assert codes(lint([tmp_path], cache=kept)) == ["VAE201"]
    (tmp_path / "config.json").write_text(settings("Narrow", "of_spread"))
    assert codes(lint([tmp_path], cache=kept)) == []


OPTION = """
    model = getattr(parts, args.model)()
    loss = getattr(losses, f"of_{args.loss}")
"""


def optional(model: str, loss: str, tmp_path: Path) -> LintReport:
    before = f"""parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="{model}", choices=["Plain", "Wide", "Narrow"])
    parser.add_argument("--loss", default="{loss}")
    args = parser.parse_args()"""
    train = training(OPTION, before).replace("import sys", "import argparse")
    return linted(tmp_path, {"parts.py": PARTS, "losses.py": LOSSES, "read.py": READ, "train.py": train})


def test_the_default_of_an_option_names_a_part(tmp_path: Path) -> None:
    assert codes(optional("Narrow", "variance", tmp_path / "one")) == ["VAE201"]
    assert codes(optional("Narrow", "spread", tmp_path / "two")) == []
    assert codes(optional("Wide", "variance", tmp_path / "three")) == []
