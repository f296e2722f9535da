"""Schedules of another library that clip what a model predicts, as those for pixels do unless they are told not to."""

from __future__ import annotations

import ast

from vae_checked.facts import Fact
from vae_checked.linter.symbols.expression import Expr, origin, strip

# What a sampler asks of its schedule at each step.
STEPPING = frozenset(("step", "step_pred", "step_correct"))
# The schedulers of diffusers whose `clip_sample` is True by default.
_CLIPPING = frozenset(
    ("DDPMScheduler", "DDIMScheduler", "DDPMParallelScheduler", "DDIMParallelScheduler", "RePaintScheduler")
)
_OPTION = "clip_sample"
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


def clipping(leaf: Expr) -> Fact[str | None] | None:
    """The class of the schedule that clips a latent it made, None as a value where it is told not to clip.

    None where the latent is made by something else, or by a schedule that may be configured elsewhere.
    """
    step = maker(leaf)
    if step.op != "call" or step.get("name") not in STEPPING or not step.args:
        return None
    schedule = strip(step.args[0])
    kind = str(schedule.get("name")).rpartition(".")[2] if schedule.op == "opaque" else ""
    built = None if schedule.site is None else schedule.site.node
    if kind not in _CLIPPING or not isinstance(built, ast.Call):
        return None
    if any(each.arg is None for each in built.keywords):
        return None
    given = next((each.value for each in built.keywords if each.arg == _OPTION), ast.Constant(True))
    if not isinstance(given, ast.Constant):
        return None
    return Fact(kind if given.value else None, origin(schedule))
