"""Records what a run does on a tape.

The recorder sits below autograd, so it sees every operation whatever the code looks like: functions, methods, in-place
forms, `torch.distributions`, modules of any library. Tensors keep their identity and their gradient graph.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from vae_checked.auditor.recording import randomness
from vae_checked.auditor.recording.operations import called
from vae_checked.auditor.recording.tape import Draw, RecordedValue, Ref, Step, Tape
from vae_checked.auditor.recording.writes import ViewKey, Writes, cover
from vae_checked.auditor.restoring.restored import Generators
from vae_checked.session import CELL

_PRODUCT = str(Path(__file__).parent.parent.parent)
_MODELS = str(Path(__file__).parent.parent.parent / "reference")  # the product's own models are audited as others are
_RECORDING = (__file__, randomness.__file__)
# Frames of these are passed over on the way from an operation to the line that asked for it.
_BETWEEN = (
    str(Path(torch.__file__).parent),
    str(Path(__file__).parent.parent.parent / "contracts"),
    *(
        spec.submodule_search_locations[0]
        for spec in map(find_spec, ("jaxtyping", "beartype"))
        if spec is not None and spec.submodule_search_locations
    ),
    "<",
)
# Functions of torch that bring numbers of their own.
_FORMULAS = tuple(str(Path(torch.__file__).parent / room) for room in ("distributions", "nn"))
_PLAIN = (list, tuple)
_REPLACES = frozenset({"normal_", "uniform_", "copy_", "fill_", "zero_", "exponential_", "random_", "bernoulli_"})


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves __init_subclass__ untyped
    """Records every operation that runs inside its `with` block; can be entered again to go on.

    `inputs` are the tensors whose influence is followed, `named` the parameters and buffers with their dotted names.
    To `generators` is added every generator that is drawn from, with its state before that.
    """

    def __init__(
        self,
        inputs: Iterable[tuple[str, Tensor]],
        named: Mapping[str, Tensor],
        generators: Generators | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.tape = Tape(generators=[] if generators is None else generators)
        self.arrays: list[randomness.NumpyDraw] = []
        self._refs: list[Ref] = []
        self._known: dict[int, int] = {}
        self._made: dict[Hashable, tuple[int, ...]] = {}
        self._views: dict[ViewKey, int] = {}
        self._lies: list[ViewKey] = []
        self._writes = Writes()
        self._storage_sources: dict[int, int] = {}
        self._in_storage: dict[int, list[int]] = {}
        self._kept: list[Tensor] = []  # an id is a name only while its tensor lives
        self._inputs = {id(tensor): (name, tensor) for name, tensor in inputs}
        self._named = {id(tensor): (name, tensor) for name, tensor in named.items()}
        self.input_numbers = {name: self._leaf(tensor) for name, tensor in self._inputs.values()}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # the compiler is held off elsewhere; wrapping would import it

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple[object, ...] = (), kwargs: dict[str, object] | None = None
    ) -> object:
        given = kwargs or {}
        parts = randomness.decompose(func, args, given, self._run) if _kind_of(func).decomposed else None
        return self._run(func, args, given) if parts is None else parts

    def number(self, tensor: Tensor) -> int:
        """The number of the value that `tensor` now holds; a tensor never seen becomes a constant."""
        known = self._known.get(id(tensor))
        if known is not None:
            return known
        alias = self._views.get(_view_key(tensor))
        if alias is None:
            return self._leaf(tensor)
        self._known[id(tensor)] = alias
        self._kept.append(tensor)
        return alias

    def find(self, tensor: Tensor) -> int | None:
        """The number of the value that `tensor` now holds, or None when no step made or read it.

        Of values that were computed twice, it is the first.
        """
        known = self._known.get(id(tensor))
        number = self._views.get(_view_key(tensor)) if known is None else known
        return None if number is None else self.tape.first_of(self._as_written(tensor, number))

    # ------------------------------------------------------------------------------------------- recording

    def _as_written(self, tensor: Tensor, number: int) -> int:
        """The number of what stands in a tensor whose number is `number` once others wrote there through their views.

        An output that was laid out first is filled so, step by step: what it is then follows from all that was written.
        """
        if self.tape.values[number].storage not in self._writes.written:
            return number
        view = _view_key(tensor)
        written = self._writes.since(number, view)
        if not written:
            return number
        if len(written) == 1 and self._views.get(view) == written[0]:
            self._known[id(tensor)] = written[0]
            return written[0]
        values = self.tape.values
        sources = values[number].sources
        for each in written:
            sources |= values[each].sources
        index, inputs = len(self.tape.steps), (number, *written)
        found = self._add(tensor, index, sources)
        self._writes.note_read(found, view)
        values[found].overwritten = True
        self.tape.steps.append(
            Step(
                index,
                torch.ops.aten.alias.default,
                (self._refs[number],),
                {},
                inputs,
                (found,),
                (0,),
                (),
                torch.is_grad_enabled(),
                *_user_frame(None),
                gathers=True,
                whole=cover(view, [self._lies[each] for each in written]),
            )
        )
        return found

    def _leaf(self, tensor: Tensor) -> int:
        name, sources = "", 0
        if id(tensor) in self._inputs:
            name, sources = self._inputs[id(tensor)][0], Tape.INPUT
        elif id(tensor) in self._named:
            name, sources = self._named[id(tensor)][0], Tape.PARAMETER
        number = self._add(tensor, None, sources, name)
        if not sources and self.arrays:
            source = randomness.drawn_by_numpy(tensor, self.arrays)
            if source is not None:
                self._add_draw(number, source.family, source.source, source.parameters, None)
        return number

    def _add(self, tensor: Tensor, step: int | None, sources: int, name: str = "") -> int:
        number = len(self.tape.values)
        view = _view_key(tensor)
        storage = view[0]
        self.tape.values.append(RecordedValue(number, tensor, step, sources, storage, name))
        self._refs.append(Ref(number))
        self._known[id(tensor)] = number
        self._views[view] = number
        self._lies.append(view)
        beside = self._in_storage.get(storage)
        if beside is None:
            self._in_storage[storage] = [number]
        else:
            beside.append(number)
        return number

    def _add_draw(
        self,
        number: int,
        family: randomness.Family,
        source: str,
        parameters: tuple[float, ...] | None,
        step: int | None,
    ) -> int:
        draw = Draw(len(self.tape.draws), number, family, source, parameters, step)
        self.tape.draws.append(draw)
        value = self.tape.values[number]
        value.sources |= Tape.bit(draw)
        self._storage_sources[value.storage] = self._storage_sources.get(value.storage, 0) | value.sources
        value.snapshot = value.tensor.detach().clone()
        return draw.index

    def _run(
        self, func: OpOverload, args: tuple[object, ...], kwargs: dict[str, object], grad: bool | None = None
    ) -> object:
        # A recurrent layer runs thousands of operations: what is done for each of them counts.
        kind = _kind_of(func)
        leaves = _leaves_of_all(args, kwargs)
        inputs = tuple([self.number(leaf) for leaf in leaves if isinstance(leaf, Tensor)])
        if self._writes.written and not kind.looks:
            given = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
            first = 1 if kind.replaces else 0  # what was there is not read, but replaced
            read = [self._as_written(*each) for each in zip(given[first:], inputs[first:], strict=True)]
            inputs = (*inputs[:first], *read)
        firsts = tuple([self.tape.first_of(number) for number in inputs]) if self.tape.copies else inputs
        if not kind.aliases and firsts != inputs:
            self.tape.taken[len(self.tape.steps)] = inputs
            inputs = firsts
        refs = iter([self._refs[number] for number in inputs])
        ref_args = tuple([_numbered(argument, refs) for argument in args])
        ref_kwargs = {key: _numbered(argument, refs) for key, argument in kwargs.items()} if kwargs else {}
        if kind.takes_generator:
            self._keep_generators(leaves)
        written = _written(kind, args, kwargs) if kind.writes else ()
        overwrites = tuple([self.number(tensor) for tensor in written])
        for number in overwrites:
            self._protect(number)
        out = called(func, args, kwargs)
        sources = 0 if kind.takes_only_shape else self._sources_of(kind, inputs, overwrites)
        index = len(self.tape.steps)
        if isinstance(out, Tensor):
            slots: tuple[int, ...] = (0,)
            made = [out]
        else:
            returned = pytree.tree_leaves(out) if type(out) not in _PLAIN else _leaves_of(out)
            slots = tuple([place for place, leaf in enumerate(returned) if isinstance(leaf, Tensor)])
            made = [leaf for leaf in returned if isinstance(leaf, Tensor)]
        for tensor in written:
            if all(tensor is not other for other in made):
                made.append(tensor)
        outputs = tuple([self._add(tensor, index, sources) for tensor in made])
        if kind.looks and self._writes.written:
            for number in outputs:
                self._writes.note_view(number, inputs[0])
        gradient = torch.is_grad_enabled() if grad is None else grad
        if sources and not written and kind.family is None and kind.is_function:
            self._note_copies((func, gradient, _form(args, kwargs), _leaves(leaves, firsts)), firsts, outputs)
        for tensor, number in zip(written, overwrites, strict=True):
            storage = self.tape.values[number].storage
            whole = kind.replaces and tensor.numel() * tensor.element_size() == tensor.untyped_storage().nbytes()
            self._storage_sources[storage] = sources | (0 if whole else self._storage_sources.get(storage, 0))
            view = _view_key(tensor)
            if storage in self._writes.written or any(self._lies[n] != view for n in self._in_storage[storage]):
                self._writes.note(self._known[id(tensor)], view)
        draw = None
        if kind.family is not None and outputs:
            draw = self._add_draw(
                outputs[0],
                kind.family,
                randomness.spelled(func, args, kwargs),
                randomness.parameters(func, args, kwargs),
                index,
            )
        self.tape.steps.append(
            Step(
                index,
                func,
                ref_args,
                ref_kwargs,
                inputs,
                outputs,
                slots,
                overwrites,
                gradient,
                *_user_frame(draw),
            )
        )
        return out

    def _note_copies(self, call: Hashable, inputs: Sequence[int], outputs: tuple[int, ...]) -> None:
        """Note values that a call has made before: the same operation on the same values, none of them overwritten."""
        values = self.tape.values
        for number in inputs:
            if values[number].overwritten:
                return
        try:
            before = self._made.setdefault(call, outputs)
        except TypeError:  # an argument that has no hash
            return
        if before is not outputs:
            self.tape.copies.update(zip(outputs, before, strict=True))

    def _sources_of(self, kind: _Kind, inputs: Sequence[int], overwrites: Sequence[int]) -> int:
        """What the outcome depends on, of an operation that reads its tensors."""
        sources = 0
        for number in inputs:
            if kind.replaces and number in overwrites:
                continue
            value = self.tape.values[number]
            sources |= value.sources | self._storage_sources.get(value.storage, 0)
        return sources

    def _protect(self, number: int) -> None:
        """Mark everything in the storage of `number` as overwritten; copy the leaves, which no step can make again."""
        storage = self.tape.values[number].storage
        for other in self._in_storage[storage]:
            value = self.tape.values[other]
            value.overwritten = True
            if value.step is None and value.snapshot is None:
                value.snapshot = value.tensor.detach().clone()

    def _keep_generators(self, leaves: Sequence[object]) -> None:
        for leaf in leaves:
            if isinstance(leaf, torch.Generator) and all(leaf is not known for known, _ in self.tape.generators):
                self.tape.generators.append((leaf, leaf.get_state()))


def _leaves_of(argument: object) -> list[object]:
    """What an argument of an operation is made of, in order; torch's own tree functions are many times slower."""
    if type(argument) is list or type(argument) is tuple:
        return [leaf for each in argument for leaf in _leaves_of(each)]
    return [argument]


