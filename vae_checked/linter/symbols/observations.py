"""What evaluations observe: each by itself, and all of them of the project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import NoneType

from vae_checked.facts import Interval
from vae_checked.finding import Place
from vae_checked.linter.symbols import kept_records
from vae_checked.linter.symbols.conditions import Steps, equality
from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.symbols.shared_tables import SharedTables
from vae_checked.linter.symbols.values import Class, External, Function, Instance, Key, Layer, Loader, Value
from vae_checked.record import dataclass, field, replace

# How many objects of a class are looked at that calls make by other texts and switches.
_MOST_CHOICES = 3
# A value that is swapped with another one on each turn goes by the same two names over and over.
_MOST_NAMES = 32
# What an object is made by that chooses among the ways of its class.
# What is given in the place of an option and not read.
UNREAD_OPTION = "unread option"
_CHOOSING = (str, bool, NoneType, Layer, External, Class, Function)


def _is_choosing(value: Value) -> bool:
    is_unread = isinstance(value, Expr) and value.get("name") == UNREAD_OPTION
    return is_unread or isinstance(value, _CHOOSING)


@dataclass(slots=True)
class Root:
    """A value at the edge of a statement: assigned to `name`, returned, passed to backward(), kept in a list, dropped.

    `loops` are those of unknown length in which it was met, outermost first, and `path` the conditions that are not
    known, each with whether it holds there.
    """

    value: Value
    kind: str
    name: str
    site: Site
    function: Function | None
    depth: int
    loops: tuple[int, ...] = ()
    path: Steps = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """Where an evaluation ended before its code did: its steps used up, `of_file` those of the file, or by a `fault`.

    A fault is an error of this tool.
    """

    site: Site | None
    fault: Exception | None = None
    of_file: bool = False


@dataclass(frozen=True, slots=True)
class Decoding:
    """A call at `site`, in `caller`, of the `decode` of a model of the project, and what it decodes."""

    model: Instance
    latent: Expr
    site: Site
    caller: Function | None = None


@dataclass(frozen=True, slots=True)
class OwnEncoding:
    """A call at `site`, in `caller`, of the `encode` of a model of the project."""

    model: Instance
    site: Site
    caller: Function | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Hook:
    """A function that code puts behind the forward pass of a module, or in front of it: of any where that is None."""

    module: Value
    function: Value
    is_before: bool


@dataclass(slots=True)
class Observations:
    """What one evaluation observed: every root, the functions that it entered, and the names that values went by.

    `fed` are layers that were applied to data, before anything but their scale and layout was changed. `cuts` are
    where it ended too early: what comes after was not seen. `skipped` are pairs of a setting's value and another, with
    which a branch would be run that was not, and whether a formula may stand in it, or it trains alone; `left_out` says
    whether one in which a VAE is used was not run.
    `decodings` are the calls of the project's own decoders, by the number of what they gave, `encodings` those of its
    encoders, by the number of each tensor that they gave. `decoded` says of each call of a decoder that is not read
    whether it was seen with gradient, and without. `put_on` are models and
    functions that code has set as attributes of something unknown, as of parsed arguments, by the number of that.
    `put_in` is what was put under a text into something unknown, by the number of that.
    `handed_on` are the numbers of what was put into something unknown, as into the arguments that a decoder is given:
    what becomes of them is not seen. `written` are the numbers of tensors that a function wrote into which was handed
    them: whoever has them by another name has them as they are then. `misfits` are the places where a tuple is taken
    apart into more or fewer names than it has parts: what is meant there is another thing. `configuration` is the file
    whose settings it is by, where any were asked for a name, and `other_configurations` are those that have one too.
    `taken_texts` are the texts that it was asked for, and `of_other_settings` says that it names something else where
    one of several things was taken.
    `chosen` are the nodes, by their ids, of the models and losses that settings chose by a name. `inner` are the
    functions that stand in others, by the ids of their nodes, as they were defined last.
    `assumed` are the conditions, by their numbers, by which the model is the one that it is, with whether they hold.
    `made_where` are the models that are made where one condition holds, or does not, by their ids, and `replaced` are
    those conditions of which the models gave way to others.
    `open_parts` are the names of the classes of which parts of a model were taken where others may be as well, and
    `open_trainers` those of what steps an optimizer and was taken so.
    `turns` are what ranges were given, by the number of what stands for the numbers of each; empty where loops differ.
    `refused` are conditions that do not hold together, because code raises where they do.
    `regained` are the numbers of what is computed with its gradient inside of a block that has none. `hooked` are the
    hooks around the forward pass of a module that is not known.
    """

    roots: list[Root] = field(default_factory=list)
    entered: set[int] = field(default_factory=set)
    names: dict[int, list[str]] = field(default_factory=dict)
    fed: list[Expr] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    skipped: dict[tuple[str, str], bool] = field(default_factory=dict)
    left_out: bool = False
    decodings: dict[int, Decoding] = field(default_factory=dict)
    encodings: dict[int, OwnEncoding] = field(default_factory=dict)
    decoded: dict[int, set[bool]] = field(default_factory=dict)
    put_on: dict[tuple[int, str], Value] = field(default_factory=dict)
    put_in: dict[int, dict[str, Value]] = field(default_factory=dict)
    handed_on: set[int] = field(default_factory=set)
    written: set[int] = field(default_factory=set)
    misfits: set[Place] = field(default_factory=set)
    configuration: str = ""
    other_configurations: tuple[str, ...] = ()
    taken_texts: set[str] = field(default_factory=set)
    of_other_settings: bool = False
    chosen: set[int] = field(default_factory=set)
    inner: dict[int, Function] = field(default_factory=dict)
    assumed: dict[int, tuple[Expr, bool]] = field(default_factory=dict)
    made_where: dict[int, tuple[Value, Expr, bool]] = field(default_factory=dict)
    replaced: list[tuple[Expr, bool]] = field(default_factory=list)
    open_parts: set[str] = field(default_factory=set)
    open_trainers: set[str] = field(default_factory=set)
    turns: dict[int, tuple[Value, ...]] = field(default_factory=dict)
    refused: dict[frozenset[tuple[int, bool]], Steps] = field(default_factory=dict)
    regained: set[int] = field(default_factory=set)
    hooked: list[Hook] = field(default_factory=list)
    _equal_to: dict[int, int] = field(default_factory=dict)

    def assume(self, condition: Expr, holds: bool) -> None:
        """Take note of a condition under which the model is made; of one setting the last that is noted holds."""
        while condition.op == "opaque" and condition.get("name") == "not":
            condition, holds = condition.args[0], not holds
        known = equality(condition)
        if known is not None:
            # A setting that equals one text equals no other, whatever was taken for granted within a branch.
            same = [uid for uid, each in self._equal_to.items() if each == known[0]]
            for uid in same if holds is not known[2] else ():
                self.assumed.pop(uid, None)
            self._equal_to[condition.uid] = known[0]
        self.assumed[condition.uid] = condition, holds

    def note_coding(
        self, function: Function, args: list[Value], value: Value, site: Site | None, caller: Function | None
    ) -> None:
        """Take note of what a model's own `encode` or `decode` gave."""
        if not isinstance(function.bound, Instance) or site is None:
            return
        if function.name == "encode":
            given = OwnEncoding(function.bound, site, caller)
            for each in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(each, Expr):
                    self.encodings[_made(each).uid] = given
        elif args and isinstance(args[0], Expr) and isinstance(value, Expr):
            self.decodings[_made(value).uid] = Decoding(function.bound, args[0], site, caller)

    def note_turns(self, number: Expr, given: tuple[Value, ...]) -> None:
        """Take note of what a range was given whose numbers one stands for."""
        self.turns[number.uid] = given if self.turns.get(number.uid, given) == given else ()

    def name(self, value: Value, name: str) -> None:
        """Take note of a name that an expression goes by; the last one is what it goes by at the end."""
        if isinstance(value, Expr):
            known = self.names.setdefault(value.uid, [])
            if known[-1:] != [name] and (name not in known or len(known) < _MOST_NAMES):
                known.append(name)


