"""What the audit of a model has recorded, for the laws of the same model, which would record the same again."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from vae_checked.adapters import Inputs, Subject
from vae_checked.auditor.inputs.source import Source
from vae_checked.auditor.losses.loss import Loss
from vae_checked.auditor.recognition.recognition import Recognition


@dataclass(frozen=True, slots=True)
class Setting:
    """What was settled before the first pass: how the model is run, where its inputs come from, and its loss."""

    subject: Subject
    source: Source
    loss: Loss | None


@dataclass(slots=True)
class Records:
    """The setting of an audit, and the passes that it has recorded in it, each of the model as it was handed over.

    A pass in training begins where the seed was set, and is another one's equal where the inputs are. In evaluation
    it may come later, and on other data.
    """

    setting: Setting | None = None
    _passes: list[tuple[bool, Recognition]] = field(default_factory=list)

    def note(self, seen: Recognition, loss: Loss | None, *, training: bool) -> None:
        """Keep a pass; one with another loss than the setting's is none that is asked for."""
        if self.setting is not None and loss is self.setting.loss:
            self._passes.append((training, seen))

    def like(self, inputs: Inputs, *, training: bool) -> Recognition | None:
        """A pass that is the same as one on these inputs would be, for all that runs it again with other values."""
        for mode, seen in self._passes:
            if mode is not training:
                continue
            if not training and (_draws(seen) or not self._stands_for(seen, inputs)):
                continue
            if not training or _equal(seen.run.inputs, inputs):
                return seen
        return None

    def _stands_for(self, seen: Recognition, inputs: Inputs) -> bool:
        """Whether both are equal, or draws of the data alone, as many: what is run again takes other data anyway."""
        drawn = self.setting is not None and self.setting.source.given is None
        before, now = seen.run.inputs.tensors(), inputs.tensors()
        alone = drawn and len(before) == len(now) == 1 and _alike(before[0][1], now[0][1])
        return alone or _equal(seen.run.inputs, inputs)


def _draws(seen: Recognition) -> bool:
    """Whether anything random was drawn: it depends on what was drawn before."""
    return bool(seen.run.tape.draws or seen.run.recorder.arrays)


def _equal(one: Inputs, other: Inputs) -> bool:
    before, now = one.tensors(), other.tensors()
    return [name for name, _ in before] == [name for name, _ in now] and all(
        _alike(first, second) and torch.equal(first, second)
        for (_, first), (_, second) in zip(before, now, strict=True)
    )


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and one.device == other.device
