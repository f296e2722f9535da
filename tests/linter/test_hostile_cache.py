"""Entries with a right checksum that no run has written: each is as good as none, whatever it says."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from vae_checked.catalogue import find
from vae_checked.linter import LintReport, lint
from vae_checked.linter.run.codec import DamagedError, consistent, decode, encode, fits
from vae_checked.reports import FORMATS, render

STRANGE: tuple[object, ...] = (
    None, True, -7, 0, 10**400, 0.5, float("inf"), "", "text", "VAE999", "kl.form", [], ["text"], [[]], {},
    {"record": "Place", "values": ["x", 1, 1, None, None, None, ""]}, {"record": "LintReport", "values": []},
    {"member": "Severity", "name": "ERROR"}, {"mapping": [[[], 1]]}, {"collection": "set", "items": [[1]]},
    {"number": "nan"}, {"record": "Judgement", "values": ["x", [], [], {"mapping": []}, {"mapping": []}]},
)  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a document: what holds it, and by which key."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


def kept(folder: Path) -> Path:
    (folder / "model.py").write_text(find("VAE201").bad, encoding="utf-8")
    (folder / "good.py").write_text(find("VAE201").good, encoding="utf-8")
    lint([folder / "model.py", folder / "good.py"], cache=folder / "kept")
    (entry,) = (folder / "kept").glob("*.json")
    return entry


def signed(document: object) -> bytes:
    body = json.dumps(document).encode()
    return sha256(body).hexdigest().encode() + b"\n" + body


@pytest.mark.parametrize(("number", "expected"), [(3, True), (-0.5, True), (10**400, False), (-(10**400), False)])
def test_a_number_that_no_float_is_stands_for_none(number: float, expected: bool) -> None:
    assert fits(number, float) == expected
    assert fits((number, 1.0), tuple[float, float]) == expected


def test_entries_that_say_something_else_stop_nothing(tmp_path: Path) -> None:
    whole = kept(tmp_path).read_bytes().partition(b"\n")[2]
    chance = random.Random(20260712)  # noqa: S311  what to damage, no secret
    used = 0
    for _ in range(600):
        document = json.loads(whole)
        for _ in range(chance.randrange(1, 4)):
            holder, key = chance.choice(list(places(document["report"])))
            if chance.random() < 0.2:
                del holder[key]
            else:
                holder[key] = chance.choice(STRANGE)
        try:
            report = decode(document["report"])
        except DamagedError:
            continue
        if isinstance(report, LintReport) and consistent(report):
            used += 1
            for name in FORMATS:
                render(report, name)
    # Some texts and numbers may be others: such an entry is used. Most are not.
    assert 0 < used < 300


@pytest.mark.parametrize(
    "damage",
    [
        lambda report: report["values"][0].append("text"),
        lambda report: report["values"].__setitem__(7, "many"),
        lambda report: report["values"][1].append(report["values"][1][0]),
        lambda report: report["values"].__setitem__(2, []),
    ],
    ids=["a finding that is a text", "a count that is a text", "a judgement too many", "no facts"],
)
def test_a_report_of_other_types_is_a_miss(damage: Callable[[Any], None], tmp_path: Path) -> None:
    entry = kept(tmp_path)
    document = json.loads(entry.read_bytes().partition(b"\n")[2])
    damage(document["report"])
    entry.write_bytes(signed(document))
    before = entry.read_bytes()
    report = lint([tmp_path / "model.py", tmp_path / "good.py"], cache=tmp_path / "kept")
    assert [finding.code for finding in report.findings] == ["VAE201"]
    # It was examined again, and what was found is kept in its place.
    assert entry.read_bytes() != before


def test_each_field_is_of_its_type(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(find("VAE201").bad, encoding="utf-8")
    report = lint([tmp_path / "model.py"])
    document = encode(report)
    assert decode(json.loads(json.dumps(document))) == report
    wrong = json.loads(json.dumps(document))
    (finding,) = wrong["values"][0]
    finding["values"][0] = 201
    with pytest.raises(DamagedError, match=r"Finding\.code"):
        decode(wrong)


@pytest.mark.skipif(sys.platform != "linux", reason="pipes are those of Linux")
def test_a_pipe_in_the_place_of_an_entry_keeps_nobody_waiting(tmp_path: Path) -> None:
    entry = kept(tmp_path)
    entry.unlink()
    os.mkfifo(entry)
    report = lint([tmp_path / "model.py", tmp_path / "good.py"], cache=tmp_path / "kept")
    assert [finding.code for finding in report.findings] == ["VAE201"]
    assert entry.is_file()
