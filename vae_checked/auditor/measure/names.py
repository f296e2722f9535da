"""What the user calls the parts of a VAE: as the loss names the arguments that they were handed over as."""

from __future__ import annotations

from collections.abc import Mapping

from vae_checked.adapters import Role
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.statements import assigned_by, statement_of

_KEYS = {Role.MU: "mu", Role.SECOND: "second", Role.RECONSTRUCTION: "x_hat", Role.LATENT: "z"}
_X = "input"


def names_by_the_loss(seen: Recognition) -> Mapping[str, str]:
    """The names by the keys of `Facts.names`; none of what several latents share, and none that one letter makes.

    What is handed over as a head may be another value than the one that sampler and KL make of it.
    """
    found: dict[str, str] = {}
    if len(seen.latents) > 1:
        return found
    for name, written in seen.loss.bindings.items():
        role = seen.roles.get(written)
        key = "x" if written == _X else None if role is None else _KEYS.get(role)
        if key is not None and (len(name) > 1 or key == name) and _is_head_if_one(seen, written, key):
            found.setdefault(key, name)
    return found


def name_of_error(seen: Recognition) -> str:
    """What the statement that computes the reconstruction's error calls it; empty where the KL is in it as well."""
    if seen.join is None or seen.total is None:
        return ""
    graph, statement = seen.graph, statement_of(seen.join.step)
    heads = [head for latent in seen.latents for head in latent.heads]
    kls = graph.descendants(heads, without=seen.join.predictions)
    ahead = graph.between(seen.join.step.outputs, seen.total)
    beside = (
        step for step in graph.tape.steps if not ahead.isdisjoint(step.outputs) and not kls.isdisjoint(step.inputs)
    )
    alone = statement is not None and all(statement_of(step) != statement for step in beside)
    return assigned_by(seen.join.step)[0] if alone else ""


def _is_head_if_one(seen: Recognition, written: str, key: str) -> bool:
    """Whether a part of the output is the head that was recognised, where it is handed over as one."""
    if key not in ("mu", "second") or len(seen.latents) != 1:
        return True
    head = getattr(seen.latents[0], key)
    numbers = [seen.run.number(part) for part in seen.run.parts if part.path == written]
    return head is None or any(n is not None and head in seen.graph.moved_from(n) for n in numbers)
