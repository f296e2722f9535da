"""Autoencoders whose `encode(x)` returns an object with a `latent_dist`, as in diffusers.

Their forward returns the reconstruction alone, and takes the mode of the posterior unless it is asked to sample.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from vae_checked.adapters.subject import Adapter, Call, Child, Inputs
from vae_checked.mathematics.names import Role
from vae_checked.signatures import signature_of
from vae_checked.text import described

_FLAG = "sample_posterior"


class Sampled:
    """The output of forward, with the posterior that its `encode` returned as `latent_dist`, and its `kl`.

    A loss that takes the output finds in it what the model itself returns as well. `unread` says why there is no `kl`
    where the posterior has one that raises.
    """

    def __init__(self, output: Any, latent_dist: Any) -> None:
        self.output = output
        self.latent_dist = latent_dist
        self.kl: Any = None
        self.unread = ""
        try:
            self.kl = latent_dist.kl() if hasattr(latent_dist, "kl") else None
        except Exception as error:  # a posterior of another shape than its class was written for
            self.unread = f"the KL: the posterior's own kl() raised {described(error)}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.output, name)


def _calls(model: nn.Module) -> Call | None:
    if _FLAG not in _parameters(model.forward):
        return None
    return Call(
        _run, f"forward samples when {_FLAG} says so: run with {_FLAG}=True; the KL is its posterior's own kl()"
    )


def _run(model: nn.Module, inputs: Inputs) -> Any:
    returned: list[Any] = []
    own = vars(model).get("encode")
    encode: Any = getattr(model, "encode", None)

    def noted(*args: Any, **kwargs: Any) -> Any:
        out = encode(*args, **kwargs)
        returned.append(out)
        return out

    if encode is not None:
        vars(model)["encode"] = noted
    try:
        output = model(*inputs.args, **{**dict(inputs.kwargs or {}), _FLAG: True})
    finally:
        vars(model).pop("encode", None)
        if own is not None:
            vars(model)["encode"] = own
    posteriors = [getattr(out, "latent_dist", None) for out in returned]
    return Sampled(output, posteriors[-1]) if posteriors and posteriors[-1] is not None else output


def _parameters(function: Any) -> tuple[str, ...]:
    try:
        return tuple(signature_of(function).parameters)
    except (TypeError, ValueError):
        return ()


def _reads(output: Any) -> tuple[Child, ...] | None:
    if isinstance(output, Sampled):
        posterior = output.latent_dist
        return (
            Child("", output.output, Role.RECONSTRUCTION),
            Child(".mean", getattr(posterior, "mean", None), Role.MU),
            Child(".logvar", getattr(posterior, "logvar", None), Role.SECOND),
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
