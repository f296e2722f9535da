"""The how-tos of CONTRIBUTING.md, each followed literally in a copy of the project."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from how_tos import Edit, NewFile, Run, how_tos, steps

ROOT = Path(__file__).resolve().parent.parent.parent
HOW_TOS = how_tos((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
COPIED = ("vae_checked", "tests", "docs", "examples")
# What is compiled goes with its source, or each copy would compile all of it; what another process is writing does not.
LEFT_OUT = shutil.ignore_patterns("*.pyc.*")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project in a folder of its own."""
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=LEFT_OUT)
    for path in (*ROOT.glob("*.md"), ROOT / "pyproject.toml", ROOT / "Makefile"):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_what_is_added_often_has_a_how_to() -> None:
    assert list(HOW_TOS) == [
        "To add a mistake",
        "To add an operation",
        "To add an adapter",
        "To add a law",
        "To add a report format",
    ]


@pytest.mark.parametrize("heading", HOW_TOS)
def test_a_how_to_works_as_it_is_written(heading: str, copy: Path) -> None:
    kinds = [type(step) for step in HOW_TOS[heading]]
    assert Run in kinds
    assert NewFile in kinds or Edit in kinds
    for step in HOW_TOS[heading]:
        step.follow(copy)
    changed = [step.path for step in HOW_TOS[heading] if not isinstance(step, Run)]
    for rule in ("check", "format --check"):
        Run(f"python -m ruff {rule} {' '.join(changed)}", ()).follow(copy)


EXAMPLE = """\
In a new file `a/b.py`:

```python
x = 1
```

The register, in `a/b.py`:

```diff
+w = 0
 x = 1
-y = 2
```

Run it:

```console
$ python -c "print(3); print(4)"
...
4
$ python -c "print(5)" | python -c "print(int(input()) + 1)"
6
```
"""


def test_the_steps_of_a_how_to_are_read() -> None:
    assert steps(EXAMPLE) == [
        NewFile("a/b.py", "x = 1\n"),
        Edit("a/b.py", "x = 1\ny = 2\n", "w = 0\nx = 1\n"),
        Run('python -c "print(3); print(4)"', ("...", "4")),
        Run('python -c "print(5)" | python -c "print(int(input()) + 1)"', ("6",)),
    ]


def test_a_step_that_does_not_work_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("x = 1\nx = 1\n", encoding="utf-8")
    for step, complaint in {
        Edit("module.py", "x = 1\n", "x = 2\n"): "module.py holds 2 times",
        Edit("module.py", "y = 1\n", "x = 2\n"): "module.py holds 0 times",
        NewFile("module.py", ""): "module.py is there already",
        Run("python -c 'raise SystemExit(1)'", ()): "raise SystemExit",
        Run("python -c 'print(2); print(1)'", ("1", "2")): "does not print '2' there",
        Run("python -c 'print(21)'", ("3...",)): "does not print '3...' there",
        Run("python -c 'print(21)' | python -c 'print(input() * 2)'", ("21",)): "does not print '21' there",
        Run("python -c 'raise SystemExit(1)' | python -c 'print(4)'", ("4",)): "raise SystemExit",
    }.items():
        Run("python -c 'print(21); print(3)'", ("2...", "...", "3")).follow(tmp_path)
        Run("python -c 'print(21)' | python -c 'print(input() * 2)'", ("2121",)).follow(tmp_path)
        with pytest.raises(AssertionError, match=complaint):
            step.follow(tmp_path)
    assert path.read_text(encoding="utf-8") == "x = 1\nx = 1\n"
