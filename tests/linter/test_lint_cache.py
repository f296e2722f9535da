"""The cache never changes what is reported: not after edits, damage, interruption or copying."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st

from vae_checked.catalogue import CATALOGUE, find
from vae_checked.cli import main
from vae_checked.errors import UsageError
from vae_checked.linter import LintReport, Options, lint
from vae_checked.linter.run import cache
from vae_checked.linter.run.codec import DamagedError, decode, encode

BAD = find("VAE201").bad
GOOD = find("VAE201").good
HEAD, _, LOSS = BAD.partition("def loss_function")
IMPORTS = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n"


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def altered(entry: Path, old: str, new: str) -> None:
    """Say something else in an entry, as only a run that uses it would repeat."""
    body = entry.read_bytes().partition(b"\n")[2].replace(old.encode(), new.encode())
    entry.write_bytes(sha256(body).hexdigest().encode() + b"\n" + body)


def uses(report: LintReport) -> bool:
    """Whether a report comes from an entry that `altered` has changed."""
    return any("remembered" in finding.message for finding in report.findings)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with a mistake, linted once with the cache in `kept`, whose entry says `remembered`."""
    (tmp_path / "model.py").write_text(BAD, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    lint(["model.py"], cache="kept")
    (entry,) = entries(tmp_path / "kept")
    altered(entry, "the sampler uses", "remembered: the sampler uses")
    return tmp_path


# ------------------------------------------------------------------------------------------------ what is kept


def test_every_report_survives_the_way_into_an_entry_and_back(tmp_path: Path) -> None:
    for mistake in CATALOGUE:
        (tmp_path / f"{mistake.code}.py").write_text(mistake.bad, encoding="utf-8")
        report = lint([tmp_path / f"{mistake.code}.py"])
        assert decode(json.loads(json.dumps(encode(report)))) == report


@pytest.mark.parametrize(
    "value",
    [
        {"record": "Path", "values": ["/"]},
        {"record": "Place", "values": ["m.py"]},
        {"record": "Interval", "values": [2.0, 1.0, False, False]},
        {"member": "Severity", "name": "FATAL"},
        {"member": "Place", "name": "path"},
        {"collection": "bytearray", "items": [1]},
        {"mapping": [[1]]},
        {"number": "12"},
        {},
    ],
)
def test_what_no_report_holds_is_not_made(value: object) -> None:
    with pytest.raises(DamagedError):
        decode(value)


def test_what_no_report_holds_is_not_written() -> None:
    with pytest.raises(TypeError, match=r"no report holds a \w*Path"):
        encode((Path("m.py"),))


# ------------------------------------------------------------------------------------------- when it is used


def test_an_unchanged_project_is_remembered(project: Path) -> None:
    assert uses(lint(["model.py"], cache="kept"))
    assert not uses(lint(["model.py"]))
    assert len(entries(project / "kept")) == 1


def test_what_is_remembered_needs_no_interpreter(project: Path) -> None:
    """Reading an entry is quicker than importing what would make it."""
    script = (
        "import sys; from vae_checked.linter import lint; report = lint(['model.py'], cache='kept');"
        "print(len(report.findings), 'vae_checked.linter.interpreter.interpreter' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    for expected in ("1 False\n", "1 True\n"):
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=project, env=environment
        )
        assert done.stdout == expected
        shutil.rmtree(project / "kept")


def test_a_change_of_content_options_or_name_is_not(project: Path) -> None:
    assert not uses(lint(["model.py"], cache="kept", select=["VAE201"]))
    per_file = Options(per_file_ignores=(("other.py", ("VAE201",)),))
    assert not uses(lint(["model.py"], cache="kept", options=per_file))
    ranges = Options(data_ranges=(("model.py", "VAE", 0.0, 1.0),))
    assert not uses(lint(["model.py"], cache="kept", options=ranges))
    assert not uses(lint(["model.py"], cache="kept", texts={"model.py": BAD + "\n"}))
    assert not uses(lint([project / "model.py"], cache="kept"))
    (project / "model.py").write_text(BAD + "# a comment\n", encoding="utf-8")
    assert not uses(lint(["model.py"], cache="kept"))
    (project / "model.py").write_text(BAD, encoding="utf-8")
    assert uses(lint(["model.py"], cache="kept"))


def test_a_change_of_a_file_that_only_uses_a_vae_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """\
import torch
from diffusers import AutoencoderKL
from torchvision.utils import save_image


def show(z):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    save_image({shown}, "x.png")
"""
    monkeypatch.chdir(tmp_path)
    picture = "vae.decode(z / 0.18215).sample"
    for shown, found in ((picture, ["VAE704"]), (f"{picture} / 2 + 0.5", []), (picture, ["VAE704"])):
        Path("show.py").write_text(text.format(shown=shown), encoding="utf-8")
        assert [finding.code for finding in lint(["show.py"], cache="kept").findings] == found
    assert len(entries(tmp_path / "kept")) == 2


def test_files_that_concern_no_vae_do_not_matter(project: Path) -> None:
    (project / "notes.py").write_text("x = 1\n", encoding="utf-8")
    report = lint(["."], cache="kept")
    assert uses(report)
    assert report.files == ("model.py", "notes.py")


def test_a_copy_of_project_and_cache_elsewhere_is_as_good(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(project, copy)
    monkeypatch.chdir(copy)
    assert uses(lint(["model.py"], cache="kept"))


def test_files_only_imported_and_files_not_there_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.py").write_text(TEXTS["model.py"][0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def found() -> list[str]:
        report = lint(["model.py"], cache="kept")
        assert report == lint(["model.py"])
        return [finding.code for finding in report.findings]

    assert found() == []
    (tmp_path / "loss.py").write_text(f"{IMPORTS}\n\ndef loss_function{LOSS}", encoding="utf-8")
    assert found() == ["VAE201"]
    right = LOSS.replace("logvar.exp()", "(2 * logvar).exp()").replace("1 + logvar", "1 + 2 * logvar")
    assert right != LOSS
    (tmp_path / "loss.py").write_text(f"{IMPORTS}\n\ndef loss_function{right}", encoding="utf-8")
    assert found() == []
    (tmp_path / "loss.py").unlink()
    assert found() == []


TRAIN = "def train(x):\n    out, mu, logvar = VAE()(x)\n    loss_function(out, x, mu, logvar).backward()\n"
TEXTS = {
    "model.py": [
        f"from loss import loss_function\n{HEAD}\n\n{TRAIN}",
        BAD,
        GOOD,
        HEAD,
        "import torch; logvar = randn(",
    ],
    "loss.py": [f"{IMPORTS}\n\ndef loss_function{LOSS}", f"{IMPORTS}\nlogvar = 3\n", "x = 1\n"],
    "train.py": [
        f"{IMPORTS}from model import VAE\nfrom pkg.tools import helper\n\nhelper(VAE()(torch.rand(4, 3, 8, 12)))\n",
        "from torchvision.transforms import ToTensor\nfrom torch.utils.data import DataLoader\nT = ToTensor()\n",
    ],
    "pkg/tools.py": ["import torch\n\ndef helper(x):\n    return torch.rand_like(x[0])\n", "helper = print\n"],
}
FIRST = [(("model.py", 0), "."), (("loss.py", 0), "model.py")]
# What becomes of which file, and what is linted then: the whole project, or one file with what it imports.
EDITS = st.tuples(
    st.sampled_from([(name, index) for name, texts in TEXTS.items() for index in (-1, *range(len(texts)))]),
    st.sampled_from([".", "model.py"]),
)


def outcome(path: Path, kept: Path | None) -> LintReport | str:
    """The report on a file or folder, or why there is none."""
    try:
        return lint([path], cache=kept)
    except UsageError as error:
        return str(error)


@pytest.fixture(scope="module")
def without_cache() -> dict[tuple[str, frozenset[tuple[str, int]]], LintReport | str]:
    """What a run without a cache says: the same for the same texts, whatever came before."""
    return {}


@drawn(12)
@given(edits=st.lists(EDITS, min_size=1, max_size=5))
def test_cached_is_what_is_not_cached_after_any_edits(
    edits: list[tuple[tuple[str, int], str]],
    without_cache: dict[tuple[str, frozenset[tuple[str, int]]], LintReport | str],
) -> None:
    there: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        (folder / "pkg").mkdir()
        patch.chdir(folder)
        for (path, index), linted in [*FIRST, *edits]:
            if index < 0:
                (folder / path).unlink(missing_ok=True)
                there.pop(path, None)
            else:
                (folder / path).write_text(TEXTS[path][index], encoding="utf-8")
                there[path] = index
            state = linted, frozenset(there.items())
            if state not in without_cache:
                without_cache[state] = outcome(Path(linted), None)
            for _ in range(2):
                assert outcome(Path(linted), folder / "kept") == without_cache[state]


# ------------------------------------------------------------------------------------------- what may befall it


DAMAGE = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[: len(data) // 2],
    "a letter changed": lambda data: data.replace(b"remembered", b"remembereD"),
    "binary": lambda data: b"\x00\xff" * 100,
    "another's": lambda data: sha256(b"[]").hexdigest().encode() + b"\n[]",
    "another's too": lambda data: sha256(b'{"seen":{},"report":3}').hexdigest().encode() + b'\n{"seen":{},"report":3}',
    "a nest": lambda data: sha256(b"[" * 100_000).hexdigest().encode() + b"\n" + b"[" * 100_000,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_as_good_as_none_and_is_replaced(damage: object, project: Path) -> None:
    assert callable(damage)
    (entry,) = entries(project / "kept")
    entry.write_bytes(damage(entry.read_bytes()))
    expected = lint(["model.py"])
    assert lint(["model.py"], cache="kept") == expected
    assert entries(project / "kept") == [entry]
    altered(entry, "the sampler uses", "remembered: the sampler uses")
    assert uses(lint(["model.py"], cache="kept"))


def test_what_an_interrupted_run_left_is_passed_over(project: Path) -> None:
    (entry,) = entries(project / "kept")
    half = entry.with_name(f"{entry.name}.4711.part")
    half.write_bytes(entry.read_bytes()[:100])
    assert uses(lint(["model.py"], cache="kept"))
    entry.unlink()
    assert lint(["model.py"], cache="kept") == lint(["model.py"])
    assert entries(project / "kept") == [entry]


def test_a_cache_that_is_deleted_comes_back(project: Path) -> None:
    shutil.rmtree(project / "kept")
    assert not uses(lint(["model.py"], cache="kept"))
    assert len(entries(project / "kept")) == 1
    assert (project / "kept" / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_a_folder_that_cannot_be_written_is_not_in_the_way(project: Path) -> None:
    (project / "file").write_text("", encoding="utf-8")
    assert lint(["model.py"], cache="file/kept") == lint(["model.py"])
    assert lint(["model.py"], cache="file") == lint(["model.py"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_not_in_the_way(project: Path) -> None:
    shutil.rmtree(project / "kept")
    project.chmod(0o555)
    try:
        assert lint(["model.py"], cache="kept") == lint(["model.py"])
    finally:
        project.chmod(0o755)


def test_the_oldest_entries_go(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST", 4)
    for number in range(9):
        text = BAD + f"# {number}\n"
        lint(["model.py"], cache="kept", texts={"model.py": text})
        assert len(entries(project / "kept")) <= 4
    (newest,) = [each for each in entries(project / "kept") if each.stat().st_mtime_ns == _latest(project / "kept")]
    altered(newest, "the sampler uses", "remembered: the sampler uses")
    assert uses(lint(["model.py"], cache="kept", texts={"model.py": text}))


def _latest(folder: Path) -> int:
    return max(each.stat().st_mtime_ns for each in entries(folder))


# -------------------------------------------------------------------------------------------- the command line


def test_the_command_keeps_entries_outside_of_what_it_lints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, home = tmp_path / "source", tmp_path / "home"
    source.mkdir()
    (source / "model.py").write_text(BAD, encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.chdir(source)
    assert main(["lint", "--no-cache"]) == 1
    assert not home.exists()
    assert main(["lint"]) == 1
    (entry,) = entries(home / "vae-checked" / "lint")
    altered(entry, "the sampler uses", "remembered: the sampler uses")
    capsys.readouterr()
    assert main(["lint"]) == 1
    assert "remembered" in capsys.readouterr().out
    assert main(["lint", "--no-cache"]) == 1
    assert main(["lint", "--cache-dir", str(tmp_path / "mine")]) == 1
    assert "remembered" not in capsys.readouterr().out
    assert len(entries(tmp_path / "mine")) == 1
    assert [each.name for each in source.iterdir()] == ["model.py"]
