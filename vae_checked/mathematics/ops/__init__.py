"""Every operation that is known, one record each, and how to find it by its name, module class or aten packet."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping

from vae_checked.mathematics.ops.activations import ACTIVATIONS
from vae_checked.mathematics.ops.arithmetic import ARITHMETIC
from vae_checked.mathematics.ops.functions import FUNCTIONS
from vae_checked.mathematics.ops.operation import (
    Argument,
    Build,
    Kind,
    Names,
    Operation,
    Parameter,
    Setting,
)
from vae_checked.mathematics.ops.structure import STRUCTURE

__all__ = [
    "ATEN",
    "FUNCTIONS_BY_NAME",
    "MODULES",
    "OPERATIONS",
    "Argument",
    "Build",
    "Kind",
    "Names",
    "Operation",
    "Parameter",
    "Setting",
    "aten",
    "names_of",
    "recognised",
]

_ALL = (*ARITHMETIC, *FUNCTIONS, *ACTIVATIONS, *STRUCTURE)


def _by(names: Callable[[Operation], Iterable[str]]) -> dict[str, Operation]:
    return {name: operation for operation in _ALL for name in names(operation)}


OPERATIONS = {operation.name: operation for operation in _ALL}
FUNCTIONS_BY_NAME = _by(lambda operation: operation.names.functions)
MODULES = _by(lambda operation: operation.names.modules)
ATEN = _by(lambda operation: operation.names.aten)


_SPECIAL_CASES = {operation.special_case_of: operation for operation in _ALL if operation.special_case_of is not None}


def recognised(operation: Operation, settings: Mapping[str, Hashable]) -> Operation:
    """The operation that somebody wrote, where torch ran a more general one in its place: `relu6` as `hardtanh`."""
    given = operation.settings(settings.get)
    return operation if given is None else _SPECIAL_CASES.get((operation.name, given), operation)


def aten(packet: str) -> Operation | None:
    """The operation of an aten packet, of its in-place form as well; None for one that is not known."""
    return ATEN.get(packet) or ATEN.get(packet.rstrip("_"))


def names_of(wanted: Callable[[Operation], bool]) -> frozenset[str]:
    """The names of the operations of which something holds."""
    return frozenset(operation.name for operation in _ALL if wanted(operation))
