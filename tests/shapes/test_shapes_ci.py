"""The parts for continuous integration, run as they are: the action's own shell, and the hooks under pre-commit."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_vaes.any_size import SOURCE

from vae_checked.cli import main
from vae_checked.shapes import infer, locked, write_lock

ROOT = Path(__file__).parents[2]
TABLE = '[tool.vae-checked.models.vae]\nmodel = "hooked:VAE"\nshapes = "B 3 H W"\n'
WIDER = ("nn.ConvTranspose2d(10, 3, 4, 2, 1)", "nn.ConvTranspose2d(10, 3, 4, 2, 1, (0, 1))")
SAID = "vae: decoder.2: output width was 4*((W+3)//4), is 4*((W+3)//4)+1"


def project(folder: Path) -> Path:
    """A folder with a model, a pyproject.toml that names it, and the lock of how it was before a change."""
    folder.mkdir()
    names: dict[str, Any] = {}
    exec(SOURCE, names)  # noqa: S102  the test's own text
    write_lock(folder / "vae-shapes.lock", {"vae": locked(infer(names["VAE"](), "B 3 H W"))})
    (folder / "hooked.py").write_text(SOURCE.replace(*WIDER), encoding="utf-8")
    (folder / "pyproject.toml").write_text(TABLE, encoding="utf-8")
    return folder


def mistaken(folder: Path) -> None:
    """The model with a mistake that the linter sees."""
    source = folder / "hooked.py"
    source.write_text(source.read_text(encoding="utf-8").replace("0.5 * logvar", "logvar"), encoding="utf-8")


def command(folder: Path, words: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    whole = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **env}
    return subprocess.run(words, cwd=folder, env=whole, capture_output=True, text=True, check=False)


# ------------------------------------------------------------------------------------------------ the action


def environment(folder: Path) -> dict[str, str]:
    """A Python of its own to install into, which sees the packages of this one and asks no index for any."""
    venv.create(folder, with_pip=False)
    (site,) = (folder / "lib").glob("python*/site-packages")
    (site / "shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": "",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def step(
    action: dict[str, Any],
    name: str,
    inputs: dict[str, str],
    env: dict[str, str],
    root: Path,
    action_path: Path = ROOT,
) -> Any:
    """A step of the action as a runner runs it: its expressions filled in, its shell, its folder, its environment."""
    given = {key: each.get("default", "") for key, each in action["inputs"].items()} | inputs

    def filled(text: str) -> str:
        values = {"github.action_path": str(action_path), **{f"inputs.{key}": value for key, value in given.items()}}
        return re.sub(r"\$\{\{ *(.+?) *\}\}", lambda match: values[match[1]], text)

    (found,) = [each for each in action["runs"]["steps"] if each["name"] == name]
    assert found["shell"] == "bash"
    script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", filled(found["run"])]
    own = {key: filled(value) for key, value in found["env"].items()}
    return command(root / filled(found["working-directory"]), script, {**env, **own})


def test_the_action_installs_itself_and_annotates_what_differs(tmp_path: Path) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert action["runs"]["using"] == "composite"
    env = environment(tmp_path / "python")
    folder = project(tmp_path / "nested")
    inputs = {"working-directory": "nested"}
    done = step(action, "Install", {**inputs, "extras": ""}, env, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "python" / "bin" / "vae-checked").is_file()
    done = step(action, "Run", inputs, env, tmp_path)
    assert done.returncode == 1
    place = r"::error file=nested/vae-shapes\.lock,line=\d+,title=shapes changed::"
    assert re.search(f"^{place}{re.escape(SAID)}", done.stdout, re.M)
    linting = {"command": "lint hooked.py"}
    assert step(action, "Run", linting, env, folder).returncode == 0
    mistaken(folder)
    for where, root, path in ((".", folder, "hooked.py"), ("nested", tmp_path, "nested/hooked.py")):
        done = step(action, "Run", {**linting, "working-directory": where}, env, root)
        assert done.returncode == 1
        assert f"::error title=VAE201 log-std-read-as-logvar,file={path},line=" in done.stdout
    # A file that cannot be read takes nothing away from what is said of the others.
    (folder / "broken.py").write_text("import torch\nlogvar = (\n", encoding="utf-8")
    summary, sarif = tmp_path / "summary.md", folder / "vae.sarif"
    wishes = {"command": "lint .", "sarif": "vae.sarif", "working-directory": "nested"}
    done = step(action, "Run", wishes, {**env, "GITHUB_STEP_SUMMARY": str(summary)}, tmp_path)
    assert done.returncode == 2
    assert "file=nested/hooked.py,line=" in done.stdout
    assert "::warning file=nested/broken.py::not read: " in done.stdout
    (run,) = json.loads(sarif.read_text(encoding="utf-8"))["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert [each["ruleId"] for each in run["results"]] == ["VAE201"]
    assert set(re.findall(r'"uri": "(.*?)"', sarif.read_text(encoding="utf-8"))) == {
        "nested/hooked.py",
        "nested/broken.py",
    }
    page = summary.read_text(encoding="utf-8")
    assert page.startswith("```text\nhooked.py:VAE: 1 error")
    assert page.endswith("1 error\n```\n")
    (folder / "broken.py").unlink()
    done = step(action, "Run", {"command": "explain VAE201"}, env, folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("VAE201 log-std-read-as-logvar")


def test_the_action_leaves_its_own_checkout_out_of_what_it_lints(tmp_path: Path) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    folder = project(tmp_path / "project")
    mistaken(folder)
    own = folder / ".checkout"
    (own / "tests").mkdir(parents=True)
    shutil.copy(folder / "hooked.py", own / "tests" / "bad_vae.py")
    programs = tmp_path / "bin"
    programs.mkdir()
    script = f"#!{sys.executable}\nimport sys\nfrom vae_checked.cli import main\nsys.exit(main())\n"
    (programs / "vae-checked").write_text(script, encoding="utf-8")
    (programs / "vae-checked").chmod(0o755)
    env = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    done = step(action, "Run", {"command": "lint ."}, env, folder, action_path=own)
    assert "file=hooked.py" in done.stdout
    assert "bad_vae.py" not in done.stdout
    assert "bad_vae.py" in step(action, "Run", {"command": "lint ."}, env, folder, action_path=tmp_path).stdout


# ------------------------------------------------------------------------------------------------ pre-commit


def test_the_hooks_run_under_pre_commit(tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    for place in (hooks, folder):
        for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
            assert command(place, [*git, *words], {}).returncode == 0
    revision = command(hooks, [*git, "rev-parse", "HEAD"], {}).stdout.strip()
    # The linter's hook installs itself from an index, which a test does not ask: it takes the one that is here.
    chosen = [{"id": "vae-checked-lint", "language": "system"}, {"id": "vae-checked-shapes"}]
    config = {"repos": [{"repo": str(hooks), "rev": revision, "hooks": chosen}]}
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    programs = tmp_path / "bin"
    programs.mkdir()
    script = f"#!{sys.executable}\nimport sys\nfrom vae_checked.cli import main\nsys.exit(main())\n"
    (programs / "vae-checked").write_text(script, encoding="utf-8")
    (programs / "vae-checked").chmod(0o755)
    env = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PRE_COMMIT_HOME": str(tmp_path / "cache")}
    assert command(folder, [*git, "add", "."], {}).returncode == 0
    words = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color", "never"]
    done = command(folder, words, env)
    assert done.returncode == 1, done.stderr
    assert outcomes(done.stdout) == [("vae-checked lint", "Passed"), ("vae-checked shapes check", "Failed")]
    assert SAID in done.stdout
    mistaken(folder)
    done = command(folder, words, {**env, "SKIP": "vae-checked-shapes"})
    assert outcomes(done.stdout) == [("vae-checked lint", "Failed"), ("vae-checked shapes check", "Skipped")]
    assert "VAE201" in done.stdout


def outcomes(text: str) -> list[tuple[str, str]]:
    """What pre-commit says of each hook."""
    return re.findall(r"^(vae-checked .+?)\.+(\w+)$", text, re.M)


# ------------------------------------------------------------------------------------------------ what is documented


def test_the_action_the_hooks_and_the_page_name_what_exists(capsys: pytest.CaptureFixture[str]) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "shapes.md").read_text(encoding="utf-8")
    steps, gitlab, repositories = map(yaml.safe_load, re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S))
    assert set(steps[-1]["with"]) <= set(action["inputs"])
    assert [each["id"] for each in repositories[0]["hooks"]] == [each["id"] for each in hooks]
    assert [each["entry"] for each in repositories[0]["hooks"]] == [each["entry"] for each in hooks]
    clone, install, check = gitlab["shapes"]["script"]
    assert clone.startswith("git clone")
    assert gitlab["shapes"]["artifacts"]["reports"]["junit"] == check.split()[-1]
    commands = [*(each["entry"] for each in hooks), f"vae-checked {action['inputs']['command']['default']}", check]
    for line in commands:
        program, *words = line.split()
        assert program == "vae-checked"
        assert main([*[word for word in words if word in ("lint", "shapes", "check")], "--help"]) == 0
        assert "--format" in capsys.readouterr().out
    (shapes,) = [each["files"] for each in hooks if each["id"] == "vae-checked-shapes"]
    named = [
        "models/vae.py",
        "pyproject.toml",
        "sub/vae-shapes.lock",
        "vae-shapes.lock",
        "README.md",
        "my-pyproject.toml",
    ]
    assert [name for name in named if re.search(shapes, name)] == named[:4]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {action["inputs"]["extras"]["default"], *re.findall(r"vae-checked\[(\w+)\]", install)} <= set(extras)
