"""Wrong shapes by one edit of an annotated VAE: who notices, of torch itself, ours, torchtyc and pyrefly.

The VAE is annotated by `shapes annotate` and decorated with `@checked`. A mutant is noticed by a forward where torch
itself refuses it; by `@checked` where a contract does; by `shapes check` where it differs from the lock of the
original or runs at no size; by a tool that reads source where that says what it does not say of the original.

The others are given the annotated file without `@checked`, which torchtyc would run. pyrefly reads jaxtyping where the
names of axes are declared, which is done for it, and only names plus or minus one: other expressions are given to it as
`_`. The first run installs both.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from tools import SHAPES, SHAPES_FOLDER, command, prepared, versions

from vae_checked import lint
from vae_checked.errors import ContractError, VaeCheckedError
from vae_checked.shapes import annotate, compare, infer, locked
from vae_checked.shapes.messages import message_of

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))
from planted.shapes import WRONG as MUTANTS
from small_vaes.any_size import CHANNELS_LAST as SOURCE

SHAPE = "B H W 3"

Said = dict[str, list[str]]


def loaded(folder: Path, name: str, text: str) -> type[torch.nn.Module]:
    """The VAE of a module with this text."""
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    importlib.invalidate_caches()
    kind: type[torch.nn.Module] = importlib.import_module(name).VAE
    return kind


def forward(kind: type[torch.nn.Module]) -> str:
    """What stops one forward; empty when nothing does."""
    try:
        kind()(torch.rand(2, 24, 36, 3))
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return ""


def ours(folder: Path, annotated: str) -> dict[str, dict[str, str]]:
    """What each of ours says of each mutant."""
    said: dict[str, dict[str, str]] = {}
    lock = {"vae": locked(infer(loaded(folder, "plain", SOURCE)(), SHAPE))}
    assert not forward(loaded(folder, "annotated", annotated))
    known = {each.code for each in lint([folder / "annotated.py"]).findings}
    for number, (mutant, (old, new)) in enumerate(MUTANTS.items()):
        assert annotated.count(old) == SOURCE.count(old) == 1
        bare = loaded(folder, f"bare_{number}", SOURCE.replace(old, new))
        contract = forward(loaded(folder, f"mutant_{number}", annotated.replace(old, new)))
        try:
            found = compare(lock, {"vae": locked(infer(bare(), SHAPE))})
            checked = "; ".join(message_of(each) for each in found)
        except VaeCheckedError as error:
            checked = f"cannot be probed: {error}"
        linted = [each for each in lint([folder / f"mutant_{number}.py"]).findings if each.code not in known]
        said[mutant] = {
            "torch itself": forward(bare),
            "@checked": contract if contract.startswith(ContractError.__name__) else "",
            "shapes check": checked,
            "lint": "; ".join(f"{each.code} {each.message}" for each in linted),
        }
    return said


# ---------------------------------------------------------------------------------------------------- the others


def declared(annotated: str) -> str:
    """The file with the names of axes declared as pyrefly wants them, and expressions it does not read as `_`."""

    def readable(match: re.Match[str]) -> str:
        axes = [axis if re.fullmatch(r"\w+([+-]1)?", axis) else "_" for axis in match[2].split()]
        return f'{match[1]}"{" ".join(axes)}"'

    text = re.sub(r'(\[Tensor, )"([^"]*)"', readable, annotated)
    names = {name for axes in re.findall(r'\[Tensor, "([^"]*)"', text) for name in re.findall(r"[A-Za-z]\w*", axes)}
    decorator = f'    @static_jaxtyping("{" ".join(sorted(names))}")\n'
    text = re.sub(r"^(?=    def (?!__init__))", decorator, text, flags=re.M)
    return text.replace(
        "from torch import nn\n", "from torch import nn\nfrom shape_extensions import static_jaxtyping\n", 1
    )


def torchtyc(tools: Path, folder: Path) -> Said:
    out = run([command(tools, "torchtyc"), "check", "--format", "json", "--python", str(tools / "bin" / "python"), "."],
              folder)  # fmt: skip
    return by_file((each["path"], f"{each['rule']} {each['message']}") for each in json.loads(out)["diagnostics"])


def pyrefly(tools: Path, folder: Path) -> Said:
    out = run([command(tools, "pyrefly"), "check", "--preset", "all", "--output-format", "json",
               "--python-interpreter-path", str(tools / "bin" / "python"), "."], folder)  # fmt: skip
    return by_file((each["path"], f"{each['name']} {each['description']}") for each in json.loads(out)["errors"])


def run(command_line: list[str], folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "NO_COLOR": "1"}
    done = subprocess.run(command_line, check=False, capture_output=True, text=True, cwd=folder, env=environment)
    if not done.stdout.strip():
        raise SystemExit(f"{Path(command_line[0]).name} said nothing: {done.stderr.strip()[-500:]}")
    return done.stdout


def by_file(said: object) -> Said:
    found: Said = {}
    for path, message in said:  # type: ignore[attr-defined]  # pairs, from a generator
        found.setdefault(Path(path).stem, []).append(message)
    return found


TOOLS: dict[str, tuple[Callable[[Path, Path], Said], Callable[[str], str]]] = {
    "torchtyc": (torchtyc, str),
    "pyrefly": (pyrefly, declared),
}


def theirs(tools: Path, annotated: str) -> dict[str, dict[str, str]]:
    """What each other tool says of each mutant that it does not say of the original."""
    said: dict[str, dict[str, str]] = {mutant: {} for mutant in MUTANTS}
    for tool, (check, prepare) in TOOLS.items():
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place).resolve()
            (folder / "original.py").write_text(prepare(annotated), encoding="utf-8")
            for number, (old, new) in enumerate(MUTANTS.values()):
                text = prepare(annotated.replace(old, new))
                (folder / f"mutant_{number}.py").write_text(text, encoding="utf-8")
            found = check(tools, folder)
        print(f"of the original, {tool} says: {'; '.join(found.get('original', [])) or 'nothing'}")
        for number, mutant in enumerate(MUTANTS):
            known = [re.sub(r"\d+", "#", each) for each in found.get("original", [])]
            new_ones = [each for each in found.get(f"mutant_{number}", []) if re.sub(r"\d+", "#", each) not in known]
            said[mutant][tool] = "; ".join(dict.fromkeys(new_ones))
    return said


def main() -> None:
    """Print the table, and below it what was said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, default=SHAPES_FOLDER, metavar="FOLDER", help="where they are installed")
    args = parser.parse_args()
    tools = prepared(args.tools.resolve(), SHAPES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sys.path.insert(0, name)
        model = loaded(folder, "source", SOURCE)()
        shapes = infer(model, SHAPE)
        (annotated,) = annotate(model, shapes, checked=True).files.values()
        (unchecked,) = annotate(model, shapes).files.values()
        said = ours(folder, annotated)
    for mutant, others in theirs(tools, unchecked).items():
        said[mutant] |= others
    columns = list(next(iter(said.values())))
    print(f"\n| mutant | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    for mutant, row in said.items():
        print(f"| {mutant} | {' | '.join('yes' if row[column] else '' for column in columns)} |")
    counts = [sum(bool(row[column]) for row in said.values()) for column in columns]
    print(f"| noticed, of {len(said)} | {' | '.join(map(str, counts))} |")
    own = sum(any(row[column] for column in ("@checked", "shapes check", "lint")) for row in said.values())
    print(
        f"\nby one of ours: {own} of {len(said)}; {', '.join(f'{a} {b}' for a, b in versions(tools, SHAPES).items())}"
    )
    for mutant, row in said.items():
        print(f"\n{mutant}")
        for column in columns:
            print(f"  {column}: {row[column][:300] or '-'}")


if __name__ == "__main__":
    main()
