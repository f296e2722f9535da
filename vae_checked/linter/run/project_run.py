"""From parsed files to a report: evaluate, collect facts, judge, drop what is suppressed."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from vae_checked.catalogue import Judgement, judge
from vae_checked.catalogue.coverage import is_vae
from vae_checked.facts import Fact, Facts, Heads, Likelihood, Misplaced, NoiseLaw, NoiseTiming, Reduced, Sampler
from vae_checked.finding import Finding, Place, Provenance
from vae_checked.linter.evaluations.declared_ranges import Declared
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.evaluations.library_models import LibraryModels
from vae_checked.linter.evaluations.losses_by_choice import LossesByChoice
from vae_checked.linter.evaluations.model_choices import ModelChoices
from vae_checked.linter.evaluations.other_configurations import OtherConfigurations
from vae_checked.linter.evaluations.pipelines import Pipelines
from vae_checked.linter.evaluations.plan import Plan
from vae_checked.linter.evaluations.stand_ins import StandIns
from vae_checked.linter.files import source as sources
from vae_checked.linter.files.ast_budget import AstBudget
from vae_checked.linter.files.disk import Disk
from vae_checked.linter.files.noqa import Suppressions
from vae_checked.linter.files.projects import ProjectFiles, Text
from vae_checked.linter.files.source import File
from vae_checked.linter.interpreter.project import MAX_STEPS_OF_USERS, Project
from vae_checked.linter.options import Options
from vae_checked.linter.pretrained.in_use import InUse
from vae_checked.linter.roles import assemble, cut_losses, optimizers, reader
from vae_checked.linter.roles.across import Across
from vae_checked.linter.run import chosen_parts, options_together, other_choices
from vae_checked.linter.run.alike import merged, narrowest
from vae_checked.linter.run.coverage_lines import recognised, unobserved
from vae_checked.linter.run.cuts import Cuts
from vae_checked.linter.run.distinct import distinct
from vae_checked.linter.run.report import TOO_LARGE, LintReport
from vae_checked.linter.run.selection import PerFile, chosen
from vae_checked.linter.symbols.observations import Cut
from vae_checked.linter.symbols.structures import Structures
from vae_checked.linter.symbols.values import Module
from vae_checked.record import replace

# What follows from the source by arithmetic on symbols; the rest stands in it.
_DERIVED = dict.fromkeys(
    (
        *("sampler.std", "heads.mu", "heads.second", "heads.overflow"),
        *("kl.form", "kl.factor", "kl.sign", "kl.reduced", "recon.sign", "recon.reduced", "objective.effective_beta"),
        *("output.interval", "output.shape", "output.batch_mixing", "data.interval", "data.trained"),
        "data.entering",
    ),
    Provenance.DERIVED,
)


def lint_project(project_files: ProjectFiles, options: Options, disk: Disk) -> LintReport:
    """Evaluate the files of one project and judge every VAE in them."""
    unread: list[tuple[str, str]] = []
    ast_budget = AstBudget()
    files = list(_parsed(project_files.concerned, unread, ast_budget))
    beside = list(_parsed(project_files.feeding, [], ast_budget))
    using = list(_parsed(project_files.using, unread, ast_budget))
    project, cuts = Project(disk, ast_budget), Cuts()
    project.top = project_files.top
    project.paths = project_files.given if project_files.whole else None
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 8_000))
    try:
        with Structures():
            pipelines = Pipelines(project, Declared(options), project_files.joining)
            facts = _facts(files, beside, using, project, pipelines, cuts)
    finally:
        sys.setrecursionlimit(limit)
    facts = [item.come_by(_DERIVED, Provenance.READ) for item in facts]
    read = (module.file for module in project.modules.values())
    wanted = chosen(options)
    judgements = [judge(item, wanted) for item in facts]
    asked_about = set(project_files.given)
    suppressions = Suppressions(files, (file for file in read if file.path in asked_about))
    functions = {item.subject for item in facts if item.of_function}
    kept = _kept(judgements, asked_about, suppressions, PerFile(options), functions)
    vaes = [pair for pair in zip(facts, judgements, strict=True) if is_vae(pair[0])]
    return LintReport(
        findings=tuple(sorted(kept, key=lambda finding: finding.sort_key)),
        judgements=tuple(judgements),
        facts=tuple(facts),
        recognised=tuple(recognised(item) for item, _ in vaes),
        unobserved=tuple(line for item, judgement in vaes for line in unobserved(item, judgement)),
        unread=(*unread, *((path, TOO_LARGE) for path in project.exhausted())),
        files=tuple(project_files.given),
        files_concerned=len(files),
        files_using=len(using),
        remarks=(*cuts, *suppressions.unused({mistake.code for mistake in wanted})),
    )


def _kept(
    judgements: Iterable[Judgement],
    asked_about: Collection[str],
    suppressions: Suppressions,
    per_file: PerFile,
    functions: Collection[str],
) -> Iterable[Finding]:
    """The findings to report, each once: those in files that were asked about, and that no comment or option hides."""
    kept: dict[object, Finding] = {}
    # Of a place that is wrong in two evaluations, the words of the one are kept that knows what is minimised.
    first = sorted(judgements, key=lambda each: "VAE505" in each.undecided)
    for finding in (finding for judgement in first for finding in judgement.findings):
        # What was only imported is not what was asked about.
        asked = finding.place is None or finding.place.path in asked_about
        if asked and not suppressions.covers(finding) and not per_file.ignores(finding):
            known = kept.get((finding.code, finding.place))
            kept[finding.code, finding.place] = finding if known is None else merged(known, finding, functions)
    return narrowest(kept.values(), functions)


def _parsed(texts: Iterable[tuple[str, Text]], unread: list[tuple[str, str]], ast_budget: AstBudget) -> Iterator[File]:
    for path, text in texts:
        try:
            file = sources.parse(path, text)
        except sources.UnreadableError as error:
            unread.append((path, str(error)))
        else:
            unread.extend((f"{path}:cell {number}", reason) for number, reason in file.broken)
            ast_budget.take(file)
            ast_budget.sweep()
            yield file


def _facts(
    files: Iterable[File],
    beside: Iterable[File],
    using: Iterable[File],
    project: Project,
    pipelines: Pipelines,
    cuts: Cuts,
) -> list[Facts]:
    modules = [project.add(file) for file in files if file.cells]
    feeding = [project.add(file, given=False) for file in beside if file.cells]
    paths = {module.path for module in modules}
    across, stand_ins, losses = Across(project.observed), StandIns(project, reader), LossesByChoice(project, reader)
    found: list[Facts] = []
    supposed: list[Facts] = []
    plan, in_use, choices = Plan(project, reader), InUse(), ModelChoices(project, reader)
    configurations, libraries = OtherConfigurations(project, reader), LibraryModels(project, reader)
    built, around = plan.evaluations(modules), plan.evaluations(feeding, feeding=True)
    made = chain(
        ((evaluation, True) for evaluation in built),
        ((evaluation, evaluation.runs(paths)) for evaluation in around),
        ((evaluation, True) for evaluation in _anew(plan.as_chosen(lambda: {item.subject for item in found}), found)),
        ((evaluation, True) for evaluation in plan.with_uncalled_losses()),
        ((evaluation, True) for evaluation in plan.with_parts_of_the_project()),
        ((evaluation, True) for evaluation in stand_ins.evaluations()),
        ((evaluation, True) for evaluation in losses.evaluations()),
        ((evaluation, True) for evaluation in choices.evaluations()),
        ((evaluation, True) for evaluation in configurations.evaluations()),
        ((evaluation, True) for evaluation in _anew(libraries.evaluations(), found)),
    )
    last: Evaluation | None = None
    functions: set[str] = set()
    tests: set[str] = set()
    for evaluation, wanted in _up_to_an_error(made, modules, cuts):
        last = evaluation
        if evaluation.of_function:
            functions.add(evaluation.subject)
        if evaluation.of_a_test:
            tests.add(evaluation.subject)
        if project.is_spent:
            break
        try:
            evaluation.data = pipelines.note(evaluation)
            _note_latents(evaluation, plan, in_use)
            if wanted:
                stand_ins.note(evaluation)
                losses.note(evaluation)
                choices.note(evaluation)
                configurations.note(evaluation)
                libraries.note(evaluation)
                # One evaluation at a time: together their expressions take more memory than all else.
                facts = assemble.facts_of(evaluation, across)
                facts = options_together.settled(evaluation, facts, project.observed)
                facts = chosen_parts.told(evaluation, facts)
                supposed.extend(other_choices.facts(plan.supposed(evaluation), project.observed))
                evaluation.forget()
                cut_at = cuts.note(evaluation)
                found.extend(facts if cut_at is None else (replace(item, cut_at=cut_at) for item in facts))
            else:
                evaluation.forget()
        except Exception as error:  # of one evaluation: the others are made all the same
            evaluation.observations.cuts.append(Cut(None, error))
            cuts.note(evaluation)
        project.sweep()
    found.extend(other_choices.new(supposed, found))
    is_whole = last is None or not project.is_spent
    if last is not None and not is_whole:
        ended = cuts.note_end(last)
        # What was not examined may say more of each of them.
        found = [replace(item, cut_at=item.cut_at or ended) for item in found]
    _follow_latents(using, project, plan, in_use, cuts)
    pipelines.settle()
    placed = [replace(item, data=replace(item.data, interval=pipelines.known(item.data.interval))) for item in found]
    together = across.facts(pipelines.known, is_whole=is_whole)
    told = [
        replace(item, of_function=item.subject in functions)
        for item in across.left_out.told(across.decoded.without([*placed, *together]), is_whole=is_whole)
    ]
    told = across.uncalled.told(told, project, is_whole=is_whole)
    consistent = optimizers.consistent(told, across.optimizers.of_others())
    moved = across.unmoved.left_open(cut_losses.left_open(consistent, project.modules.values()))
    whole = across.again.told(across.repeated.at_trained(across.others.left_open(moved)))
    settled = distinct(_settled(list(across.unread_trainings.left_open(whole))), tests)
    return [*settled, *_without_read_draws(in_use.facts(project.modules.values(), project.disk), settled)]


def _anew(evaluations: Iterable[Evaluation], found: list[Facts]) -> Iterator[Evaluation]:
    """Evaluations that are made once more, or in several ways, what was found the first time forgotten."""
    forgotten: set[str] = set()
    for evaluation in evaluations:
        if evaluation.subject not in forgotten:
            forgotten.add(evaluation.subject)
            found[:] = [item for item in found if item.subject != evaluation.subject]
        yield evaluation


def _follow_latents(using: Iterable[File], project: Project, plan: Plan, in_use: InUse, cuts: Cuts) -> None:
    """Evaluate the files that use a VAE and have none: nothing is asked of them but what they do with its latents."""
    modules = [project.add(file, given=False) for file in using if file.cells]
    project.allow(MAX_STEPS_OF_USERS)
    for evaluation, _ in _up_to_an_error(((each, True) for each in plan.evaluations(modules)), modules, cuts):
        if project.is_spent:
            cuts.note_end(evaluation)
            break
        try:
            _note_latents(evaluation, plan, in_use)
            evaluation.forget()
            cuts.note(evaluation)
        except Exception as error:  # of one evaluation: the others are made all the same
            evaluation.observations.cuts.append(Cut(None, error))
            cuts.note(evaluation)
        project.sweep()


def _note_latents(evaluation: Evaluation, plan: Plan, in_use: InUse) -> None:
    """Take note of the latents in an evaluation, in the branches that it left out, and where it did not get to."""
    in_use.note(evaluation)
    for other in chain(plan.both_ways(evaluation), plan.around_models(evaluation)):
        in_use.note(other)


def _up_to_an_error(
    made: Iterable[tuple[Evaluation, bool]], modules: Sequence[Module], cuts: Cuts
) -> Iterator[tuple[Evaluation, bool]]:
    """The evaluations that are made, and a note where an error of this tool keeps the next from being chosen."""
    try:
        yield from made
    except Exception as error:
        for module in modules:
            cuts.note_error(module.path, "the rest of the project", error)


def _without_read_draws(used: Iterable[Facts], found: Iterable[Facts]) -> Iterator[Facts]:
    """What is known of latents in use, without the draws that were read whole, with the KL that trains them."""
    read = {item.sampler.timing.origin.place for item in found if item.sampler.std and item.sampler.timing}
    for item in used:
        timing = item.sampler.timing
        yield replace(item, sampler=Sampler()) if timing is not None and timing.origin.place in read else item


_OPEN, _DRAWN = NoiseTiming(), NoiseTiming(training=True)


def _settled(found: list[Facts]) -> list[Facts]:
    """Without what another evaluation of the same place knows better."""
    known = _without_relative_signs(_without_scaled_noise(_without_switched_dropout(_without_substituted_forms(found))))
    known = _without_supposed_targets(known)
    return _without_handed_heads(_without_exchanged_heads(_without_untrained_timing(known)))


def _without_exchanged_heads(found: list[Facts]) -> list[Facts]:
    """Without a sampler whose mean was taken for a std where another evaluation tells them by their KL."""
    timings = [item.sampler.timing for item in found]
    exchanged = {timing.origin.place for timing in timings if timing and timing.value.misplaced is Misplaced.EXCHANGED}
    return [
        replace(item, sampler=Sampler(), heads=Heads())
        if timing and timing.value.misplaced is None and timing.origin.place in exchanged
        else item
        for item, timing in zip(found, timings, strict=True)
    ]


def _without_untrained_timing(found: list[Facts]) -> list[Facts]:
    """Without when a model draws by itself where that is open of what trains it, and sets its mode and the seed."""
    timings = [item.sampler.timing for item in found]
    left_open = {timing.origin.place for timing in timings if timing and timing.value == _OPEN}
    return [
        replace(item, sampler=replace(item.sampler, timing=None))
        if timing and timing.value == _DRAWN and timing.origin.place in left_open
        else item
        for item, timing in zip(found, timings, strict=True)
    ]


def _without_handed_heads(found: list[Facts]) -> list[Facts]:
    """Without what is handed to a sampler where no KL was read, if one judges it elsewhere: no heads of a posterior.

    A forecast of latents is drawn by the sampler of the VAE, and is drawn to no prior; the prior's own heads are too.
    """
    judged: dict[Place | None, set[Place | None]] = {}
    for item in found:
        if item.sampler.std and item.kl.form:
            judged.setdefault(item.sampler.std.origin.place, set()).update(_places_of_heads(item))
    return [
        replace(item, heads=replace(item.heads, mu=None, second=None)) if _is_handed_heads(item, judged) else item
        for item in found
    ]


def _is_handed_heads(item: Facts, judged: Mapping[Place | None, set[Place | None]]) -> bool:
    own = None if item.sampler.std is None or item.kl.form else judged.get(item.sampler.std.origin.place)
    return bool(own) and not _places_of_heads(item).issubset(own or ())


def _places_of_heads(item: Facts) -> set[Place | None]:
    return {head.origin.place for head in (item.heads.mu, item.heads.second) if head}


def _without_switched_dropout(found: list[Facts]) -> list[Facts]:
    """Without the dropout that another call switches off at the same place, as evaluation does by its rate."""
    dropouts = [item.training.always_on_dropout for item in found]
    off = {dropout.origin.place for dropout in dropouts if dropout and not dropout.value}
    return [
        replace(item, training=replace(item.training, always_on_dropout=None))
        if dropout and dropout.value and dropout.origin.place in off
        else item
        for item, dropout in zip(found, dropouts, strict=True)
    ]


def _without_substituted_forms(found: list[Facts]) -> list[Facts]:
    """Without a KL of two Gaussians that is none of a caller's scaled arguments, and one as its function is written."""
    forms = [item.kl.form for item in found]
    right = {form.origin.place for form in forms if form and form.value.parametrisation}
    return [
        replace(item, kl=replace(item.kl, form=None))
        if form and form.value.parametrisation is None and not form.value.values and form.origin.place in right
        else item
        for item, form in zip(found, forms, strict=True)
    ]


