"""KLs of losses that nothing calls, where the posterior is trained by an error alone: `elbo()` is only defined."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from vae_checked.facts import Fact, Facts
from vae_checked.finding import Place
from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.roles import scoped_names
from vae_checked.linter.roles.objective import Losses, handed_on
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.reductions import formula_in
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import SAMPLE, Expr, origin, strip, walk
from vae_checked.linter.symbols.values import Function, Module
from vae_checked.record import replace

# What a loss is made of on the way from its terms.
_WEIGHED = frozenset({"add", "sub", "mul", "div", "neg", "mean", "sum"})
# What makes an object of a class a function: it is called by the name of the class.
_OF_OBJECTS = frozenset({"forward", "__call__"})


class UncalledKls:
    """Over all evaluations, the KLs in functions that no code was seen to call, and what posteriors are trained by."""

    def __init__(self) -> None:
        self._called: set[int] = set()
        # By the place of a KL the functions that return it where each is run by itself, and the files of its models.
        self._seen: dict[Place | None, list[Function]] = {}
        self._models: dict[Place | None, set[str]] = {}
        # The file of a draw and that of the code that trains it without its heads; whether by errors alone.
        self._bare: dict[tuple[str, str], bool] = {}
        self._with_heads: set[str] = set()
        self._is_cut = False

    def note(self, losses: Losses) -> None:
        """Take note of the KLs of an evaluation, and of what it differentiates."""
        evaluation = losses.evaluation
        self._is_cut |= bool(evaluation.observations.cuts)
        trained = handed_on(losses)
        roots = [root for root in evaluation.observations.roots if root.depth == 1 and root.function is not None]
        own = {id(root.function.node) for root in roots if root.function is not None}
        if evaluation.subject == evaluation.module.path:
            # What a script enters it calls.
            own.clear()
        elif not trained:
            own |= self._noted(losses)
        self._called |= evaluation.observations.entered.difference(own)
        for site in losses.samples:
            ends = [end for end in trained if losses.graph.holds(end, site.z.uid)]
            where = origin(site.z).place
            if not ends or where is None:
                continue
            if any(_has_heads(end, site) for end in ends):
                self._with_heads.add(where.path)
            elif losses.flow.reaches(ends, site.z.uid):
                # Latents without their gradient are the data of another model.
                pair = where.path, evaluation.module.path
                self._bare[pair] = self._bare.get(pair, True) and all(_is_of_errors(end, losses) for end in ends)

    def _noted(self, losses: Losses) -> set[int]:
        """Take note of the functions that hold a KL where they are run by themselves; these, by their nodes."""
        evaluation, noted = losses.evaluation, set[int]()
        model = evaluation.module if evaluation.model is None else evaluation.model.module
        for kl in losses.kls:
            place = origin(formula_in(kl.term)).place
            functions = [root.function for root in losses.roots_with(kl.term) if root.function is not None]
            self._seen.setdefault(place, []).extend(functions)
            self._models.setdefault(place, set()).add(model.path)
            noted |= {id(function.node) for function in functions}
        return noted

    def told(self, found: Iterable[Facts], project: Project, *, is_whole: bool) -> list[Facts]:
        """The facts, with each such KL in no loss where that is sure, and left open elsewhere."""
        return [self._told(item, project, is_whole=is_whole) for item in found]

    def _told(self, item: Facts, project: Project, *, is_whole: bool) -> Facts:
        form, in_loss = item.kl.form, item.kl.in_loss
        functions = self._seen.get(form.origin.place, []) if form is not None else []
        if form is None or form.origin.place is None or not functions or (in_loss is not None and not in_loss.value):
            return item
        if any(id(function.node) in self._called for function in functions):
            return item
        paths = {form.origin.place.path, *self._models[form.origin.place]}
        pairs = [pair for pair in self._bare if not paths.isdisjoint(pair) and pair[0] not in self._with_heads]
        if not pairs:
            return item
        is_sure = is_whole and not self._is_cut and all(self._bare[pair] for pair in pairs)
        if is_sure and not any(_is_spoken_of(function, project) for function in functions):
            uncalled = Fact(_name(functions[0]), form.origin)
            return replace(item, kl=replace(item.kl, in_loss=Fact[bool | None](False, form.origin), uncalled=uncalled))
        reason = f"no call of {_name(functions[0])} was read, and what is differentiated has no KL of these heads"
        return replace(item, elsewhere={"kl.in_loss": reason, **item.elsewhere})


def _name(function: Function) -> str:
    """What code that calls a function has to speak of."""
    is_of_objects = function.name in _OF_OBJECTS and function.owner is not None
    return function.owner.name if is_of_objects and function.owner is not None else function.name


def _has_heads(end: Expr, site: SamplerSite) -> bool:
    """Whether a value has a head of a sampler in it, on a way that does not pass what is drawn."""
    heads = {strip(site.location).uid, strip(site.scale).uid}
    node = strip(site.scale)
    while len(node.args) and node.op not in ("layer", "opaque", "item", "part", "atom"):
        node = strip(node.args[0])
        heads.add(node.uid)
    seen, stack = {site.z.uid}, [end]
    while stack:
        node = stack.pop()
        if node.uid not in seen:
            if node.uid in heads:
                return True
            seen.add(node.uid)
            stack += node.args
    return False


def _is_of_errors(end: Expr, losses: Losses) -> bool:
    """Whether all that a loss has of draws are errors of what is decoded."""
    errors = {recon.term.uid for recon in losses.recons if recon.kind is not None and _is_of_data(recon)}
    stack = [end]
    while stack:
        node = stack.pop()
        if node.uid in errors or not node.bits & SAMPLE:
            if node.uid not in errors and any(each.op == "opaque" for each in walk(node)):
                return False
        elif node.op in _WEIGHED:
            stack += node.args
        else:
            return False
    return True


def _is_of_data(recon: Reconstruction) -> bool:
    """Whether one side of an error is no draw, nor made of one: of latents a model beside the VAE has both."""
    return not (recon.first.bits & SAMPLE and recon.second.bits & SAMPLE)


def _is_spoken_of(function: Function, project: Project) -> bool:
    """Whether a project names a function otherwise than to define it; or may, where not all of its files are known."""
    modules, name = list(project.modules.values()), _name(function)
    bases = () if function.owner is None else function.owner.external_bases()
    # A library calls methods of what is derived from its own classes.
    if project.paths is None or any("nn" not in base.split(".") for base in bases):
        return True
    if any(_is_named_in(name, module, function) for module in modules):
        return True
    known = {module.path for module in modules}
    texts = (project.disk.read(path) for path in project.paths if path not in known)
    word = re.compile(rf"\b{re.escape(name)}\b")
    read = (text if isinstance(text, str) else text.decode("latin-1") for text in texts if text is not None)
    return any(word.search(text) for text in read)


def _is_named_in(name: str, module: Module, function: Function) -> bool:
    """Whether a file names a function otherwise than to define it, or to call something else by its name.

    What is asked of `self` is no function of a file, and a file that defines one of that name speaks of its own.
    """
    may_mean_it = module is function.scope.module or all(each.name != name for each in module.functions())
    is_free = name != function.name or function.owner is None
    asked = (node for node in module.file.of(ast.Attribute) if node.attr == name)
    functions = (each for cell in module.file.cells for each in cell.functions)
    hidden = {id(node) for each in functions if name in scoped_names.own(each) for node in syntax.descendants(each)}
    loaded = (node for node in module.file.of(ast.Name) if isinstance(node.ctx, ast.Load) and node.id == name)
    return (
        (may_mean_it and any(id(node) not in hidden for node in loaded))
        or any(not (is_free and getattr(node.value, "id", "") == "self") for node in asked)
        or any(node.name.rpartition(".")[2] == name for node in module.file.of(ast.alias))
        or any(node.value == name for node in module.file.of(ast.Constant))
    )
