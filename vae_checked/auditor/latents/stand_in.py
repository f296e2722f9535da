"""A VAE whose `encode` gives known latents and whose `decode` gives known pictures, in the wrappings of its own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

# What outputs call a latent, and a decoded picture.
_LATENTS = ("latents", "latent", "z")
_PICTURES = ("sample", "samples", "images")
_NO_NOISE = -60.0


class Recorded:
    """What passed a VAE: the pictures that were encoded, the latents that were decoded.

    `latent` makes the latent that `encode` gives from the one of the VAE itself, whose shape and dtype it takes;
    `picture` likewise the picture that `decode` gives.
    """

    def __init__(self, latent: Callable[[Tensor], Tensor], picture: Callable[[Tensor], Tensor]) -> None:
        self.latent = latent
        self.picture = picture
        self.encoded: list[Tensor] = []
        self.decoded: list[Tensor] = []
        self.given: list[Tensor] = []


@contextmanager
def standing_in(vae: Any, recorded: Recorded) -> Iterator[None]:
    """While entered, `vae.encode` and `vae.decode` give what is known; the object is the user's, with all it has.

    So do its parts where a helper calls these by hand, `encoder` and `quant_conv`, `post_quant_conv` and `decoder`.
    """
    methods = {"encode": vae.encode, "decode": vae.decode}
    inside = [False]

    def whole(method: Callable[..., Any]) -> Callable[..., Any]:
        """A method whose calls of the parts are its own."""

        def run(*args: Any, **kwargs: Any) -> Any:
            before, inside[0] = inside[0], True
            try:
                return method(*args, **kwargs)
            finally:
                inside[0] = before

        return run

    def encode(x: Tensor, *args: Any, **kwargs: Any) -> Any:
        recorded.encoded.append(x.detach().clone())
        return _with_latent(whole(methods["encode"])(x, *args, **kwargs), recorded)

    def decode(z: Tensor, *args: Any, **kwargs: Any) -> Any:
        recorded.decoded.append(z.detach().clone())
        return _with_picture(whole(methods["decode"])(z, *args, **kwargs), recorded)

    with ExitStack() as stack:
        for part, known in _by_hand(vae, recorded).items():
            stack.enter_context(_replaced(part, {"forward": _outside(part.forward, known, inside)}))
        stack.enter_context(_replaced(vae, {"encode": encode, "decode": decode}))
        yield


@contextmanager
def _replaced(holder: Any, attributes: dict[str, Callable[..., Any]]) -> Iterator[None]:
    """While entered, an object has other attributes; afterwards what it had of its own, or of its class."""
    own = {name: vars(holder)[name] for name in attributes if name in vars(holder)}
    vars(holder).update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            del vars(holder)[name]
        vars(holder).update(own)


def _by_hand(vae: Any, recorded: Recorded) -> dict[nn.Module, Callable[[Tensor, Any], Any]]:
    """The parts that a helper may call, and what is made of their input and output: none where some are missing."""

    def encoder(x: Tensor, output: Any) -> Any:
        recorded.encoded.append(x.detach().clone())
        return output

    def quant_conv(_: Tensor, output: Any) -> Any:
        known = recorded.latent(output.chunk(2, dim=1)[0])
        recorded.given.append(known)
        return torch.cat([known, torch.full_like(known, _NO_NOISE)], dim=1)

    def post_quant_conv(z: Tensor, output: Any) -> Any:
        recorded.decoded.append(z.detach().clone())
        return output

    def decoder(_: Tensor, output: Any) -> Any:
        return _with_picture(output, recorded)

    made: dict[str, Callable[[Tensor, Any], Any]]
    made = {"encoder": encoder, "quant_conv": quant_conv, "post_quant_conv": post_quant_conv, "decoder": decoder}
    parts = {name: getattr(vae, name, None) for name in made}
    modules: dict[nn.Module, Callable[[Tensor, Any], Any]]
    modules = {part: made[name] for name, part in parts.items() if isinstance(part, nn.Module)}
    return modules if len(modules) == len(made) else {}


def _outside(
    forward: Callable[..., Any], known: Callable[[Tensor, Any], Any], inside: list[bool]
) -> Callable[..., Any]:
    """The pass of a part, with something else in the place of its output where the VAE itself does not call it."""

    def run(x: Tensor, *args: Any, **kwargs: Any) -> Any:
        output = forward(x, *args, **kwargs)
        return output if inside[0] else known(x, output)

    return run


def _with_latent(output: Any, recorded: Recorded) -> Any:
    """An output of `encode` with the known latent in the place of its own."""
    if isinstance(output, Tensor):
        known = recorded.latent(output)
        recorded.given.append(known)
        return known
    if isinstance(output, (tuple, list)):
        return type(output)([_with_latent(output[0], recorded), *output[1:]])
    made = copy.copy(output)
    if hasattr(made, "latent_dist"):
        return _set(made, "latent_dist", _with_latent(made.latent_dist, recorded))
    if isinstance(getattr(made, "mean", None), Tensor):
        return _without_noise(made, recorded)
    for name in _LATENTS:
        if isinstance(getattr(made, name, None), Tensor):
            return _set(made, name, _with_latent(getattr(made, name), recorded))
    return output


def _without_noise(posterior: Any, recorded: Recorded) -> Any:
    """A posterior of the VAE's own class, at the known latent and without variance."""
    known = recorded.latent(posterior.mean)
    recorded.given.append(known)
    flat = torch.full_like(known, _NO_NOISE)
    values = {
        "mean": known, "logvar": flat, "std": torch.zeros_like(known), "var": torch.zeros_like(known),
        "parameters": torch.cat([known, flat], dim=1),
    }  # fmt: skip
    for name, value in values.items():
        if hasattr(posterior, name):
            _set(posterior, name, value)
    return posterior


def _with_picture(output: Any, recorded: Recorded) -> Any:
    """An output of `decode` with the known picture in the place of its own."""
    if isinstance(output, Tensor):
        return recorded.picture(output)
    if isinstance(output, (tuple, list)):
        return type(output)([_with_picture(output[0], recorded), *output[1:]])
    made = copy.copy(output)
    for name in _PICTURES:
        if isinstance(getattr(made, name, None), Tensor):
            return _set(made, name, _with_picture(getattr(made, name), recorded))
    return output


def _set(holder: Any, name: str, value: Any) -> Any:
    """`holder` with another value, as an item too where it has both, as the outputs of libraries do."""
    if isinstance(holder, dict) and name in holder:
        holder[name] = value
    object.__setattr__(holder, name, value)
    return holder
