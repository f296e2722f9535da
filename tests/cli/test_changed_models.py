"""Which models a change concerns: by imports of every form, from files and revisions, and where nobody can tell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vae_checked.cli import main
from vae_checked.cli.changed import concerned
from vae_checked.config import load_models
from vae_checked.errors import UsageError

MODEL = "from torch import nn\n\nclass VAE(nn.Linear):\n    def __init__(self):\n        super().__init__(9, {})\n"
FILES = {
    "src/nets/__init__.py": "",
    "src/nets/plain.py": f"from . import parts\n{MODEL.format(5)}",
    "src/nets/parts.py": "from .deep.blocks import block\n",
    "src/nets/deep/__init__.py": "",
    "src/nets/deep/blocks.py": "def block():\n    import nets.late\n",
    "src/nets/late.py": "",
    "src/nets/other.py": MODEL.format(7),
    "src/nets/named.py": f"import importlib\nimportlib.import_module('nets.' + 'plain')\n{MODEL.format(4)}",
    "losses.py": "def elbo(x):\n    return x.sum()\n",
    "settings.py": "class Config:\n    pass\n",
    "notes.md": "",
    "conf/vae.yaml": "",
    "pyproject.toml": """
[tool.vae-checked.models.plain]
model = "nets.plain:VAE"
input = "B 9"

[tool.vae-checked.models.other]
model = "nets.other:VAE"
input = "B 9"
loss = "losses:elbo"

[tool.vae-checked.models.named]
model = "nets.named:VAE"
kwargs.config = { object = "settings:Config" }

[tool.vae-checked.models.elsewhere]
model = "installed.somewhere:VAE"
""",
}


def git(*words: str) -> None:
    options = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *options, *words], check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "src")
    yield tmp_path
    # What was imported from here is not there for whoever has modules of these names.
    for name in [each for each in sys.modules if each.partition(".")[0] in ("nets", "losses", "settings")]:
        del sys.modules[name]


def names(project: Path, *changed: str) -> list[str]:
    models = list(load_models(project / "pyproject.toml").values())
    return [model.name for model in concerned(models, changed)]


def test_a_change_concerns_what_imports_it(project: Path) -> None:
    # What imports by names made at run time, or is not found, is concerned by any source.
    unknown = ["named", "elsewhere"]
    for changed, known in {
        "src/nets/plain.py": ["plain"],
        "src/nets/__init__.py": ["plain", "other"],
        "src/nets/deep/blocks.py": ["plain"],
        "src/nets/late.py": ["plain"],
        "src/nets/other.py": ["other"],
        "losses.py": ["other"],
        "settings.py": [],
    }.items():
        assert names(project, changed) == [*known, *unknown], changed
    everything = ["plain", "other", *unknown]
    assert names(project, "notes.md") == []
    assert names(project, "conf/vae.yaml") == everything
    assert names(project, "notes.md", "pyproject.toml") == everything
    with pytest.raises(UsageError, match="'nowhere' is neither a file nor a revision of git: give either"):
        names(project, "nowhere")


def test_a_revision_is_compared_with_what_lies_there(project: Path) -> None:
    git("init")
    git("add", "-A")
    git("commit", "-m", "all")
    assert names(project, "HEAD") == []
    (project / "src/nets/other.py").write_text(MODEL.format(3), encoding="utf-8")
    assert names(project, "HEAD") == ["other", "named", "elsewhere"]
    git("commit", "-am", "wider")
    assert names(project, "HEAD") == []
    assert names(project, "HEAD~1") == ["other", "named", "elsewhere"]
    (project / "new.py").write_text("", encoding="utf-8")
    assert names(project, "HEAD") == ["named", "elsewhere"]
    (project / "src/nets/late.py").unlink()
    assert names(project, "HEAD") == ["plain", "other", "named", "elsewhere"]


def test_shapes_of_models_that_no_change_concerns_are_left(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pyproject = project / "pyproject.toml"
    pyproject.write_text(FILES["pyproject.toml"].partition("[tool.vae-checked.models.named]")[0], encoding="utf-8")
    assert main(["shapes", "lock"]) == 0
    pyproject.write_text(f"{pyproject.read_text(encoding='utf-8')}shapes = 'B 8'\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["shapes", "check", "--changed", "src/nets/late.py"]) == 0
    assert capsys.readouterr().out == "note: left out, since no change concerns it: other\n1 model as locked\n"
    assert main(["shapes", "check", "--changed", "notes.md"]) == 0
    assert capsys.readouterr().out.endswith("\n0 models as locked\n")
    assert main(["shapes", "check", "--changed", "losses.py"]) == 2
    assert "other: cannot be probed" in capsys.readouterr().out