def _leaves_of_all(args: Sequence[object], kwargs: Mapping[str, object]) -> list[object]:
    """What all arguments are made of, in order."""
    leaves: list[object] = []
    for argument in (*args, *kwargs.values()) if kwargs else args:
        if type(argument) in _PLAIN:
            leaves += _leaves_of(argument)
        else:
            leaves.append(argument)
    return leaves


def _numbered(argument: object, refs: Iterator[Ref]) -> object:
    """The argument with a Ref for every tensor, which are given in order."""
    if isinstance(argument, Tensor):
        return next(refs)
    if type(argument) is list:
        return [_numbered(each, refs) for each in argument]
    if type(argument) is tuple:
        return tuple([_numbered(each, refs) for each in argument])
    return argument


def _view_key(tensor: Tensor) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
    """The storage, and where in it the tensor lies; sparse and other tensors have no storage of their own."""
    try:
        storage = int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return (id(tensor), 0, (), ())
    try:
        return (storage, int(tensor.storage_offset()), tuple(tensor.shape), tuple(tensor.stride()))
    except (NotImplementedError, RuntimeError):
        return (storage, 0, (), (id(tensor),))


def _written(kind: _Kind, args: tuple[object, ...], kwargs: dict[str, object]) -> list[Tensor]:
    found: list[Tensor] = []
    for position, name in kind.writes:
        given = args[position] if position < len(args) else kwargs.get(name)
        if isinstance(given, Tensor):
            found.append(given)
        else:
            found += [leaf for leaf in pytree.tree_leaves(given) if isinstance(leaf, Tensor)]
    return found


