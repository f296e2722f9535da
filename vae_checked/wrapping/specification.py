"""The inputs that a user says a model takes, such as `B 3 H W`, as the annotations of a forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float, Integer
from torch import Tensor

from vae_checked.contracts.binding import Bindings, Mismatch, first_mismatch
from vae_checked.shapes.spec import varied_spec


@dataclass(frozen=True, slots=True)
class Specification:
    """The inputs without a name in their order, and those with one."""

    text: str
    unnamed: tuple[Any, ...]
    named: dict[str, Any]

    def __reduce__(self) -> tuple[Any, ...]:
        """By the text: annotations are classes that no other process can find."""
        return specification_of, (self.text,)

    def refused(self, tensors: Sequence[tuple[str, Tensor]]) -> Mismatch | None:
        """The first thing in the tensors of a call, each with its path, that is not as specified."""
        bindings = Bindings({})
        free = list(self.unnamed)
        for path, tensor in tensors:
            name = path.rpartition("[")[2].strip("]'\"") if "[" in path else path
            hint = self.named.get(name) or (free.pop(0) if free else None)
            mismatch = first_mismatch(hint, tensor, path, bindings) if hint is not None else None
            if mismatch is not None:
                return mismatch
        return None


def specification_of(text: str) -> Specification:
    """The specification that `text` writes; UsageError when it is none."""
    spec = varied_spec(text)
    hints = [
        ((Integer if each.labels else Float)[Tensor, " ".join(map(str, each.axes))], each.name) for each in spec.inputs
    ]
    return Specification(
        text,
        tuple(hint for hint, name in hints if name is None),
        {name: hint for hint, name in hints if name is not None},
    )
