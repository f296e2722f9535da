"""What the site does beyond mkdocs.yml: it lists the pages of a register, and shows files that lie outside of docs/."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
# What lies elsewhere in the repository, and what it is called on the site.
BROUGHT = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "tests/README.md": "tests.md",
    "examples/own-vae": "examples/own-vae.md",
    "examples/third-party-vae": "examples/third-party-vae.md",
}
# The start of the repository and the start of the site are two pages on one thing.
_SAME = {"README.md": "index.md", "docs": "index.md"}
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)(?P<path>[^)#\s]+)(?P<anchor>#[\w-]+)?(?=\))")
_KINDS = {".py": "python", ".toml": "toml", ".yml": "yaml"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of a folder where the navigation names the folder, its README first."""
    config.nav = listed(config.nav or [], Path(config.docs_dir))
    return config


def listed(nav: list[object], docs: Path) -> list[object]:
    """The navigation with every folder of it replaced by its pages."""
    return [_listed(entry, docs) for entry in nav]


def _listed(entry: object, docs: Path) -> object:
    match entry:
        case dict():
            return {
                title: listed(below, docs) if isinstance(below, list) else _pages(below, docs)
                for title, below in entry.items()
            }
        case _:
            return entry


def _pages(path: str, docs: Path) -> str | list[str]:
    folder = docs / path
    if not folder.is_dir():
        return path
    pages = sorted(folder.glob("*.md"), key=lambda page: (page.name != "README.md", page.name))
    return [page.relative_to(docs).as_posix() for page in pages]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside of docs/."""
    for source, name in BROUGHT.items():
        path = ROOT / source
        text = path.read_text(encoding="utf-8") if path.is_file() else project(path)
        files.append(File.generated(config, name, content=text))
    return files


def project(folder: Path) -> str:
    """A page that shows a whole small project: its README, then each file."""
    parts = [(folder / "README.md").read_text(encoding="utf-8")]
    for path in sorted(folder.rglob("*")):
        kind = _KINDS.get(path.suffix)
        if kind and path.stat().st_size:
            text = path.read_text(encoding="utf-8")
            parts.append(f"## {path.relative_to(folder).as_posix()}\n\n```{kind}\n{text}```\n")
    return "\n".join(parts)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links that are right in the repository to where the site has what they name."""
    return relinked(markdown, page.file.src_uri)


def relinked(markdown: str, page: str) -> str:
    """`markdown` of the site's `page` with its links as the site needs them."""
    homes = {name: source for source, name in BROUGHT.items()}
    home = homes.get(page, f"docs/{page}")
    # The page of a project stands for its folder.
    folder = home if not home.endswith(".md") else posixpath.dirname(home)

    def lead(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link["path"]))
        place = BROUGHT.get(target) or _SAME.get(target) or target.removeprefix("docs/")
        return posixpath.relpath(place, posixpath.dirname(page) or ".") + (link["anchor"] or "")

    return _LINK.sub(lead, markdown)
