"""Seeds that a step of training sets outside of the function that draws: the same noise at each step, or left open."""

from __future__ import annotations

import ast

from vae_checked.facts import Fact, Noise, NoiseLaw, NoiseTiming, Origin
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.roles import seeds
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Site
from vae_checked.record import replace

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
# What runs once a step, by whoever it is called.
_OF_STEPS = frozenset({"forward", "training_step"})
_OF_TORCH = ("torch", "th")


def after_seeds(
    noise: Fact[Noise] | None, timing: Fact[NoiseTiming] | None, site: SamplerSite, losses: Losses, is_trained: bool
) -> tuple[Fact[Noise] | None, Fact[NoiseTiming] | None]:
    """The law of eps and when it is drawn: after a seed the same eps is drawn each time, or that is not known."""
    at_draw = seeds.is_seeded(site)
    seeded = seeds.repeated(site) if at_draw and is_trained else None
    at_step = False
    if seeded is None and losses.trains(site.z):
        at_step, seeded = seeds.in_steps(site, losses.evaluation.read_once(_differentiating))
    if not (at_draw or at_step) and _are_seeded(losses):
        seeded = _repeated(site, losses) if is_trained else None
        if seeded is None:
            # Its law is what it is; whether it comes again from step to step is not known.
            return noise, left_open(timing)
        at_step = True
    if not (at_draw or at_step) or timing is None or not timing.value.training:
        return None if at_draw or at_step else noise, timing
    if seeded is None:
        return None, left_open(timing)
    return Fact(Noise(NoiseLaw.CONSTANT), seeded), Fact(replace(timing.value, repeated=True), seeded)


def _differentiating(evaluation: Evaluation) -> list[seeds.SeededStep]:
    """The steps of an evaluation that differentiate something, where their files set seeds."""
    return [*seeds.seeded_steps(root.site for root in evaluation.observations.roots if root.kind == "backward")]


def left_open(timing: Fact[NoiseTiming] | None) -> Fact[NoiseTiming] | None:
    """When z is drawn, as it is after a seed or in a mode that is not known: that it is random in training is open."""
    is_said = timing is not None and timing.value.training
    return Fact(replace(timing.value, training=None), timing.origin) if timing is not None and is_said else timing


def _are_seeded(losses: Losses) -> bool:
    """Whether a seed of torch is set in the loop that trains, or in a function that is called from it."""
    return losses.evaluation.read_once(_seeded)


def _repeated(site: SamplerSite, losses: Losses) -> Origin | None:
    """Where a function that runs once a step sets the one seed that a draw of torch comes after; None if not sure.

    It stands before the only call of the function that draws, or of its only caller.
    """
    written = site.noise.site
    if written is None or not isinstance(written.node, ast.Call) or not seeds.follows_torch(written.node, written):
        return None
    if any(keyword.arg == "generator" for keyword in written.node.keywords):
        return None
    of_steps = losses.evaluation.read_once(_run_by_steps)
    seen: set[str] = set()
    node: ast.AST = written.node
    while True:
        inner = [each for each in written.source.cell.functions if seeds.holds(each, node)]
        if not inner or inner[-1].name in seen | _OF_STEPS:
            return None
        seen.add(inner[-1].name)
        calls = [
            each
            for each in written.source.cell.nodes
            if isinstance(each, ast.Call) and syntax.called(each) == inner[-1].name
        ]
        if len(calls) != 1:
            return None
        node = calls[0]
        around = seeds.innermost(written, node)
        if isinstance(around, syntax.DEFINITIONS) and around.name not in of_steps:
            return None
        if (found := seeds.seed_before(around, node, written)) is not None:
            return Site(written.source, found).origin


def _seeded(evaluation: Evaluation) -> bool:
    texts = (source.cell.text for module in evaluation.modules() for source in module.sources)
    return any("seed" in text for text in texts) and any(
        isinstance(node, ast.Call) and _sets_a_seed(node) and id(node) not in given_back
        for body in _steps(evaluation)
        for given_back in [seeds.put_back(body)]
        for node in syntax.descendants(body)
    )


def _run_by_steps(evaluation: Evaluation) -> frozenset[str]:
    return frozenset(getattr(body, "name", "") for body in _steps(evaluation)) | _OF_STEPS


def _steps(evaluation: Evaluation) -> list[ast.AST]:
    """The loops that train, the functions that run once a step, and those of the project that are called from there."""
    roots = [root for root in evaluation.observations.roots if root.kind == "backward"]
    functions = [function.node for function in evaluation.functions() if isinstance(function.node, syntax.DEFINITIONS)]
    found: list[ast.AST] = [node for node in functions if node.name in _OF_STEPS]
    for root in roots:
        # A function that makes one step alone, of a model that it gives to an optimizer itself, is run once.
        whole = [node for node in functions if seeds.holds(node, root.site.node) and not _makes_an_optimizer(node)]
        found += (_loops_around(root.site) or whole)[:1]
    # `model.train()` in the loop of a function `train` calls no function that trains.
    inner = [node for node in functions if not any(seeds.holds(node, root.site.node) for root in roots)]
    # The list grows while it is gone through.
    for body in found:
        called = {syntax.called(node) for node in syntax.descendants(body) if isinstance(node, ast.Call)}
        found += [node for node in inner if node.name in called and not any(node is each for each in found)]
    return found


def _makes_an_optimizer(function: syntax.Definition) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == "parameters" for node in syntax.descendants(function))


def _loops_around(site: Site) -> list[ast.AST]:
    """The loops of a file around a place, in its own function, outer ones first."""
    around = [node for node in site.source.cell.nodes if isinstance(node, ast.stmt) and seeds.holds(node, site.node)]
    inner = max((node.lineno for node in around if isinstance(node, syntax.DEFINITIONS)), default=0)
    return [node for node in around if isinstance(node, _LOOPS) and node.lineno > inner]


def _sets_a_seed(call: ast.Call) -> bool:
    """Whether the random state of torch is set anew, by itself or by a function that is called after that."""
    name = syntax.called(call)
    if isinstance(call.func, ast.Attribute) and seeds.makes_a_generator(call.func.value):
        return False
    if name.startswith("manual_seed"):
        return ast.unparse(call.func).partition(".")[0] in _OF_TORCH
    return "seed" in name.lower() and name.lower() not in ("seed", "get_seed", "initial_seed")
