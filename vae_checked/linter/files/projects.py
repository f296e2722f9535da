"""What is linted together: the files of one project, linked by imports, folders and the models they share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from vae_checked.errors import UsageError
from vae_checked.linter.files import prefilter
from vae_checked.linter.files import source as sources
from vae_checked.linter.files.discovery import Passed
from vae_checked.linter.files.ignore_rules import Globs
from vae_checked.linter.options import Options
from vae_checked.record import dataclass, field

# Where packages of different projects lie side by side.
INSTALLED = frozenset(("site-packages", "dist-packages"))
# So many trainers of a project, or models that are put together, are read whether or not more joins them to a VAE.
_FEW = 8

Text = str | bytes


@dataclass(slots=True)
class ProjectFiles:
    """The files of one project: all that were given, those that concern a VAE with their text, those that feed one.

    `using` are those that only use one: they encode and decode with what was trained elsewhere. `joining` are the names
    that a file imports which is neither and imports both: more of it is not read.
    """

    root: str
    given: list[str] = field(default_factory=list)
    concerned: list[tuple[str, Text]] = field(default_factory=list)
    feeding: list[tuple[str, Text]] = field(default_factory=list)
    using: list[tuple[str, Text]] = field(default_factory=list)
    joining: dict[str, frozenset[str]] = field(default_factory=dict)


@dataclass(slots=True)
class GatheredFiles:
    """The files at or below some paths: the projects, what was passed by, and which files were named themselves."""

    projects: list[ProjectFiles]
    given: list[str]
    passed: Passed
    named: set[str]


def gather(paths: Sequence[str | Path], texts: Mapping[str, Text], options: Options) -> GatheredFiles:
    """Read the files at or below `paths` as far as the cheap tests need; UsageError as `lint` raises it."""
    found = GatheredFiles([], [], Passed(), set())
    projects: dict[str, ProjectFiles] = {}
    feeding: dict[str, list[Path]] = {}
    others: dict[str, list[Path]] = {}
    roots = _Roots()
    uncertain: dict[str, dict[str, bytes]] = {}
    refused: list[str] = []
    excluded = Globs(options.exclude, options.folder) if options.exclude else None
    for path, named in sources.discover(paths, found.passed, excluded, options.force_exclude, texts):
        name = str(path)
        found.given.append(name)
        if named:
            found.named.add(name)
        root = roots.of(path)
        if root not in projects:
            projects[root] = ProjectFiles(root)
        project = projects[root]
        project.given.append(name)
        try:
            content = texts[name] if name in texts else sources.read(path)
            data = content if isinstance(content, bytes) else content.encode(errors="replace")
            if prefilter.concerns_vae(data):
                project.concerned.append((name, content))
                continue
            if prefilter.uses_latents(data):
                project.using.append((name, content))
            if named:
                sources.parse(name, content)
            if prefilter.may_concern(data):
                project.concerned.append((name, content))
                uncertain.setdefault(root, {})[name] = data
            if not named and path.suffix == ".py":
                (feeding if prefilter.feeds_vae(data) else others).setdefault(root, []).append(path)
        except sources.UnreadableError as error:
            if named:
                refused.append(f"{path}: {error}")
            found.passed.unread.append((name, str(error)))
    refuse(refused)
    for root, project in projects.items():
        if root in uncertain:
            _sift(project, uncertain[root])
        if project.concerned:
            _look_beside(project, feeding.get(root, ()), others.get(root, ()))
            concerned = {path for path, _ in (*project.concerned, *project.feeding)}
            project.using = [(path, text) for path, text in project.using if path not in concerned]
        if project.concerned or project.using:
            found.projects.append(project)
    return found


def _sift(project: ProjectFiles, uncertain: Mapping[str, bytes]) -> None:
    """Keep those of the uncertain files that are joined to one that concerns a VAE by itself.

    A file that draws noise or trains calls a class of such a file, and a model is built of a class that draws. What
    trains may be handed its model, and a model may be handed to it: a few of either are all read, and of many those
    that such a file and they import, or that have a loss.
    """
    certain = {path: _as_bytes(text) for path, text in project.concerned if path not in uncertain}
    classes = {name for data in certain.values() for name in prefilter.classes_in(data)}
    drawing = {name for data in certain.values() for name in prefilter.drawing_classes_in(data)}
    stems = {_stem(path) for path in certain}
    imported = {name for data in certain.values() for name in prefilter.imported(data)}

    def is_near(path: str, data: bytes) -> bool:
        return _stem(path) in imported or not stems.isdisjoint(prefilter.imported(data))

    kept: set[str] = set()
    trainers: list[str] = []
    models: list[str] = []
    for path, data in uncertain.items():
        if prefilter.trains(data) or prefilter.draws(data):
            if prefilter.calls_one_of(data, classes):
                kept.add(path)
            elif prefilter.trains(data):
                trainers.append(path)
        elif prefilter.calls_one_of(data, drawing):
            models.append(path)
    kept.update(path for path in trainers if len(trainers) <= _FEW or is_near(path, uncertain[path]))
    kept.update(path for path in models if len(models) <= _FEW or prefilter.has_loss(uncertain[path]))
    project.concerned = [(path, text) for path, text in project.concerned if path not in uncertain or path in kept]


def _as_bytes(text: Text) -> bytes:
    return text if isinstance(text, bytes) else text.encode(errors="replace")


def _stem(path: str) -> bytes:
    return os.fsencode(Path(path).stem)


def refuse(reasons: Sequence[str]) -> None:
    """Raise UsageError for files that were named and are not Python, where there are any."""
    if reasons:
        raise UsageError(f"{'; '.join(reasons)}: give Python files, notebooks or folders")


def _look_beside(project: ProjectFiles, feeding: Iterable[Path], others: Iterable[Path]) -> None:
    """Add the files with data pipelines near a file that concerns a VAE, and what those import that import both.

    Near is the folder of that file, above it, below it or next to it.
    """
    folders = {Path(path).parent for path, _ in project.concerned}
    around = folders | {parent for folder in folders for parent in folder.parents}
    next_to = {folder.parent for folder in folders}
    concerned = {path for path, _ in project.concerned}

    def near(paths: Iterable[Path]) -> Iterator[tuple[str, Text]]:
        for path in paths:
            if str(path) not in concerned and (
                path.parent in around or folders & set(path.parents) or path.parent.parent in next_to
            ):
                with suppress(sources.UnreadableError):
                    yield str(path), sources.read(path)

    project.feeding = list(near(feeding))
    names = [
        {os.fsencode(name) for path in map(Path, paths) for name in (path.stem, path.parent.name)}
        for paths in (concerned, [path for path, _ in project.feeding])
    ]
    for path, text in near(others) if project.feeding else ():
        imported = prefilter.imported(_as_bytes(text))
        if not any(imported.isdisjoint(each) for each in names):
            project.joining[path] = frozenset(name.decode(errors="replace") for name in imported)


class _Roots:
    """The project that a file belongs to: its repository, the installed package that it is of, or none."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, path: Path) -> str:
        """The root's absolute path; empty for a file in no repository and no installed package."""
        return self._of(os.path.dirname(os.path.abspath(path)))  # noqa: PTH100, PTH120  once per file, pathlib is slow

    def _of(self, folder: str) -> str:
        if folder not in self._known:
            above, name = os.path.split(folder)
            if os.path.lexists(os.path.join(folder, ".git")) or os.path.basename(above) in INSTALLED:  # noqa: PTH118, PTH119  as above
                self._known[folder] = folder
            else:
                self._known[folder] = self._of(above) if name else ""
        return self._known[folder]
