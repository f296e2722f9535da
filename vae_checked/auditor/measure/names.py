"""What the user calls the parts of a VAE: as the loss names the arguments that they were handed over as."""

from __future__ import annotations

from collections.abc import Mapping

from vae_checked.adapters import Role
from vae_checked.auditor.recognition.recognition import Recognition

_KEYS = {Role.MU: "mu", Role.SECOND: "second", Role.RECONSTRUCTION: "x_hat", Role.LATENT: "z"}
_X = "input"


def names_by_the_loss(seen: Recognition) -> Mapping[str, str]:
    """The names by the keys of `Facts.names`; none of what several latents share, and none that one letter makes."""
    found: dict[str, str] = {}
    if len(seen.latents) > 1:
        return found
    for name, written in seen.loss.bindings.items():
        role = seen.roles.get(written)
        key = "x" if written == _X else None if role is None else _KEYS.get(role)
        if key is not None and (len(name) > 1 or key == name):
            found.setdefault(key, name)
    return found
