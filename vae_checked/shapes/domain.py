"""Which sizes a model accepts: where to start, in what steps, from where and up to where, and what crashes outside."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from vae_checked.input_spec import Spec
from vae_checked.shapes.departure import Attempt, UnacceptedError, attempt, tensor_text
from vae_checked.shapes.trace import CrashError, Trace

Sizes = dict[str, int]
Probe = Callable[[Mapping[str, int]], Trace | CrashError]

_BATCH = 5
# One sample at a time, an even number, and what training scripts write into a buffer.
_OTHER_BATCHES = (1, 6, 4, 8, 16, 32, 64, 128, 100, 10, 20, 50)
_STEPS = (1, 2, 4, 8, 16, 32, 64, 3, 6, 12, 24, 48, 5, 10, 20, 7, 14, 28, 9, 18, 36)
_SCALES = (64, 128, 256, 32, 512)
_EQUAL = (64, 32, 28, 128, 256, 224, 48, 96, 16, 512, 40, 80, 100, 8, 4, 1024, 299, 160, 192, 2048, 4096, 16384)
_REACH = 960
_NEAR = 32
_IN_TILES = 256
_PIECES = (*range(1, 25), 28, 32)
_VOLUMES = ((9, 64, 96), (8, 64, 96), (17, 64, 96), (16, 64, 96), (32, 48, 64))


@dataclass(frozen=True, slots=True)
class Range:
    """The accepted sizes of one letter, the others held: `low`, `low + step`, ... up to `high` (None: no end found).

    `reach` is how far above `low` it is probed: not far where a model does more work, call by call, at larger sizes.
    """

    symbol: str
    low: int
    high: int | None
    step: int
    reach: int = 960

    def holds(self, size: int) -> bool:
        """Whether `size` is one of them."""
        return size >= self.low and (self.high is None or size <= self.high) and (size - self.low) % self.step == 0

    @property
    def fixed(self) -> bool:
        """Whether there is one accepted size alone."""
        return self.low == self.high

    def up_to(self, reach: int) -> range:
        """The accepted sizes that are at most `reach`, and at most as far as is probed, above the lowest."""
        reach = min(reach, self.reach)
        high = self.low + reach if self.high is None else min(self.high, self.low + reach)
        return range(self.low, high + 1, self.step)


@dataclass(frozen=True, slots=True)
class Crash:
    """A size that is not accepted: which, in words, the layer that raises there, and what it says."""

    sizes: str
    layer: str
    message: str

    def __str__(self) -> str:
        return f"{self.sizes}: {self.layer}: {self.message}"


def find_base(probe: Probe, spec: Spec, model: nn.Module, *, small: bool) -> Sizes:
    """Sizes that the model accepts, pairwise distinct where it accepts such; ModelError when none of many is."""
    first: CrashError | None = None
    tried: list[str] = []
    attempts: list[Attempt] = []
    for sizes in _starts(spec, model, small):
        outcome = probe(sizes)
        if isinstance(outcome, Trace):
            return sizes
        if outcome.for_lack_of_data:
            raise outcome
        first = first or outcome
        tried.append(_words(sizes))
        attempts.append(attempt(sizes, outcome))
    raise UnacceptedError(
        attempts,
        {name: tensor_text(each) for name, each in model.named_parameters()},
        f"no input of the form '{spec}' is accepted: at {tried[0]} {first}; tried {len(tried)} sizes: "
        "give one that is, as in 'B 3 H=64 W=64'",
    )


def explore(probe: Probe, spec: Spec, base: Sizes, *, small: bool) -> tuple[dict[str, Range], list[Crash]]:
    """The accepted sizes of each letter about `base`, and what crashes outside of them."""
    ranges: dict[str, Range] = {}
    crashes: list[Crash] = []
    for symbol in base:
        reach = _NEAR if symbol == spec.batch else 64 if small else max(_REACH, 4 * base[symbol])
        lows = {each.low for each in ranges.values()}
        found, outside = _explore_one(probe, symbol, base, reach, lows, sweep=symbol != spec.batch)
        ranges[symbol] = found
        crashes += outside
    return ranges, crashes


def tie(probe: Probe, base: Sizes, fixed: Sequence[str]) -> tuple[str, str] | None:
    """Two letters that must have one size: each fixed alone, both accepted when they move together."""
    for kept, dropped in itertools.combinations(fixed, 2):
        if base[kept] == base[dropped]:
            for step in _STEPS[:7]:
                moved = {**base, kept: base[kept] + step, dropped: base[dropped] + step}
                if isinstance(probe(moved), Trace):
                    return kept, dropped
    return None


def _explore_one(
    probe: Probe, symbol: str, base: Sizes, reach: int, lows: Collection[int], *, sweep: bool
) -> tuple[Range, list[Crash]]:
    """The accepted sizes of one letter; `lows` are the smallest of other letters, which are often the same.

    sweep: look at the smallest sizes one by one where the work grows with the size.
    """
    start = base[symbol]

    def accepted(size: int) -> Trace | CrashError:
        return probe({**base, symbol: size})

    crashes: list[Crash] = []
    base_trace = accepted(start)
    if not isinstance(base_trace, Trace):
        raise base_trace
    step = next((step for step in _STEPS if isinstance(accepted(start + step), Trace)), None)
    if step is None:
        down = next((s for s in _STEPS[:7] if s < start and isinstance(accepted(start - s), Trace)), None)
        if down is None:
            return Range(symbol, start, start, 1), [
                _crash(symbol, start + 1, accepted(start + 1), f"{symbol} != {start}")
            ]
        step = down
    if step > 1:
        crashes.append(_crash(symbol, start + 1, accepted(start + 1), f"{symbol} % {step} != {start % step}"))
    most = start // step if start % step else start // step - 1
    guesses = [(start - each) // step for each in lows if each < start and (start - each) % step == 0]
    low, below = _last(accepted, start, -step, most, guesses)
    near = accepted(start + max(1, _NEAR // step) * step)
    in_pieces = isinstance(near, Trace) and near.work > base_trace.work
    if in_pieces:
        reach = _NEAR
    high, above = _last(accepted, start, step, max(1, reach // step))
    top = accepted(high)
    if isinstance(top, Trace) and top.work > base_trace.work:
        # Sizes that are large together cost the product: a picture in tiles.
        reach = min(reach, _IN_TILES)
    if isinstance(below, CrashError):
        crashes.append(_crash(symbol, low - step, below, f"{symbol} < {low}"))
    if isinstance(above, CrashError):
        crashes.append(_crash(symbol, high + step, above, f"{symbol} > {high}"))
    if in_pieces and sweep:
        # What works piece by piece may treat, or refuse, a last piece of some sizes in its own way.
        swept = [(size, accepted(size)) for size in (low + count * step for count in _PIECES) if size <= high]
        refused = [
            _crash(symbol, size, got, f"{symbol} == {size}") for size, got in swept if isinstance(got, CrashError)
        ]
        crashes += refused
    last = high if isinstance(above, CrashError) else None
    return Range(symbol, low, last, step, start + reach - low), crashes


def _last(
    accepted: Callable[[int], Trace | CrashError], start: int, step: int, count: int, guesses: Iterable[int] = ()
) -> tuple[int, Trace | CrashError | None]:
    """The farthest of `start + step`, `start + 2*step`, ... (`count` of them) that is accepted, and what is beyond.

    guesses: how many of them there may be, looked at first.
    """
    if count < 1:
        return start, None
    whole = accepted(start + count * step)
    if isinstance(whole, Trace):
        return start + count * step, None
    good, bad, outcome = 0, count, whole
    hints = [each for guess in guesses for each in (guess, guess + 1)]
    while bad - good > 1:
        middle = next((each for each in hints if good < each < bad), (good + bad) // 2)
        result = accepted(start + middle * step)
        if isinstance(result, Trace):
            good = middle
        else:
            bad, outcome = middle, result
    return start + good * step, outcome


def _crash(symbol: str, size: int, outcome: Trace | CrashError, words: str) -> Crash:
    if isinstance(outcome, CrashError):
        return Crash(words, outcome.layer, outcome.message)
    return Crash(f"{symbol}={size}", "", "accepted")


def _starts(spec: Spec, model: nn.Module, small: bool) -> Iterator[Sizes]:
    """Sizes to begin with: the user's own, then pairwise distinct ones, then equal ones."""
    free = [symbol for symbol in spec.symbols if symbol not in (spec.batch, *spec.starts)]
    batch = {spec.batch: spec.starts.get(spec.batch, _BATCH)} if spec.batch else {}
    rest = {symbol: size for symbol, size in spec.starts.items() if symbol != spec.batch}
    other_batches = _OTHER_BATCHES if spec.batch and spec.batch not in spec.starts else ()
    if not free:
        for size in (*batch.values(), *other_batches):
            yield {**({spec.batch: size} if spec.batch else {}), **rest}
        return
    scales = (32, 64, 16, 128) if small else _SCALES
    shapes = [tuple(scale + scale * position // 2 for position in range(len(free))) for scale in scales]
    shapes = [*_VOLUMES, *shapes] if len(free) == 3 else shapes
    hints = _hints(model, spec, len(free))
    shapes += [(size,) * len(free) for size in (*hints, *_EQUAL)]
    # A model that does not take any number of samples is tried last.
    likely = dict.fromkeys([*shapes[:4], *((size,) * len(free) for size in (*hints, *_EQUAL[:3]))])
    others = [({spec.batch: size}, shape) for size in other_batches for shape in likely if spec.batch]
    for chosen_batch, shape in [*((batch, shape) for shape in dict.fromkeys(shapes)), *others]:
        sizes = {**chosen_batch, **rest, **dict(zip(free, shape, strict=True))}
        yield {symbol: sizes[symbol] for symbol in spec.symbols}


def _hints(model: nn.Module, spec: Spec, free: int) -> list[int]:
    """Sides that the linear layers would take: the features of one, less the channels, as a square or a cube."""
    channels = 1
    for axis in spec.inputs[0].axes[1:]:
        channels *= axis if isinstance(axis, int) else 1
    sides: list[int] = []
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            side = round((layer.in_features / channels) ** (1 / free))
            if side > 1 and channels * side**free == layer.in_features and side not in sides:
                sides.append(side)
    return sides


def _words(sizes: Mapping[str, int]) -> str:
    return " ".join(f"{symbol}={size}" for symbol, size in sizes.items())
