"""Code that trains what a library has of VAEs, as diffusers' AutoencoderKL: run once more with what its class does.

Who only uses such a model is read by what is done with its latents, and its class is left as it is for that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.evaluations.reader import RoleReader
from vae_checked.linter.interpreter.interpreter import Substitutes
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.symbols.values import Module
from vae_checked.record import dataclass

# What a training asks of the posterior that such a model hands out, and who only uses it does not.
_ASKED = re.compile(r"\.kl\(|\.logvar\b")
_MODEL, _POSTERIOR = "AutoencoderKL", "latent_dist"


@dataclass(frozen=True, slots=True)
class _Wanted:
    module: Module
    again: Callable[[Substitutes], Evaluation]


class LibraryModels:
    """The evaluations that may train a model of a library."""

    def __init__(self, project: Project, reader: RoleReader) -> None:
        self._project = project
        self._reader = reader
        self._wanted: list[_Wanted] = []

    def note(self, evaluation: Evaluation) -> None:
        """Take note of an evaluation whose code has such a model, and a KL of its posterior."""
        if evaluation.again is None:
            return
        texts = [cell.text for module in evaluation.modules() for cell in module.file.cells]
        if all(any(word in text for text in texts) for word in (_MODEL, _POSTERIOR)) and any(map(_ASKED.search, texts)):
            self._wanted.append(_Wanted(evaluation.module, evaluation.again))

    def evaluations(self) -> Iterator[Evaluation]:
        """These evaluations with what the class does, where this joins a KL with the draw that it belongs to."""
        for wanted in self._wanted:
            if self._project.is_spent:
                return
            self._project.follow_for(wanted.module)
            again = self._project.interpreter.training_library_models(partial(wanted.again, {}))
            if self._reader.holds_joined(again):
                # What is made by request asks for no others.
                again.again = None
                yield again
