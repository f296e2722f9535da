"""`vae-checked shapes`: the symbolic shapes of models, locked, checked, compared, annotated."""

from __future__ import annotations

import argparse
import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vae_checked.cli.options import add_input_option, write
from vae_checked.cli.progress import progress
from vae_checked.errors import ModelError, UsageError, VaeCheckedError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from vae_checked.config import ModelConfig
    from vae_checked.shapes import Difference, LockedModel, ModelShapes, ShapesReport

_MODEL = "package.module:attribute, or NAME of [tool.vae-checked.models.NAME] in pyproject.toml"


EXAMPLES = (
    'vae-checked shapes infer package.module:VAE --input "B 3 H W"',
    "vae-checked shapes lock                  # all models that pyproject.toml names",
    "vae-checked shapes check --format github",
    "vae-checked shapes diff --rev main",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `shapes` takes: one of its own commands, and what that takes."""
    from vae_checked.reports import FORMATS

    sub = parser.add_subparsers(title="commands", dest="action", metavar="COMMAND", required=True)

    def command(name: str, purpose: str, models: str | int | None) -> argparse.ArgumentParser:
        own = sub.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        if models:
            default = " (default: all that are named there)" if models == "*" else ""
            own.add_argument("models", nargs=models, metavar="MODEL", help=f"{_MODEL}{default}")
            _model_options(own)
        return own

    lock = command("lock", "write the shapes of models to the lock file", "*")
    check = command("check", "say what differs from the lock file; exit with 1 if anything does", "*")
    for each in (lock, check):
        each.add_argument("--lock", metavar="FILE", help="the lock (default: vae-shapes.lock next to pyproject.toml)")
        each.add_argument("--jobs", type=int, default=1, metavar="N", help="number of models at once (default: 1)")
    check.add_argument(
        "--changed",
        nargs="+",
        metavar="FILE",
        help="only models that import one of these files; a git revision stands for the files changed since it",
    )
    check.add_argument("--with-export", action="store_true", help="compare with torch.export where it succeeds")
    diff = command("diff", "say what differs between two locks", None)
    diff.add_argument("old", nargs="?", metavar="OLD", help="a lock; with --rev, the lock to compare")
    diff.add_argument("new", nargs="?", metavar="NEW", help="another lock")
    diff.add_argument("--rev", metavar="GITREF", help="compare the lock as of this revision with the lock as it is")
    for each in (check, diff):
        each.add_argument("--format", choices=tuple(FORMATS), default="text", help="form of the report (default: text)")
        each.add_argument("--output", metavar="FILE", help="write the report to FILE instead of standard output")
        each.add_argument("--exit-zero", action="store_true", help="exit with 0 even when there are differences")
    infer = command("infer", "print the shapes of models, the formulas of their axes, and the sizes they accept", "*")
    infer.add_argument(
        "--format", choices=("text", "json", "html"), default="text", help="form of the page (default: text)"
    )
    infer.add_argument("--output", metavar="FILE", help="write the page to FILE instead of standard output")
    infer.add_argument("--jobs", type=int, default=1, metavar="N", help="number of models at once (default: 1)")
    infer.add_argument("--with-export", action="store_true", help="compare with torch.export where it succeeds")
    annotate = command("annotate", "print jaxtyping signatures for the stages of a model", 1)
    annotate.add_argument("--diff", action="store_true", help="print what --write would change, and write nothing")
    annotate.add_argument(
        "--write", action="store_true", help="print the same, then put them into the source of the model and its parts"
    )
    how = annotate.add_mutually_exclusive_group()
    how.add_argument("--checked", action="store_true", help="also put @checked on the classes")
    how.add_argument(
        "--comments",
        action="store_true",
        help="write comments that import nothing, for check_package and pytest --vae-contracts to read",
    )


def _model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kwargs", metavar="JSON", help="arguments of the class or factory, as in '{\"latents\": 16}'")
    add_input_option(parser, "the sizes of letters are varied, those of H=64 from 64 upwards")
    parser.add_argument(
        "--loss",
        metavar="FUNCTION",
        help="package.module:function, or the name of a method or of a function next to the model",
    )
    parser.add_argument("--adapter", metavar="NAME", help="how the model's stages are found (default: recognised)")


def run(args: argparse.Namespace) -> int:
    """Run the command that was chosen."""
    commands = {"lock": _lock, "check": _check, "diff": _diff, "infer": _infer, "annotate": _annotate}
    status: int = commands[args.action](args)
    return status


# --------------------------------------------------------------------------------------------------- commands


def _lock(args: argparse.Namespace) -> int:
    from vae_checked.shapes import locked, read_lock, write_lock

    path = _lock_path(args)
    configs = _configs(args, path, anew=True)
    failed: dict[str, VaeCheckedError] = {}
    found = {each.name: locked(each, run_of(config)) for config, each in _inferred(configs, args, failed)}
    if failed and not found:
        name, error = next(iter(failed.items()))
        raise (ModelError(f"{name}: {error}") if len(configs) > 1 else error) from None
    gone: set[str] = set()
    if failed and not args.models and path.exists():
        gone = read_lock(path).models.keys() - {config.name for config in configs}
    write_lock(path, found, keep=bool(args.models or failed), drop=gone)
    noted = sum(len(each.layers) for each in found.values())
    write(f"{path}: {len(found)} model{'s' * (len(found) != 1)}, {noted} layers\n")
    if failed:
        told = "; ".join(f"{name}: {error}" for name, error in failed.items())
        raise ModelError(f"{told}; what {path} has of {'it' if len(failed) == 1 else 'them'} stays")
    return 0


def _check(args: argparse.Namespace) -> int:
    from vae_checked.shapes import ShapesReport, compare, locked, read_lock

    path = _lock_path(args)
    lock = read_lock(path)
    configs = _configs(args, path)
    left: set[str] = set()
    if args.changed is not None:
        from vae_checked.cli.changed import concerned

        chosen = concerned(configs, args.changed)
        left = {config.name for config in configs} - {config.name for config in chosen}
        configs = chosen
    failed: dict[str, VaeCheckedError] = {}
    results = _inferred(configs, args, failed)
    now = {each.name: locked(each, run_of(config)) for config, each in results}
    names = [config.name for config in configs]
    asked = {name: model for name, model in lock.models.items() if not args.models or name in names}
    was = {name: model for name, model in asked.items() if name not in left}
    notes = [f"{each.name}: {note}" for _, each in results for note in each.notes if note.startswith("torch.export")]
    notes += [f"left out, since no change concerns it: {name}" for name in sorted(left)]
    differences = [
        *(_failed(name, error, lock.models.get(name)) for name, error in failed.items()),
        *compare({name: model for name, model in was.items() if name not in failed}, now),
    ]
    models = sorted({*names, *was})
    return _report(ShapesReport(differences, lock, str(path), models, notes), args)


def _failed(name: str, error: VaeCheckedError, locked: LockedModel | None) -> Difference:
    """A model that cannot be built or probed, with the layer where it leaves the lock, as far as it ran."""
    from vae_checked.shapes import Difference, What
    from vae_checked.shapes.departure import UnacceptedError
    from vae_checked.shapes.messages import unaccepted

    said, key = unaccepted(error, locked) if isinstance(error, UnacceptedError) else (str(error), "")
    return Difference(name, What.FAILED, "layers" if key else "", key, now=said)


def _diff(args: argparse.Namespace) -> int:
    from pathlib import Path

    from vae_checked.shapes import ShapesReport, compare, parse_lock, read_lock

    if args.rev is not None:
        if args.new is not None:
            raise UsageError(
                "diff --rev GITREF takes one lock, not two: it is compared with itself as of that revision"
            )
        path = Path(args.old) if args.old else _lock_path(args)
        old, new = parse_lock(_at_revision(path, args.rev), f"{args.rev}:{path}"), read_lock(path)
    elif args.old is None or args.new is None:
        raise UsageError("diff takes two locks, or --rev GITREF for one lock then and now")
    else:
        path = Path(args.old)
        old, new = read_lock(path), read_lock(Path(args.new))
    differences = compare(old.models, new.models)
    models = sorted({*old.models, *new.models})
    return _report(ShapesReport(differences, old, str(path), models), args)


def _infer(args: argparse.Namespace) -> int:
    from vae_checked.shapes import listing

    found = [shapes for _, shapes in _inferred(_configs(args, None), args)]
    if args.format == "json":
        import json
        from dataclasses import asdict

        document = {"format_version": 1, "models": [asdict(each) for each in found]}
        write(json.dumps(document, indent=2) + "\n", args.output)
    elif args.format == "html":
        from vae_checked.shapes.listing_html import page

        write(page(found), args.output)
    else:
        write("\n".join(map(listing, found)), args.output)
    return 0


def _annotate(args: argparse.Namespace) -> int:
    from vae_checked.load import build_model
    from vae_checked.shapes import annotate
    from vae_checked.shapes.configurations import configurations

    (config,) = _configs(args, None)
    with contextlib.redirect_stdout(sys.stderr), progress(f"probing {config.name}"):
        shapes = infer_configured(config)
        model = build_model(config.model, config.kwargs, config.folder)
        others = configurations(
            lambda: build_model(config.model, config.kwargs, config.folder),
            config.shapes or config.input or shapes.input,
            lambda other, inputs: _probed(other, config, inputs),
        )
    result = annotate(model, shapes, others=others, checked=args.checked, comments=args.comments)
    notes = list(result.notes) if result.signatures else [f"no method of {config.name} was seen to take tensors"]
    changed = ", ".join(other.changed for other in others.others)
    notes.append(f"holds as well with {changed}" if changed else "no other configuration of it could be built")
    lines = [*result.signatures, *(f"# {note}" for note in notes)]
    if args.write or args.diff:
        lines += result.diff()
    write("\n".join(lines) + "\n")
    if args.write and result.files:
        files = ", ".join(map(str, result.files))
        needs = (
            "" if args.comments else "; they import jaxtyping from now on, and torch.jit.script refuses its annotations"
        )
        sys.stderr.write(f"vae-checked: writing {files}{needs}\n")
        result.write()
    return 0


# --------------------------------------------------------------------------------------------------- models


def infer_configured(config: ModelConfig, with_export: bool = False) -> ModelShapes:
    """The shapes of a configured model; a function of its own so that another process can run it."""
    from vae_checked.load import build_model, require_torch

    require_torch(f"probing {config.name}")

    # What a model prints is no part of the report.
    with contextlib.redirect_stdout(sys.stderr):
        model = build_model(config.model, config.kwargs, config.folder)
        shapes = _probed(model, config, config.shapes or config.input)
        if with_export:
            from dataclasses import replace

            from vae_checked.shapes import crosscheck

            shapes = replace(shapes, notes=(*shapes.notes, *crosscheck(model, shapes, adapter=config.adapter)))
    return shapes


def _probed(model: nn.Module, config: ModelConfig, inputs: str | None) -> ModelShapes:
    from vae_checked.load import load_object
    from vae_checked.shapes import infer

    loss: Any = config.loss
    if loss is not None and ":" in loss:
        loss = load_object(loss, "loss", config.folder)
    return infer(model, inputs, loss, name=config.name, adapter=config.adapter)


def _inferred(
    configs: Sequence[ModelConfig], args: argparse.Namespace, failed: dict[str, VaeCheckedError] | None = None
) -> list[tuple[ModelConfig, ModelShapes]]:
    """Each model with its shapes; those that cannot be built or probed go to `failed`, without it to the caller."""
    from vae_checked.load import require_torch

    with_export = getattr(args, "with_export", False)
    if args.jobs < 1:
        raise UsageError(f"--jobs is {args.jobs}: give 1 or more")
    require_torch("probing a model")
    found = []
    with contextlib.ExitStack() as stack:
        step = stack.enter_context(progress("probing", len(configs)))
        several = min(args.jobs, len(configs)) > 1
        outcomes = stack.enter_context(_in_processes(configs, args)) if several else {}
        for config in configs:
            step(f"probing {config.name}")
            try:
                shapes = outcomes[config.name]() if several else infer_configured(config, with_export)
            except VaeCheckedError as caught:
                error = caught
                if config.folder is None and not args.models:
                    error = ModelError(f"{caught}; the lock alone names it: delete its sections there if it is gone")
                if failed is None:
                    raise (ModelError(f"{config.name}: {error}") if len(configs) > 1 else error) from None
                failed[config.name] = error
            else:
                found.append((config, shapes))
    return found


@contextlib.contextmanager
def _in_processes(
    configs: Sequence[ModelConfig], args: argparse.Namespace
) -> Iterator[dict[str, Callable[[], ModelShapes]]]:
    """Per model what waits for its shapes, which processes of their own infer."""
    import multiprocessing
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    def waiting(config: ModelConfig, future: Future[ModelShapes]) -> ModelShapes:
        try:
            return future.result()
        except BrokenProcessPool:
            raise ModelError("a process ended without a word, as for lack of memory: try --jobs 1") from None

    with ProcessPoolExecutor(min(args.jobs, len(configs)), multiprocessing.get_context("spawn")) as pool:
        with_export = getattr(args, "with_export", False)
        futures = {config.name: pool.submit(infer_configured, config, with_export) for config in configs}
        yield {config.name: functools.partial(waiting, config, futures[config.name]) for config in configs}


def _configs(args: argparse.Namespace, lock: Path | None, *, anew: bool = False) -> list[ModelConfig]:
    """The models named on the command line; without any, all of pyproject.toml and those that the lock says itself.

    anew: the lock is about to be replaced, so that it may be damaged where it says nothing that is said nowhere else.
    """
    from vae_checked.config import ModelConfig, find_model, find_pyproject, load_models

    given = _given(args)
    if args.models:
        return [_changed(ModelConfig(name, name) if ":" in name else find_model(name), given) for name in args.models]
    if given:
        option = next(iter(given)).replace("shapes", "input")
        raise UsageError(f"--{option} is for models named on the command line: name one")
    pyproject = find_pyproject()
    found = dict(load_models(pyproject)) if pyproject else {}
    if lock is not None and lock.exists():
        from vae_checked.shapes import DamagedLockError, read_lock

        try:
            locked = read_lock(lock).models
        except DamagedLockError as error:
            if not (anew and found):
                raise
            if b"\nmodel = " in lock.read_bytes():
                by_hand = "repair it by hand, or take it from version control: it alone says how some models are built"
                raise UsageError(f"{error.what}: {by_hand}") from None
            locked = {}
        found |= {
            name: config_of_lock(name, model)
            for name, model in locked.items()
            if "model" in model.run and name not in found
        }
    if not found:
        raise UsageError(f"no model to probe: name one as {_MODEL}")
    return list(found.values())


def _given(args: argparse.Namespace) -> dict[str, Any]:
    given: dict[str, Any] = {key: getattr(args, key) for key in ("loss", "adapter") if getattr(args, key)}
    if args.input:
        given["shapes"] = args.input
    if args.kwargs is not None:
        from vae_checked.cli.audit import parsed_kwargs

        given["kwargs"] = parsed_kwargs(args.kwargs)
    return given


def _changed(config: ModelConfig, given: Mapping[str, Any]) -> ModelConfig:
    from vae_checked.record import replace

    return replace(config, **given)


def run_of(config: ModelConfig) -> dict[str, str]:
    """How to build a model again that pyproject.toml does not name."""
    if config.folder is not None:
        return {}
    import json

    found = {"model": config.model, "spec": config.shapes, "loss": config.loss, "adapter": config.adapter}
    if config.kwargs:
        found["kwargs"] = json.dumps(dict(config.kwargs), sort_keys=True)
    return {key: value for key, value in found.items() if value}


def config_of_lock(name: str, model: LockedModel) -> ModelConfig:
    """How to build a model that the lock itself says how to build."""
    import json

    from vae_checked.config import ModelConfig

    run = model.run
    return ModelConfig(
        name=name,
        model=run["model"],
        kwargs=json.loads(run.get("kwargs", "{}")),
        shapes=run.get("spec"),
        loss=run.get("loss"),
        adapter=run.get("adapter"),
    )


# --------------------------------------------------------------------------------------------------- files


def _lock_path(args: argparse.Namespace) -> Path:
    from pathlib import Path

    from vae_checked.config import find_pyproject
    from vae_checked.shapes import LOCK_NAME

    if getattr(args, "lock", None):
        return Path(args.lock)
    pyproject = find_pyproject()
    folder, here = pyproject.parent if pyproject else Path.cwd(), Path.cwd()
    # As it is seen from the current folder, where it lies below it.
    return (folder.relative_to(here) if folder.is_relative_to(here) else folder) / LOCK_NAME


def _at_revision(path: Path, revision: str) -> str:
    import subprocess

    folder = path.absolute().parent
    try:
        words = ["git", "-C", str(folder), "show", f"{revision}:./{path.name}"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  the user's own git
    except FileNotFoundError:
        raise UsageError("diff --rev needs git, which is not installed: give two locks instead") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["git failed"])[0]
        raise UsageError(f"{path} as of {revision!r} cannot be read: {reason}")
    return done.stdout


def _report(report: ShapesReport, args: argparse.Namespace) -> int:
    from vae_checked.cli import FAILED
    from vae_checked.shapes import render_report

    write(render_report(report, args.format), args.output)
    return FAILED if report.failed else int(bool(report.differences) and not args.exit_zero)
