"""What linters and type checkers say of classical VAE mistakes: mistakes times tools, as n of 6 spellings.

Every mistake is written six times: the module of the catalogue and five layouts that share no words with it, each with
a corrected twin that differs in the mistake alone. All tools read all files in one folder, at their strictest. A
diagnostic counts when the twin lacks it (rule and message, figures apart); which rules those were is printed below the
table, for a tool may speak of something else in the same lines. The other way about, a diagnostic that only the twin
has is a false alarm. Notebooks are given to the other tools as modules; names of files are made unique for them.

A shape checker reads annotations, which these files lack: it is shown six functions that have them as well.

The first run installs the tools (tools.txt) into .venv/tools.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from tools import FOLDER, command, prepared, versions

from vae_checked.catalogue import CATALOGUE

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))
from planted.spelt import MISTAKES, spellings

Files = dict[str, str]
# (path, rule, message)
Diagnostic = tuple[str, str, str]
Said = Counter[tuple[str, str]]
OURS = "vae-checked"


def cases() -> dict[tuple[str, str], tuple[Files, Files]]:
    """Per mistake and spelling the files and those of the twin."""
    modules = {mistake.code: mistake for mistake in CATALOGUE}
    made: dict[tuple[str, str], tuple[Files, Files]] = {}
    for name, (code, _) in MISTAKES.items():
        # The comment that marks the line for the tests would be a difference that is no mistake.
        bad = re.sub(r" *# VAE\d+.*", "", modules[code].bad)
        made[name, "module"] = {"model.py": bad}, {"model.py": modules[code].good}
        for shape, twins in spellings(name).items():
            made[name, shape] = twins
    return made


def as_modules(files: Files, tag: str) -> Files:
    """The files, and imports between them, under names that no other case has; a notebook as one module."""
    stems = [Path(name).stem for name in files]
    made = {}
    for name, text in files.items():
        if name.endswith(".ipynb"):
            cells = json.loads(text)["cells"]
            text = "\n\n".join(cell["source"] for cell in cells if cell["cell_type"] == "code")  # noqa: PLW2901
            text = re.sub(r"^%.*\n", "", text, flags=re.M)  # noqa: PLW2901  a magic is no Python
        for stem in stems:
            text = re.sub(rf"^from {stem} import", f"from {stem}_{tag} import", text, flags=re.M)  # noqa: PLW2901
        made[f"{Path(name).stem}_{tag}.py"] = text
    return made


def run(words: list[str], folder: Path) -> str:
    done = subprocess.run(
        words, check=False, capture_output=True, text=True, cwd=folder, env={**os.environ, "NO_COLOR": "1"}
    )
    if not done.stdout.strip():
        raise SystemExit(f"{Path(words[0]).name} said nothing: {done.stderr.strip()[-500:]}")
    return done.stdout


def lines(text: str, pattern: str) -> list[Diagnostic]:
    found = re.finditer(pattern, text, flags=re.M)
    return [(match["path"], match["rule"], match["message"]) for match in found]


def ruff(tools: Path, folder: Path) -> list[Diagnostic]:
    out = run([command(tools, "ruff"), "check", "--isolated", "--no-cache", "--select", "ALL", "--preview",
               "--output-format", "json", "."], folder)  # fmt: skip
    return [(each["filename"], each["code"], each["message"]) for each in json.loads(out)]


def flake8(tools: Path, folder: Path) -> list[Diagnostic]:
    # TorchFix registers itself with flake8: it has a column of its own.
    out = run([command(tools, "flake8"), "--isolated", "--select", "C,E,F,W", "--max-complexity", "10", "."], folder)
    return lines(out, r"^(?P<path>.+?):\d+:\d+: (?P<rule>\w+) (?P<message>.*)$")


def pylint(tools: Path, folder: Path) -> list[Diagnostic]:
    # All files at once would find each other's lines duplicated.
    out = run([command(tools, "pylint"), "--rcfile=", "--output-format=json2", "--disable=duplicate-code",
               *sorted(path.name for path in folder.glob("*.py"))], folder)  # fmt: skip
    return [(each["path"], each["symbol"], each["message"]) for each in json.loads(out)["messages"]]


def torchfix(tools: Path, folder: Path) -> list[Diagnostic]:
    out = run([command(tools, "torchfix"), "--select", "ALL", "--jobs", "1", "."], folder)
    return lines(out, r"^(?P<path>.+?):\d+:\d+: (?P<rule>TOR\d+) (?P<message>.*)$")


def mypy(tools: Path, folder: Path) -> list[Diagnostic]:
    out = run([command(tools, "mypy"), "--strict", "--config-file=", "--cache-dir", os.devnull, "--output", "json",
               "--python-executable", str(tools / "bin" / "python"), "."], folder)  # fmt: skip
    said = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return [(each["file"], each["code"] or "", each["message"]) for each in said]


def pyright(tools: Path, folder: Path) -> list[Diagnostic]:
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
    out = run([command(tools, "pyright"), "--outputjson", "--pythonpath", str(tools / "bin" / "python")], folder)
    said = json.loads(out)["generalDiagnostics"]
    return [(each["file"], each.get("rule", ""), each["message"]) for each in said]


def ty(tools: Path, folder: Path) -> list[Diagnostic]:
    out = run([command(tools, "ty"), "check", "--python", str(tools / "bin" / "python"), "--error", "all",
               "--output-format", "concise", "."], folder)  # fmt: skip
    return lines(out, r"^(?P<path>.+?):\d+:\d+: \w+\[(?P<rule>[\w-]+)\] (?P<message>.*)$")


def pyrefly(tools: Path, folder: Path) -> list[Diagnostic]:
    out = run([command(tools, "pyrefly"), "check", "--preset", "all", "--output-format", "json",
               "--python-interpreter-path", str(tools / "bin" / "python"), "."], folder)  # fmt: skip
    return [(each["path"], each["name"], each["description"]) for each in json.loads(out)["errors"]]


def torchtyc(tools: Path, folder: Path) -> list[Diagnostic]:
    out = run([command(tools, "torchtyc"), "check", "--format", "json", "--python", str(tools / "bin" / "python"), "."],
              folder)  # fmt: skip
    return [(each["path"], each["rule"], each["message"]) for each in json.loads(out)["diagnostics"]]


TOOLS: dict[str, Callable[[Path, Path], list[Diagnostic]]] = {
    "ruff": ruff, "flake8": flake8, "pylint": pylint, "torchfix": torchfix, "mypy": mypy, "pyright": pyright, "ty": ty,
    "pyrefly": pyrefly, "torchtyc": torchtyc,
}  # fmt: skip

PAIR = 'm: Float[Tensor, "B L"], s: Float[Tensor, "B L"]'
IMAGES = 'y: Float[Tensor, "B 3 8 12"], x: Float[Tensor, "B 3 8 12"]'
# Parameters, the axes of the result, and what a function returns: the mistake, and its corrected twin.
ANNOTATED = {
    "log-std read as logvar": (PAIR, "B L", "torch.normal(m, s.exp())", "torch.normal(m, (s / 2).exp())"),
    "kl sign": (PAIR, "B", "(1 + s - m**2 - s.exp()).sum(1) / 2", "-(1 + s - m**2 - s.exp()).sum(1) / 2"),
    "kl over the batch axis": (PAIR, "B", "(s.exp() + m**2 - 1 - s).sum(0) / 2", "(s.exp() + m**2 - 1 - s).sum(1) / 2"),
    "view for permute": ('x: Float[Tensor, "B 8 12 3"]', "B 3 8 12", "x.view(-1, 3, 8, 12)", "x.permute(0, 3, 1, 2)"),
    "rand_like": (PAIR, "B L", "m + (s / 2).exp() * torch.rand_like(s)", "m + (s / 2).exp() * torch.randn_like(s)"),
    "wrong reduce axes": (IMAGES, "B", "(y - x).square().flatten(2).sum(2)", "(y - x).square().flatten(1).sum(1)"),
}  # fmt: skip


def shape_checker(tools: Path) -> None:
    """Print of which annotated functions torchtyc says something that it does not say of the twin."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        for number, (parameters, axes, bad, good) in enumerate(ANNOTATED.values()):
            for side, returned in (("b", bad), ("g", good)):
                text = "import torch\nfrom jaxtyping import Float\nfrom torch import Tensor\n\n\n"
                text += f'def stage({parameters}) -> Float[Tensor, "{axes}"]:\n    return {returned}\n'
                (folder / f"stage_c{number}{side}.py").write_text(text, encoding="utf-8")
        said = normalised(torchtyc(tools, folder), [f"c{n}{side}" for n in range(len(ANNOTATED)) for side in "bg"])
    for number, name in enumerate(ANNOTATED):
        only = said[f"c{number}b"] - said[f"c{number}g"]
        print(f"  {name}: {'; '.join(f'{rule} {message}' for rule, message in only) or 'nothing'}")


