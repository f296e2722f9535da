"""The demo, on the part of its tables that needs no other library."""

from __future__ import annotations

import pytest

from vae_checked.cli import demo, main


def test_the_demo_shows_times_and_points_at_ones_own_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "SOURCES", (("vae_checked", "catalogue"),))
    monkeypatch.setattr(demo, "MODELS", tuple(each for each in demo.MODELS if each.build is demo.reference))
    monkeypatch.setattr("importlib.metadata.version", lambda name: "of today")
    assert main(["demo"]) == 0
    text = capsys.readouterr().out
    titles = [line for line in text.splitlines() if line.startswith("== ")]
    assert titles == [
        "== 1/2 lint vae_checked/catalogue, version of today",
        "== 2/2 audit the reference, input B 3 16 32",
    ]
    assert text.count(" s)\n") == 2
    assert "the reference: sampler: second head s used as log variance" in text
    assert text.endswith(demo.CLOSING)


def test_what_is_missing_is_named_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "SOURCES", (("a_package_that_nobody_has", ""),))
    assert main(["demo"]) == 2
    err = capsys.readouterr().err
    assert "'a_package_that_nobody_has'" in err
    assert "pip install 'vae-checked[demo]'" in err
