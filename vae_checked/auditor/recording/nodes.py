"""A tape as the graph that the shared mathematics reads: each recorded value a node, made by a known operation."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import count

from vae_checked.auditor.recording.tape import Ref, Step, Tape
from vae_checked.mathematics.ops import Kind, Operation, aten, recognised

UNKNOWN, NUMBER = "unknown", "number"


class Node:
    """One recorded value, or one that a recorded call amounts to; what made it is read when it is first asked for.

    `number` is the value's on the tape, None for one that the tape does not hold.
    """

    __slots__ = ("_made", "_read", "number", "uid")

    def __init__(self, uid: int, read: Callable[[], Made], number: int | None = None) -> None:
        self.uid = uid
        self.number = number
        self._read = read
        self._made: Made | None = None

    @property
    def made(self) -> Made:
        """The operation, its arguments and its settings."""
        if self._made is None:
            self._made = self._read()
        return self._made

    @property
    def op(self) -> str:
        """The name of the operation's record."""
        return self.made[0]

    @property
    def args(self) -> Sequence[Node]:
        """The values it was made from."""
        return self.made[1]

    def get(self, name: str) -> Hashable:
        """The setting of this name, None where it is not given."""
        return self.made[2].get(name)


Made = tuple[str, Sequence[Node], Mapping[str, Hashable]]
_PUT_TOGETHER, _COPY = "cat", "copy_"
_NOTHING: Made = (UNKNOWN, (), {})


class Nodes:
    """The nodes of one tape, each made once."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._made: dict[int, Node] = {}
        self._others = count(-1, -1)
        # When each storage was written into: a value that was read before is no longer what stands there.
        self._writes: dict[int, list[int]] = {}
        for step in tape.steps:
            for storage in {tape.values[number].storage for number in step.overwrites}:
                self._writes.setdefault(storage, []).append(step.index)

    def of(self, number: int) -> Node:
        """The node of the value of this number."""
        if number not in self._made:
            self._made[number] = Node(number + 1, lambda: self._read(number), number)
        return self._made[number]

    def _read(self, number: int) -> Made:
        index = self._tape.values[number].step
        step = None if index is None else self._tape.steps[index]
        if step is None or step.draw is not None:
            return _NOTHING
        if step.gathers:
            put = step.inputs[1:] if step.whole else step.inputs
            return _PUT_TOGETHER, [self.of(each) for each in put], {}
        if step.name == _COPY:
            return _PUT_TOGETHER, [self.of(step.inputs[1])], {}
        operation = aten(step.name)
        if operation is None or (not operation.is_layout and len(step.outputs) > 1 and number != step.outputs[0]):
            return _NOTHING
        operands, settings = self._call(step, operation)
        if operands is None:
            return _NOTHING
        if operation.rewritten is not None:
            return operation.rewritten(self._build, self._number, operands, settings).made
        return recognised(operation, settings).name, operands, {**settings, **_axes(step, operation)}

    def _build(self, name: str, *operands: Node, **settings: Hashable) -> Node:
        return Node(next(self._others), lambda: (name, operands, settings))

    def _number(self, value: float) -> Node:
        return self._build(NUMBER, value=float(value))

    def _call(self, step: Step, operation: Operation) -> tuple[list[Node] | None, dict[str, Hashable]]:
        """The arguments and parameters of a step; None for the arguments where one is not given."""
        named = _by_name(step)
        settings = _settings(named, operation)
        if not operation.elementwise and len(operation.arguments) == 1:
            return [self._operand(each, step, operation) for each in _tensors(step.args)], settings
        operands: list[Node] = []
        for argument in operation.arguments:
            given = next((named[name] for name in (argument.name, *argument.spelled) if name in named), None)
            if isinstance(given, Ref):
                operands.append(self._operand(given, step, operation))
            elif isinstance(given, (int, float)):
                operands.append(self._number(given))
            elif not argument.optional:
                return None, {}
        return operands, settings

    def _operand(self, ref: Ref, step: Step, operation: Operation) -> Node:
        value = self._tape.values[ref.number]
        writes = self._writes.get(value.storage, [])
        made = -1 if value.step is None else value.step
        if bisect_right(writes, made) < len(writes) and writes[bisect_right(writes, made)] < step.index:
            return Node(next(self._others), lambda: _NOTHING)
        node = self.of(ref.number)
        if operation.kind is Kind.CONTRACTION and value.sources == Tape.PARAMETER:
            return self._build("weights", node)
        return node


def known_operation(step: Step) -> Operation | None:
    """The operation that somebody wrote where this step ran, None for one that is not known."""
    operation = aten(step.name)
    return None if operation is None else recognised(operation, _settings(_by_name(step), operation))


def _settings(named: Mapping[str, Hashable], operation: Operation) -> dict[str, Hashable]:
    found: dict[str, Hashable] = {}
    for parameter in operation.parameters:
        given = next((named[name] for name in (parameter.name, *parameter.spelled) if name in named), None)
        found[parameter.name] = parameter.default if given is None else given
    return found


def _axes(step: Step, operation: Operation) -> dict[str, Hashable]:
    """The axes that a step reduces and whether it keeps them, or the sizes that it gives, as the linter reads them."""
    if operation.kind not in (Kind.REDUCTION, Kind.RESHAPE):
        return {}
    named = _by_name(step)
    given = next((named[name] for name in ("dim", "size", "shape") if name in named), None)
    places = tuple(given) if isinstance(given, (list, tuple)) else () if given is None else (given,)
    if operation.kind is Kind.RESHAPE:
        return {"sizes": places}
    return {"axes": places or "all", "keepdim": named.get("keepdim") is True}


def _by_name(step: Step) -> dict[str, Hashable]:
    """The arguments of a step by the names that the operation gives them."""
    names = [argument.name for argument in step.op._schema.arguments]
    return {**dict(zip(names, step.args, strict=False)), **step.kwargs}


def _tensors(given: Sequence[object]) -> Iterator[Ref]:
    for each in given:
        if isinstance(each, Ref):
            yield each
        elif isinstance(each, (list, tuple)):
            yield from _tensors(each)
