"""Edits: one right answer each, formatting and comments kept, and the result is silent."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from planted.spelt import MISTAKES, spellings

from vae_checked.cli import main
from vae_checked.linter import lint
from vae_checked.linter.fixing.apply_fixes import fixed_files, write_fixed
from vae_checked.linter.run.fixes import Edit, apply, propose

MODULE = """\
import torch
from torch import nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(48, 20)
        self.a = nn.Linear(20, 5)
        self.b = nn.Linear(20, 5)
        self.out = nn.Linear(5, 48)

    def forward(self, x):
        h = torch.tanh(self.body(x))
        m, s = self.a(h), self.b(h)
        spread = {spread}   # kept: a comment, and  two spaces
        z = m + spread * {noise}
        y = self.out(z)
        kl = {kl}
        return (F.binary_cross_entropy_with_logits(y, x, reduction="none").sum(1) + kl).mean()
"""
RIGHT = {
    "spread": "torch.exp(0.5 * s)",
    "noise": "torch.randn_like(spread)",
    "kl": "-0.5 * (1 + s - m ** 2 - s.exp()).sum(1)",
}


def fixed(tmp_path: Path, text: str) -> str:
    path = tmp_path / "net.py"
    path.write_text(text, encoding="utf-8")
    findings = lint([path]).findings
    assert findings
    return apply(text, [edit for finding in findings for edit in propose(finding, text)])


@pytest.mark.parametrize(
    ("part", "wrong", "right"),
    [
        ("spread", "torch.exp(s)", "torch.exp(0.5 * s)"),
        ("spread", "s.exp()", "(0.5 * s).exp()"),
        ("spread", "torch.exp(s + 0.0)", "torch.exp(0.5 * (s + 0.0))"),
        ("noise", "torch.rand_like(spread)", "torch.randn_like(spread)"),
        ("noise", "torch.rand(spread.shape)", "torch.randn(spread.shape)"),
    ],
)
def test_a_mistake_with_one_right_answer_is_fixed_in_place(tmp_path: Path, part: str, wrong: str, right: str) -> None:
    text = MODULE.format(**{**RIGHT, part: wrong})
    after = fixed(tmp_path, text)
    assert after == MODULE.format(**{**RIGHT, part: right})
    (tmp_path / "net.py").write_text(after, encoding="utf-8")
    assert lint([tmp_path]).findings == ()


def test_columns_count_characters_not_bytes(tmp_path: Path) -> None:
    text = MODULE.format(**{**RIGHT, "spread": "torch.exp(s)"}).replace("        spread =", "        é = 'ß'; spread =")
    assert "é = 'ß'; spread = torch.exp(0.5 * s)   # kept" in fixed(tmp_path, text)


def test_the_right_module_has_nothing_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(MODULE.format(**RIGHT), encoding="utf-8")
    assert lint([path]).findings == ()


def test_a_fix_is_written_only_when_its_result_is_silent(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    wrong = MODULE.format(**{**RIGHT, "spread": "torch.exp(s)", "noise": "torch.rand_like(spread)"})
    path.write_bytes(wrong.replace("\n", "\r\n").encode())
    path.chmod(0o640)
    (fixed,) = fixed_files([tmp_path])
    assert path.read_bytes() == wrong.replace("\n", "\r\n").encode(), "looking changes nothing"
    assert fixed.diff.count("\n+ ") == 2
    write_fixed(fixed)
    assert path.read_bytes() == MODULE.format(**RIGHT).replace("\n", "\r\n").encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["net.py"]
    assert fixed_files([tmp_path]) == ()


def test_a_text_whose_edit_would_not_settle_it_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(MODULE.format(**{**RIGHT, "spread": "(0.5 * torch.exp(s))"}), encoding="utf-8")
    assert [finding.code for finding in lint([path]).findings] == ["VAE201"]
    assert fixed_files([path]) == ()


def test_the_command_shows_the_change_or_makes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.py"
    wrong = MODULE.format(**{**RIGHT, "noise": "torch.rand_like(spread)"})
    path.write_text(wrong, encoding="utf-8")
    assert main(["lint", "--diff", str(path)]) == 1
    assert "+        z = m + spread * torch.randn_like(spread)\n" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == wrong
    assert main(["lint", "--fix", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == MODULE.format(**RIGHT)


def test_overlapping_edits_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        apply("abcdef", [Edit(1, 1, 1, 4, "x"), Edit(1, 3, 1, 5, "y")])


def test_edits_apply_from_the_end_and_across_lines() -> None:
    assert apply("ab\ncd\nef", [Edit(1, 2, 2, 2, "-"), Edit(3, 1, 3, 1, "+")]) == "a-d\n+ef"


# Of the spellings, those with an edit that cannot mean anything else; the others are left to their author.
MENDED = [
    ("log-std read as logvar", {"plain", "notebook"}),
    ("rand_like", {"plain", "helpers"}),
    ("missing 0.5 in kl", {"plain", "helpers", "inherited", "inside", "notebook"}),
]


@pytest.mark.parametrize(("name", "shapes"), MENDED)
def test_a_mended_spelling_is_silent_and_the_others_are_as_they_were(
    name: str, shapes: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for shape, (bad, _) in spellings(name).items():
        folder = tmp_path / shape
        folder.mkdir()
        for file, text in bad.items():
            (folder / file).write_text(text, encoding="utf-8")
        status = main(["lint", "--fix", str(folder)])
        after = {each.name: each.read_text(encoding="utf-8") for each in folder.iterdir()}
        if shape in shapes:
            assert status == 0
            assert lint([folder]).findings == ()
            assert len([file for file, text in bad.items() if after[file] != text]) == 1
        else:
            assert status == 1
            assert after == bad
            assert MISTAKES[name][0] in capsys.readouterr().out


def test_no_spelling_that_is_right_is_changed(tmp_path: Path) -> None:
    written = {}
    for number, name in enumerate(MISTAKES):
        for shape, (_, good) in spellings(name).items():
            for file, text in good.items():
                path = tmp_path / f"{number}{shape}" / file
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
                written[path] = text
    assert main(["lint", "--fix", str(tmp_path)]) == 0
    assert {path: path.read_text(encoding="utf-8") for path in written} == written