def _made(value: Expr) -> Expr:
    return value.args[0] if value.op == "detach" else value


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One way in which data reach a model: the step at `site` leaves them in `interval` (None: not understood).

    `held` where a data set or loader has it; `direct` where a function applies it to a picture by itself, and no data
    set has it: then it speaks for its own file.
    """

    interval: Interval | None
    site: Site
    held: bool = False
    direct: bool = False


# Where a call stands, by its path, cell, line and column: trees are parsed again, and their nodes are then others.
Spot = tuple[str, int | None, int, int]


def spot_of(site: Site) -> Spot:
    """What tells the place of a node from others."""
    line, column = getattr(site.node, "lineno", 0), getattr(site.node, "col_offset", 0)
    return site.source.path, site.source.cell.number, line, column


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer that is built at `site`: the numbers of the layers that it holds surely, and of all it may hold.

    `spots` are where the parameters were asked for that it is given; `is_open` when not all of these were read. `spent`
    are the layers that it is given by an iterator of which nothing is left.
    """

    site: Site
    surely: frozenset[int]
    perhaps: frozenset[int]
    spots: frozenset[Spot]
    is_open: bool
    spent: frozenset[int] = frozenset()


class ProjectObservations:
    """What all evaluations of a project observed of it, whichever of them came by it first."""

    def __init__(self) -> None:
        self._pipelines: dict[int, Pipeline] = {}
        self._made_elsewhere: dict[object, Loader] = {}
        # By the same steps: the first range that each was known to give, and those that gave another one.
        self._ranges: dict[int, Interval | None] = {}
        self._apart: set[int] = set()
        # By the step that settles a pipeline: whose data set is read past it, and whose is put into batches.
        self._read_raw: set[int] = set()
        self._batched: set[int] = set()
        self._options: dict[tuple[str, str], list[Value]] = {}
        self._option_texts: dict[tuple[str, str], tuple[str, ...]] = {}
        self._option_defaults: dict[tuple[str, str], Key] = {}
        self._options_set: set[tuple[str, str]] = set()
        # By the node of a class: the first object, and the values that its lists held as it was made.
        self._assembled: dict[int, tuple[Instance, frozenset[int]]] = {}
        # By the node of a class: what each call that makes an object of it gives in the place of a default.
        self._chosen: dict[int, list[dict[str, Value]]] = {}
        self._optimizers: dict[Optimizer, None] = {}
        self._parameters: dict[Spot, frozenset[int]] = {}
        self._loaded: set[frozenset[int]] = set()
        self._handed: set[frozenset[int]] = set()
        # The functions that top levels define, by the ids of their nodes.
        self._defined: dict[int, Function] = {}
        self.shared_tables = SharedTables()
        self.drawing: set[str] = set()
        """The files in which something is drawn."""
        self.hooked: dict[int | None, list[Hook]] = {}
        """The hooks around the forward passes of modules, by the ids of these; None for those around any."""

    def pipelines(self) -> Iterator[Pipeline]:
        """The pipelines, each known by the step that settles its interval.

        One whose data set is only ever read as it is stored makes nothing that reaches a model.
        """
        passed = self._read_raw - self._batched
        for step, pipeline in self._pipelines.items():
            yield replace(pipeline, interval=None) if step in passed else pipeline

    def pipeline_at(self, site: Site) -> Pipeline | None:
        """The pipeline that the step at `site` settles."""
        return self._pipelines.get(id(site.node))

    def note_raw(self, site: Site) -> None:
        """Take note that what is stored is read, past the transforms whose last step is at `site`."""
        self._read_raw.add(id(site.node))

    def note_batched(self, site: Site) -> None:
        """Take note that the items which the step at `site` makes are put into batches."""
        self._batched.add(id(site.node))

    def note_pipeline(self, pipeline: Pipeline) -> None:
        """Keep a pipeline, in the place of what was known of one that the same step settles.

        Where that is another range, as of a step that is given the numbers of several data sets, neither is known.
        """
        step = id(pipeline.site.node)
        known = self._ranges.setdefault(step, pipeline.interval)
        if known is None:
            self._ranges[step] = pipeline.interval
        elif pipeline.interval not in (None, known):
            self._apart.add(step)
        self._pipelines[step] = replace(pipeline, interval=None) if step in self._apart else pipeline

    def note_made_elsewhere(self, loader: Loader) -> None:
        """Keep a loader whose items no pipeline of the project makes, as far as its data set has no transforms."""
        self._made_elsewhere[id(loader)] = loader

    def is_made_elsewhere(self, batch: Expr) -> bool:
        """Whether a batch is one of such a loader."""
        return batch.get("loader") in self._made_elsewhere

    def drop_pipeline(self, site: Site) -> None:
        """Forget a pipeline that turned out to be a part of another one."""
        self._pipelines.pop(id(site.node), None)

    def note_option(self, path: str, name: str, default: list[Value]) -> None:
        """Keep the list that is the default of a command-line option of the file `path`."""
        self._options[path, name] = default

    def option(self, path: str, name: str) -> list[Value] | None:
        """The default of a command-line option, a fresh list each time; None where none was noted."""
        default = self._options.get((path, name))
        return None if default is None else list(default)

    def note_option_texts(self, path: str, name: str, known: tuple[str, ...]) -> None:
        """Keep the texts that a command-line option of the file `path` may be, its default first."""
        self._option_texts[path, name] = known

    def option_texts(self, path: str, name: str) -> tuple[str, ...]:
        """The texts that a command-line option may be, its default first; none where none was noted."""
        return self._option_texts.get((path, name), ())

    def note_option_default(self, path: str, name: str, default: Key) -> None:
        """Keep the number, text or switch that a command-line option of the file `path` is by default."""
        self._option_defaults[path, name] = default

    def option_default(self, path: str, name: str) -> tuple[Key, ...]:
        """What a command-line option is by default, alone in a tuple since it may be None; () where it is not known."""
        key = path, name
        is_known = key in self._option_defaults and key not in self._options_set
        return (self._option_defaults[key],) if is_known else ()

    def note_option_set(self, path: str, name: str) -> None:
        """Take note that code gives a command-line option of the file `path` another value."""
        self._options_set.add((path, name))

    def note_assembled(self, instance: Instance) -> None:
        """Keep the first instance of a class that was handed a part from outside."""
        if id(instance.cls.node) not in self._assembled:
            self._assembled[id(instance.cls.node)] = instance, kept_records.held(instance)

    def assembled(self) -> Iterator[Instance]:
        """An instance of each class that was handed a part from outside, without the records of its runs."""
        for instance, first in list(self._assembled.values()):
            kept_records.forget(instance, first)
            yield instance

    def note_choices(self, cls: Class, given: Mapping[str, Value]) -> None:
        """Keep the texts, switches, and layers or functions that an object of a class is made by."""
        chosen: dict[str, Value] = {name: value for name, value in given.items() if _is_choosing(value)}
        known = self._chosen.setdefault(id(cls.node), [])
        if chosen not in known:
            known.append(chosen)

    def choices(self, cls: Class) -> list[dict[str, Value]]:
        """What all calls give that make objects of a class, and that chooses: as few of them give it together.

        None where no call was read.
        """
        known = self._chosen.get(id(cls.node), [{}])
        by_all = set(known[0]).intersection(*known)
        ways: list[dict[str, Value]] = []
        for chosen in known:
            way = {name: value for name, value in chosen.items() if name in by_all}
            if way not in ways:
                ways.append(way)
        return ways[:_MOST_CHOICES]

    def note_definition(self, function: Function) -> None:
        """Keep a function that a file's top level defines, whatever its name stands for later."""
        self._defined[id(function.node)] = function

    def defined(self) -> Iterable[Function]:
        """The functions that the top levels of the project define."""
        return self._defined.values()

    def note_optimizer(self, optimizer: Optimizer) -> None:
        """Keep an optimizer, each time that it is built."""
        self._optimizers[optimizer] = None

    def optimizers(self) -> Iterable[Optimizer]:
        """The optimizers that were built."""
        return self._optimizers.keys()

    def note_parameters(self, spot: Spot, held: frozenset[int]) -> None:
        """Keep where the parameters of some layers were asked for."""
        self._parameters[spot] = self._parameters.get(spot, frozenset()) | held

    def parameters(self) -> Mapping[Spot, frozenset[int]]:
        """The layers whose parameters were asked for, by where that was."""
        return self._parameters

    def note_loaded(self, layers: frozenset[int]) -> None:
        """Keep which layers are filled together with weights that were stored."""
        self._loaded.add(layers)

    def note_handed(self, layers: frozenset[int]) -> None:
        """Take note of the layers of a part that code is handed from outside, known by its declared class alone."""
        self._handed.add(layers)

    def handed(self) -> Iterable[frozenset[int]]:
        """The layers of each part that nobody is seen to make: it may have been trained before."""
        return self._handed

    def loaded(self) -> Iterable[frozenset[int]]:
        """The layers of each module that is filled with stored weights."""
        return self._loaded
