"""`vae-checked shapes` from the command line: lock, check, diff, infer, annotate."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from newer_torch import HAS_OPEN_AXES
from small_vaes.any_size import SOURCE

from vae_checked.cli import main
from vae_checked.errors import ContractError
from vae_checked.shapes import evaluate, read_lock

ROOT = Path(__file__).parents[2]
PYPROJECT = """
[tool.vae-checked.models.small]
model = "shaped:VAE"
shapes = "B 3 H W"
kwargs = { latents = 4 }

[tool.vae-checked.models.large]
model = "shaped:VAE"
shapes = "B 3 H W"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "shaped.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("shaped", None)


def edit(folder: Path, old: str, new: str) -> None:
    """Another text in the model's source, so that the next command imports it anew."""
    path = folder / "shaped.py"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    sys.modules.pop("shaped", None)
    importlib.invalidate_caches()


def test_what_was_locked_is_checked_and_a_change_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shapes", "lock"]) == 0
    lock = folder / "vae-shapes.lock"
    before = lock.read_bytes()
    assert sorted(read_lock(lock).models) == ["large", "small"]
    assert main(["shapes", "check"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 models as locked"
    edit(folder, "nn.ConvTranspose2d(10, 3, 4, 2, 1)", "nn.ConvTranspose2d(10, 3, 4, 2, 1, (0, 1))")
    assert main(["shapes", "check", "small"]) == 1
    out = capsys.readouterr().out
    assert "small: decoder.2: output width was 4*((W+3)//4), is 4*((W+3)//4)+1" in out
    assert "large" not in out
    assert main(["shapes", "check", "--exit-zero"]) == 0
    assert lock.read_bytes() == before


def test_an_entry_too_few_and_one_too_many_fail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shapes", "lock", "small"]) == 0
    assert main(["shapes", "check"]) == 1
    assert "large: is not in the lock" in capsys.readouterr().out
    assert main(["shapes", "lock"]) == 0
    (folder / "pyproject.toml").write_text(PYPROJECT.partition("[tool.vae-checked.models.large]")[0], encoding="utf-8")
    capsys.readouterr()
    assert main(["shapes", "check"]) == 1
    assert "large: is in the lock and no model of that name is checked" in capsys.readouterr().out


def test_a_model_that_no_pyproject_names_is_built_again_from_the_lock(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "pyproject.toml").unlink()
    assert main(["shapes", "lock", "shaped:VAE", "--input", "B 3 H=40 W", "--kwargs", '{"latents": 9}']) == 0
    capsys.readouterr()
    assert main(["shapes", "check"]) == 0
    assert capsys.readouterr().out == "1 model as locked\n"
    edit(folder, "def __init__(self, latents=6)", "def __init__(self, latents=6, extra=1)")
    edit(folder, "nn.Sigmoid()", "nn.Tanh()")
    assert main(["shapes", "check"]) == 1
    assert "decoder.3: type was Sigmoid, is Tanh" in capsys.readouterr().out
    (folder / "shaped.py").unlink()
    sys.modules.pop("shaped")
    importlib.invalidate_caches()
    assert main(["shapes", "check"]) == 2
    gone = "the lock alone names it: delete its sections there if it is gone"
    assert gone in capsys.readouterr().out
    assert main(["shapes", "lock"]) == 2
    assert gone in capsys.readouterr().err


def test_a_model_that_cannot_be_probed_hides_no_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import xml.etree.ElementTree as ET

    assert main(["shapes", "lock"]) == 0
    before = read_lock(folder / "vae-shapes.lock").models
    added = '[tool.vae-checked.models.wide]\nmodel = "shaped:VAE"\nshapes = "B 4 H W"\n'
    changed = PYPROJECT.replace("latents = 4", "latents = 5")
    (folder / "pyproject.toml").write_text(changed + added, encoding="utf-8")
    edit(folder, "super().__init__()", "super().__init__()\n        assert latents < 6, 'too many'")
    capsys.readouterr()
    assert main(["shapes", "check", "--exit-zero"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert any("large: cannot be probed: building shaped:VAE raised AssertionError: too many" in line for line in lines)
    assert any("small: latent 4 -> 5 (posterior, decoder input)" in line for line in lines)
    assert lines[-1].startswith("2 of 3 models cannot be probed, ")
    assert main(["shapes", "check", "--format", "junit", "--output", "shapes.xml", "large", "wide"]) == 2
    assert capsys.readouterr().out == ""
    suite = ET.parse("shapes.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "0", "2")
    assert [each.get("classname") for each in suite.iter("testcase") if each.find("error") is not None] == [
        "large",
        "wide",
    ]
    assert main(["shapes", "lock"]) == 2
    said = capsys.readouterr()
    assert said.out.startswith("vae-shapes.lock: 1 model, ")
    assert said.err.startswith("vae-checked: error: large: building shaped:VAE raised")
    assert "; wide: " in said.err
    assert said.err.endswith("; what vae-shapes.lock has of them stays\n")
    after = read_lock(folder / "vae-shapes.lock").models
    assert sorted(after) == ["large", "small"]
    assert after["large"] == before["large"]
    assert after["small"] != before["small"]


def test_where_no_model_can_be_probed_the_lock_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shapes", "lock"]) == 0
    before = (folder / "vae-shapes.lock").read_bytes()
    edit(folder, "super().__init__()", "super().__init__()\n        raise RuntimeError('none of them')")
    assert main(["shapes", "lock"]) == 2
    assert "RuntimeError: none of them" in capsys.readouterr().err
    assert (folder / "vae-shapes.lock").read_bytes() == before


def test_models_are_probed_in_parallel_with_the_same_result(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    # What a model prints is no part of the report, whichever process prints it.
    edit(folder, "super().__init__()", "super().__init__()\n        print('loading')")
    assert main(["shapes", "lock"]) == 0
    one = (folder / "vae-shapes.lock").read_bytes()
    capfd.readouterr()
    assert main(["shapes", "lock", "--jobs", "2"]) == 0
    assert (folder / "vae-shapes.lock").read_bytes() == one
    said = capfd.readouterr()
    assert said.out == "vae-shapes.lock: 2 models, 22 layers\n"
    assert said.err.count("loading") == 2


def test_two_locks_and_a_revision_are_compared_without_torch(folder: Path) -> None:
    assert main(["shapes", "lock", "small"]) == 0
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "lock"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    (folder / "old.lock").write_bytes((folder / "vae-shapes.lock").read_bytes())
    edit(folder, "latents=6", "latents=6, **more")
    (folder / "pyproject.toml").write_text(PYPROJECT.replace("latents = 4", "latents = 5"), encoding="utf-8")
    assert main(["shapes", "lock", "small"]) == 0
    script = "import sys; from vae_checked.cli import main; s = main(sys.argv[1:]); print('torch' in sys.modules, s)"
    for words in (["old.lock", "vae-shapes.lock"], ["--rev", "HEAD"]):
        done = subprocess.run(
            [sys.executable, "-c", script, "shapes", "diff", *words],
            cwd=folder,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin:/usr/local/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        lines = done.stdout.splitlines()
        assert any(line.endswith("small: latent 4 -> 5 (posterior, decoder input)") for line in lines)
        assert lines[-1] == "False 1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["diff", "one.lock"], "diff takes two locks, or --rev GITREF"),
        (["diff", "--rev", "HEAD", "a", "b"], "takes one lock, not two"),
        (["diff", "--rev", "HEAD"], "cannot be read: fatal:"),
        (["check"], "there is no vae-shapes.lock: write it"),
        (["check", "--jobs", "0"], "there is no"),
        (["lock", "--jobs", "0"], "--jobs is 0: give 1 or more"),
        (["lock", "--input", "B 3 H W"], "--input is for models named on the command line"),
        (["infer", "absent"], "no model 'absent'"),
        (["infer", "shaped:VAE", "--input", "B 3 H-W"], "is neither a size nor a letter"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_meant_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shapes", *words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


@pytest.mark.usefixtures("folder")
def test_the_page_and_its_json_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shapes", "infer", "small", "--with-export"]) == 0
    page = capsys.readouterr().out
    assert "the reconstruction has the input's shape: H % 4 == 0 and W % 4 == 0" in page
    assert re.search(r"^  encoder\.0 +Conv2d \(float32\[B 3 H W\]\) -> ", page, re.M)
    compared = "agrees on all 13 axes of the outputs" if HAS_OPEN_AXES else "is not compared"
    assert f"torch.export {compared}" in page
    assert main(["shapes", "infer", "small", "--format", "json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert model["constraint"] == "H % 4 == 0 and W % 4 == 0"
    assert model["outputs"][1]["axes"] == ["B", "4", "(H+3)//4", "(W+3)//4"]
    assert main(["shapes", "infer", "small", "--format", "html", "--output", "small.html"]) == 0
    assert capsys.readouterr().out == ""
    written = Path("small.html").read_text(encoding="utf-8")
    assert "<code>vae-checked shapes infer small --format html --output small.html</code>" in written
    assert "<code>H % 4 == 0 and W % 4 == 0</code>" in written


# ------------------------------------------------------------------------------------------------ annotate

ODD = '''"""A model written in its own way."""
import torch
from torch import nn

class VAE(nn.Module):
    def __init__(self,latents = 3):
        super().__init__()
        self.down=nn.Conv2d(2,2*latents,4,2,1)   # é
        self.up = nn.ConvTranspose2d( latents, 2, 4, 2, 1 )

    def encode( self ,
                x ,  # the picture (é)
                y: torch.Tensor = None):
        return self.down(x).chunk(2,1)

    def decode(self, z) -> torch.Tensor: return self.up(z)

    @staticmethod
    def draw(mu, logvar, *, noise=None):
        return mu+torch.exp(.5*logvar)*torch.randn_like(mu)

    def forward(self, x): # comment
        mu,logvar = self.encode(x)
        return {"recon": self.decode(self.draw(mu, logvar)), "mu": mu}
'''


def test_annotating_prints_and_leaves_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shapes", "annotate", "large"]) == 0
    lines = capsys.readouterr().out.splitlines()
    head = 'Float[Tensor, "B n (H+3)//4 (W+3)//4"]'
    assert f'def encode(self, x: Float[Tensor, "B 3 H W"]) -> tuple[{head}, {head}]: ...' in lines
    assert 'def decode(self, z: Float[Tensor, "B n h w"]) -> Float[Tensor, "B 3 4*h 4*w"]: ...' in lines
    assert (folder / "shaped.py").read_text(encoding="utf-8") == SOURCE


def test_comments_import_nothing_and_a_diff_is_shown_before(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shapes", "annotate", "large", "--diff", "--comments"]) == 0
    shown = capsys.readouterr().out
    assert '+    # shapes: x: Float[Tensor, "B 3 H W"]' in shown.splitlines()
    assert "# holds as well with " in shown
    assert (folder / "shaped.py").read_text(encoding="utf-8") == SOURCE
    assert main(["shapes", "annotate", "large", "--write", "--comments"]) == 0
    once = (folder / "shaped.py").read_text(encoding="utf-8")
    captured = capsys.readouterr()
    assert captured.out == shown
    assert captured.err.startswith(f"vae-checked: writing {folder / 'shaped.py'}\n")
    assert [line for line in once.splitlines() if not line.strip().startswith("# shapes: ")] == SOURCE.splitlines()
    assert main(["shapes", "annotate", "large", "--write", "--comments"]) == 0
    assert (folder / "shaped.py").read_text(encoding="utf-8") == once
    assert main(["shapes", "annotate", "large", "--write"]) == 0
    assert "they import jaxtyping from now on" in capsys.readouterr().err


def test_the_annotated_file_passes_checked_and_refuses_what_is_wrong(folder: Path) -> None:
    assert main(["shapes", "annotate", "large", "--write", "--checked"]) == 0
    sys.modules.pop("shaped", None)
    importlib.invalidate_caches()
    model = importlib.import_module("shaped").VAE()
    sizes = {"H": 21, "W": 34}
    x_hat, mu, _, kl = model(torch.rand(2, 3, 21, 34))
    assert x_hat.shape[2:] == tuple(4 * evaluate(f"({n}+3)//4", sizes) for n in "HW")
    assert (mu.shape[1], kl.shape) == (6, (2,))
    with pytest.raises(ContractError, match=r"encode\(x\): axis 1 \(C\) is 4, the contract says 3"):
        model.encode(torch.rand(2, 4, 21, 34))
    with pytest.raises(ContractError, match="reparameterize"):
        model.reparameterize(torch.rand(2, 6, 5, 7), torch.rand(2, 6, 7, 5))
    assert main(["shapes", "annotate", "large", "--write", "--checked"]) == 0
    text = (folder / "shaped.py").read_text(encoding="utf-8")
    assert text.count("@checked") == 1
    assert text.count("from jaxtyping import Float") == 1


def test_everything_but_the_annotations_stays_as_it_was_written(folder: Path) -> None:
    odd = ODD.replace("\n", "\r\n")
    (folder / "shaped.py").write_text(odd, encoding="utf-8", newline="")
    assert main(["shapes", "annotate", "shaped:VAE", "--input", "B 2 H W", "--write"]) == 0
    with (folder / "shaped.py").open(encoding="utf-8", newline="") as file:
        written = file.read()
    head = 'tuple[Float[Tensor, "B n H//2 W//2"], Float[Tensor, "B n H//2 W//2"]]'
    expected = ODD.replace("x ,  #", 'x: Float[Tensor, "B 2 H W"] ,  #')
    expected = expected.replace("= None):\n", f"= None) -> {head}:\n")
    expected = expected.replace("z) -> torch.Tensor:", 'z: Float[Tensor, "B n h w"]) -> Float[Tensor, "B 2 2*h 2*w"]:')
    drawn = 'Float[Tensor, "B n h w"]'
    expected = expected.replace(
        "(mu, logvar, *, noise=None):", f"(mu: {drawn}, logvar: {drawn}, *, noise=None) -> {drawn}:"
    )
    expected = expected.replace("forward(self, x):", 'forward(self, x: Float[Tensor, "B 2 H W"]):')
    imports = "from torch import nn\nfrom jaxtyping import Float\nfrom torch import Tensor\n"
    expected = expected.replace("from torch import nn\n", imports)
    assert written == expected.replace("\n", "\r\n")
    assert isinstance(ast.parse(written), ast.Module)
