"""Forwards that return their loss when they are asked to: `forward(x, return_loss=True)`."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from vae_checked.adapters import Call, Inputs, Subject
from vae_checked.signatures import signature_of

_FLAGS = ("return_loss", "return_losses", "compute_loss", "calc_loss", "calculate_loss", "with_loss")


def asked_for_loss(subject: Subject) -> Subject:
    """The subject with its forward asked for the loss, where that has an argument for it; else the same."""
    if subject.method != "forward":
        return subject
    try:
        parameters = signature_of(subject.model.forward).parameters
    except (TypeError, ValueError):
        return subject
    flag = next((name for name in _FLAGS if name in parameters and parameters[name].default in (False, None)), None)
    if flag is None:
        return subject
    run = subject.call.run

    def asked(model: nn.Module, inputs: Inputs) -> object:
        return run(model, replace(inputs, kwargs={**dict(inputs.kwargs or {}), flag: True}))

    return replace(subject, call=Call(asked, f"forward returns its loss when it is asked to: run with {flag}=True"))
