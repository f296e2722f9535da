"""Where the monitor writes: the terminal, CSV files that go on after a crash, TensorBoard, and functions."""

from __future__ import annotations

import csv
import os
import stat
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from small_vaes.tiny import Tiny
from torch import Tensor

from vae_checked import Monitor
from vae_checked.errors import MissingDependencyError, UsageError
from vae_checked.facts import EffectiveBeta
from vae_checked.mathematics.effective_beta import elements
from vae_checked.monitor import Balance, Cause, Diagnosis, Reading
from vae_checked.monitor.reading import Picture
from vae_checked.monitor.sinks import sinks_of
from vae_checked.monitor.tensorboard import LAYOUT

CAUSE = Diagnosis(Cause.LARGE_BETA, "the effective beta is 48", "weigh the KL less")
READING = Reading(
    20,
    rows=7,
    terms={"loss": 3.25},
    kl_per_latent=(0.5, 0.001, 0.0),
    variance_per_latent=(0.4, 0.0, 0.0),
    ranges={"mu": (-1.5, 2.0), "head for std": (-3.0, 0.25)},
    balance=Balance(48.0, EffectiveBeta(1.0, (elements(48.0),)), 7, "mse"),
    recon_gradient=0.5,
    kl_gradient=0.25,
    reaches_encoder=True,
    follows_z=1.0,
    moved_by_z=0.125,
    causes=(CAUSE,),
)


PICTURES = (
    Picture("samples", "two pixels", 2, 1, 1, bytes([0, 200])),
    Picture("reconstructions", "two rows of three", 3, 2, 3, bytes(range(0, 180, 10))),
)


def run(to: Any, steps: int = 4, latents: int = 3, **options: Any) -> None:
    torch.manual_seed(0)
    model = Tiny(latents=latents)
    with Monitor(model, **{"every": 2, "to": to, **options}) as monitor:
        for _ in range(steps):
            x = torch.rand(11, 5)
            x_hat, mu, logvar = model(x)
            kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum()
            ((x_hat - x).square().sum() + kl).backward()
            monitor.step(kl=kl)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_terminal_gets_one_line_per_reading_and_each_cause_once(capsys: pytest.CaptureFixture[str]) -> None:
    from vae_checked.monitor.sinks import Terminal

    terminal = Terminal()
    terminal.write(READING)
    terminal.write(READING)
    line = (
        "step 20 | loss 3.25 | KL 0.501 nats, 1 of 3 latents active (1 by KL) | "
        "effective beta 48 (elements of a sample 48) | mu -1.5..2 | head for std -3..0.25 | "
        "gradient at the heads: reconstruction 0.5, KL 0.25 | z moves x_hat by 12.5% of the data's spread"
    )
    cause = "step 20: effective beta too large: the effective beta is 48; weigh the KL less"
    assert capsys.readouterr().out.splitlines() == [line, cause, line]
    terminal.write(Reading(30))
    terminal.write(READING)
    assert capsys.readouterr().out.count("effective beta too large") == 1


def test_a_terminal_with_a_person_before_it_gets_the_same_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vae_checked.monitor.sinks import Terminal

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    Terminal().write(READING)
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith("step 20 | loss 3.25 | KL 0.501 nats")
    assert "effective beta too large: the effective beta is 48; weigh the KL less" in out


def test_a_csv_has_a_header_and_a_row_per_reading(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    run(path, steps=5)
    found = rows(path)
    assert [row["step"] for row in found] == ["1", "2", "4"]
    assert [len(row) for row in found] == [len(found[0])] * 3
    first = found[0]
    per_latent = [float(first[f"kl_{place}"]) for place in range(3)]
    assert sum(per_latent) == pytest.approx(float(first["kl_nats"]))
    assert float(first["kl"]) > 0
    assert float(first["effective_beta"]) == pytest.approx(1.0, rel=2e-3)
    assert float(first["mu_min"]) < float(first["mu_max"])
    assert first["causes"] == ""
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run.csv"]


def test_a_csv_goes_on_after_a_crash_in_the_middle_of_a_row(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    run(path, steps=2)
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + "4,0.5,0.2", encoding="utf-8")
    run(path, steps=2, start=4)
    assert path.read_text(encoding="utf-8").startswith(whole)
    assert [row["step"] for row in rows(path)] == ["1", "2", "5", "6"]


def test_a_csv_of_another_run_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    run(path, latents=3)
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"has other columns .kl_3.: it is of another model or run") as caught:
        run(path, latents=4)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        run(tmp_path / "folder.csv")
    with pytest.raises(UsageError, match="is no folder: make it"):
        run(tmp_path / "missing" / "run.csv")


def test_a_pipe_is_no_csv_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "run.csv"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="give a regular file"):
        Monitor(Tiny(), to=str(pipe))
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_tensorboard_gets_scalars_a_histogram_and_the_causes(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is optional")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (sink,) = sinks_of(f"tensorboard:{tmp_path}")
    sink.write(READING)
    sink.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    (beta,) = events.Scalars("vae/effective_beta")
    assert (beta.step, beta.value) == (20, 48.0)
    assert "vae/x_hat_min" not in events.Tags()["scalars"]
    assert events.Tags()["histograms"] == ["vae/kl_per_latent"]
    assert set(events.Tags()["tensors"]) == {"custom_scalars__config__", "vae/causes/text_summary"}


def test_tensorboard_sets_together_scalars_that_there_are(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is optional")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(f"tensorboard:{tmp_path}")
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    known = set(events.Tags()["scalars"])
    charted = {name for charts in LAYOUT.values() for _, names in charts.values() for name in names}
    assert charted <= known
    assert known - charted == {"vae/kl", "vae/std_min", "vae/std_max"}


def test_tensorboard_shows_pictures(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is optional")
    from PIL import Image
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (sink,) = sinks_of(f"tensorboard:{tmp_path}")
    sink.write(replace(READING, pictures=PICTURES))
    sink.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    for picture in PICTURES:
        (shown,) = events.Images(f"vae/{picture.name}")
        image = Image.open(BytesIO(shown.encoded_image_string))
        assert (image.width, image.height) == (picture.width, picture.height)
        assert image.convert("RGB").tobytes() == Image.open(BytesIO(picture.png())).convert("RGB").tobytes()


def test_a_writer_of_the_callers_is_used_and_not_closed() -> None:
    class Writer:
        def __init__(self) -> None:
            self.scalars: dict[str, float] = {}

        def add_scalar(self, name: str, value: float, step: int) -> None:
            self.scalars[name] = value

        def add_histogram(self, name: str, values: Tensor, step: int) -> None:
            self.scalars[name] = float(values.sum())

        def add_text(self, name: str, text: str, step: int) -> None: ...

    writer = Writer()
    seen: list[Reading] = []
    run([writer, seen.append])
    assert [reading.step for reading in seen] == [1, 2, 4]
    assert writer.scalars["vae/kl_nats"] == pytest.approx(seen[-1].kl)
    assert writer.scalars["vae/kl_per_latent"] == pytest.approx(seen[-1].kl)


def test_without_tensorboard_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'vae-checked\[monitor\]'"):
        Monitor(Tiny(), to="tensorboard")
