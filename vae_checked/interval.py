"""Closed, half-open and open stretches of the real line: where the values of a tensor can lie."""

from __future__ import annotations

import math

from vae_checked.record import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """The real numbers that a tensor can take; an open end is approached and never reached."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def __post_init__(self) -> None:
        if math.isnan(self.low) or math.isnan(self.high) or self.low > self.high:
            raise ValueError(f"no interval from {self.low} to {self.high}")

    @property
    def bounded(self) -> bool:
        """Both ends are finite."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def width(self) -> float:
        """high - low."""
        return self.high - self.low

    def contains(self, other: Interval, tolerance: float = 1e-6) -> bool:
        """Whether `other` lies in the closure of this interval, up to an absolute `tolerance`."""
        return self.low - tolerance <= other.low and other.high <= self.high + tolerance

    def hull(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        low_open = self.low_open if self.low < other.low else other.low_open if other.low < self.low else False
        high_open = self.high_open if self.high > other.high else other.high_open if other.high > self.high else False
        return Interval(min(self.low, other.low), max(self.high, other.high), low_open, high_open)

    def __str__(self) -> str:
        left = "(" if self.low_open or math.isinf(self.low) else "["
        right = ")" if self.high_open or math.isinf(self.high) else "]"
        return f"{left}{self.low:.4g}, {self.high:.4g}{right}"


REAL = Interval()
UNIT = Interval(0.0, 1.0)
SYMMETRIC_UNIT = Interval(-1.0, 1.0)
BYTE = Interval(0.0, 255.0)
