"""The keys of a model's table that say how its items run: thresholds, marks, examples, a device, objects."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_plugin import COUNTED, REFERENCE, Run, project, table

from vae_checked.errors import ModelError, UsageError
from vae_checked.load import build_model, placed

__all__ = ["project"]  # a fixture, which pytest finds by its name


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("max_effective_beta = 0.9\n", "max_effective_beta is 0.9"),
        ("min_effective_beta = 1.1\n", "min_effective_beta is 1.1"),
        ("min_effective_beta = 0.9\nmax_effective_beta = 1.5\n", ""),
    ],
)
def test_an_effective_beta_beyond_a_threshold_fails(project: Run, keys: str, said: str) -> None:
    result = project("vae::reference::effective-beta", tables=REFERENCE + keys, own_process=False)
    result.assert_outcomes(**{"failed" if said else "passed": 1})
    if said:
        result.stdout.fnmatch_lines([f"reference: the effective beta is 1 (*beta 1), {said}"])


def test_marks_and_examples_are_those_of_the_table(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(COUNTED)
    pytester.makeini("[pytest]\nmarkers = nightly: not for each push\n")
    keys = 'marks = ["nightly"]\nexamples = 3\n'
    chosen = ("-m", "nightly", "-k", "kl-even-in-mu or test_own")
    result = project(*chosen, tables=table("a", "right") + keys, own_process=False)
    result.assert_outcomes(passed=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines(["PUTS [[]('kl-even-in-mu', 3)]"])


def test_a_plugin_that_runs_failures_again_leaves_the_items(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        rerunning="""
        class Again:
            def pytest_runtest_setup(self, item):
                marker = item.get_closest_marker("flaky")
                print("RERUNS", item.name, marker.kwargs if marker else None)

        def pytest_configure(config):
            config.addinivalue_line("markers", "flaky: run again")
            config.pluginmanager.register(Again(), "rerunfailures")
        """
    )
    chosen = ("-k", "build or test_own", "-s", "-p", "rerunning", "--strict-markers")
    result = project(*chosen, tables=table("a", "right"), own_process=False)
    result.stdout.fnmatch_lines_random(["*RERUNS build {'reruns': 0}*", "*RERUNS test_own None*"])


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("min_effective_beta = -1", "min_effective_beta is -1, not a number above 0 such as 0.1"),
        ("max_effective_beta = 0", "max_effective_beta is 0, not a number above 0 such as 4.0"),
        ("examples = 2.5", "examples is 2.5, not a number above 0 such as 4"),
        ("examples = true", "examples is True, not a number above 0"),
        ('marks = "slow"', "marks is 'slow', not a list of strings"),
        ("device = 3", "device is 3, not a string"),
    ],
)
def test_a_key_of_another_kind_stops_the_run(project: Run, key: str, said: str) -> None:
    result = project(tables=table("a", "right") + key + "\n", own_process=False)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{said}*"])


def test_models_that_no_change_concerns_are_left_out(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makefile(".md", notes="")
    tables = table("a", "right") + table("b", "wrong")
    result = project("--vae-changed", "wrong.py", "--collect-only", "-q", "-m", "vae", tables=tables, own_process=False)
    result.stdout.fnmatch_lines(["vae::b::build", "vae::b::audit"])
    result.stdout.no_fnmatch_line("vae::a::*")
    result = project("--vae-changed", "notes.md", "-m", "vae", tables=tables, own_process=False)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["vae-checked: 2 models (a, b) of *; no change concerns a, b", "*1 deselected*"])
    result = project("--vae-changed", "nowhere", tables=tables, own_process=False)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--vae-changed: 'nowhere' is neither a file nor a revision of git: give either"])


OBJECTS = """
from dataclasses import dataclass

from torch import nn

@dataclass
class Config:
    sizes: list
    latent_dim: int = 3

class Encoder(nn.Linear):
    def __init__(self, config):
        super().__init__(config.sizes[0], 2 * config.latent_dim)

class VAE(nn.Module):
    def __init__(self, encoder, parts, scale):
        super().__init__()
        self.encoder, self.parts, self.scale = encoder, parts, scale

number = 4
"""


def test_an_argument_may_be_an_object_that_a_table_describes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "of_objects.py").write_text(OBJECTS, encoding="utf-8")
    config = {"object": "of_objects:Config", "sizes": [9, 7], "latent_dim": 5}
    kwargs = {"encoder": {"object": "of_objects:Encoder", "config": config}, "parts": [config], "scale": {"by": 2}}
    kwargs["scale"] |= {"of": {"object": "builtins:tuple", "args": [[1, 28]]}}
    model = build_model("of_objects:VAE", kwargs, tmp_path)
    encoder, parts = model.get_submodule("encoder"), getattr(model, "parts")  # noqa: B009  a Module has no such name
    assert isinstance(encoder, torch.nn.Linear)
    assert (encoder.in_features, encoder.out_features) == (9, 10)
    assert (parts[0].sizes, parts[0].latent_dim) == ([9, 7], 5)
    assert getattr(model, "scale") == {"by": 2, "of": (1, 28)}  # noqa: B009  as above
    with pytest.raises(ModelError, match="argument encoder of of_objects:VAE: of_objects:Config raised TypeError"):
        build_model("of_objects:VAE", {"encoder": {"object": "of_objects:Config", "width": 1}}, tmp_path)
    with pytest.raises(UsageError, match="'of_objects:number' is a int, neither a class nor a function"):
        build_model("of_objects:VAE", {"encoder": {"object": "of_objects:number"}}, tmp_path)


def test_a_model_is_put_on_the_device_that_is_named() -> None:
    model = torch.nn.Linear(2, 3)
    assert placed(model, None) is model
    assert placed(torch.nn.Linear(2, 3), "meta").weight.device.type == "meta"
    with pytest.raises(UsageError, match="device 'cpuu': "):
        placed(model, "cpuu")


def test_a_broken_law_shows_the_lines_that_were_taken_for_its_stages(project: Run) -> None:
    result = project("vae::b::kl-closed-form", tables=table("b", "wrong"), own_process=False)
    result.assert_outcomes(failed=1)
    # In CI the summary at the end repeats the message whole.
    (line,) = {line for line in result.outlines if line.strip().startswith("taken for its KL: wrong.py:")}
    assert "exp()" in line
    assert not any("taken for its reconstruction loss" in line for line in result.outlines)
