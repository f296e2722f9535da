"""The items of one model: it can be built, a law, the audit, one mistake, the lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vae_checked.pytest_plugin.nodes import AuditedNode, ModelNode, lock_beside
from vae_checked.pytest_plugin.run_report import gathered, near
from vae_checked.pytest_plugin.summary import FAILED, HOLDS, KEY, LOCKED, PUT, RAN, mark

if TYPE_CHECKING:
    from vae_checked.auditor.stages import Staged
    from vae_checked.catalogue import Judgement
    from vae_checked.finding import Place
    from vae_checked.laws import Law
    from vae_checked.laws.trial import Violation
    from vae_checked.shapes import ShapesReport

EXAMPLES = 10
# Of a law that draws thousands of samples by itself, and of each law in the fast mode.
FEW_EXAMPLES = 2
# Why a failure is none.
IN_BASELINE = "in the baseline"
_DATA_RANGE = "data.interval"
LARGEST_BATCH = 4
LARGEST_SEED = 2**16


class HouseItem(pytest.Item):
    """An item that is selected by `-m vae` and fails with the house's own message."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_marker("vae")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The house message for what the house raised."""
        from vae_checked.errors import VaeCheckedError

        if isinstance(excinfo.value, VaeCheckedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


class _ModelItem(HouseItem):
    """An item of one model."""

    @property
    def node(self) -> ModelNode:
        """The model."""
        parent = self.parent
        if not isinstance(parent, ModelNode):
            raise TypeError(f"{self.nodeid} hangs under {parent!r}, not under a model")
        return parent

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The item's place: the table that asks for it."""
        return self.node.pyproject, self.node.line, self.nodeid


class _VaeItem(_ModelItem):
    """An item of one model of pyproject.toml; `audits` where it asks for the audit."""

    audits = False

    @property
    def node(self) -> AuditedNode:
        """The model."""
        parent = self.parent
        if not isinstance(parent, AuditedNode):
            raise TypeError(f"{self.nodeid} hangs under {parent!r}, not under a model")
        return parent

    def staged(self) -> Staged:
        """The model's stages; a skip where it cannot be built or run, which its `build` item tells once."""
        from vae_checked.errors import VaeCheckedError

        try:
            staged = self.node.staged()
        except VaeCheckedError:
            pytest.skip(f"the model cannot be built or run: see {self.node.nodeid}::build")
        mark(self, RAN, self.node.name)
        return staged


class KnowableItem(_VaeItem):
    """An item that fails with FindingsError, which a baseline may know."""

    def runtest(self) -> None:
        """Put it, and hold what came of it against the baseline."""
        from vae_checked.errors import FindingsError

        known = self.node.known()
        try:
            self.put()
        except FindingsError:
            mark(self, FAILED, self.name)
            if self.name in known or self.config.getoption("--vae-write-baseline"):
                pytest.xfail(IN_BASELINE)
            self.note()
            raise
        mark(self, HOLDS, self.name)

    def put(self) -> None:
        """Raise FindingsError where it fails."""
        raise NotImplementedError

    def note(self) -> None:
        """Leave a failure for the run's report, where the audit does not."""

    def awaits_loss(self, *reasons: str) -> None:
        """Note that the key loss of its table would put it, where it is not put because no loss is known."""
        from vae_checked.auditor.stages import NO_LOSS

        if self.node.config_of_model.loss is None and any(NO_LOSS in reason for reason in reasons):
            mark(self, KEY, "loss")


class BuildItem(_VaeItem):
    """The model can be built and run, and its stages are seen."""

    def runtest(self) -> None:
        """Build and run the model."""
        from vae_checked.auditor.check import laws_of_models

        staged, laws = self._built(), laws_of_models()
        self.add_report_section("call", "stages not seen", "\n".join(staged.unobserved))
        mark(self, RAN, self.node.name)
        if all(law.inapplicable(staged.stages) for law in laws):
            pytest.skip(f"none of the {len(laws)} laws can be tested on it: {'; '.join(staged.unobserved)}")

    def _built(self) -> Staged:
        from vae_checked.errors import VaeCheckedError

        try:
            return self.node.staged()
        except VaeCheckedError as error:
            found = gathered(self.config)
            if found is not None:
                found.not_run[self.node.name] = str(error)
            raise


class LawItem(KnowableItem):
    """One law, tested on the model at batch sizes and seeds that Hypothesis draws and shrinks."""

    def __init__(self, *, law: Law, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.law = law
        self._violation: Violation | None = None

    def put(self) -> None:
        """Put the law."""
        from vae_checked.laws import InapplicableError

        staged = self.staged()
        reasons: list[str] = []

        def once(batch: int, seed: int) -> None:
            try:
                self.check(staged, batch, seed)
            except InapplicableError as error:
                reasons.append(str(error))

        mark(self, PUT, self.law.name)
        tried = self._put(staged, once, self.config.getoption("--vae-case"))
        if len(reasons) == tried:
            self.awaits_loss(reasons[-1])
            pytest.skip(reasons[-1])

    def _put(self, staged: Staged, put: Callable[[int, int], None], case: str | None) -> int:
        """Put the law to the case that is asked for, or to those that are drawn; how often it was put."""
        fast = self.config.getoption("--vae-fast")
        few = self.law.own_batch or fast
        examples = FEW_EXAMPLES if few else self.node.config_of_model.examples or EXAMPLES
        batches = staged.few_batches(LARGEST_BATCH) if fast else staged.batches(LARGEST_BATCH)
        if case is None:
            return _drawn(put, batches, examples)
        put(*parsed_case(case))
        return 1

    def note(self) -> None:
        """Leave the law that is broken for the run's report; the last violation is the smallest."""
        found, violation = gathered(self.config), self._violation
        if found is None or violation is None:
            return
        from vae_checked.finding import LAW, Finding, Place, Provenance, Related, Severity

        law, node = self.law, self.node
        finding = Finding(
            code=LAW,
            name=law.name,
            severity=Severity.ERROR,
            subject=node.name,
            message=f"the law is broken: {law.statement}",
            evidence=f"{violation}; source: {law.source}",
            fix=law.suspects or f'pytest "{self.nodeid}" tests it again',
            place=Place(near(node.pyproject), node.line + 1),
            how=Provenance.MEASURED,
            related=tuple(Related(place, f"taken for {role}") for role, place in self._taken(violation)),
        )
        found.noted.append((self.nodeid, finding))

    def _taken(self, violation: Violation) -> Iterator[tuple[str, Place]]:
        """Which line of the project was taken for which of the stages that the law was tested on."""
        from vae_checked.laws.stages import WORDS

        # Where any of several stages will do, the violation begins with the one that broke it.
        named = [name for name in self.law.any_of if violation.what.split()[0] == name]
        for name in (*self.law.needs, *(named or self.law.any_of)):
            place = self.node.staged().places.get(name)
            if place is not None:
                yield WORDS[name], place

    def check(self, staged: Staged, batch: int, seed: int) -> None:
        """Put the law once; InapplicableError where it cannot be put."""
        from vae_checked.errors import FindingsError, ModelError
        from vae_checked.laws import InapplicableError

        try:
            violation = self.law.check(staged.stages, staged.sizes(batch), seed)
        except ModelError as error:
            raise InapplicableError(str(error)) from error
        if violation is not None:
            self._violation = violation
            lines = [
                f"{self.node.name}: law {self.law.name} is broken: {self.law.statement}",
                str(violation),
                *(f"taken for {role}: {place}: {place.text.strip()}" for role, place in self._taken(violation)),
                f"source: {self.law.source}",
                self.law.suspects,
                f'reproduce: pytest "{self.nodeid}" --vae-case {batch},{seed}',
            ]
            raise FindingsError("\n  ".join(filter(None, lines)))


def _drawn(put: Callable[[int, int], None], batches: Sequence[int], examples: int) -> int:
    """Call `put` with batch sizes and seeds that Hypothesis draws, and shrinks on failure; how often it was called."""
    try:
        from hypothesis import HealthCheck, Phase, given, settings
        from hypothesis import strategies as st
    except ImportError:
        from vae_checked.errors import MissingDependencyError

        raise MissingDependencyError("hypothesis", "pytest", "drawing the sizes of a law") from None
    count = 0

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(batches), st.integers(0, LARGEST_SEED))
    def drawn(batch: int, seed: int) -> None:
        nonlocal count
        count += 1
        put(batch, seed)

    drawn()
    return count


class EffectiveBetaItem(KnowableItem):
    """The weight of the summed KL against the summed reconstruction lies between what the table says."""

    audits = True

    def put(self) -> None:
        """Compare what the audit measured."""
        from vae_checked.errors import FindingsError
        from vae_checked.mathematics.effective_beta import rendered

        self.staged()
        table = self.node.config_of_model
        seen = [facts.objective.effective_beta for facts in self.node.report().facts]
        known = [each.value for each in seen if each is not None]
        if not known:
            self.awaits_loss(*(reason for facts in self.node.report().facts for reason in facts.unobserved.values()))
            pytest.skip("its effective beta is not known: the audit of the model says why")
        if any(each.value is None for each in known):
            pytest.skip(f"its effective beta is no number: {'; '.join(map(rendered, known))}")
        limits = (("min_effective_beta", table.min_effective_beta), ("max_effective_beta", table.max_effective_beta))
        for key, limit in limits:
            beyond = [each for each in known if limit is not None and _beyond(each.value, limit, key)]
            if beyond:
                said = "; ".join(map(rendered, beyond))
                raise FindingsError(f"{self.node.name}: the effective beta is {said}, {key} is {limit:g}")


def _beyond(value: float | None, limit: float, key: str) -> bool:
    return value is not None and (value < limit if key.startswith("min") else value > limit)


class AuditItem(_VaeItem):
    """The whole audit."""

    audits = True

    def runtest(self) -> None:
        """Audit the model."""
        from vae_checked.cli.known_findings import checked_and_clean
        from vae_checked.errors import FindingsError
        from vae_checked.finding import Severity

        self.staged()
        report, known = self.node.report(), self.node.known()
        found = {each.code for each in report.findings if each.severity is not Severity.INFO}
        for code in sorted(found):
            mark(self, FAILED, code)
        for code in sorted(known & checked_and_clean(report) - found):
            mark(self, HOLDS, code)
        if found and (found <= known or self.config.getoption("--vae-write-baseline")):
            pytest.xfail(f"{IN_BASELINE}: {', '.join(sorted(found))}")
        try:
            self.node.new_report().raise_for_findings()
        except FindingsError as error:
            raise FindingsError(f"{error}\n  reproduce: vae-checked audit {self.node.name}") from None


class MistakeItem(KnowableItem):
    """One mistake of the catalogue."""

    audits = True

    def __init__(self, *, code: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.code = code

    def put(self) -> None:
        """Look for the mistake in the audit."""
        from vae_checked.cli.options import ignored_by
        from vae_checked.errors import FindingsError
        from vae_checked.finding import Severity

        if self.code in ignored_by(self.node.config_of_model):
            pytest.skip("the model's table ignores it")
        self.staged()
        report = self.node.report()
        found = [f for f in report.findings if f.code == self.code and f.severity is not Severity.INFO]
        if found:
            lines = [f"{f.subject}: {f.code} {f.name}: {f.message} ({f.grounds}); fix: {f.fix}" for f in found]
            lines.append(f"  reproduce: vae-checked audit {self.node.name} --select {self.code}")
            raise FindingsError("\n".join(lines))
        if not any(self.code in judgement.clean for judgement in report.judgements):
            lacking = {
                path
                for each in report.judgements
                if self.code in each.undecided
                for path in each.undecided[self.code].missing
            }
            self.awaits_loss(*(facts.unobserved.get(path, "") for facts in report.facts for path in lacking))
            if _DATA_RANGE in lacking and self.node.config_of_model.data_range is None:
                mark(self, KEY, "data_range")
            pytest.skip(_why_not_judged(self.code, report.judgements))


def _why_not_judged(code: str, judgements: Sequence[Judgement]) -> str:
    """The reason of a skip: what settled the question, or what was lacking."""
    settled = next((each.weighted[code] for each in judgements if code in each.weighted), None)
    if settled is not None:
        return f"weighted, not judged: {settled.by}"
    from vae_checked.catalogue.support.fact_names import FACT_NAMES

    verdicts = [each.undecided[code] for each in judgements if code in each.undecided]
    lacking = dict.fromkeys(path for verdict in verdicts for path in verdict.missing)
    reasons = [*dict.fromkeys(verdict.reason for verdict in verdicts if verdict.reason)]
    if lacking:
        reasons.append(f"not observed: {', '.join(FACT_NAMES[path] for path in lacking)}")
    return "; ".join(reasons)


class ShapesItem(_ModelItem):
    """The model's shapes are those of the lock, or are written to it."""

    def runtest(self) -> None:
        """Compare, or with `--vae-shapes-update` write."""
        from vae_checked.errors import FindingsError, UsageError
        from vae_checked.shapes import ShapesReport, compare, read_lock, render_report, write_lock

        path, updates = lock_beside(self.node.pyproject), self.config.getoption("--vae-shapes-update")
        name, now = self.node.name, self._now(path)
        if updates and not path.exists():
            was = {}
        else:
            try:
                lock = read_lock(path)
            except UsageError as error:
                raise UsageError(f"{error}; pytest --vae-shapes-update writes it as well") from None
            was = {key: model for key, model in lock.models.items() if key == name}
        if was == now:
            return
        if updates:
            write_lock(path, now, keep=True, drop=[name])
            mark(self, LOCKED, name)
            return
        differences = compare(was, now)
        if differences:
            report = ShapesReport(differences, lock, path.name, [name])
            self._note(report, path)
            again = (
                f'  reproduce: pytest "{self.nodeid}" --vae-shapes; --vae-shapes-update accepts what is reported here'
            )
            raise FindingsError(f"{render_report(report)}{again}")

    def _now(self, path: Path) -> dict[str, Any]:
        """The same as `now`; ModelError with the layer where a model that takes no input leaves the lock at `path`."""
        from vae_checked.errors import ModelError
        from vae_checked.shapes import read_lock
        from vae_checked.shapes.departure import UnacceptedError
        from vae_checked.shapes.messages import unaccepted

        try:
            return self.now()
        except UnacceptedError as error:
            locked = read_lock(path).models.get(self.node.name) if path.exists() else None
            said, _ = unaccepted(error, locked)
            raise ModelError(f"{self.node.name}: {said}") from None

    def _note(self, report: ShapesReport, lock: Path) -> None:
        """Leave the differences for the run's report."""
        found = gathered(self.config)
        if found is None:
            return
        from vae_checked.finding import SHAPES, Finding, Place, Provenance, Severity
        from vae_checked.shapes.messages import message_of

        for each in report.differences:
            finding = Finding(
                code=SHAPES,
                name=str(each.what),
                severity=Severity.ERROR,
                subject=self.node.name,
                message=message_of(each),
                evidence=f"locked {each.was or 'nothing'}, is {each.now or 'nothing'}",
                fix="if it is meant, pytest --vae-shapes-update writes it to the lock",
                place=Place(near(lock), report.line(each)),
                how=Provenance.DERIVED,
            )
            found.noted.append((self.nodeid, finding))

    def now(self) -> dict[str, Any]:
        """The model as the lock would have it, by its name; nothing where nobody says how to build it."""
        from vae_checked.cli.shapes import run_of
        from vae_checked.errors import VaeCheckedError
        from vae_checked.shapes import infer, locked

        node = self.node
        config = node.model
        if config is None:
            return {}
        try:
            model, loss = node.built()
        except VaeCheckedError:
            if isinstance(node, AuditedNode):
                pytest.skip(f"the model cannot be built: see {node.nodeid}::build")
            raise
        shapes = infer(model, config.shapes or config.input, loss, name=config.name, adapter=config.adapter)
        mark(self, RAN, node.name)
        return {node.name: locked(shapes, run_of(config))}


def parsed_case(text: str) -> tuple[int, int]:
    """`B,SEED` as numbers; UsageError for anything else."""
    batch, _, seed = text.partition(",")
    if not (batch.strip().isdigit() and seed.strip().isdigit() and int(batch) > 0):
        raise pytest.UsageError(f"--vae-case is {text!r}: give a batch size and a seed, such as 2,17")
    return int(batch), int(seed)
