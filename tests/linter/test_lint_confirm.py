"""`lint --confirm`: the models of the findings are built and measured, and what was read is set beside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from vae_checked.catalogue import find
from vae_checked.cli import main

BAD = find("VAE201").bad
HEAD, _, LOSS = BAD.partition("def loss_function")
IMPORTS = "import torch\nimport torch.nn.functional as F\n\n\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def remarks(capsys: pytest.CaptureFixture[str], *words: str) -> list[tuple[str, str]]:
    """(kind, message) of every remark; the exit status stays that of the findings."""
    before = list(sys.path), set(sys.modules)
    assert main(["lint", "--confirm", "--no-cache", "--format", "json", *words]) == 1
    out = capsys.readouterr().out
    assert sys.path == before[0]
    assert not {"model", "loss", "pkg"} & (set(sys.modules) - before[1])
    return [(each["kind"], each["message"]) for each in json.loads(out)["remarks"]]


def test_a_finding_that_the_model_bears_out_shows_both_readings(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "model.py").write_text(BAD, encoding="utf-8")
    ((kind, message),) = remarks(capsys)
    assert kind == "agreement of source and live model"
    assert message == (
        "VAE201: the live model:VAE does the same (sampler.std: read std = exp(s), measured std = exp(s); "
        "kl.form: read the KL for s as log variance, measured the KL for s as log variance)"
    )


def test_a_model_that_does_otherwise_than_its_source_disagrees(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = "lambda self, mu, s: mu + torch.exp(0.5 * s) * torch.randn_like(mu)"
    patch = f'\n\nexec("VAE.reparameterize = {right}")\n'
    (folder / "model.py").write_text(BAD + patch, encoding="utf-8")
    ((kind, message),) = remarks(capsys)
    assert kind == "disagreement of source and live model"
    assert message.startswith(
        "VAE201: the live model:VAE does not (sampler.std: read std = exp(s), measured std = exp(0.5"
    )


def test_model_and_loss_in_files_of_a_package(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").write_text("", encoding="utf-8")
    (folder / "pkg" / "model.py").write_text(HEAD, encoding="utf-8")
    (folder / "pkg" / "loss.py").write_text(f"{IMPORTS}def loss_function{LOSS}", encoding="utf-8")
    ((kind, message),) = remarks(capsys, "pkg")
    assert kind == "agreement of source and live model"
    assert "the live pkg.model:VAE does the same" in message


def test_a_folder_that_is_no_package_is_imported_where_imports_work(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "nets" / "parts").mkdir(parents=True)
    (folder / "nets" / "sizes.py").write_text("LATENTS = 5\n", encoding="utf-8")
    (folder / "nets" / "parts" / "model.py").write_text(f"from nets.sizes import LATENTS\n{BAD}", encoding="utf-8")
    ((kind, message),) = remarks(capsys)
    assert kind == "agreement of source and live model"
    assert "the live nets.parts.model:VAE" in message
    assert "alone were loaded" not in message


ALONE = {
    "raises": (
        "raise RuntimeError('no data folder')",
        "importing model raised RuntimeError: no data folder (model.py:45)",
    ),
    "ends the program": ("raise SystemExit(3)", "importing model ended the program (exit status 3)"),
    "needs a package": (
        "import a_package_that_nobody_has",
        "importing model needs 'a_package_that_nobody_has', which is not installed",
    ),
    "trains": ("for _ in ():\n    optimizer.step()", "importing model takes steps of a training"),
}


@pytest.mark.parametrize(("statement", "why"), ALONE.values(), ids=ALONE)
def test_a_script_is_measured_by_its_definitions_and_says_why(
    statement: str, why: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "model.py").write_text(f"{BAD}\n\n{statement}\n", encoding="utf-8")
    ((kind, message),) = remarks(capsys)
    assert kind == "agreement of source and live model"
    assert message.startswith("VAE201: the live model:VAE does the same (")
    assert message.endswith(f"; {why}: its classes, functions and constants alone were loaded")


def test_a_loss_in_a_script_says_so_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "model.py").write_text(HEAD, encoding="utf-8")
    script = f"from model import VAE\n{IMPORTS}def loss_function{LOSS}\n\nraise RuntimeError('no data folder')\n"
    (folder / "loss.py").write_text(script, encoding="utf-8")
    ((kind, message),) = remarks(capsys)
    assert kind == "agreement of source and live model"
    assert "; importing loss raised RuntimeError: no data folder (loss.py:12): its classes, functions" in message


def test_a_file_that_no_import_can_name_is_to_be_renamed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "train-vae.py").write_text(BAD, encoding="utf-8")
    ((kind, message),) = remarks(capsys)
    assert kind == "unconfirmed finding"
    assert message == "VAE201: could not be measured: train-vae.py has no name to import it by: rename it"


def test_a_model_that_lacks_arguments_names_the_option(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "model.py").write_text(BAD.replace("def __init__(self", "def __init__(self, width", 1), encoding="utf-8")
    ((kind, message),) = remarks(capsys)
    assert kind == "unconfirmed finding"
    assert "missing 1 required positional argument: 'width'" in message
    assert message.endswith("vae-checked audit model:VAE with --kwargs settles it")
    (folder / "pyproject.toml").write_text(
        '[tool.vae-checked.models.mine]\nmodel = "model:VAE"\nkwargs = {width = 3}\ninput = "B 3 8 12"\n'
        'loss = "model:loss_function"\n',
        encoding="utf-8",
    )
    ((kind, message),) = remarks(capsys)
    assert kind == "agreement of source and live model"
    assert "the live mine does the same" in message


UNCONFIRMED = {
    "a loss without a class": (
        (
            f"{IMPORTS}def loss(y, x, mu, logvar):\n"
            '    bce = F.binary_cross_entropy_with_logits(torch.sigmoid(y), x, reduction="sum")\n'
            "    return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())\n"
        ),
        "no class is built here: vae-checked audit of the model, with --loss FUNCTION, measures it",
    ),
    "definitions that raise": (f"{BAD}\n\nclass Other(missing.Base):\n    pass\n", "NameError: name 'missing' is not"),
    "definitions that exit": (
        f"{BAD}\n\nclass Other:\n    raise SystemExit(3)\n",
        "ended the program (exit status 3)",
    ),
    "definitions that need a package that nobody has": (
        f"import a_package_that_nobody_has\n{BAD}\n\nclass Other(a_package_that_nobody_has.Base):\n    pass\n",
        "needs 'a_package_that_nobody_has'",
    ),
    "what no model tells": (find("VAE602").bad, "which a model alone does not tell"),
}


@pytest.mark.parametrize(("text", "said"), UNCONFIRMED.values(), ids=UNCONFIRMED)
def test_what_could_not_be_measured_says_why(
    text: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "model.py").write_text(text, encoding="utf-8")
    found = remarks(capsys)
    assert {kind for kind, _ in found} == {"unconfirmed finding"}
    assert said in found[0][1]


def test_a_finding_in_a_notebook_is_left_to_the_reader(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [{"cell_type": "code", "source": BAD}]
    (folder / "walk.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    ((kind, message),) = remarks(capsys)
    assert (kind, "no class is built here" in message) == ("unconfirmed finding", True)


def test_nothing_runs_without_the_option(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marker = folder / "marker"
    (folder / "model.py").write_text(f"{BAD}\n\nopen({str(marker)!r}, 'w').close()\n", encoding="utf-8")
    assert main(["lint"]) == 1
    assert not marker.exists()
    assert main(["lint", "--confirm"]) == 1
    assert marker.exists()
    assert "agreements of source and live model:" in capsys.readouterr().out