@dataclass(frozen=True, slots=True)
class _Kind:
    """What an operation does with its arguments, whatever these are.

    `aliases` where it gives a view of what it takes, or writes to it: then it matters which copy that is, and `looks`
    where it gives a view and writes nothing. `is_function`
    where it gives the same whenever it is given the same; running statistics may change meanwhile. `decomposed` where
    some of its calls are recorded as several. `writes` are the
    places and names of the arguments that it writes to.
    """

    aliases: bool
    looks: bool
    is_function: bool
    replaces: bool
    takes_only_shape: bool
    takes_generator: bool
    decomposed: bool
    family: randomness.Family | None
    writes: tuple[tuple[int, str], ...]


@cache
def _kind_of(func: OpOverload) -> _Kind:
    name, schema = str(func.overloadpacket.__name__), func._schema
    written = [
        (position, argument.name)
        for position, argument in enumerate(schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    ]
    aliases = any(argument.alias_info is not None for argument in schema.arguments)
    return _Kind(
        aliases=aliases,
        looks=aliases and not schema.is_mutable,
        is_function=torch.Tag.nondeterministic_seeded not in func.tags and "batch_norm" not in name,
        replaces=name in _REPLACES,
        takes_only_shape=randomness.takes_only_shape(func),
        takes_generator=any("Generator" in str(argument.type) for argument in schema.arguments),
        decomposed=name in randomness.DECOMPOSED,
        family=randomness.family(func),
        writes=tuple(written) if schema.is_mutable else (),
    )


def _form(args: Sequence[object], kwargs: Mapping[str, object]) -> Hashable:
    """How the leaves of these arguments are put together."""
    lengths = tuple([len(each) if isinstance(each, (list, tuple)) else None for each in (*args, *kwargs.values())])
    return lengths, tuple(kwargs)


def _leaves(leaves: Sequence[object], inputs: Iterable[int]) -> Hashable:
    """The leaves with numbers in the place of tensors; 1, 1.0 and True are three things."""
    numbers = iter(inputs)
    return tuple([(Ref, next(numbers)) if isinstance(leaf, Tensor) else (type(leaf), leaf) for leaf in leaves])


def _user_frame(draw: int | None) -> tuple[tuple[str, int] | None, int | None, bool]:
    """The line outside torch that ran the current operation, `draw`, and whether no function of torch stands between.

    No line where only the auditor itself is behind the operation.
    """
    frame: FrameType | None = sys._getframe(2)
    by_line = True
    while frame is not None:
        between, own, formula = _room_of(frame.f_code.co_filename)
        if not between:
            return (None, draw, False) if own else ((frame.f_code.co_filename, frame.f_lineno), draw, by_line)
        by_line = by_line and not formula
        frame = frame.f_back
    return None, draw, False


@lru_cache(maxsize=4096)
def _room_of(name: str) -> tuple[bool, bool, bool]:
    """Whether a file is passed over on the way to the user's line, is the auditor's, or a formula of torch."""
    between = name in _RECORDING or (name.startswith(_BETWEEN) and not name.startswith(CELL))
    own = name.startswith(_PRODUCT) and not name.startswith(_MODELS)
    return between, own, name.startswith(_FORMULAS)
