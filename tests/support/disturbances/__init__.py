"""What a model's forward pass may do beside its work: each disturbs one thing, and tells what that thing now is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from small_vaes import spellings as zoo
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Disturbance:
    """`act` is what the forward pass does, `state` what must be as before, `prepare` what a model has for it."""

    act: Callable[[Any], object]
    state: Callable[[Any], object]
    prepare: Callable[[Any], object] = lambda model: None


class Disturbing(zoo.Base):
    """A right VAE whose forward pass disturbs something first, as long as `armed`."""

    limit = 3.0
    seen_sizes: list[int] = [4]  # noqa: RUF012  that the class holds it is the point

    def __init__(self, disturbance: Disturbance) -> None:
        super().__init__()
        self.disturbance, self.armed = disturbance, True
        disturbance.prepare(self)

    def scaled(self, x: Tensor, cache: list[int] = [7]) -> Tensor:  # noqa: B006  that the default is kept is the point
        """x, after it was noted in the default."""
        cache.append(len(x))
        return x

    def forward(self, x: Tensor) -> Any:
        if self.armed:
            self.disturbance.act(self)
        return super().forward(x)
