"""The one model of a project, in the place of one that code takes from outside: a trainer's `self.model`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vae_checked.linter.expression import KL, NOISE, Expr, Graph, strip
from vae_checked.linter.roles import assemble, divergences, phi, samplers
from vae_checked.linter.scenes import Scene
from vae_checked.linter.values import Instance

if TYPE_CHECKING:
    from vae_checked.linter.project import Project

_MAX_MODELS = 4
# What tells a model that a piece of code takes: a parameter or an attribute, and its name.
Taken = tuple[str, object]


def in_for(project: Project, scenes: list[Scene]) -> list[Scene]:
    """The evaluations of code whose KL reads what an unknown model returns, with the model that fits it as that one.

    A model fits where its sampler draws with the heads that the KL reads, and no other model of the project does.
    """
    wanted = [(scene, taken) for scene in scenes if scene.again is not None for taken in _taken(scene)]
    models = _models(scenes) if wanted else []
    if not 0 < len(models) <= _MAX_MODELS:
        return []
    found: list[Scene] = []
    for scene, taken in wanted:
        project.follow_for(scene.module)
        fitting = [made for subject, model in models if (made := _with(project, scene, taken, subject, model))]
        if len(fitting) == 1:
            found += fitting
    return found


def _with(project: Project, scene: Scene, taken: Taken, subject: str, model: Instance) -> Scene | None:
    """A scene evaluated again with `model` as what it takes; None where this joins no KL with a sampler."""
    assert scene.again is not None  # noqa: S101  only such scenes are wanted
    project.interpreter.stand_ins = {taken: model}
    try:
        again = scene.again()
    finally:
        project.interpreter.stand_ins = {}
    again.subject = subject
    return again if assemble.is_joined(again) else None


def _taken(scene: Scene) -> set[Taken]:
    """What returns both heads of a KL and is not known."""
    values = [value for value in scene.values() if value.bits & KL == KL]
    if not values or not any(_maker(node) for node in Graph(values).nodes if node.op == "item"):
        return set()
    makers = ((_maker(kl.location), _maker(kl.head)) for kl in divergences.find(Graph(phi.resolved(values))))
    return {one for one, other in makers if one is not None and one == other}


def _maker(head: Expr) -> Taken | None:
    """The unknown thing whose call returns a head among others."""
    node = strip(head)
    if node.op != "item":
        return None
    while node.op in ("item", "attribute", "part") and node.args:
        node = strip(node.args[0])
    called = node.op == "call" or (node.op == "opaque" and node.get("name") == "call")
    owner = strip(node.args[0]) if called and node.args else None
    return (owner.op, owner.get("name")) if owner is not None and owner.op in ("atom", "attribute") else None


def _models(scenes: Iterable[Scene]) -> list[tuple[str, Instance]]:
    """The models that draw, with what their scenes are of; each class once."""
    found: dict[int, tuple[str, Instance]] = {}
    for scene in scenes:
        owners = (root.function.bound for root in scene.trace.roots if root.function is not None and root.depth == 1)
        model = next((owner for owner in owners if isinstance(owner, Instance) and owner.cls.is_module), None)
        if model is None or id(model.cls.node) in found or not any(value.bits & NOISE for value in scene.values()):
            continue
        if samplers.find(Graph(scene.values())):
            found[id(model.cls.node)] = (scene.subject, model)
    return list(found.values())
