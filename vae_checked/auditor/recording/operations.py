"""How an operation is called: as it is, but for one that would end the run where the audit has a word to say."""

from __future__ import annotations

from typing import Any

import torch

from vae_checked.auditor.recording.tape import Step, Tape


def called(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What an operation gives; a binary cross-entropy goes on with what lies in [0, 1] where its prediction does not.

    It would end the run there, and with it every word about why: what it was given stays on the tape.
    """
    try:
        return func(*args, **kwargs)
    except RuntimeError:
        if func is not torch.ops.aten.binary_cross_entropy.default:
            raise
        return func(args[0].clamp(0, 1), *args[1:], **kwargs)


def was_cut(tape: Tape, step: Step) -> bool:
    """Whether a step is a binary cross-entropy of what is no probability."""
    if step.name != "binary_cross_entropy":
        return False
    prediction = tape.values[step.inputs[0]].data
    return bool(((prediction < 0) | (prediction > 1)).any())
