"""Objects of `torch.distributions`: the posterior, or a likelihood around the reconstruction."""

from __future__ import annotations

from typing import Any

from torch import distributions as D
from torch import nn

from vae_checked.adapters.subject import Adapter, Call, Child
from vae_checked.mathematics.names import Role


def _calls(model: nn.Module) -> Call | None:
    return None


def _reads(output: Any) -> tuple[Child, ...] | None:
    if not isinstance(output, D.Distribution):
        return None
    if isinstance(output, D.Independent):
        return (Child(".base_dist", output.base_dist),)
    if isinstance(output, D.Normal):
        return (Child(".loc", output.loc, Role.MU), Child(".scale", output.scale, Role.SECOND))
    if isinstance(output, D.MultivariateNormal):
        return (Child(".loc", output.loc, Role.MU), Child(".scale_tril", output._unbroadcasted_scale_tril))
    if isinstance(output, D.Bernoulli):
        name = "logits" if "logits" in vars(output) else "probs"
        return (Child(f".{name}", getattr(output, name), Role.RECONSTRUCTION),)
    return tuple(Child(f".{name}", vars(output)[name]) for name in output.arg_constraints if name in vars(output))


ADAPTER = Adapter("distribution", "an object of torch.distributions", _calls, _reads)
