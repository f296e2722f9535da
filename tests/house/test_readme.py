"""The first page: short, with a picture that is made anew, and links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 120


def test_the_picture_is_in_the_first_screen_and_shows_what_lint_prints() -> None:
    first = "\n".join(README.splitlines()[:10])
    (path,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", first)
    picture = (ROOT / path).read_text(encoding="utf-8")
    words = "".join(ElementTree.fromstring(picture).itertext()).replace("\xa0", " ")
    assert "VAE201" in words
    assert "1 error, 2 warnings" in words
    assert "vae-checked lint vae.py" in words


def test_the_picture_asks_no_server_for_anything() -> None:
    for path in (ROOT / "docs" / "pictures").glob("*.svg"):
        assert not re.search(r"url\(\s*[\"']?http|href=\"http|<script", path.read_text(encoding="utf-8"))


def test_an_install_line_and_the_two_commands_stand_in_it() -> None:
    for words in ("pip install .", "vae-checked lint", "vae-checked audit", "make demo"):
        assert words in README


def test_what_the_readme_links_to_is_there() -> None:
    targets = [each for each in re.findall(r"\]\(([^)#]+)", README) if "://" not in each]
    assert len(targets) > 10
    assert [each for each in targets if not (ROOT / each).exists()] == []
