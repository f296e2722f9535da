"""Autoencoders whose `encode(x)` returns an object with a `latent_dist`, as in diffusers.

Their forward returns the reconstruction alone, and takes the mode of the posterior unless it is told to sample.
"""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor, nn

from vae_checked.adapters.subject import Adapter, Call, Child, Inputs, Role

_FLAG = "sample_posterior"


class Composed:
    """What one pass through encode, sample and decode left."""

    def __init__(self, posterior: Any, z: Tensor, x_hat: Any, kl: Tensor | None) -> None:
        self.posterior = posterior
        self.z = z
        self.x_hat = x_hat
        self.kl = kl


def _calls(model: nn.Module) -> Call | None:
    if _FLAG not in _parameters(model.forward) or not hasattr(model, "encode") or not hasattr(model, "decode"):
        return None
    return Call(
        _compose,
        f"forward has the flag {_FLAG}, off by default: run as encode(x).latent_dist, .sample(), decode(z); "
        "the KL is the posterior's own kl()",
    )


def _compose(model: nn.Module, inputs: Inputs) -> Any:
    encode: Any = model.encode
    decode: Any = model.decode
    encoded = encode(*inputs.args, **dict(inputs.kwargs or {}))
    posterior = getattr(encoded, "latent_dist", None)
    if posterior is None:
        return model(*inputs.args, **{**dict(inputs.kwargs or {}), _FLAG: True})
    z = posterior.sample()
    decoded = decode(z)
    kl = posterior.kl() if hasattr(posterior, "kl") else None
    return Composed(posterior, z, decoded, kl)


def _parameters(function: Any) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ()


def _reads(output: Any) -> tuple[Child, ...] | None:
    if isinstance(output, Composed):
        posterior = output.posterior
        return (
            Child(".x_hat", output.x_hat, Role.RECONSTRUCTION),
            Child(".mean", getattr(posterior, "mean", None), Role.MU),
            Child(".logvar", getattr(posterior, "logvar", None), Role.SECOND),
            Child(".z", output.z, Role.LATENT),
            Child(".kl()", output.kl, Role.KL),
        )
    if hasattr(output, "latent_dist"):
        return (Child(".latent_dist", output.latent_dist),)
    return None


def _input_of(model: nn.Module) -> str | None:
    config = getattr(model, "config", None)
    channels, size = getattr(config, "in_channels", None), getattr(config, "sample_size", None)
    return f"B {channels} {size} {size}" if isinstance(channels, int) and isinstance(size, int) else None


ADAPTER = Adapter("latent_dist", "encode(x).latent_dist, as diffusers' autoencoders have it", _calls, _reads, _input_of)
