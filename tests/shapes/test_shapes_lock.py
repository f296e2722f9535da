"""The lock file: what is written, what is refused, what is said of a difference, and what survives a fault."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from locks import signed
from planted.shapes import EDITS, HARMLESS, Edit, reordered, swapped_definitions
from small_vaes.any_size import SOURCE
from torch import Tensor, nn

from vae_checked.errors import UsageError
from vae_checked.shapes import (
    LockedModel,
    compare,
    infer,
    locked,
    parse_lock,
    read_lock,
    render_lock,
    render_report,
    write_lock,
)
from vae_checked.shapes.messages import message_of
from vae_checked.shapes.report import ShapesReport

ALSO = {
    "dropped layer": ("Conv2d(14, latents", "Conv2d(8, latents"),
    "renamed module, one kernel": ("nn.ConvTranspose2d(10, 3, 4, 2, 1)", "nn.ConvTranspose2d(10, 3, 6, 2, 2)"),
    "renamed stage": ("def reparameterize", "def draw"),
    "nested and renamed": ("self.encoder(x)", "self.down(x)"),
    "container within another": ("self.encoder(x)", 'self.parts["encoder"](x)'),
    "container taken apart": ("self.encoder(x)", "self.act(self.two(self.act(self.one(x))))"),
    "list instead of arguments": ("nn.Sigmoid(),\n        )", "nn.Sigmoid(),\n        ])"),
}


@cache
def lock_of(source: str) -> LockedModel:
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102  the test's own text
    return locked(infer(names["VAE"](), "B 3 H W"))


def edited(edit: Edit) -> str:
    source = SOURCE.replace(edit.old, edit.new)
    source = source.replace(*ALSO[edit.name]) if edit.name in ALSO else source
    assert source != SOURCE
    return source


@pytest.fixture(scope="module")
def base() -> LockedModel:
    return lock_of(SOURCE)


# ------------------------------------------------------------------------------------------------ differences


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_is_reported_as_what_it_is(base: LockedModel, edit: Edit) -> None:
    found = compare({"vae": base}, {"vae": lock_of(edited(edit))})
    lines = [message_of(each) for each in found]
    assert edit.said != ()
    assert [said for said in edit.said if not any(said in line for line in lines)] == []
    telling = [message_of(each) for each in found if each.table != "facts"]
    assert [line for line in telling if not any(said in line for said in edit.said)] == []


@pytest.mark.parametrize("edit", HARMLESS, ids=lambda edit: edit.name)
def test_an_edit_that_changes_no_shape_is_silent(base: LockedModel, edit: Edit) -> None:
    assert compare({"vae": base}, {"vae": lock_of(edited(edit))}) == ()


@pytest.mark.parametrize("rewrite", [reordered, swapped_definitions])
def test_another_order_of_definitions_is_silent(base: LockedModel, rewrite: Any) -> None:
    assert rewrite(SOURCE) != SOURCE
    assert compare({"vae": base}, {"vae": lock_of(rewrite(SOURCE))}) == ()


def test_there_are_enough_edits() -> None:
    assert len(EDITS) >= 30
    assert len(HARMLESS) + 2 >= 10


def test_what_follows_from_an_edit_is_told_by_it(base: LockedModel) -> None:
    (edit,) = [each for each in EDITS if each.name == "channels"]
    (found,) = compare({"vae": base}, {"vae": lock_of(edited(edit))})
    assert found.key == "encoder.0"
    assert found.follows == ("encoder.1", "encoder.2")


def test_what_happens_between_layers_is_told_of_the_stage_it_happens_in(base: LockedModel) -> None:
    (edit,) = [each for each in EDITS if each.name == "permuted latents"]
    found = [each for each in compare({"vae": base}, {"vae": lock_of(edited(edit))}) if each.table != "facts"]
    assert [each.key for each in found] == ["encode"]
    assert found[0].follows[:2] == ("widen", "decoder.0")
    assert {"forward", "reparameterize", "decode", "kl"} < set(found[0].follows)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (nn.Linear(7, 5), nn.Linear(7, 4), "features out 5 -> 4; output features was 5, is 4"),
        (nn.Linear(7, 5), nn.Linear(7, 5, bias=False), "bias removed (float32[5])"),
        (nn.Conv1d(7, 5, 3), nn.Conv1d(7, 5, 4), "kernel 3 -> 4; output length was T-2, is T-3"),
        (nn.ConvTranspose1d(7, 5, 3), nn.ConvTranspose1d(7, 6, 3), "channels out 5 -> 6; output channels was 5, is 6"),
        (nn.Embedding(11, 5), nn.Embedding(12, 5), "weight was 11 5, is 12 5"),
        (nn.MaxPool1d(2), nn.MaxPool1d(3), "output length was T//2, is T//3; its stride"),
    ],
)
def test_a_layer_is_told_in_the_words_of_its_kind(was: nn.Module, now: nn.Module, said: str) -> None:
    spec = {nn.Linear: "B 7", nn.Embedding: "int<9> B"}.get(type(was), "B 7 T")
    old, new = (locked(infer(nn.Sequential(each), spec)) for each in (was, now))
    found = compare({"m": old}, {"m": new})
    assert [message_of(each) for each in found if each.key == "0"] == [f"0: {said}"]


def test_the_halves_of_one_layer_are_told_apart() -> None:
    class Halves(nn.Module):
        def __init__(self, *, swapped: bool) -> None:
            super().__init__()
            self.heads, self.swapped = nn.Linear(9, 10), swapped

        def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
            first, second = self.heads(x).chunk(2, dim=1)
            return (second, first) if self.swapped else (first, second)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            mu, logvar = self.encode(x)
            # A mapping is the same in any order.
            return {"logvar": logvar, "mu": mu} if self.swapped else {"mu": mu, "logvar": logvar}

    was, now = (locked(infer(Halves(swapped=swapped), "B 9", False)) for swapped in (False, True))
    assert was.stages["encode"] == "(float32[B 9]) -> (float32[B 5] of heads part 1, float32[B 5] of heads part 2)"
    lines = [message_of(each) for each in compare({"m": was}, {"m": now})]
    where = "were those of heads part 1 and heads part 2, are those of heads part 2 and heads part 1"
    assert lines == [f"encode: outputs 1 and 2 swapped: {where}"]


def test_an_axis_that_comes_and_goes_is_told_so(base: LockedModel) -> None:
    # A sum over all but the batch, squeezed: at a batch of one no axis is left.
    squeezed = lock_of(SOURCE.replace(".sum(dim=(1, 2, 3))", ".sum(dim=(1, 2, 3)).squeeze()"))
    lines = [message_of(each) for each in compare({"vae": base}, {"vae": squeezed})]
    assert "kl: output was [B], is of more axes at some sizes than at others" in lines


def test_missing_and_unused_entries_differ(base: LockedModel) -> None:
    found = compare({"a": base, "b": base}, {"b": base, "c": base})
    assert [(each.model, str(each.what)) for each in found] == [("a", "unused"), ("c", "missing")]


# ------------------------------------------------------------------------------------------------ the file


def test_what_is_written_is_read_again(tmp_path: Path, base: LockedModel) -> None:
    path = tmp_path / "vae-shapes.lock"
    other = LockedModel({**base.facts, "latent": 'B "6" \\ é'}, {}, {}, {}, {}, {"model": "a.b:C"})
    write_lock(path, {"zeta": base, 'al"pha': other})
    assert read_lock(path).models == {"zeta": base, 'al"pha': other}
    text = path.read_text(encoding="utf-8")
    assert text == render_lock({'al"pha': other, "zeta": base})
    line = text.splitlines()[read_lock(path).line("zeta", "layers", "encoder.0") - 1]
    assert line.startswith('"encoder.0" = "Conv2d (float32[B 3 H W]) -> float32[B 8 (H+1)//2 (W+1)//2]"  # ')


def merged(folder: Path, base: str, ours: str, theirs: str) -> str:
    """What git makes of a lock that two branches changed; it must find no conflict."""

    def git(*words: str) -> None:
        options = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *options, *words], cwd=folder, check=True, capture_output=True)

    path = folder / "vae-shapes.lock"
    git("init")
    for branch, text in (("main", base), ("theirs", theirs), ("main", ours)):
        git("checkout", *(["-b"] if branch == "theirs" else []), branch) if text != base else None
        path.write_text(text, encoding="utf-8", newline="\n")
        git("add", ".")
        git("commit", "-m", branch)
    git("merge", "--no-edit", "theirs")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("channels", "channels of the decoder"),
        ("kernel, size kept", "other activation"),
        ("renamed head", "added buffer"),
        ("bias", "kernel of one by one"),
    ],
)
def test_edits_of_two_parts_on_two_branches_merge(tmp_path: Path, base: LockedModel, ours: str, theirs: str) -> None:
    first, second = (next(each for each in EDITS if each.name == name) for name in (ours, theirs))
    both = SOURCE.replace(first.old, first.new).replace(second.old, second.new)
    texts = [render_lock({"vae": lock_of(edited(each))}) for each in (first, second)]
    assert merged(tmp_path, render_lock({"vae": base}), *texts) == render_lock({"vae": lock_of(both)})


def test_models_that_two_branches_add_and_change_merge(tmp_path: Path, base: LockedModel) -> None:
    (edit,) = [each for each in EDITS if each.name == "latent size"]
    other = lock_of(edited(edit))
    ours, theirs = {"a": base, "m": base, "n": other}, {"m": other, "n": base, "z": base}
    both = {"a": base, "m": other, "n": other, "z": base}
    assert merged(tmp_path, render_lock({"m": base, "n": base}), render_lock(ours), render_lock(theirs)) == (
        render_lock(both)
    )


def damaged(text: str) -> dict[str, tuple[str, int, str]]:
    """Texts that are no lock: the text, the line that must be named, and what must be said."""
    lines = text.splitlines(keepends=True)
    middle = lines.index('[models."m".parameters]\n') + 2
    broken = [*lines[:middle], '"to_mu.bias" = "float32[6\n', *lines[middle:]]
    conflict = [*lines[:middle], "<<<<<<< ours\n", *lines[middle:]]
    number = [*lines[:middle], '"other" = 7\n', *lines[middle:]]
    section = lines.index('[models."m"]\n') + 1
    return {
        "cut in a line": (
            "".join(lines)[: len(text) // 2],
            "".join(lines)[: len(text) // 2].count("\n") + 1,
            "damaged",
        ),
        "cut between lines": ("".join(lines[:middle]), middle, "cut short"),
        "no quotation mark": ("".join(broken), middle + 1, "damaged"),
        "conflict": ("".join(conflict), middle + 1, "a merge conflict"),
        "number": ("".join(number), middle + 1, "damaged: this is no line of a lock"),
        "newer": (text.replace("format = 2", "format = 3"), 2, "install the version of vae-checked that wrote it"),
        "no version": (text.replace("format = 2\n", "\n"), 1, "format none"),
        "lacks": (
            "".join(line for line in lines if not line.startswith("input = ")),
            section,
            "lacks the entry 'input'",
        ),
        "unknown": (signed(text.replace('input = "B', 'inptu = "B')), section + 3, "an entry 'inptu' that no lock has"),
        "changed": (text.replace('input = "B 3', 'input = "B 4'), section + 3, "its checksum disagree"),
        "twice": (text.replace('[models."m".stages]', '[models."m".layers]'), 0, "for the second time"),
        "no table": (text.replace('[models."m".parameters]', '[models."m"]\nx=1\n[a]'), 0, "damaged"),
        "empty": ("", 1, "format none"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "cut in a line",
        "cut between lines",
        "no quotation mark",
        "conflict",
        "number",
        "newer",
        "no version",
        "lacks",
        "unknown",
        "changed",
        "twice",
        "no table",
        "empty",
    ],
)
def test_a_lock_that_is_not_whole_is_refused_with_its_line(base: LockedModel, case: str) -> None:
    text, line, said = damaged(render_lock({"m": base}))[case]
    with pytest.raises(UsageError) as caught:
        parse_lock(text, "vae-shapes.lock")
    message = str(caught.value)
    assert "\n" not in message
    assert said in message
    assert message.startswith(f"vae-shapes.lock:{line}:" if line else "vae-shapes.lock:")


def test_no_lock_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no .*: write it with vae-checked shapes lock"):
        read_lock(tmp_path / "vae-shapes.lock")


# ------------------------------------------------------------------------------------------------ reports


def test_every_format_says_the_difference(base: LockedModel) -> None:
    import json
    import xml.etree.ElementTree as ET

    lock = parse_lock(render_lock({"vae": base}), "vae-shapes.lock")
    (edit,) = [each for each in EDITS if each.name == "channels"]
    differences = compare(lock.models, {"vae": lock_of(edited(edit)), "other": base})
    report = ShapesReport(differences, lock, "vae-shapes.lock", ["other", "vae"])
    line = lock.line("vae", "layers", "encoder.0")
    said = "encoder.0: channels out 8 -> 9; output channels was 8, is 9"
    text = render_report(report, "text").splitlines()
    assert f"vae-shapes.lock:{line}: vae: {said}" in text
    assert text[-1].startswith("2 differences in 2 of 2 models: ")
    document = json.loads(render_report(report, "json"))
    assert [(each["model"], each["key"], each["line"]) for each in document["differences"]] == [
        ("other", "", 1),
        ("vae", "encoder.0", line),
    ]
    assert document["differences"][1]["follows"] == ["encoder.1", "encoder.2"]
    assert f"::error file=vae-shapes.lock,line={line},title=shapes changed::vae: {said}" in render_report(
        report, "github"
    )
    suite = ET.fromstring(render_report(report, "junit"))
    assert (suite.get("tests"), suite.get("failures")) == ("2", "2")
    assert [each.get("name") for each in suite.iter("testcase")] == ["missing", "layers encoder.0"]
