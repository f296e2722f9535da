"""Code that would not end: it is read in bounded time and memory, its mistakes are named, and what was cut is said."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest
from hostile_code import KINDS, MISTAKE, module

from vae_checked.cli import FAILED, FOUND, main
from vae_checked.finding import Remark, RemarkKind
from vae_checked.linter import LintReport, lint
from vae_checked.linter.interpreter import expressions
from vae_checked.linter.interpreter.interpreter import MAX_STEPS
from vae_checked.reports import FORMATS, render

# Functions that call the next one three times each take more steps than one evaluation is given.
_CALLS = (f"def f{level}(v):\n    return f{level + 1}(f{level + 1}(f{level + 1}(v)))\n" for level in range(12))
HUNGRY = "".join([*_CALLS, "def f12(v):\n    return v + 1\n", "y = f0(x)\n"])


def limited(kind: str) -> dict[str, dict[str, object]]:
    """What is said of each piece of a kind by a process of its own, with 20 s and 500 MB."""
    here = Path(__file__).parents[1]
    paths = [str(here / "support"), str(here.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    run = subprocess.run(
        [sys.executable, "-m", "hostile_code.limited", kind],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    answers: dict[str, dict[str, object]] = json.loads(run.stdout)
    return answers


@pytest.mark.skipif(sys.platform != "linux", reason="limits of processes are those of Linux")
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_code_is_read_within_its_limits(kind: str) -> None:
    said = limited(kind)
    assert said.keys() == KINDS[kind].keys()
    assert {name: each["ended"] for name, each in said.items() if "ended" in each} == {}
    assert {name: each["errors"] for name, each in said.items() if each["errors"]} == {}
    # The mistake is named, or it is said that not all was read.
    silent = [name for name, each in said.items() if not (each["cut"] or each["unread"])]
    assert [name for name in silent if MISTAKE not in str(said[name]["codes"])] == []


def linted(folder: Path, text: str) -> LintReport:
    (folder / "model.py").write_text(text, encoding="utf-8")
    return lint([folder / "model.py"])


def remarks(report: LintReport, kind: RemarkKind) -> list[Remark]:
    return [remark for remark in report.remarks if remark.kind is kind]


def test_a_cut_is_told_with_its_place(tmp_path: Path) -> None:
    text = module(in_forward=HUNGRY)
    report = linted(tmp_path, text)
    (cut, *_) = remarks(report, RemarkKind.UNEXAMINED)
    line = text.split("\n")[cut.place.line - 1]
    assert line.strip() in HUNGRY
    assert "VAE is not examined from here on" in cut.message
    assert "unexamined part" in report.summary
    for name in FORMATS:
        assert "is not examined from here on" in render(report, name)


def test_a_vae_whose_reading_was_cut_is_clean_of_nothing(tmp_path: Path) -> None:
    good = module().replace("torch.exp(logvar)\n", "torch.exp(0.5 * logvar)\n")
    whole = linted(tmp_path, good)
    assert any("VAE201" in judgement.clean for judgement in whole.judgements)
    # Everything is seen before the calls, and what comes after them is not.
    calls = indent(f"x = data\n{HUNGRY}", " " * 8)
    for cut_after in ("        loss.backward()\n", "        optimizer.step()\n"):
        report = linted(tmp_path, good.replace(cut_after, cut_after + calls))
        cut = {f"{tmp_path}/model.py:train"}
        assert remarks(report, RemarkKind.UNEXAMINED)
        assert not [judgement.clean for judgement in report.judgements if judgement.subject in cut and judgement.clean]
        text = render(report, "text")
        assert "checked and clean" not in text or "train: 201" not in text
        assert "loss checked in 1" not in report.summary


def test_definitions_after_a_cut_of_the_top_level_are_examined(tmp_path: Path) -> None:
    report = linted(tmp_path, module(at_top=HUNGRY))
    assert [finding.code for finding in report.findings] == [MISTAKE]
    assert [cut.place.line for cut in remarks(report, RemarkKind.UNEXAMINED)] == [31]


PICTURES = """import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(784, 40)
        self.mu, self.logvar = nn.Linear(40, 2), nn.Linear(40, 2)
        self.decoder = nn.Sequential(*[nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(6)], nn.Linear(2, 784))

    def forward(self, x):
        h = torch.relu(self.encoder(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar


def shown(model, places):
    for i in range(10):
        for j in range(10):
            z = torch.tensor([places * i / 10, places * j / 10], dtype=torch.float32)
            image = model.decoder(z).detach().cpu().clamp(0, 1)
            save(image * 255, f"{i}-{j}.png")


model = VAE()
"""
TRAINING = """for epoch in range(20):
    for x, _ in loader:
        x_hat, mu, logvar = model(x)
        recon = F.mse_loss(x_hat, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = recon - kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(("pictures", "read"), [(0, True), (10, True), (25, False)])
def test_a_script_that_draws_many_pictures_is_read_to_its_end(tmp_path: Path, pictures: int, read: bool) -> None:
    drawn = "".join(f"shown(model, {place})\n" for place in range(2, 2 + pictures))
    report = linted(tmp_path, PICTURES + drawn + TRAINING)
    assert ["VAE302" in {finding.code for finding in report.findings}, not remarks(report, RemarkKind.UNEXAMINED)] == [
        read,
        read,
    ]


def test_work_is_counted_by_what_is_gone_through(tmp_path: Path) -> None:
    from vae_checked.linter.evaluations.plan import Plan
    from vae_checked.linter.files import source
    from vae_checked.linter.interpreter.project import Project
    from vae_checked.linter.roles import reader

    def steps(text: str) -> int:
        project = Project()
        list(Plan(project, reader).evaluations([project.add(source.parse("model.py", text))]))
        return MAX_STEPS - project.interpreter.remaining

    short, long = (f"a = [{', '.join('7' * length)}]\n" for length in (8, 900))
    copies = "b = a[:]\nc = a + a\nd = [*a]\nfor i in a:\n    pass\nprint(a, a)\n"
    literals = [steps(text) for text in (short, long)]
    added = [steps(text + copies) - literal for text, literal in zip((short, long), literals, strict=True)]
    assert added[1] > added[0] + 5 * (900 // 8)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_pieces_that_differ(kind: str) -> None:
    texts = list(KINDS[kind].values())
    assert len(texts) >= 15
    assert len(set(texts)) == len(texts)
    for text in texts:
        # What is hostile here is valid Python, but for what no parser takes.
        assert text.endswith("\n")


# ------------------------------------------------------------------------------------------ errors of the tool itself


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of this tool: it cannot read a set."""

    def fail(*_: object) -> object:
        raise ArithmeticError("of the tool")

    monkeypatch.setitem(expressions.EXPRESSIONS, ast.Set, fail)


@pytest.mark.usefixtures("broken")
def test_an_error_in_one_file_is_a_line_and_the_rest_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(module(in_forward="y = {x}\n"), encoding="utf-8")
    (tmp_path / "b.py").write_text(module(), encoding="utf-8")
    report = lint([tmp_path])
    assert [(finding.place.path, finding.code) for finding in report.findings if finding.place] == [
        (str(tmp_path / "b.py"), MISTAKE)
    ]
    (error, *_) = remarks(report, RemarkKind.INTERNAL_ERROR)
    assert (error.place.path, error.place.line) == (str(tmp_path / "a.py"), 16)
    assert "ArithmeticError" in error.message
    for name in FORMATS:
        assert "please report it" in render(report, name)


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("format_name", FORMATS)
def test_an_error_of_the_tool_ends_with_its_own_status(
    tmp_path: Path, format_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.py").write_text(module(in_loss="y = {x}\n"), encoding="utf-8")
    (tmp_path / "b.py").write_text(module(), encoding="utf-8")
    assert main(["lint", "--no-cache", "--format", format_name, str(tmp_path / "b.py")]) == FOUND
    capsys.readouterr()
    assert main(["lint", "--no-cache", "--format", format_name, str(tmp_path)]) == FAILED
    told = capsys.readouterr()
    assert MISTAKE in told.out
    assert "please report it" in told.err


@pytest.mark.usefixtures("broken")
def test_an_error_at_a_top_level_leaves_its_definitions(tmp_path: Path) -> None:
    report = linted(tmp_path, module(at_top="y = {x}\n"))
    assert [finding.code for finding in report.findings] == [MISTAKE]
    assert [error.place.line for error in remarks(report, RemarkKind.INTERNAL_ERROR)] == [5]


def test_an_error_in_a_reading_of_roles_keeps_other_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vae_checked.linter.roles import assemble

    read = assemble.facts_of

    def failing(evaluation: object, across: object) -> object:
        if str(evaluation.subject).startswith(str(tmp_path / "a.py")):  # type: ignore[attr-defined]
            raise LookupError
        return read(evaluation, across)  # type: ignore[arg-type]

    monkeypatch.setattr(assemble, "facts_of", failing)
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(module(), encoding="utf-8")
    report = lint([tmp_path])
    assert {finding.place.path for finding in report.findings if finding.place} == {str(tmp_path / "b.py")}
    assert remarks(report, RemarkKind.INTERNAL_ERROR)
