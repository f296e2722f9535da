"""Which models a change can concern: their sources, followed through the imports as the text has them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_checked.errors import UsageError
from vae_checked.regular_files import MOST_WRITTEN, content

if TYPE_CHECKING:
    from vae_checked.config import ModelConfig

# What configures models, or says with what they are installed.
_SETTINGS = (".toml", ".yaml", ".yml", ".json", ".cfg", ".ini", ".lock")
_REQUIREMENTS = ("requirements", "constraints")
# By these a module imports what no text names.
_AT_RUN_TIME = (b"import_module", b"__import__")


def concerned(models: Sequence[ModelConfig], asked: Sequence[str]) -> list[ModelConfig]:
    """The models that what is asked for can concern, each word of it a file or a revision of git to compare with.

    A model is left out where none of the files changed that its module imports, and nothing that may configure it. One
    whose source is not found, or that imports by names made at run time, is never left out of a change of source.
    UsageError for a word that is neither.
    """
    changed = frozenset(path for word in asked for path in _changed(word))
    if any(_configures(path) for path in changed):
        return list(models)
    source = frozenset(path for path in changed if path.suffix == ".py")
    if any(not path.exists() for path in source):
        return list(models)  # whose imports may be those of a file that is gone
    return [model for model in models if source and _reaches(model, source)]


def _changed(word: str) -> Iterator[Path]:
    path = Path(word)
    if path.exists():
        yield path.resolve()
        return
    top = _git("rev-parse", "--show-toplevel")
    if top is None or _git("rev-parse", "--verify", "--quiet", f"{word}^{{commit}}") is None:
        raise UsageError(f"{word!r} is neither a file nor a revision of git: give either")
    yield from _absolute(top, _git("diff", "--name-only", "-z", word))
    yield from _absolute(str(Path.cwd()), _git("ls-files", "--others", "--exclude-standard", "-z"))


def _absolute(folder: str, listed: str | None) -> Iterator[Path]:
    yield from (Path(folder, name).resolve() for name in (listed or "").split("\0") if name)


def _git(*words: str) -> str | None:
    """What git says; None where it fails or is not there."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607  git, as the user has it
    except OSError:
        return None
    return done.stdout.removesuffix("\n") if done.returncode == 0 else None


def _configures(path: Path) -> bool:
    return path.suffix in _SETTINGS or path.name.startswith(_REQUIREMENTS)


def _reaches(model: ModelConfig, changed: frozenset[Path]) -> bool:
    folder = (model.folder or Path()).resolve()
    seen: set[Path] = set()
    for spec in _specs(model):
        files = _files_of(spec.partition(":")[0], (folder, folder / "src"))
        if not files:
            return True
        for file in files:
            if not _followed(file, (folder, folder / "src"), seen):
                return True
    return not changed.isdisjoint(seen)


def _specs(model: ModelConfig) -> Iterator[str]:
    """Every `package.module:attribute` that the table names."""
    yield model.model
    yield from (each for each in (model.loss, model.optimizer) if each is not None and ":" in each)
    yield from _objects(model.kwargs)


def _objects(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        named = value.get("object")
        if isinstance(named, str) and not named.startswith("builtins:"):
            yield named
        for each in value.values():
            yield from _objects(each)
    elif isinstance(value, list):
        for each in value:
            yield from _objects(each)


def _followed(file: Path, roots: Sequence[Path], seen: set[Path]) -> bool:
    """Add to `seen` the file and what it imports below `roots`; False where the text does not say what that is."""
    waiting = [file]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            text = content(path, MOST_WRITTEN)
            tree = ast.parse(text)
        except (OSError, SyntaxError, ValueError, RecursionError):
            return False
        if any(word in text for word in _AT_RUN_TIME):
            return False
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    waiting += _files_of(alias.name, roots)
            elif isinstance(node, ast.ImportFrom):
                waiting += _imported_from(node, path, roots)
    return True


def _imported_from(node: ast.ImportFrom, path: Path, roots: Sequence[Path]) -> Iterator[Path]:
    """The files of `from module import a, b`: of the module, and of what of it are modules themselves."""
    if node.level:
        above = path.parents[node.level - 1] if node.level <= len(path.parents) else path.parent
        roots = (above,)
    module = node.module or ""
    if module:
        yield from _files_of(module, roots)
    elif node.level:
        yield from _existing(roots[0] / "__init__.py")
    for alias in node.names:
        yield from _files_of(f"{module}.{alias.name}".lstrip("."), roots)


def _files_of(module: str, roots: Sequence[Path]) -> list[Path]:
    """The files that importing a module runs: its own and those of the packages that it is in; none elsewhere."""
    parts = module.split(".")
    for root in roots:
        whole = root.joinpath(*parts)
        if not (whole.with_suffix(".py").is_file() or whole.is_dir()):
            continue
        packages = [root.joinpath(*parts[:count], "__init__.py") for count in range(1, len(parts) + 1)]
        return [found for path in (*packages, whole.with_suffix(".py")) for found in _existing(path)]
    return []


def _existing(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path.resolve()
