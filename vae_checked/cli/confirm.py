"""`vae-checked lint --confirm`: the models of the findings, built and measured, beside what was read of them."""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_checked.errors import VaeCheckedError
from vae_checked.record import dataclass, field, replace

if TYPE_CHECKING:
    from vae_checked.auditor import AuditReport
    from vae_checked.catalogue import Judgement
    from vae_checked.config import LintConfig, ModelConfig
    from vae_checked.definitions import Alone
    from vae_checked.facts import Fact, Facts
    from vae_checked.finding import Finding, Place, Remark
    from vae_checked.linter import LintReport

# How far above a file the folder is looked for from which its imports work.
_MAX_UP = 4


@dataclass(frozen=True, slots=True)
class Target:
    """The class that a finding is in, and the loss that judges it: the files, and the names in them."""

    file: Path
    name: str
    loss_file: Path | None = None
    loss: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """The name of a model, its audit or why there is none and what settles it, and what was not imported as a whole."""

    spec: str
    audit: AuditReport | str
    alone: tuple[Alone, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it was measured with all that its modules do when they are imported."""
        return not isinstance(self.audit, str) and not self.alone


@dataclass(slots=True)
class Confirmed:
    """The audits made so far, or why there is none."""

    models: list[tuple[Path, ModelConfig]]
    known: dict[Target, Measured] = field(default_factory=dict)


def confirmed(report: LintReport, config: LintConfig | None) -> LintReport:
    """`report` with a remark per finding that says what the live model does; the models' code is run."""
    from vae_checked.load import require_torch

    require_torch("--confirm")
    state = Confirmed(_configured(config))
    remarks = [remark for finding in report.findings for remark in _confirm(finding, report, state)]
    return replace(report, remarks=(*report.remarks, *remarks))


def _configured(config: LintConfig | None) -> list[tuple[Path, ModelConfig]]:
    if config is None:
        return []
    from vae_checked.config import load_models, source_of

    models = load_models(config.file).values()
    files = [(source_of(model.model, config.folder), model) for model in models]
    return [(file.resolve(), model) for file, model in files if file is not None]


def _confirm(finding: Finding, report: LintReport, state: Confirmed) -> Iterator[Remark]:
    from vae_checked.finding import Remark, RemarkKind

    if finding.place is None:
        return
    pairs = zip(report.judgements, report.facts, strict=True)
    read = next((facts for judgement, facts in pairs if finding in judgement.findings), None)
    if read is None:
        return
    target = _target(finding.place, read)
    if target is None:
        reason = "no class is built here: vae-checked audit of the model, with --loss FUNCTION, measures it"
        yield Remark(RemarkKind.UNCONFIRMED, f"{finding.code}: {reason}", finding.place)
        return
    if target not in state.known:
        state.known[target] = _audited(target, read, state)
    measured = state.known[target]
    audit = measured.audit
    if isinstance(audit, str):
        yield Remark(RemarkKind.UNCONFIRMED, f"{finding.code}: {audit}", finding.place)
        return
    kind, verdict = _verdict(finding.code, audit, measured.spec)
    said = "; ".join([f"{finding.code}: {verdict}{_beside(finding.code, read, audit)}", *map(str, measured.alone)])
    yield Remark(kind, said, finding.place)


# ------------------------------------------------------------------------------------------------ what to build


def _target(place: Place, read: Facts) -> Target | None:
    """The class that the facts are of, else the one in which the finding, the sampler or another fact stands."""
    path, _, name = read.subject.rpartition(":")
    places = [place, *(fact.origin.place for _, fact in read.known() if fact.origin.place is not None)]
    around = ((each.path, _around(each)[0]) for each in places)
    owners = ((path, name),) if path and _is_class(path, name) else around
    where, owner = next(((where, owner) for where, owner in owners if owner), ("", ""))
    file = Path(where)
    if file.suffix != ".py":
        return None
    for fact in (read.kl.form, read.recon.kind):
        term = None if fact is None else fact.origin.place
        inside, function = ("", "") if term is None else _around(term)
        if inside == owner and function not in ("", "forward", "__init__"):
            return Target(file, owner, None, function)
        if term is not None and not inside and function:
            return Target(file, owner, Path(term.path), function)
    return Target(file, owner)


def _tree(path: str) -> ast.Module | None:
    from vae_checked.linter.files.source import UnreadableError, parse, read

    try:
        file = parse(path, read(Path(path)))
    except UnreadableError:
        return None
    return file.cells[0].tree if file.cells else None


def _is_class(path: str, name: str) -> bool:
    tree = _tree(path) if path.endswith(".py") else None
    return tree is not None and any(isinstance(node, ast.ClassDef) and node.name == name for node in tree.body)


def _around(place: Place) -> tuple[str, str]:
    """The class at a file's top level and the function in it, or at the top level, around a place, if any."""
    tree = _tree(place.path) if place.cell is None else None
    owner = ""
    for node in [] if tree is None else tree.body:
        if isinstance(node, ast.ClassDef) and node.lineno <= place.line <= (node.end_lineno or 0):
            owner = node.name
            tree = ast.Module(node.body, [])
    for node in [] if tree is None else tree.body:
        if isinstance(node, ast.FunctionDef) and node.lineno <= place.line <= (node.end_lineno or 0):
            return owner, node.name
    return owner, ""


# ------------------------------------------------------------------------------------------- building, measuring


def _audited(target: Target, read: Facts, state: Confirmed) -> Measured:
    """The audit of a target: whole where one folder's imports all work, else of its definitions alone."""
    model = next((each for file, each in state.models if _names(file, each, target)), None)
    if model is not None:
        return _measured(model, f"[tool.vae-checked.models.{model.name}]")
    data = None if read.data.interval is None else read.data.interval.value
    given = (data.low, data.high) if data is not None and data.bounded else None
    best: Measured | None = None
    for spec, loss, folder in _spellings(target):
        from vae_checked.config import ModelConfig

        if best is not None and not all(_holds(folder, each.lacks) for each in best.alone):
            continue
        config = ModelConfig(spec, spec, loss=loss, data_range=given, folder=folder)
        made = _measured(config, f"vae-checked audit {spec}")
        if made.whole:
            return made
        if best is None or (isinstance(best.audit, str) and not isinstance(made.audit, str)):
            best = made
        if not _elsewhere(made):
            break
    return best or Measured(target.name, f"could not be measured: {target.file} has no name to import it by: rename it")


def _elsewhere(made: Measured) -> bool:
    """Whether an import failed that may work from another folder."""
    if isinstance(made.audit, str):
        return "there is no module" in made.audit or " needs '" in made.audit
    return any(each.lacks for each in made.alone)


def _holds(folder: Path, module: str | None) -> bool:
    top = (module or "").partition(".")[0]
    return bool(top) and ((folder / top).is_dir() or (folder / f"{top}.py").is_file())


def _names(file: Path, model: ModelConfig, target: Target) -> bool:
    return file == target.file.resolve() and model.model.partition(":")[2] == target.name


def _spellings(target: Target) -> Iterator[tuple[str, str | None, Path]]:
    """`package.module:Class`, the loss likewise, and the folder to import them from, the nearest first."""
    file = target.file.resolve()
    folder = file.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    for base in (folder, *list(folder.parents)[:_MAX_UP]):
        dotted = _dotted(file, base)
        if not all(part.isidentifier() for part in dotted.split(".")):
            return
        loss: str | None = target.loss or None
        if target.loss_file is not None:
            where = target.loss_file.resolve()
            loss = f"{_dotted(where, base)}:{target.loss}" if base in where.parents else None
        yield f"{dotted}:{target.name}", loss, base
        if (base / ".git").exists():
            return


def _dotted(file: Path, base: Path) -> str:
    parts = file.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _measured(model: ModelConfig, settles: str) -> Measured:
    from vae_checked.cli.audit import audited
    from vae_checked.load import loaded_alone

    with _put_back(), contextlib.redirect_stdout(sys.stderr):
        try:
            report: AuditReport = audited(model)
        except VaeCheckedError as error:
            words = str(error)
            option = (
                "--kwargs"
                if "kwargs" in words
                else "--input"
                if "input" in words
                else "--loss"
                if "loss" in words
                else ""
            )
            with_option = f" with {option}" if option else ""
            return Measured(model.name, f"could not be measured: {words}; {settles}{with_option} settles it")
        return Measured(model.name, report, tuple(loaded_alone(model.model, model.loss or "")))


@contextlib.contextmanager
def _put_back() -> Iterator[None]:
    """Forget what was imported: the next model may have a module of the same name."""
    path, loaded = list(sys.path), set(sys.modules)
    try:
        yield
    finally:
        added = [each for each in sys.path if each not in path]
        sys.path[:] = path
        for name in set(sys.modules) - loaded:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if any(file.startswith(each) and "site-packages" not in file for each in added):
                del sys.modules[name]


# ------------------------------------------------------------------------------------------------ side by side


def _verdict(code: str, audit: AuditReport, spec: str) -> tuple[Any, str]:
    from vae_checked.finding import RemarkKind

    measured = [finding for finding in audit.findings if finding.code == code]
    if measured:
        return RemarkKind.AGREEMENT, f"the live {spec} does the same"
    if any(code in judgement.clean for judgement in audit.judgements):
        return RemarkKind.DISAGREEMENT, f"the live {spec} does not"
    return RemarkKind.UNCONFIRMED, f"not measured in the live {spec}, {_lacking(code, audit.judgements, audit.facts)}"


def _lacking(code: str, judgements: tuple[Judgement, ...], facts: tuple[Facts, ...]) -> str:
    from vae_checked.catalogue import Observer, find

    if Observer.AUDIT not in find(code).seen_by:
        return "which a model alone does not tell"
    settled = next((each.weighted[code] for each in judgements if code in each.weighted), None)
    if settled is not None:
        return f"which weighs its terms by {settled.by}"
    verdicts = [each.undecided[code] for each in judgements if code in each.undecided]
    path = next((path for verdict in verdicts for path in verdict.missing), "")
    known = next((verdict.reason for verdict in verdicts if verdict.reason), f"{path} was not seen")
    reason = next((each.unobserved[path] for each in facts if path in each.unobserved), known)
    group = path.partition(".")[0]
    option = {"data": "--data-range LOW HIGH", "kl": "--loss FUNCTION", "recon": "--loss FUNCTION"}.get(
        group, "--input SHAPE"
    )
    return f"{reason}: vae-checked audit with {option} may settle it"


def _beside(code: str, read: Facts, audit: AuditReport) -> str:
    """What was read and what was measured of each fact that the mistake is judged by."""
    from vae_checked.catalogue import find

    parts = []
    for path in find(code).needs:
        measured = next((fact for each in audit.facts if (fact := each.get(path)) is not None), None)
        parts.append(f"{path}: read {_said(read.get(path))}, measured {_said(measured)}")
    return f" ({'; '.join(parts)})" if parts else ""


def _said(fact: Fact[Any] | None) -> str:
    from vae_checked.facts import Interval, KLForm, Noise, Reduced, StdCurve

    if fact is None:
        return "nothing"
    match fact.value:
        case StdCurve(parametrisation=form):
            return f"std = {form.formula}" if form else "std of no known formula"
        case KLForm(parametrisation=form):
            return f"the KL for s as {form.meaning}" if form else "the KL of no parametrisation"
        case Noise(law=law):
            return f"noise {law}"
        case Interval() as interval:
            return str(interval)
        case Reduced(batch=batch, event=event):
            return f"batch {batch or 'unknown'}, event {event or 'unknown'}"
        case tuple() | frozenset() as several:
            return ", ".join(sorted(map(str, several))) or "none"
        case float() as number:
            return f"{number:.4g}"
        case value:
            return str(getattr(value, "value", value))
