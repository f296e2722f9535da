"""A project that takes more work than one run is given: what was read is told, and what was not is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile_code import MISTAKE, module

from vae_checked.finding import RemarkKind
from vae_checked.linter import LintReport, lint
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.interpreter import project as projects
from vae_checked.linter.pretrained import in_use
from vae_checked.linter.run import project_run
from vae_checked.linter.symbols.expression import Graph

GOOD = module().replace("torch.exp(logvar)\n", "torch.exp(0.5 * logvar)\n")
# What only uses a VAE that it loads: latents are scaled at one end alone.
USING = """\
import torch
from diffusers import AutoencoderKL

vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")


def there_and_back(x):
    latents = vae.encode(x).latent_dist.sample() * vae.config.scaling_factor
    return vae.decode(latents).sample
"""


def linted(folder: Path, files: dict[str, str]) -> LintReport:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return lint([folder])


def cuts(report: LintReport) -> list[str]:
    return [f"{Path(each.place.path).name}: {each.message}" for each in report.remarks if each.kind is KIND]


def places(report: LintReport) -> set[tuple[str, object]]:
    return {(finding.code, finding.place) for finding in report.findings}


KIND = RemarkKind.UNEXAMINED
CUT = "from here on nothing of the project is examined: it takes more work than one run is given"
TWO = {"first.py": GOOD, "second.py": module()}


def test_what_comes_late_in_a_large_project_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = linted(tmp_path, TWO)
    assert [finding.code for finding in whole.findings] == [MISTAKE]
    assert not cuts(whole)
    assert any("VAE201" in judgement.clean for judgement in whole.judgements)
    monkeypatch.setattr(projects, "MAX_STEPS_OF_ALL", 100)
    report = linted(tmp_path, TWO)
    assert [each.partition(";")[0] for each in cuts(report)] == [f"first.py: {CUT}"]
    # Of what was read nothing is called clean: the rest may say more of it.
    assert not [judgement.clean for judgement in report.judgements if judgement.clean]
    assert "unexamined part" in report.summary


def test_mistakes_before_the_end_of_the_work_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"first.py": module(), "second.py": module().replace("VAE", "Other")}
    whole = linted(tmp_path, files)
    assert [finding.code for finding in whole.findings] == [MISTAKE] * 2
    named = []
    for most in range(0, 1_000, 50):
        monkeypatch.setattr(projects, "MAX_STEPS_OF_ALL", most)
        report = linted(tmp_path, files)
        assert places(report) <= places(whole)
        assert bool(cuts(report)) or report.findings == whole.findings
        named.append(len(report.findings))
    # The more work, the more is named: one after the other.
    assert named == sorted(named)
    assert set(named) == {0, 1, 2}


def test_users_of_a_vae_have_work_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"model.py": GOOD, "using.py": USING}
    codes = [finding.code for finding in linted(tmp_path, files).findings]
    assert codes
    monkeypatch.setattr(projects, "MAX_STEPS_OF_ALL", 100)
    assert [finding.code for finding in linted(tmp_path, files).findings] == codes
    monkeypatch.setattr(project_run, "MAX_STEPS_OF_USERS", -1)
    report = linted(tmp_path, files)
    assert [finding.code for finding in report.findings] == []
    assert [each.partition(";")[0] for each in cuts(report)] == [f"{name}: {CUT}" for name in files]


def test_latents_are_followed_where_a_vae_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[str] = []

    class Counted(in_use.Flow):
        def __init__(self, evaluation: Evaluation, graph: Graph) -> None:
            followed.append(evaluation.subject.rpartition("/")[2])
            super().__init__(evaluation, graph)

    monkeypatch.setattr(in_use, "Flow", Counted)
    # The word alone is no call.
    linted(tmp_path, {"model.py": f"{GOOD}\n\nlatents = 4\n"})
    assert followed == []
    linted(tmp_path, {"using.py": USING})
    assert "using.py:there_and_back" in followed


# The KL is computed, and nothing that is read here adds it.
FORGOTTEN = GOOD.replace("return bce + kld", "return bce")


def test_nothing_is_missed_that_unread_code_may_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = linted(tmp_path, {"first.py": FORGOTTEN, "second.py": module()})
    assert {finding.code for finding in whole.findings} == {"VAE305", MISTAKE}
    seen = set()
    for most in range(50, 1_000, 50):
        monkeypatch.setattr(projects, "MAX_STEPS_OF_ALL", most)
        report = lint([tmp_path])
        found = {finding.code for finding in report.findings}
        assert "VAE305" not in found or not cuts(report)
        seen |= found if cuts(report) else set()
    # A mistake in what was read stays one, whatever the rest may hold.
    assert seen == {MISTAKE}
