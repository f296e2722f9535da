"""Schedules and loops that clip what a model predicts, as those for pixels do unless they are set not to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from vae_checked.facts import Fact, Origin
from vae_checked.latent_facts import Clipping
from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell, SourceCell
from vae_checked.linter.symbols.expression import NOISE, Expr, origin, strip
from vae_checked.linter.symbols.values import Module
from vae_checked.record import dataclass

# What a sampler asks of its schedule at each step.
STEPPING = frozenset(("step", "step_pred", "step_correct"))
# What solves the equation of a flow from noise to a latent.
SOLVING = frozenset(("odeint", "odeint_adjoint", "sdeint", "solve_ivp"))
# The schedulers of diffusers whose `clip_sample` is True by default.
_CLIPPING = frozenset(
    ("DDPMScheduler", "DDIMScheduler", "DDPMParallelScheduler", "DDIMParallelScheduler", "RePaintScheduler")
)
# Those that have no such option.
_FREE = re.compile(
    r"^(?:DPMSolver|DPM|Euler|Heun|KDPM2|K_?LMS|LMS|PNDM|IPNDM|DEIS|SASolver|FlowMatch|EDM)\w*Scheduler$"
)
_OPTION = "clip_sample"
_FROM_ANOTHER = "from_config"
_SETS_LATER = "register_to_config"
# The loops of the diffusion of guided-diffusion and its kin, and their option.
_LOOPS = ("p_sample_loop", "ddim_sample_loop")
_CLIPPED = "clip_denoised"
_LOOP = re.compile(r"def (?:p|ddim)_sample_loop\([^)]*\bclip_denoised\s*(?::\s*\w+\s*)?=\s*True")
_MAX_CHAIN = 60


def maker(leaf: Expr) -> Expr:
    """What a latent is part of: the call whose result it was taken from."""
    node = strip(leaf)
    for _ in range(_MAX_CHAIN):
        is_part = node.op in ("item", "attribute") or str(node.get("name")).startswith("attribute:")
        if not is_part or not node.args:
            break
        node = strip(node.args[0])
    return node


def clipping(leaf: Expr, modules: Iterable[Module]) -> Fact[Clipping | None] | None:
    """The schedule that clips a latent it made, None as a value where it is set not to clip.

    None where the latent is made by something else, or by a schedule that may be configured elsewhere in the modules.
    """
    step = maker(leaf)
    if step.op != "call" or step.get("name") not in STEPPING or not step.args:
        return None
    schedule = strip(step.args[0])
    kind = _kind(schedule)
    if kind == _FROM_ANOTHER and _kind(schedule, 1) in _CLIPPING:
        if _written_settings(schedule) is not None:
            kind = _kind(schedule, 1)
        elif len(schedule.args) == 1:
            # One that is made of the settings of another keeps them.
            schedule = _whose_settings(schedule.args[0])
            kind = _kind(schedule)
    settings = _written_settings(schedule)
    if kind not in _CLIPPING or settings is None or any(module.read_once(_sets_later) for module in modules):
        return None
    given = settings.get(_OPTION)
    if given is not None and not isinstance(given, ast.Constant):
        return None
    clips = given is None or bool(given.value)
    return Fact(Clipping(kind, _OPTION, given is None) if clips else None, origin(schedule))


def _written_settings(schedule: Expr) -> dict[str, ast.expr] | None:
    """What a schedule is built with by its names, where all of it is written in the file; None where it is not.

    A dict of settings stands in the call, or is given a name once.
    """
    call = None if schedule.site is None else schedule.site.node
    if schedule.site is None or not isinstance(call, ast.Call):
        return None
    cell, found = schedule.site.source.cell, dict[str, ast.expr]()
    handed = [each.value for each in call.keywords if each.arg is None]
    if _kind(schedule) == _FROM_ANOTHER:
        handed += call.args[:1]
    for value in handed:
        table = _dict_of(value, cell)
        if table is None:
            return None
        found |= table
    return found | {each.arg: each.value for each in call.keywords if each.arg is not None}


def _dict_of(value: ast.expr, cell: Cell) -> dict[str, ast.expr] | None:
    """The entries of a dict that is written out, by their names; None for any other."""
    if isinstance(value, ast.Name):
        stored = [node for node in cell.of(ast.Name) if node.id == value.id and not isinstance(node.ctx, ast.Load)]
        given = [
            node.value
            for node in cell.of(ast.Assign)
            if any(isinstance(target, ast.Name) and target.id == value.id for target in node.targets)
        ]
        return _dict_of(given[0], cell) if len(stored) == 1 == len(given) and not _is_changed(value.id, cell) else None
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "dict" and not value.args:
        named = {each.arg: each.value for each in value.keywords if each.arg is not None}
        return named if len(named) == len(value.keywords) else None
    if not isinstance(value, ast.Dict):
        return None
    pairs = [(getattr(key, "value", None), item) for key, item in zip(value.keys, value.values, strict=True)]
    entries = {key: item for key, item in pairs if isinstance(key, str)}
    return entries if len(entries) == len(pairs) else None


def _is_changed(name: str, cell: Cell) -> bool:
    """Whether an entry of a dict may be set where it has a name: by an index, or by a method."""
    entries = [node.value for node in cell.of(ast.Subscript) if not isinstance(node.ctx, ast.Load)]
    held = [*entries, *(node.value for node in cell.of(ast.Attribute))]
    return any(isinstance(value, ast.Name) and value.id == name for value in held)


def _sets_later(module: Module) -> bool:
    """Whether code gives a schedule that is built another setting of what it clips; a class of its own is none."""
    settings = (call.keywords for call in module.file.of(ast.Call) if syntax.called(call) == _SETS_LATER)
    return any(each.arg in (_OPTION, None) for keywords in settings for each in keywords) or any(
        node.attr == _OPTION and isinstance(node.ctx, ast.Store) and getattr(node.value, "id", "") != "self"
        for node in module.file.of(ast.Attribute)
    )


def clips_nothing(step: Expr, modules: Iterable[Module]) -> bool:
    """Whether a step is one of a schedule that clips nothing: it is set not to, or has no option that does."""
    clips = clipping(step, modules)
    if clips is not None:
        return clips.value is None
    schedule = strip(step.args[0]) if step.args else step
    return any(_FREE.match(_kind(schedule, before)) is not None for before in (0, 1))


def _kind(schedule: Expr, before: int = 0) -> str:
    """The class that makes a schedule; the part of its name that stands `before` the last one."""
    parts = str(schedule.get("name")).split(".") if schedule.op == "opaque" else [""]
    return parts[-1 - before] if len(parts) > before else ""


def _whose_settings(settings: Expr) -> Expr:
    """The schedule whose `config` a value is; the value itself for any other."""
    node = strip(settings)
    is_config = str(node.get("name")).removeprefix("attribute:") == "config"
    return strip(node.args[0]) if is_config and node.args else node


def clamped_prediction(step: Expr) -> Expr | None:
    """The clamp of what a model predicts in a step that is written out: `a * z.clamp(-1, 1) + b * noise`."""
    if step.op not in ("add", "sub"):
        return None
    for term in step.args:
        factors = term.args if term.op in ("mul", "div") else (term,)
        clamp = next((factor for factor in map(strip, factors) if factor.op == "clamp"), None)
        if clamp is not None and clamp.bits & NOISE:
            return clamp
    return None


@dataclass(frozen=True, slots=True)
class Loop:
    """The call of a loop over the steps of a diffusion, and the file that it is written in."""

    call: ast.Call
    source: SourceCell


def sampling_loop(decode: Expr) -> Loop | None:
    """The loop over the steps of a diffusion that makes what `decode` is given, as the code around it is written.

    That is the function in which it is called, or those in the same file that hand it over to that function.
    """
    call = None if decode.site is None else decode.site.node
    if decode.site is None or not isinstance(call, ast.Call) or not call.args:
        return None
    cell = decode.site.source.cell
    if not any(f".{name}(" in cell.text for name in _LOOPS):
        return None
    around, names = _around(call, cell), _names(call.args[0])
    loops = _loops(call, names, around)
    if not loops and isinstance(around, syntax.DEFINITIONS) and names & _parameters(around):
        for node in cell.nodes:
            if isinstance(node, ast.Call) and syntax.called(node) == around.name:
                given = {name for arg in (*node.args, *(each.value for each in node.keywords)) for name in _names(arg)}
                loops += _loops(node, given, _around(node, cell))
    return Loop(max(loops, key=lambda loop: loop.lineno), decode.site.source) if loops else None


def _loops(call: ast.Call, names: set[str], around: ast.AST) -> list[ast.Call]:
    """The loops whose results are bound to one of the names before a call."""
    return [
        node.value
        for node in syntax.descendants(around)
        if isinstance(node, ast.Assign)
        and node.lineno < call.lineno
        and isinstance(node.value, ast.Call)
        and syntax.called(node.value) in _LOOPS
        and any(isinstance(to, ast.Name) and to.id in names for target in node.targets for to in ast.walk(target))
    ]


def _names(value: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}


def _parameters(function: syntax.Definition) -> set[str]:
    return {arg.arg for arg in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)}


def clipping_loop(loop: Loop, modules: Iterable[Module]) -> Fact[Clipping | None] | None:
    """What a loop clips; None as a value where it is set not to, None where it is not known."""
    given = _given(loop.call, _CLIPPED)
    if given is None and not any(module.read_once(_clips_by_default) for module in modules):
        return None
    clips, by_default = given is None or bool(getattr(given, "value", False)), given is None
    if given is not None and not isinstance(given, ast.Constant):
        if not _is_on(given, loop.source.cell):
            return None
        clips, by_default = True, True
    place = Origin(loop.source.segment(loop.call), loop.source.place(loop.call))
    return Fact(Clipping(getattr(loop.call.func, "attr", ""), _CLIPPED, by_default) if clips else None, place)


def _is_on(setting: ast.expr, cell: Cell) -> bool:
    """Whether an option is True wherever its file gives it a default, and it has one there."""
    name = setting.attr if isinstance(setting, ast.Attribute) else ""
    defaults: list[ast.expr] = []
    for node in cell.nodes if name else ():
        if isinstance(node, ast.Call):
            is_option = any(
                getattr(arg, "value", None) in (f"--{name}", f"--{name.replace('_', '-')}") for arg in node.args
            )
            defaults += (each.value for each in node.keywords if each.arg == ("default" if is_option else name))
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            defaults += (value for key, value in pairs if getattr(key, "value", None) == name)
    given = [each for each in defaults if each is not setting and not isinstance(each, ast.Attribute)]
    return bool(given) and all(getattr(each, "value", None) is True for each in given)


def _around(call: ast.Call, cell: Cell) -> ast.AST:
    """The innermost function around a call, the whole file where there is none."""
    inside = [node for node in cell.functions if node.lineno <= call.lineno <= (node.end_lineno or 0)]
    return max(inside, key=lambda node: node.lineno, default=cell.tree)


def _given(call: ast.Call, option: str) -> ast.expr | None:
    return next((each.value for each in call.keywords if each.arg == option), None)


def _clips_by_default(module: Module) -> bool:
    return any(_LOOP.search(cell.text) is not None for cell in module.file.cells)