def normalised(said: Iterable[Diagnostic], tags: Iterable[str]) -> dict[str, Said]:
    """What was said per case: the tag in names and the figures in messages say nothing."""
    found: dict[str, Said] = {tag: Counter() for tag in tags}
    for path, rule, message in said:
        match = re.search(r"_(c\d+[bg])\.py$", path)
        if match:
            plain = re.sub(r"-?\d+", "#", re.sub(r"_c\d+[bg]\b", "", message))
            found[match[1]][rule, plain] += 1
    return found


def ours(twins: tuple[Files, Files]) -> tuple[Said, Said]:
    """What the linter says of the files as they are, one project per spelling, run as a command."""
    said = []
    for files in twins:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
            words = [
                sys.executable,
                "-m",
                "vae_checked",
                "lint",
                "--no-cache",
                "--exit-zero",
                "--format",
                "json",
                folder,
            ]
            out = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        found = json.loads(out)["findings"]
        said.append(Counter((each["code"], re.sub(r"\d+", "#", each["message"])) for each in found))
    return said[0], said[1]


def table(results: dict[str, dict[tuple[str, str], tuple[Said, Said]]]) -> None:
    print("| mistake | " + " | ".join(results) + " |")
    print("|---|" + "---|" * len(results))
    for name in MISTAKES:
        row = []
        for per_case in results.values():
            twins = [pair for (mistake, _), pair in per_case.items() if mistake == name]
            named = sum(bool(bad - good) for bad, good in twins)
            alarms = sum(bool(good - bad) for bad, good in twins)
            row.append(f"{named}" + (f" ({alarms})" if alarms else ""))
        print(f"| {name} | " + " | ".join(row) + " |")
    for label, way in (("all, of 72", 0), ("good twin only, of 72", 1)):
        sums = (sum(bool(pair[way] - pair[1 - way]) for pair in per_case.values()) for per_case in results.values())
        print(f"| {label} | " + " | ".join(map(str, sums)) + " |")
    totals = (sum(sum(bad.values()) + sum(good.values()) for bad, good in each.values()) for each in results.values())
    print("| diagnostics in all, of 144 | " + " | ".join(map(str, totals)) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, default=FOLDER, metavar="FOLDER", help="where the tools are installed")
    parser.add_argument("--only", nargs="*", choices=TOOLS, default=list(TOOLS), metavar="TOOL", help="only these")
    args = parser.parse_args()
    tools = prepared(args.tools.resolve())
    everything = cases()
    results = {OURS: {case: ours(twins) for case, twins in everything.items()}}
    tags = {case: f"c{number:02}" for number, case in enumerate(everything)}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        for case, twins in everything.items():
            for files, side in zip(twins, "bg", strict=True):
                for name, text in as_modules(files, tags[case] + side).items():
                    (folder / name).write_text(text, encoding="utf-8")
        for tool in args.only:
            said = normalised(TOOLS[tool](tools, folder), (tag + side for tag in tags.values() for side in "bg"))
            results[tool] = {case: (said[f"{tag}b"], said[f"{tag}g"]) for case, tag in tags.items()}
    print(", ".join(f"{name} {version}" for name, version in versions(tools).items()))
    print(
        "\nSpellings of 6 in which a tool says something that it does not say of the twin (in brackets: the reverse).\n"
    )
    table(results)
    codes = {name: code for name, (code, _) in MISTAKES.items()}
    exact = sum(any(rule == codes[name] for rule, _ in bad - good) for (name, _), (bad, good) in results[OURS].items())
    print(f"\n{OURS} names the mistake by its own code in {exact} of {len(everything)}.")
    if "torchtyc" in args.only:
        print("\ntorchtyc on functions with shape annotations:")
        shape_checker(tools)
    for tool, per_case in results.items():
        if tool != OURS:
            rules: dict[str, list[str]] = {}
            for (name, shape), (bad, good) in per_case.items():
                for rule, message in bad - good:
                    rules.setdefault(rule, []).append(f"{name}, {shape}: {message}")
            for rule, where in sorted(rules.items()):
                print(f"\n{tool} {rule}, {len(where)} times\n  " + "\n  ".join(where))


if __name__ == "__main__":
    main()
