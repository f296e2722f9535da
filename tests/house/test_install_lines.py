"""Every `pip install` line of vae_checked works: on no index, it comes from a clone or a wheel, or is there already."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from vae_checked import __version__
from vae_checked.errors import install_line

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = set(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"])
# What a line takes vae_checked from: a folder, a wheel, or, without either, what is installed already.
OURS = re.compile(
    r"""(?<![\w/.-])(?P<where>\.|(?:[\w.{}$ -]*/)?vae-checked|"""
    r"""[\w./-]*vae_checked-(?P<version>[\d.]+)-py3-none-any\.whl)"""
    r"""(?:\[(?P<extras>[\w,]+)\])?(?=['"\s`;]|$)"""
)


def arguments(line: str) -> str:
    """What pip is told to install, but for the project whose page it is (`-e`); empty where nothing is installed."""
    _, _, rest = line.partition("pip install ")
    return re.sub(r"-e \S+", "", re.split(r"`| #", rest)[0])


def faults(line: str, in_fresh_environment: bool) -> list[str]:
    """What is wrong with a line that installs vae_checked."""
    said = []
    for found in OURS.finditer(arguments(line)):
        extras = set((found["extras"] or "").split(",")) - {""}
        if extras - EXTRAS:
            said.append(f"no extra {sorted(extras - EXTRAS)}")
        if found["version"] not in (None, __version__):
            said.append(f"the version is {__version__}")
        if found["where"] == "vae-checked":
            lines = [install_line(extra) for extra in extras]
            if in_fresh_environment or not any(each in line for each in lines):
                said.append("no index has vae-checked")
    return said


def lines() -> Iterator[tuple[str, str, bool]]:
    """Every line of pages, workflows and examples, and whether it runs where nothing is installed yet."""
    files = [path for name in ("docs", "examples") for path in (ROOT / name).rglob("*") if path.is_file()]
    files += [*ROOT.glob("*.md"), ROOT / "action.yml", ROOT / ".pre-commit-hooks.yaml"]
    for path in files:
        if path.suffix not in (".md", ".yml", ".yaml", ".toml", ".py"):
            continue
        fresh = path.suffix in (".yml", ".yaml")
        for line in path.read_text(encoding="utf-8").splitlines():
            if path.suffix == ".md" and line.startswith("```"):
                fresh = line == "```yaml"
            yield str(path.relative_to(ROOT)), line, fresh


def test_every_line_that_installs_it_works() -> None:
    assert [(path, line, said) for path, line, fresh in lines() if (said := faults(line, fresh))] == []


def test_the_lines_are_there_to_be_judged() -> None:
    judged = [
        line for _, line, _ in lines() if "pip install " in line and OURS.search(line.partition("pip install ")[2])
    ]
    assert len(judged) > 8


def test_the_package_makes_its_line_in_one_place() -> None:
    saying = [
        path.name for path in (ROOT / "vae_checked").rglob("*.py") if "pip install" in path.read_text(encoding="utf-8")
    ]
    assert saying == ["errors.py"]


@pytest.mark.parametrize(
    ("line", "fresh"),
    [
        ("pip install vae-checked", False),
        ("python -m pip install 'vae-checked'", False),
        ("pip install 'vae-checked[torch]'", True),
        ("    - run: pip install --upgrade diffusers 'vae-checked[pytest]'", True),
        ("pip install '.[torhc]'", False),
        ("pip install dist/vae_checked-0.0.9-py3-none-any.whl", False),
        ("pip install vae-checked[lsp]", False),
    ],
)
def test_a_line_that_would_fail_is_seen(line: str, fresh: bool) -> None:
    assert len(faults(line, fresh)) == 1


@pytest.mark.parametrize(
    ("line", "fresh"),
    [
        ("pip install .", True),
        ("pip install '.[torch]'", True),
        ('    - pip install "./vae-checked[torch]" -r requirements.txt', True),
        ("pip install 'PATH/TO/vae-checked[pytest]'    # a clone", False),
        ("pip install 'vae-checked[lsp]'", False),
        (f"pip install 'dist/vae_checked-{__version__}-py3-none-any.whl[torch]'", False),
        ("pip install torch --index-url https://download.pytorch.org/whl/cpu", True),
        ("vae-checked lint .", True),
    ],
)
def test_a_line_that_works_is_left_alone(line: str, fresh: bool) -> None:
    assert faults(line, fresh) == []
