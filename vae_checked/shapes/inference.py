"""`infer()`: probe a model at many sizes, fit a formula to every axis, and check it at sizes that were held out."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from vae_checked.adapters import Role
from vae_checked.errors import ModelError
from vae_checked.input_spec import Spec
from vae_checked.shapes.constraint import constraint
from vae_checked.shapes.departure import tensor_text
from vae_checked.shapes.domain import Crash, Range, Sizes, explore, find_base, tie
from vae_checked.shapes.fit import MOST_CANDIDATES, agrees, candidates, quotients_in, simple_candidates
from vae_checked.shapes.formula import NO_FORMULA, AxisFormula
from vae_checked.shapes.ghost import Ghost, How
from vae_checked.shapes.model import RANK_VARIES, Entry, ModelShapes, TensorShape
from vae_checked.shapes.spec import draw, guess_spec, varied_spec
from vae_checked.shapes.trace import OUTPUT, Call, CrashError, Item, Kind, Trace, Tracer
from vae_checked.text import no_module

_POOL = 48
_EXTRA = 14
_HELD_OUT = 3
_ROUNDS = 4
_REACH = 300


def infer(
    model: nn.Module,
    inputs: str | None = None,
    loss: Any = None,
    *,
    name: str | None = None,
    adapter: str | None = None,
    forward: str | None = None,
    how: str | None = None,
    training: bool = False,
    seed: int = 0,
) -> ModelShapes:
    """The symbolic shapes of `model`; the model itself is neither called nor changed.

    Args:
        model: the VAE.
        inputs: a specification such as `B 3 H W`; its letters are varied. Guessed where it is not given.
        loss: a function or the name of a method, found by itself where the model has one; False for none.
        name: what the report calls the model; the name of its class by default.
        adapter: the name of a convention, where the recognised one is not right.
        forward: the name of the method that takes the data, where it is another one.
        how: `meta` and `fake` compute nothing, `real` runs a copy; by default the first of them that works.
        training: whether the model is traced in train mode.
        seed: of the sizes that check what was inferred.

    Raises:
        ModelError: no size is accepted.
        UsageError: an argument is not valid; the message says what to give instead.

    Examples:
        >>> from vae_checked import shapes
        >>> from vae_checked.reference import VAE
        >>> model = VAE((1, 4, 6), latents=5, encoder="mlp", decoder="mlp")
        >>> inferred = shapes.infer(model, "B 1 4 6")
        >>> print(inferred.input, "->", inferred.reconstruction)
        B 1 4 6 -> B 1 4 6
    """
    if not isinstance(model, nn.Module):
        raise ModelError(no_module(model))
    spec = varied_spec(inputs or guess_spec(model))
    label = name or type(model).__qualname__
    notes: list[str] = []
    for way in (How(how),) if how else tuple(How):
        try:
            ghost = Ghost(model, way, training=training)
            inference = _Inference(model, spec, ghost, Tracer(ghost, adapter, loss, forward), seed)
            return inference.shapes(label, notes)
        except CrashError as crash:
            notes.append(f"not probed with {way} tensors, which need no data: {crash.layer}: {crash.message}")
    raise ModelError(f"{label} cannot be probed: {notes[-1]}")


class _Inference:
    """The probes of one model in one way, and what follows from them."""

    def __init__(self, model: nn.Module, spec: Spec, ghost: Ghost, tracer: Tracer, seed: int) -> None:
        self.model = model
        self.spec = spec
        self.how = ghost.how
        self.ghost = ghost
        self.tracer = tracer
        self.random = random.Random(seed)  # noqa: S311  sizes to probe at are no secret
        self.outcomes: dict[tuple[int, ...], Trace | CrashError] = {}
        self.points: list[Sizes] = []
        self.traces: list[Trace] = []
        self.crashes: list[Crash] = []
        self.formulas: dict[_Axis, list[AxisFormula]] = {}
        self.refuted: set[_Axis] = set()
        self.repeated: set[str] = set()
        self.sometimes: set[str] = set()

    def probe(self, sizes: Mapping[str, int]) -> Trace | CrashError:
        """The trace at these sizes, or the crash; a crash for lack of data ends the inference in this way."""
        key = tuple(sizes[symbol] for symbol in self.spec.symbols)
        if key not in self.outcomes:
            try:
                inputs = self._drawn(sizes)
                self.outcomes[key] = trace = self.tracer.run(inputs)
                self._forget_what_is_not_always_repeated(trace)
                self.points.append(dict(sizes))
                self.traces.append(trace)
            except CrashError as crash:
                if crash.for_lack_of_data:
                    raise
                self.outcomes[key] = crash
        return self.outcomes[key]

    def _forget_what_is_not_always_repeated(self, trace: Trace) -> None:
        """A second or later call that some sizes have and others have not gets no formula: only its key is kept."""
        again = {key for key in trace.calls if "@" in key}
        if not self.traces:
            self.repeated = again
        gone, new = self.repeated - again, again - self.repeated
        for key in new:
            del trace.calls[key]
        for key in gone:
            for each in self.traces:
                del each.calls[key]
        self.repeated -= gone
        self.sometimes |= gone | new

    def _drawn(self, sizes: Mapping[str, int]) -> Any:
        with self.ghost.entered():
            return draw(self.spec, sizes, self.ghost.dtype, self.ghost.device)

    def shapes(self, label: str, notes: list[str]) -> ModelShapes:
        """Explore, fit, verify, and put together what was found."""
        small = self.how is How.REAL
        base = find_base(self.probe, self.spec, self.model, small=small)
        ranges, crashes = explore(self.probe, self.spec, base, small=small)
        tied = tie(self.probe, base, [symbol for symbol, found in ranges.items() if found.fixed])
        if tied:
            self._retie(*tied)
            notes = [*notes, f"{tied[1]} must be {tied[0]}: no other pair of sizes was accepted"]
            base = find_base(self.probe, self.spec, self.model, small=small)
            ranges, crashes = explore(self.probe, self.spec, base, small=small)
        self.crashes += crashes
        formulas = self._verified(ranges)
        return self._assembled(label, base, ranges, formulas, notes)

    def _retie(self, kept: str, dropped: str) -> None:
        self.spec = self.spec.tied(kept, dropped)
        self.outcomes, self.points, self.traces, self.crashes = {}, [], [], []
        self.formulas, self.refuted, self.repeated, self.sometimes = {}, set(), set(), set()

    # ------------------------------------------------------------------------------------------------ fitting

    def _verified(self, ranges: Mapping[str, Range]) -> dict[_Axis, list[AxisFormula]]:
        """Formulas that hold at sizes drawn after they were fitted."""
        formulas: dict[_Axis, list[AxisFormula]] = {}
        for _ in range(_ROUNDS):
            formulas = self._settled(ranges)
            held_out = self._drawn_points(ranges, _HELD_OUT)
            before = len(self.points)
            for sizes in held_out:
                self._joint(sizes)
            if all(
                self._holds(formulas.get(axis, []), axis, values, before) for axis, values in self._observed().items()
            ):
                break
        else:
            formulas = self._fitted()
        return formulas

    def _holds(self, formulas: Sequence[AxisFormula], axis: _Axis, values: Mapping[int, int], since: int) -> bool:
        return not formulas or all(
            formulas[0].at(self.points[index]) == size for index, size in values.items() if index >= since
        )

    def _settled(self, ranges: Mapping[str, Range]) -> dict[_Axis, list[AxisFormula]]:
        """Formulas after probing where the candidates that are left disagree."""
        formulas = self._fitted()
        for _ in range(_EXTRA):
            open_ones = {tuple(map(str, found)): found for found in formulas.values() if len(found) > 1}
            pool = self._drawn_points(ranges, _POOL) if open_ones else []
            ranked = [(sum(_splits(found, sizes) for found in open_ones.values()), i) for i, sizes in enumerate(pool)]
            best, index = max(ranked, default=(0, 0))
            if not best:
                break
            self._joint(pool[index])
            formulas = self._fitted(again=False)
        return self._fitted() if self.refuted else formulas

    def _fitted(self, *, again: bool = True) -> dict[_Axis, list[AxisFormula]]:
        """Every axis with its candidates: those in one letter first, for products are made of the steps of these.

        again: look anew at the axes that the last fit found no formula for.
        """
        known: dict[_Values, list[AxisFormula]] = {}
        observed = {axis: (tuple(v), tuple(v.values())) for axis, v in self._observed().items()}
        refuted = set() if again else {observed[axis] for axis in self.refuted if axis in observed}
        known |= {key: [] for key in refuted}
        for axis, key in observed.items():
            if key not in known:
                known[key] = self._still(axis, key) or simple_candidates(*self._at(key), self.spec.symbols)
        pool = quotients_in(found[0] for found in known.values() if found)
        for key in [key for key, found in known.items() if not found and key not in refuted]:
            known[key] = candidates(*self._at(key), self.spec.symbols, pool)
        self.formulas = {axis: known[key] for axis, key in observed.items()}
        self.refuted = {axis for axis, found in self.formulas.items() if not found}
        return self.formulas

    def _still(self, axis: _Axis, key: _Values) -> list[AxisFormula]:
        """The formulas of the last fit that still agree, where that fit had found all that there are."""
        before = self.formulas.get(axis, [])
        return (
            [formula for formula in before if agrees(formula, *self._at(key))] if len(before) < MOST_CANDIDATES else []
        )

    def _at(self, key: _Values) -> tuple[list[Sizes], tuple[int, ...]]:
        return [self.points[index] for index in key[0]], key[1]

    def _observed(self) -> dict[_Axis, dict[int, int]]:
        """Per axis of per tensor of per call its size at each probe, by the number of the probe."""
        found: dict[_Axis, dict[int, int]] = {}
        everywhere = set(self.traces[0].calls).intersection(*(trace.calls for trace in self.traces))
        for index, trace in enumerate(self.traces):
            for key, call in trace.calls.items():
                if key not in everywhere and "@" in key:
                    continue
                for side, items in (("takes", call.takes), ("gives", call.gives)):
                    for number, item in enumerate(items):
                        for position, size in enumerate(item.sizes):
                            found.setdefault((key, side, number, position), {})[index] = size
        return found

    def _joint(self, sizes: Sizes) -> None:
        """Probe at sizes that are accepted one by one; where they are not together, that is a finding."""
        outcome = self.probe(sizes)
        if isinstance(outcome, CrashError):
            words = " ".join(f"{symbol}={size}" for symbol, size in sizes.items())
            self.crashes.append(Crash(words, outcome.layer, outcome.message))

    def _drawn_points(self, ranges: Mapping[str, Range], count: int) -> list[Sizes]:
        """Accepted sizes at random that were not probed yet, pairwise distinct where the ranges leave room."""
        points = []
        for _ in range(count):
            sizes: Sizes = {}
            for symbol, found in ranges.items():
                reach = 12 if symbol == self.spec.batch else 32 if self.how is How.REAL else max(_REACH, found.reach)
                choices = [size for size in found.up_to(reach * found.step) if size not in sizes.values()]
                sizes[symbol] = self.random.choice(choices or list(found.up_to(reach * found.step)))
            if tuple(sizes[symbol] for symbol in self.spec.symbols) not in self.outcomes:
                points.append(sizes)
        return points

    # ------------------------------------------------------------------------------------------------ result

    def _assembled(
        self,
        label: str,
        base: Sizes,
        ranges: Mapping[str, Range],
        formulas: Mapping[_Axis, Sequence[AxisFormula]],
        notes: Sequence[str],
    ) -> ModelShapes:
        first = self.traces[self.points.index(base)]
        tables: dict[str, str] = {}
        everywhere = set(first.calls).intersection(*(trace.calls for trace in self.traces))
        entries = tuple(
            self._entry(call, formulas, tables)
            for call in first.calls.values()
            if _kept(call, first) and (call.key in everywhere or "@" not in call.key)
        )
        outputs = self._entry(first.calls[OUTPUT], formulas, {}).gives
        data = next((each for each in self.spec.inputs if each.labels is None), self.spec.inputs[0])
        x_hat = None if first.x_hat is None else outputs[first.x_hat].axes
        return ModelShapes(
            name=label,
            input=str(self.spec),
            entries=entries,
            parameters={key: tensor_text(tensor) for key, tensor in self.model.named_parameters()},
            buffers={key: tensor_text(tensor) for key, tensor in self.model.named_buffers()},
            constraint=constraint(tuple(map(str, data.axes)), x_hat, ranges),
            smallest=self._smallest(ranges),
            latent=_latent(entries),
            reconstruction=" ".join(x_hat or ()),
            outputs=outputs,
            sizes=base,
            accepted={symbol: (found.low, found.high, found.step) for symbol, found in ranges.items()},
            how=str(self.how),
            crashes=tuple(dict.fromkeys(map(str, self.crashes))),
            notes=tuple(dict.fromkeys([*notes, *first.notes, *self._irregular()])),
            without_formula=tables,
            irregular=tuple(dict.fromkeys(key.partition("@")[0] for key in self._at_some_sizes())),
            probes=len(self.outcomes),
        )

    def _entry(self, call: Call, formulas: Mapping[_Axis, Sequence[AxisFormula]], tables: dict[str, str]) -> Entry:
        def tensors(side: str, items: Sequence[Item]) -> tuple[TensorShape, ...]:
            return tuple(
                TensorShape(
                    item.path,
                    self._axes((call.key, side, number), item, formulas, tables),
                    item.dtype,
                    item.role,
                    self._source(call.key, side, number),
                )
                for number, item in enumerate(items)
            )

        stage = call.kind is Kind.STAGE or call.calls_others
        takes, gives = tensors("takes", call.takes), tensors("gives", call.gives)
        return Entry(call.key, stage, call.type, takes, gives, call.form)

    def _source(self, key: str, side: str, number: int) -> str:
        """Who made a tensor, where it is the same at all sizes."""
        seen = [self._items_of(trace, key, side) for trace in self.traces]
        sources = {items[number].source for items in seen if len(items) > number}
        return sources.pop() if len(sources) == 1 else ""

    def _axes(
        self,
        where: tuple[str, str, int],
        item: Item,
        formulas: Mapping[_Axis, Sequence[AxisFormula]],
        tables: dict[str, str],
    ) -> tuple[str, ...]:
        key, side, number = where
        seen = [self._items_of(trace, key, side) for trace in self.traces]
        ranks = {len(items[number].sizes) for items in seen if len(items) > number}
        if len(ranks) > 1:
            tables[f"{key} {item.path}"] = f"ranks {sorted(ranks)}"
            return RANK_VARIES
        axes = []
        for position in range(len(item.sizes)):
            found = formulas.get((key, side, number, position), [])
            axes.append(str(found[0]) if found else NO_FORMULA)
            if not found:
                tables[f"{key} {item.path} axis {position}"] = self._table(key, side, number, position)
        return tuple(axes)

    def _table(self, key: str, side: str, number: int, position: int) -> str:
        """The sizes of an axis as they were seen, beside those of the letters on which they depend."""
        seen: dict[tuple[int, ...], int] = {}
        for sizes, trace in zip(self.points, self.traces, strict=True):
            items = self._items_of(trace, key, side)
            if len(items) > number:
                seen[tuple(sizes.values())] = items[number].sizes[position]
        symbols = list(self.points[0])
        moving = [place for place in range(len(symbols)) if _depends(seen, place)]
        rows = {tuple(point[place] for place in moving): size for point, size in seen.items()}
        if any(rows[tuple(point[place] for place in moving)] != size for point, size in seen.items()):
            moving, rows = list(range(len(symbols))), seen
        return "; ".join(
            f"{' '.join(f'{symbols[place]}={size}' for place, size in zip(moving, point, strict=True))}: {rows[point]}"
            for point in sorted(rows)
        )

    @staticmethod
    def _items_of(trace: Trace, key: str, side: str) -> list[Item]:
        call = trace.calls.get(key)
        return [] if call is None else call.takes if side == "takes" else call.gives

    def _smallest(self, ranges: Mapping[str, Range]) -> str:
        """The smallest size of each letter, all of them together if that is accepted."""
        words = " ".join(f"{symbol}={found.low}" for symbol, found in ranges.items())
        together = self.probe({symbol: found.low for symbol, found in ranges.items()})
        return words if isinstance(together, Trace) else f"{words} (one at a time)"

    def _irregular(self) -> list[str]:
        """Records that some sizes have and others have not, in words."""
        some = self._at_some_sizes()
        once = [f"{key} runs at some sizes only" for key in some if "@" not in key]
        again = sorted({key.partition("@")[0] for key in some if "@" in key})
        more = f", {again[0]} first" if again else ""
        return [*once, *([f"how often {len(again)} layers and stages run depends on the sizes{more}"] if again else [])]

    def _at_some_sizes(self) -> list[str]:
        everywhere = set(self.traces[0].calls).intersection(*(trace.calls for trace in self.traces))
        return sorted(self.sometimes.union(*(trace.calls for trace in self.traces)) - everywhere)


_Axis = tuple[str, str, int, int]
_Values = tuple[tuple[int, ...], tuple[int, ...]]


def _splits(formulas: Sequence[AxisFormula], sizes: Sizes) -> int:
    """How many of the candidates could be distinguished from the simplest at these sizes."""
    expected = formulas[0].at(sizes)
    return sum(formula.at(sizes) != expected for formula in formulas[1:])


def _depends(seen: Mapping[tuple[int, ...], int], place: int) -> bool:
    """Whether two probes that differ in the size at `place` alone saw different sizes."""
    alike: dict[tuple[int, ...], set[int]] = {}
    for point, size in seen.items():
        alike.setdefault(point[:place] + point[place + 1 :], set()).add(size)
    return any(len(sizes) > 1 for sizes in alike.values())


def _kept(call: Call, trace: Trace) -> bool:
    """Whether a call is a layer, a part of the model, or a stage that does something of its own."""
    name = call.key.partition("@")[0]
    if name == OUTPUT:
        return False
    if call.kind is Kind.LAYER:
        return not call.calls_others or "." not in name
    if call.private and call.parent is not None:
        parent = trace.calls.get(call.parent)
        return bool(call.takes and call.gives) and (parent is None or _sizes(call.takes) != _sizes(parent.takes))
    return bool(call.takes or call.gives)


def _latent(entries: Sequence[Entry]) -> str:
    """The shape of the posterior's mean, of z, or of what the decoder takes: the first of them that is known."""
    tensors = [tensor for entry in entries if entry.stage for tensor in (*entry.gives, *entry.takes)]
    by_role = [next((each for each in tensors if each.role == role), None) for role in (Role.MU, Role.LATENT)]
    decoders = [
        e.takes[0] for e in entries if e.stage and e.takes and e.name.rpartition(".")[2] in ("decode", "decoder")
    ]
    found = next((each for each in (*by_role, *decoders) if each is not None), None)
    return " ".join(found.axes) if found else ""


def _sizes(items: Sequence[Item]) -> list[tuple[int, ...]]:
    return [item.sizes for item in items]
