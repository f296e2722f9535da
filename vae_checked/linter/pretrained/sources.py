"""Where a latent comes from that was not encoded in the same code, as far as its last operation tells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from vae_checked.latent_facts import Use
from vae_checked.linter.files import syntax
from vae_checked.linter.pretrained.mixtures import is_noise
from vae_checked.linter.pretrained.schedules import SOLVING, STEPPING, clips_nothing, maker
from vae_checked.linter.symbols.expression import NOISE, Expr, called_name, strip, walk
from vae_checked.linter.symbols.values import Module

# What is there before the code computes anything: a parameter, and what is kept or stored.
_THERE = frozenset(("atom", "attribute", "item", "data", "const", "noise"))
_CONFINING = frozenset(("clamp", "clamp_min", "clamp_max", "minimum", "maximum", "tanh", "hardtanh", "sigmoid"))
# What makes latents of something else: a model's samples, a file.
_MAKING = re.compile(
    r"sampl|generat|denois|predict|infer|solve|integrat|load|read|pipe|model|unet|transformer|net$|dit$"
)
# What makes samples with a model, or of one.
_SAMPLER = re.compile(r"sampler|diffusion|schedul|pipe|flow|model|net$|prior", re.IGNORECASE)
# What a schedule's numbers are called.
_OF_A_SCHEDULE = re.compile(r"alpha|sigma|beta|snr", re.IGNORECASE)
# What may bring latents to another scale, whatever else it is given.
_MAPPING = re.compile(r"norm|scale|shift|affine|convert|process|statistic|std|mean")


def use_of(leaf: Expr) -> Use:
    """Whether a latent is a sample, is as somebody else gave it, or may have been on another scale before."""
    node = maker(leaf)
    if (node.op == "call" and node.get("name") in STEPPING) or is_noise(node) or _is_asked_for_latents(node):
        return Use.GENERATED
    if node.op in _THERE:
        return Use.GIVEN
    if node.op in ("call", "opaque"):
        return _of_call(node)
    if node.op == "draw" and _is_of_a_sampler(node):
        return Use.GIVEN
    # A sampler written out adds to noise what a model makes of it; else what was done last may not be known.
    return Use.GENERATED if _is_step(node) or _is_clean(node) else Use.OPEN


def is_read(leaf: Expr, modules: Iterable[Module]) -> bool:
    """Whether all is known that may have confined a sample: noise, a step that is written out, or a known schedule.

    A sampler that is not read, and a schedule that is handed over, may clip at each step.
    """
    node = maker(leaf)
    if node.op == "call" and node.get("name") in STEPPING:
        return clips_nothing(node, modules)
    if node.op in ("call", "opaque") and called_name(node).lower() in SOLVING:
        return True
    return (is_noise(node) or _is_step(node) or _is_clean(node)) and not any(
        each.op in _CONFINING for each in walk(node)
    )


def _is_step(node: Expr) -> bool:
    return node.op in ("add", "sub") and all(arg.bits & NOISE for arg in node.args)


def _is_clean(node: Expr) -> bool:
    """Whether it is the latent that a model's prediction leaves of a noisy one, over a number of the schedule."""
    if node.op != "div" or not _is_step(strip(node.args[0])) or node.args[1].bits & NOISE:
        return False
    return any(
        each.op == "sqrt" or _OF_A_SCHEDULE.search(str(each.get("name") or each.get("index")))
        for each in walk(node.args[1])
    )


def _of_call(node: Expr) -> Use:
    """What a call hands out whose code is not read: a function of one tensor may be what scales it."""
    last = called_name(node).lower()
    if last in SOLVING:
        return Use.GENERATED
    if _MAPPING.search(last):
        return Use.OPEN
    given = node.args[1:] if node.op == "call" else node.args
    tensors = [each for each in given if _may_be_a_tensor(each)]
    return Use.OPEN if len(tensors) == 1 and not _MAKING.search(last) else Use.GIVEN


def _may_be_a_tensor(value: Expr) -> bool:
    node = strip(value)
    is_text = node.op == "opaque" and not node.args and ":" in str(node.get("name"))
    return node.op != "const" and not is_text


def _is_of_a_sampler(draw: Expr) -> bool:
    """Whether what is asked for a sample is what makes samples with a model, by its name, and no distribution."""
    written = None if draw.site is None else draw.site.node
    if not isinstance(written, ast.Call) or not isinstance(written.func, ast.Attribute):
        return False
    return bool(written.args or written.keywords) and _SAMPLER.search(syntax.last(written.func.value)) is not None


def _is_asked_for_latents(node: Expr) -> bool:
    """Whether a call is that of a pipeline which hands out what it makes before it decodes it."""
    written = None if node.site is None else node.site.node
    return isinstance(written, ast.Call) and any(
        each.arg == "output_type" and isinstance(each.value, ast.Constant) and each.value.value == "latent"
        for each in written.keywords
    )
