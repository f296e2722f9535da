"""The site: every page is in its navigation, and links lead to where the site has what they name."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import vae_checked

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

import site_hooks  # noqa: E402  docs/ is no package


class _Loader(yaml.SafeLoader):
    """Reads mkdocs.yml, and of what it names in Python the names."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda loader, name, node: name)
CONFIG = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), _Loader)  # noqa: S506  a SafeLoader


def named(entry: object) -> Iterator[str]:
    """The pages that a piece of the navigation names."""
    match entry:
        case str():
            yield entry
        case dict():
            for below in entry.values():
                yield from named(below)
        case list():
            for below in entry:
                yield from named(below)


def test_every_page_is_in_the_navigation_once() -> None:
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    brought = {name for name in site_hooks.BROUGHT.values() if not name.startswith("examples/")}
    shown = list(named(site_hooks.listed(CONFIG["nav"], DOCS)))
    assert sorted(shown) == sorted(pages | brought)


def test_what_makers_record_is_apart_from_what_users_read() -> None:
    sections = {title: set(named(below)) for entry in CONFIG["nav"] for title, below in entry.items()}
    records = {"mutants.md", "zoo.md", "shapes-zoo.md", "cost.md", "performance.md", "versions.md", "decisions"}
    assert records <= sections["Makers"]
    assert {"index.md", "getting-started.md"} <= sections["Start"]


def test_the_folder_of_a_register_is_listed_with_its_index_first(tmp_path: Path) -> None:
    folder = tmp_path / "laws"
    folder.mkdir()
    for name in ("a-law.md", "README.md", "b-law.md", "picture.svg"):
        (folder / name).write_text("", encoding="utf-8")
    nav: list[object] = [{"Use": ["lint.md"]}, {"Laws": "laws"}]
    assert site_hooks.listed(nav, tmp_path) == [
        {"Use": ["lint.md"]},
        {"Laws": ["laws/README.md", "laws/a-law.md", "laws/b-law.md"]},
    ]


@pytest.mark.parametrize(
    ("page", "link", "leads_to"),
    [
        ("contributing.md", "docs/architecture.md", "architecture.md"),
        ("contributing.md", "tests/README.md", "tests.md"),
        ("contributing.md", "docs/catalogue/README.md", "catalogue/README.md"),
        ("pytest.md", "../examples/own-vae", "examples/own-vae.md"),
        ("pytest.md", "shapes.md", "shapes.md"),
        ("release-notes.md", "../README.md#install", "index.md#install"),
        ("catalogue/VAE201.md", "../laws/kl-closed-form.md", "../laws/kl-closed-form.md"),
        ("tests.md", "../CONTRIBUTING.md", "contributing.md"),
        ("index.md", "https://example.org/README.md", "https://example.org/README.md"),
        ("index.md", "#install", "#install"),
    ],
)
def test_a_link_of_the_repository_leads_to_a_page_of_the_site(page: str, link: str, leads_to: str) -> None:
    assert site_hooks.relinked(f"see [here]({link}), too", page) == f"see [here]({leads_to}), too"


def test_a_project_is_shown_with_its_files(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    for name, text in {"README.md": "# A VAE\n", "tests/test_a.py": "x = 1\n", "a.lock": "z\n", "b.py": ""}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert site_hooks.project(tmp_path) == "# A VAE\n\n## tests/test_a.py\n\n```python\nx = 1\n```\n"


def test_every_public_name_is_in_the_reference() -> None:
    told = re.findall(r"^::: ([\w.]+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.M)
    assert {name.rpartition(".")[2] for name in told} >= set(vae_checked.__all__) - {"__version__"}


def asks_elsewhere(markdown: str) -> list[str]:
    """What a browser would fetch from another server to show the page: a picture, a script, what draws a diagram."""
    return re.findall(
        r"!\[[^\]]*\]\(https?://[^)]*\)|<(?:img|script|link|iframe)[^>]*https?://[^>]*>|```mermaid", markdown
    )


def test_a_page_asks_no_other_server() -> None:
    assert CONFIG["theme"]["font"] is False
    assert not {"extra_javascript", "extra_css"} & CONFIG.keys()
    pages = [*DOCS.rglob("*.md"), *(ROOT / name for name in site_hooks.BROUGHT if name.endswith(".md"))]
    assert [(page.name, asked) for page in pages if (asked := asks_elsewhere(page.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize(
    "markdown",
    ["![a](https://example.org/a.png)", '<script src="https://example.org/a.js">', "```mermaid\nflowchart LR\n"],
)
def test_a_page_that_would_ask_is_seen(markdown: str) -> None:
    assert len(asks_elsewhere(markdown)) == 1
