"""The interval that a value can take, read from the operations that made it."""

from __future__ import annotations

import math

import torch

from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recording.nodes import NUMBER, Node, Nodes
from vae_checked.auditor.recording.tape import RecordedValue, Tape
from vae_checked.facts import REAL, Interval
from vae_checked.mathematics.intervals import Intervals, Origin
from vae_checked.mathematics.ops import OPERATIONS


def interval_of(tape: Tape, graph: Graph, number: int, data: Interval | None = None) -> Interval | None:
    """What the value can be, for whatever inputs and weights; None where an operation is not known.

    `data` is the interval of the inputs.
    """
    nodes = Nodes(tape)

    def origin(node: Node) -> Origin:
        if node.number is not None:
            value = tape.values[node.number]
            if not value.sources:
                return _constant(value)
            if value.step is None:
                return data if value.sources & Tape.INPUT else REAL
        if node.op == NUMBER:
            given = node.get("value")
            return Interval(given, given) if isinstance(given, float) and not math.isnan(given) else None
        return OPERATIONS.get(node.op)

    return Intervals(origin).of(nodes.of(number))


def _constant(value: RecordedValue) -> Interval | None:
    """Where the numbers lie that follow from nothing: they were written down."""
    flat = value.data
    if (value.overwritten and value.snapshot is None) or not flat.numel() or flat.is_complex():
        return None
    low, high = (float(end) for end in torch.aminmax(flat.to(torch.float64)))
    return Interval(low, high) if low <= high else None