def _without_scaled_noise(found: list[Facts]) -> list[Facts]:
    """Without the law of an eps that another call draws from N(0, 1) at the same place.

    Its scale is an argument, and a call beside which there is no loss may ask for less noise.
    """
    noises = [item.sampler.noise for item in found]
    standard = {noise.origin.place for noise in noises if noise and noise.value.law is NoiseLaw.STANDARD_NORMAL}
    return [
        replace(item, sampler=replace(item.sampler, noise=None))
        if noise and noise.value.law is NoiseLaw.NORMAL and noise.origin.place in standard and item.recon.kind is None
        else item
        for item, noise in zip(found, noises, strict=True)
    ]


def _without_supposed_targets(found: list[Facts]) -> list[Facts]:
    """Without the mean over a sample's targets that a loss by itself may take, where its caller has one class a sample.

    By itself it knows no shapes: its scores may be those of words or pixels.
    """
    of_one_class = {
        kind.origin.place
        for item in found
        if item.sampler.std and (kind := item.recon.kind) and kind.value is Likelihood.CROSS_ENTROPY
        if (reduced := item.recon.reduced) and reduced.value.event is None
    }
    return [
        _without_targets(item, reduced)
        if item.sampler.std is None and kind and reduced and kind.origin.place in of_one_class
        else item
        for item, kind, reduced in ((item, item.recon.kind, item.recon.reduced) for item in found)
    ]


def _without_targets(item: Facts, reduced: Fact[Reduced]) -> Facts:
    of_batch = replace(reduced, value=replace(reduced.value, event=None))
    objective = replace(item.objective, effective_beta=None)
    return replace(item, recon=replace(item.recon, reduced=of_batch), objective=objective)


def _without_relative_signs(found: list[Facts]) -> list[Facts]:
    """Without the sign of a KL against its reconstruction where it is known elsewhere that the latter's is wrong.

    A base class alone does not tell what is minimised, and the model that is trained does.
    """
    right = {
        item.kl.form.origin.place
        for item in found
        if item.kl.form and item.kl.sign and item.recon.sign and item.kl.sign.value > 0 > item.recon.sign.value
    }
    return [
        replace(item, kl=replace(item.kl, sign=None))
        if item.kl.form and item.recon.sign is None and item.kl.form.origin.place in right
        else item
        for item in found
    ]
