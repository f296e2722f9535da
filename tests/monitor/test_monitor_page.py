"""The page on a training, and the short line for whoever watches it."""

from __future__ import annotations

import io
import re
import sys
import warnings
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from test_monitor_sinks import CAUSE, READING, run

from vae_checked import Monitor
from vae_checked.errors import UsageError
from vae_checked.monitor import Reading
from vae_checked.monitor.html_file import HTMLFile, run_page
from vae_checked.monitor.reading import Picture
from vae_checked.monitor.sinks import Terminal
from vae_checked.monitor.words import short_line, sparkline


def plots(page: str) -> dict[str, ElementTree.Element]:
    """The pictures of the page by their captions, each read as XML."""
    found = re.findall(r'<figcaption>([^<]*)</figcaption><div class="wide">(<svg.*?</svg>)', page, re.S)
    return {re.split("[:,] ", caption)[0]: ElementTree.fromstring(drawn) for caption, drawn in found}


def test_a_training_leaves_a_page(tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    run(str(path), steps=5)
    page = path.read_text(encoding="utf-8")
    assert "<p>3 readings, steps 1 to 4</p>" in page
    drawn = plots(page)
    assert {"KL of a sample", "Effective beta", "kl"} <= set(drawn)
    assert "<figcaption>kl, as given to monitor.step()</figcaption>" in page
    (line,) = drawn["KL of a sample"].iter("polyline")
    assert len(str(line.get("points")).split()) == 3
    assert "http" not in page.replace("http-equiv", "")


def test_a_curve_runs_from_the_least_to_the_greatest() -> None:
    readings = [replace(READING, step=step, kl_per_latent=(kl, 0.0)) for step, kl in ((10, 4.0), (20, 1.0), (40, 2.5))]
    (line,) = plots(run_page(readings))["KL of a sample"].iter("polyline")
    points = [tuple(map(float, each.split(","))) for each in str(line.get("points")).split()]
    assert points == [(70.0, 20.0), (256.7, 120.0), (630.0, 70.0)]


def test_a_cause_is_marked_at_the_step_where_it_first_showed() -> None:
    # x runs from 70 at step 10 to 630 at step 50: step 20 stands a quarter of the way along.
    causes = {10: (), 20: (CAUSE,), 50: (CAUSE,)}
    readings = [replace(READING, step=step, causes=shown) for step, shown in causes.items()]
    drawn = plots(run_page(readings))["KL of a sample"]
    (mark,) = [each for each in drawn.iter("path") if each.get("class") == "two"]
    assert mark.get("d") == "M210.0 2 V125"
    (words,) = [each for each in drawn.iter("text") if each.text == str(CAUSE.cause)]
    assert (words.get("x"), words.get("text-anchor")) == ("214.0", "start")


def test_a_value_that_reads_the_same_throughout_is_a_level_line() -> None:
    readings = [
        replace(READING, step=step, terms={"loss": loss}, causes=())
        for step, loss in ((1, 48.0), (2, 48.004), (3, 47.999))
    ]
    drawn = plots(run_page(readings))["loss"]
    (line,) = drawn.iter("polyline")
    assert {each.partition(",")[2] for each in str(line.get("points")).split()} == {"70.0"}
    assert [each.text for each in drawn.iter("text")] == ["48", "step 1", "step 3"]


def test_a_latent_that_carries_nothing_is_a_blank_row() -> None:
    readings = [replace(READING, step=step, kl_per_latent=(0.009, 200.0, 32.0, 0.02)) for step in (1, 2)]
    drawn = plots(run_page(readings))["KL of each latent over the steps"]
    names = ["latent 1", "latent 2", "latent 3", "latent 0"]
    assert [each.text for each in drawn.iter("text")] == [*names, "200", "32", "0.02", "0.009"]
    boxes = [(each.get("y"), each.get("opacity")) for each in drawn.iter("rect")]
    assert boxes == [("10", "1.00"), ("22", "0.40"), ("34", "0.10")] * 2


def test_a_long_run_with_many_latents_stays_a_small_page() -> None:
    many = tuple(1.0 + place / 700 for place in range(700))
    page = run_page([replace(READING, step=step, kl_per_latent=many, variance_per_latent=many) for step in range(3000)])
    assert len(page) < 2_000_000
    assert "636 more latents carry less" in page


def test_causes_and_hostile_names_are_words_on_the_page() -> None:
    bad = replace(READING, terms={"<script>alert(1)</script>": 2.0}, causes=(CAUSE,), unobserved=("a <b>reason</b>",))
    page = run_page([bad, bad])
    assert page.count("effective beta too large: the effective beta is 48") == 1
    assert "<script>alert" not in page
    assert "a &lt;b&gt;reason&lt;/b&gt;" in page


def test_nothing_read_writes_no_page_and_no_folder_is_refused(tmp_path: Path) -> None:
    from small_vaes.tiny import Tiny

    model = Tiny(latents=3)
    with (
        pytest.warns(RuntimeWarning, match=r"step\(\) was never called, so nothing was looked at"),
        Monitor(model, to=str(tmp_path / "run.html")),
    ):
        model(torch.rand(7, 5))
    assert not list(tmp_path.iterdir())
    with pytest.warns(RuntimeWarning, match=r"step\(\) was never called") as said:
        Monitor(model, to=[]).close()
    assert said[0].filename == __file__
    # An error of the training is not talked over.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KeyError), Monitor(model, to=[]):
            raise KeyError
    with pytest.raises(UsageError, match="is no folder"):
        Monitor(Tiny(latents=3), to=str(tmp_path / "gone" / "run.html"))


def test_bars_show_the_course_of_values() -> None:
    assert sparkline([1.0, 2.0, 8.0, float("nan")]) == "▁▂█ "
    assert sparkline([3.0, 3.0]) == "▁▁"
    assert sparkline([]) == ""


def test_a_person_gets_eighty_columns_with_bars(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    for kl in (4.0, 2.0, 0.5):
        terminal.write(replace(READING, kl_per_latent=(kl, 0.0, 0.0), causes=()))
    assert capsys.readouterr().out.splitlines()[-1] == "step 20 | loss 3.25 | KL 0.5 nats █▄▁ | 1/3 active | beta 48"
    long = replace(READING, step=1_000_000, terms={f"term number {place}": 1.2345 for place in range(9)})
    shown = "".join(text for text, _ in short_line(long, [1.0] * 12))
    assert len(shown) <= 80
    assert shown.endswith("| KL 0.501 nats ▁▁▁▁▁▁▁▁▁▁▁▁ | 1/3 active | beta 48")
    wide = replace(READING, step=10**60, terms={})
    assert len("".join(text for text, _ in short_line(wide, [1.0] * 12))) <= 80
    assert short_line(Reading(7), []) == [("step 7", "dim")]


def test_no_active_latent_is_red() -> None:
    colours = dict(short_line(replace(READING, variance_per_latent=(0.001, 0.0, 0.0)), [1.0]))
    assert colours["0/3 active"] == "bold red"
    assert dict(short_line(READING, [1.0]))["1/3 active"] == "green"


def test_a_person_gets_the_short_line_without_rich(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    Terminal().write(READING)
    short, cause = capsys.readouterr().out.splitlines()
    assert short == "step 20 | loss 3.25 | KL 0.501 nats ▁ | 1/3 active | beta 48"
    assert cause.startswith("step 20: effective beta too large: ")


def test_below_a_cell_of_a_notebook_a_person_is_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    class OutStream(io.StringIO):
        """What ipykernel puts in the place of the standard output: no terminal, and it shows colours."""

    OutStream.__module__ = "ipykernel.iostream"
    cell = OutStream()
    monkeypatch.setattr(sys, "stdout", cell)
    monkeypatch.delenv("NO_COLOR", raising=False)
    Terminal().write(replace(READING, causes=()))
    (shown,) = cell.getvalue().splitlines()
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == "step 20 | loss 3.25 | KL 0.501 nats ▁ | 1/3 active | beta 48"
    assert "\x1b[36mKL" in shown


def test_a_person_gets_colours(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    Terminal().write(replace(READING, causes=()))
    (line,) = capsys.readouterr().out.splitlines()
    assert "\x1b[36mKL 0.501 nats" in line
    assert "\x1b[32m1/3 active\x1b[0m" in line


def test_pictures_stand_in_the_page_itself_the_last_of_them_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    sink = HTMLFile(path)
    first, last = (Picture("samples", caption, 2, 1, 1, b"\x00\xff") for caption in ("early", "late & <b>bold</b>"))
    sink.write(replace(READING, step=1, pictures=(first,)))
    sink.write(replace(READING, step=2, pictures=(last,)))
    sink.write(replace(READING, step=3))
    sink.close()
    page = path.read_text(encoding="utf-8")
    (image,) = re.findall(r'<img width="8" height="4" alt="([^"]*)" src="data:image/png;base64,([^"]*)">', page)
    assert image == ("late &amp; &lt;b&gt;bold&lt;/b&gt;", b64encode(last.png()).decode())
    assert "early" not in page
    assert "img-src data:;" in page
