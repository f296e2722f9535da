"""Questions about the flow of data on a tape: what follows from what, and by which kind of step."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Set

from vae_checked.auditor.recording.tape import Step, Tape
from vae_checked.mathematics.ops import Kind, aten


def is_layout(step: Step) -> bool:
    """Whether the step moves, relabels or copies elements and computes nothing."""
    operation = aten(step.name)
    return operation is not None and operation.is_layout


def is_elementwise(step: Step) -> bool:
    """Whether each element of the output follows from one element of each input."""
    operation = aten(step.name)
    return step.pointwise or (operation is not None and operation.elementwise)


def _takes_apart(step: Step) -> bool:
    operation = aten(step.name)
    return operation is not None and operation.kind in (Kind.PART, Kind.PICK)


class Graph:
    """A tape seen as a graph of values."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        # What follows from values, and what they follow from, by how far the tape was recorded: each reading asks anew.
        self._known: dict[Hashable, Set[int]] = {}

    def depends_on_input(self, number: int) -> bool:
        """Whether the value follows from the inputs."""
        return self.tape.values[number].sources & Tape.INPUT != 0

    def depends_on_parameters(self, number: int) -> bool:
        """Whether the value follows from parameters or buffers of the model."""
        return self.tape.values[number].sources & Tape.PARAMETER != 0

    def follows(self, number: int) -> int:
        """The sources by which the past of a value is walked: its draws where it has some, else the inputs."""
        return (self.tape.values[number].sources >> 2 << 2) or Tape.INPUT

    def descendants(self, numbers: Iterable[int], without: Collection[int] = ()) -> Set[int]:
        """Every value that follows from `numbers`, on a way that avoids the values `without`."""
        begins, avoided = frozenset(numbers), frozenset(without)
        key = begins, avoided, len(self.tape.steps)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._descendants(begins, avoided)
        return known

    def _descendants(self, numbers: frozenset[int], avoided: frozenset[int]) -> set[int]:
        values = self.tape.values
        found = {*numbers} - avoided
        storages: set[int] = set()

        def read_there(step: Step) -> bool:
            return any(values[n].storage in storages and n not in avoided for n in step.inputs)

        for step in self.tape.steps:
            # Most steps read nothing of them, and few tapes overwrite: what is cheap to ask comes first.
            if found.isdisjoint(step.inputs) and not (storages and read_there(step)):
                continue
            if step.draw is not None:
                continue
            made = step.outputs if avoided.isdisjoint(step.outputs) else [n for n in step.outputs if n not in avoided]
            found.update(made)
            if made:
                storages.update([values[n].storage for n in step.overwrites])
        return found

    def between(self, begins: Iterable[int], end: int, without: Collection[int] = ()) -> Set[int]:
        """Every value on a way from `begins` to `end` that avoids the values `without`; the ends included."""
        return self.descendants(begins, without) & self.ancestors(end, without)

    def ancestors(self, number: int, without: Collection[int] = ()) -> Set[int]:
        """Every value that `number` follows from on a way that avoids the values `without`, itself included."""
        avoided = frozenset(without)
        key = number, avoided, len(self.tape.steps)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._ancestors(number, avoided)
        return known

    def _ancestors(self, number: int, without: frozenset[int]) -> set[int]:
        found = {number}
        stack = [number]
        while stack:
            index = self.tape.values[stack.pop()].step
            if index is None:
                continue
            for each in self.tape.steps[index].inputs:
                if each not in found and each not in without:
                    found.add(each)
                    stack.append(each)
        return found

    def elementwise_past(self, number: int, follows: int = Tape.INPUT) -> tuple[set[int], set[int]]:
        """The values from which `number` follows elementwise, itself included, and those among them where it begins.

        Only values with a source in `follows` are walked; a step that takes a tensor apart is a beginning.
        """
        tape = self.tape
        found, begins, stack = {number}, set(), [number]
        while stack:
            current = stack.pop()
            index = tape.values[current].step
            step = None if index is None else tape.steps[index]
            above = [] if step is None else [n for n in dict.fromkeys(step.inputs) if tape.values[n].sources & follows]
            if step is None or not above or not self._stays_elementwise(step, current, above):
                begins.add(current)
                continue
            for each in above:
                if each not in found:
                    found.add(each)
                    stack.append(each)
        return found, begins

    def _stays_elementwise(self, step: Step, current: int, above: list[int]) -> bool:
        if step.draw is not None or not (is_elementwise(step) or is_layout(step)):
            return False
        if _takes_apart(step):
            size = self.tape.values[current].tensor.numel()
            return all(self.tape.values[n].tensor.numel() == size for n in above)
        return True

    def cuts(self, cut: int, begins: Collection[int], targets: Collection[int], closed: Collection[int] = ()) -> bool:
        """Whether every way from `begins` to any of `targets`, the values `closed` avoided, leads through `cut`."""
        if set(begins) == {cut}:
            return True
        reached = self.descendants(begins, without=(cut, *closed))
        return not any(target in reached for target in targets)

    def waists(
        self, end: int, targets: Collection[int], follows: int = Tape.INPUT, closed: Collection[int] = ()
    ) -> tuple[int, ...]:
        """The values, elementwise before `end`, through which everything goes that leads on to `targets`.

        The latest comes first. Ways through the values `closed` do not count. Where the elementwise stretch begins in
        several values, and no one value gathers their ways, it is those of which `end` is a mere rearrangement.
        """
        found, begins = self.elementwise_past(end, follows)
        moved = self.moved_from(end, follows)
        for chain, starts in ((sorted(found, reverse=True), begins), (moved, {moved[-1]})):
            goals = {*targets, end}
            through = tuple(n for n in chain if self.cuts(n, starts, goals - {n}, closed))
            if through:
                return through
        return (end,)

    def moved_from(self, number: int, follows: int = Tape.INPUT) -> list[int]:
        """`number`, and the values of which it is a mere rearrangement or repetition, the latest first."""
        chain = [number]
        while (index := self.tape.values[chain[-1]].step) is not None:
            step = self.tape.steps[index]
            above = [n for n in step.inputs if self.tape.values[n].sources & follows]
            if len(above) != 1 or not is_layout(step) or _takes_apart(step):
                break
            chain.append(above[0])
        return chain
