"""Imports by the name of a package whose folder is called as its repository: with dashes, a branch or an owner."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, codes, linted

from vae_checked.reports import all_examined

FORWARD = """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.randn_like(m) * torch.exp({half}s)), m, s
"""
CLONES = {
    "as it is": ("deep_cells", True),
    "with dashes": ("Deep-Cells", True),
    "with a dash behind it": ("deep_cells-", True),
    "an archive": ("deep-cells-main", True),
    "an older archive": ("Deep_Cells-master", True),
    "behind its owner": ("someone__deep_cells", True),
    "another name": ("cells", False),
    "a longer name": ("very_deep_cells", False),
    "with a word behind it": ("deep_cells-demo", False),
}


def _project(folder: Path, half: str = "0.5 * ") -> dict[str, str]:
    return {
        f"{folder.name}/nets/flat.py": HEAD + LAYERS + FORWARD.format(half=half),
        f"{folder.name}/runs/fit.py": HEAD + "from deep_cells.nets.flat import Net\n" + FIT + "\n\nfit(rows)\n",
    }


@pytest.mark.parametrize(("name", "joined"), CLONES.values(), ids=CLONES)
def test_a_package_is_the_folder_of_its_clone(name: str, joined: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, _project(tmp_path / name))
    assert codes(report) == []
    assert any(vae.core_checked for vae in all_examined(report)) is joined


@pytest.mark.parametrize("name", ["Deep-Cells", "deep-cells-master", "someone__deep_cells"])
def test_a_mistake_is_named_behind_such_an_import(name: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, _project(tmp_path / name, half=""))) == ["VAE201"]


def test_a_package_that_is_there_comes_first(tmp_path: Path) -> None:
    files = _project(tmp_path / "deep-cells", half="")
    files["deep-cells/deep_cells/nets/flat.py"] = HEAD + LAYERS + FORWARD.format(half="0.5 * ")
    report = linted(tmp_path, files)
    assert any(vae.core_checked for vae in all_examined(report))
    assert codes(report) == []
