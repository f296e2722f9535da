"""How an operation is called: as it is, but for one that would end the run where the audit has a word to say."""

from __future__ import annotations

import torch
from torch import Tensor
from torch._ops import OpOverload

from vae_checked.auditor.recording.tape import Step, Tape

_NUMBER_OF = torch.ops.aten._local_scalar_dense.default
_CROSS_ENTROPY = torch.ops.aten.binary_cross_entropy.default


def called(func: OpOverload, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
    """What an operation gives; a binary cross-entropy goes on with what lies in [0, 1] where its prediction does not.

    It would end the run there, and with it every word about why: what it was given stays on the tape. A traced module
    asks for the number of what is a number already.
    """
    if func is _NUMBER_OF and isinstance(args[0], (bool, int, float)):
        return args[0]
    try:
        return func(*args, **kwargs)
    except RuntimeError:
        prediction = args[0] if args else None
        if func is not _CROSS_ENTROPY or not isinstance(prediction, Tensor):
            raise
        return func(prediction.clamp(0, 1), *args[1:], **kwargs)


def may_be_cut(step: Step) -> bool:
    """Whether a step is a binary cross-entropy."""
    return step.name == "binary_cross_entropy"


def was_cut(tape: Tape, step: Step) -> bool:
    """Whether a step is a binary cross-entropy of what is no probability."""
    if not may_be_cut(step):
        return False
    prediction = tape.values[step.inputs[0]].data
    return bool(((prediction < 0) | (prediction > 1)).any())
