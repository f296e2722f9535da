"""What is said of a file does not depend on which other files of its project were named beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vae_checked.finding import RemarkKind
from vae_checked.linter import LintReport, lint
from vae_checked.linter.files import projects
from vae_checked.linter.run import baseline

PARTS = """\
import torch


def draw(mean, spread, noise):
    return mean + torch.exp(spread) * noise
"""
MODEL = """\
import torch
import torch.nn as nn

from parts import draw


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(35, 13)
        self.first = nn.Linear(13, 3)
        self.second = nn.Linear(13, 3)
        self.back = nn.Linear(3, 35)

    def forward(self, x):
        h = torch.tanh(self.trunk(x))
        mu, logvar = self.first(h), self.second(h)
        z = draw(mu, logvar, torch.randn_like(mu))
        return self.back(z), mu, logvar
"""
LOSS = """\
import torch
import torch.nn.functional as F


def objective(x, y, mean, spread):
    kl = -0.5 * torch.sum(1 + spread - mean.pow(2) - spread.exp(), dim=1)
    return F.mse_loss(y, x, reduction="sum") / x.shape[0] + kl.mean()
"""
TRAIN = """\
import torch

from loss import objective
from model import Net


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, mu, logvar = net(x)
        loss = objective(x, y, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
APART = """\
import torch
import torch.nn.functional as F


def compare(one, other):
    return F.l1_loss(one, other)
"""
FILES = {"parts.py": PARTS, "model.py": MODEL, "loss.py": LOSS, "train.py": TRAIN, "apart/other.py": APART}


@pytest.fixture(params=[".git", "pyproject.toml"])
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    if request.param == ".git":
        (root / ".git").mkdir()
    else:
        (root / "pyproject.toml").write_text("[project]\nname = 'a-project'\n")
    monkeypatch.chdir(root)
    return root


def said(report: LintReport, path: str) -> list[tuple[str, str, str]]:
    return [(f.code, str(f.place), f.message) for f in report.findings if f.place and f.place.path == path]


def test_every_route_says_the_same(project: Path) -> None:
    whole = lint(["."])
    told = {name: said(whole, name) for name in FILES}
    assert [code for code, _, _ in (*told["parts.py"], *told["model.py"])] == ["VAE201"]
    for name in FILES:
        report = lint([name])
        assert said(report, name) == told[name]
        assert report.files == (name,)
        assert all(finding.place is not None and finding.place.path == name for finding in report.findings)
    pair = lint(["model.py", "parts.py"])
    assert [*said(pair, "parts.py"), *said(pair, "model.py")] == [*told["parts.py"], *told["model.py"]]


def test_paths_are_written_as_they_were_given(project: Path) -> None:
    name = str(project / "parts.py")
    assert [(code, place) for code, place, _ in said(lint([name]), name)] == [("VAE201", f"{name}:5")]


def test_a_text_that_is_not_saved_is_in_the_place_of_the_file(project: Path) -> None:
    right = PARTS.replace("torch.exp(spread)", "torch.exp(0.5 * spread)")
    assert said(lint(["parts.py"], texts={"parts.py": right}), "parts.py") == []


def test_an_unsaved_pipeline_of_data_is_read(project: Path) -> None:
    data = (
        "from torchvision import datasets, transforms\n\n"
        "digits = datasets.MNIST('.', transform=transforms.Compose([transforms.ToTensor()]))\n"
    )
    shifted = data.replace("ToTensor()]", "ToTensor(), transforms.Normalize((0.5,), (0.5,))]")
    (project / "data.py").write_text(data)
    (project / "model.py").write_text(MODEL.replace("return self.back(z)", "return torch.sigmoid(self.back(z))"))
    loaded = "from data import digits\n\nloader = torch.utils.data.DataLoader(digits)\n\n\ndef train():"
    (project / "train.py").write_text(TRAIN.replace("def train(loader):", loaded).replace("for x in", "for x, _ in"))
    assert [finding.code for finding in lint(["."], select=["VAE4"]).findings] == []
    assert [finding.code for finding in lint(["."], select=["VAE4"], texts={"data.py": shifted}).findings] == ["VAE403"]


def test_a_text_of_no_file_is_no_part_of_the_project(project: Path) -> None:
    assert lint(["sketch.py"], texts={"sketch.py": MODEL}).beside == 0
    assert lint(["model.py"], texts={"model.py": MODEL + "# edited\n"}).beside == 3


def test_a_vae_is_told_of_in_each_of_its_files_alone(project: Path) -> None:
    assert [len(lint([name]).vaes) for name in ("model.py", "loss.py", "apart/other.py")] == [1, 1, 0]


def test_the_summary_counts_what_was_read_beside(project: Path) -> None:
    assert "1 file read, 1 with VAE code; 3 more of the project evaluated with it; " in lint(["model.py"]).summary
    assert "more of the project" not in lint(["."]).summary


def test_what_stands_in_other_files_is_named_where_it_is_not_shown(project: Path) -> None:
    summary = lint(["model.py"]).summary
    assert summary.endswith("0 findings; the same VAEs in other files: VAE201 at parts.py:5")
    (project / "parts.py").write_text(PARTS.replace("* noise", "* noise  # noqa: VAE201"))
    assert "other files" not in lint(["model.py"]).summary


def test_one_entry_of_the_cache_serves_all_routes(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    for paths in (["."], ["model.py"], ["loss.py", "apart/other.py"]):
        lint(paths, cache=folder)
    assert len(list(folder.glob("*.json"))) == 1


def test_a_file_that_nothing_uses_costs_no_evaluation(project: Path) -> None:
    (project / "alone.py").write_text("import torch\n\n\ndef double(x):\n    return 2 * x\n")
    report = lint(["alone.py"])
    assert (report.files_concerned, report.beside, report.facts) == (0, 0, ())


def test_a_large_project_is_read_as_far_as_imports_lead(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = said(lint(["."]), "parts.py")
    monkeypatch.setattr(projects, "MOST_WHOLE", 0)
    report = lint(["parts.py"])
    assert said(report, "parts.py") == told
    # The model, and the training with the loss that it uses; not what stands apart.
    assert (report.beside, report.whole) == (3, False)
    assert "the project is too large to be read" in report.summary


def test_imports_of_everything_lead_on(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "model.py").write_text(MODEL.replace("from parts import draw", "from parts import *"))
    (project / "train.py").write_text(TRAIN.replace("from model import Net", "from model import (\n    Net,\n)"))
    told = said(lint(["."]), "parts.py")
    monkeypatch.setattr(projects, "MOST_WHOLE", 0)
    assert told
    assert said(lint(["parts.py"]), "parts.py") == told


def test_other_repositories_within_are_projects_of_their_own(project: Path) -> None:
    inner = project / "vendored"
    (inner / ".git").mkdir(parents=True)
    (inner / "model.py").write_text(MODEL)
    report = lint(["loss.py"])
    assert not any("vendored" in facts.subject for facts in report.facts)


def test_an_entry_is_called_stale_by_a_run_that_saw_enough(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = project / "known.json"
    entry = {"path": "parts.py", "code": "VAE203", "text": "a line that went", "count": 1}
    known.write_text(json.dumps({"format_version": 1, "findings": [entry]}))

    def stale(report: LintReport) -> int:
        remarks = baseline.load(known).applied(report, {"VAE201", "VAE203"}).remarks
        return sum(each.kind is RemarkKind.STALE_BASELINE for each in remarks)

    assert stale(lint(["parts.py"])) == 1
    monkeypatch.setattr(projects, "MOST_WHOLE", 0)
    part = lint(["parts.py"])
    assert stale(part) == 0
    baseline.load(known).write(part, {"VAE201", "VAE203"})
    assert sorted(each["code"] for each in json.loads(known.read_text())["findings"]) == ["VAE201", "VAE203"]
