"""What the decoder hands to the loss: its interval, its closing activations, its shape, and whether samples mix."""

from __future__ import annotations

from torch import Tensor

from vae_checked.auditor.measure.intervals import interval_of
from vae_checked.auditor.recognition.graph import is_elementwise, is_layout
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recognition.samples import tolerance
from vae_checked.auditor.recording.nodes import known_operation
from vae_checked.auditor.recording.origins import origin_of
from vae_checked.auditor.recording.replay import replay
from vae_checked.auditor.recording.tape import Tape
from vae_checked.facts import Fact, Interval
from vae_checked.layout_facts import BatchMixing, ShapePair

# What may stand between two activations and only shifts and scales.
_AFFINE = frozenset(("mul", "div", "add", "sub", "rsub", "neg"))
_PUT_TOGETHER, _COPY = frozenset(("cat", "stack")), "copy_"


def output_number(seen: Recognition) -> int | None:
    """The value that counts as the decoder's output: the loss's prediction, else what the model returned."""
    return seen.join.prediction if seen.join is not None else seen.x_hat


def output_interval(seen: Recognition, data: Interval | None) -> Fact[Interval] | None:
    """The interval that the output can reach, read from the operations that close the decoder."""
    number = output_number(seen)
    if number is None:
        return None
    interval = interval_of(seen.run.tape, seen.graph, number, data)
    return None if interval is None else Fact(interval, origin_of(seen.run.tape, number))


def activations(seen: Recognition) -> Fact[tuple[str, ...]] | None:
    """The activations between the decoder's last layer and the loss, in order; None beyond an elementwise unknown."""
    number = seen.join.argument if seen.join is not None else seen.x_hat
    if number is None:
        return None
    chain = _closing(seen.run.tape, number)
    return None if chain is None else Fact(chain, origin_of(seen.run.tape, number))


def _closing(tape: Tape, number: int) -> tuple[str, ...] | None:
    """The activations that close what led to a value, in order; of several put together, where they agree."""
    names: list[str] = []
    current = number
    while (index := tape.values[current].step) is not None:
        step = tape.steps[index]
        read = step.inputs[1:] if step.whole or step.name == _COPY else step.inputs
        above = [n for n in read if tape.values[n].sources & Tape.INPUT or tape.drawn(n)]
        if step.gathers or step.name in _PUT_TOGETHER:
            chains = {_closing(tape, each) for each in above}
            chain = chains.pop() if len(chains) == 1 else None
            return None if chain is None else (*chain, *reversed(names))
        if len(above) != 1:
            break
        operation = known_operation(step)
        if operation is not None and operation.closes:
            names.append(operation.name)
        elif step.name != _COPY and (operation is None or not (operation.is_layout or operation.name in _AFFINE)):
            if is_elementwise(step):
                # It may squash as well, or not.
                return None
            break
        current = above[0]
    return tuple(reversed(names))


def output_shape(seen: Recognition, *, chosen: bool = False) -> Fact[ShapePair] | None:
    """The shapes of input and reconstruction; `chosen` where the sizes that went in are the audit's own choice."""
    if seen.x_hat is None:
        return None
    value = seen.run.tape.values[seen.x_hat]
    x = seen.run.x
    size = value.tensor.numel()
    target = None if seen.join is None else seen.run.tape.values[seen.join.target].tensor
    is_part = target is not None and target.numel() < x.numel() and target.shape == value.tensor.shape
    if target is not None and is_part and not _misses_a_little(value.tensor, x):
        x = target  # the loss compares it with a part of the data, as with the frames to come
    if target is not None and sorted(target.shape) == sorted(x.shape) and target.shape == value.tensor.shape:
        x = target  # the loss compares it with the data in another order of axes
    if is_turned(seen):
        return None
    if seen.join is not None and seen.join.of_classes:
        return None  # a number for each class has no shape of the data: the loss holds it against as many labels
    if value.tensor.dim() > x.dim() and size % x.numel() == 0:
        return None  # several reconstructions per input
    if value.tensor.shape[1:] == x.shape[1:] and len(value.tensor) != len(x):
        return None  # a part of the batch, or several samples of each
    if size != x.numel():
        if all(seen.run.number(part) != seen.x_hat for part in seen.run.parts):
            return None  # a loss that runs the model compares it with what it makes of the data
        reconstructs_another = any(tensor.numel() == size for _, tensor in seen.run.inputs.tensors())
        # What a model declares to be the reconstruction may be of a spectrogram where sound went in.
        alike = (seen.x_hat_declared and value.tensor.dim() == x.dim()) or (
            not chosen and _nearly_alike(seen, value.tensor, x)
        )
        if reconstructs_another or (seen.join is None and not alike):
            return None
    pair = ShapePair(_axes(x, seen.batch), _axes(value.tensor, seen.batch))
    return Fact(pair, origin_of(seen.run.tape, seen.x_hat))


def is_turned(seen: Recognition) -> bool:
    """Whether the reconstruction has the data's axes with the channels at another place, and no loss shows its target.

    Training may turn the data before it compares them: rows of tokens that a convolution takes as channels.
    """
    if seen.x_hat is None or seen.join is not None:
        return False
    made, taken = seen.run.tape.values[seen.x_hat].tensor.shape, seen.run.x.shape
    return len(taken) > 2 and sorted(made) == sorted(taken) and made[:1] == taken[:1] and made[1] != taken[1]


def _nearly_alike(seen: Recognition, x_hat: Tensor, x: Tensor) -> bool:
    """Whether what a decoder makes of z has the axes of an image or a sound and misses its size by a little."""
    after_z = any(seen.x_hat in seen.graph.descendants(latent.every_z) for latent in seen.latents)
    return after_z and x.dim() >= 3 and x_hat.shape[:2] == x.shape[:2] and _misses_a_little(x_hat, x)


def _misses_a_little(x_hat: Tensor, x: Tensor) -> bool:
    """Whether a tensor has the axes of another and lacks, or has too many, of an eighth of its elements at most."""
    pairs = zip(x_hat.shape, x.shape, strict=False)
    return x_hat.dim() == x.dim() and all(abs(made - taken) <= max(1, taken // 8) for made, taken in pairs)


def _axes(tensor: Tensor, batch: int) -> str:
    """The axes as in a specification, `B 3 64 64`."""
    sizes = [str(size) for size in tensor.shape]
    return " ".join(["B", *sizes[1:]] if tensor.shape[:1] == (batch,) else sizes)


def has_time_first(seen: Recognition) -> bool:
    """Whether the data have an axis for time, and some recurrent or attention layer takes the first axis for it."""
    layers = (getattr(module, "batch_first", None) for module in seen.run.model.modules())
    return seen.run.x.dim() > 2 and any(first is False for first in layers)


def batch_mixing(seen: Recognition) -> Fact[BatchMixing | None] | None:
    """Whether changing one sample of the input moves the reconstruction of another; measured in evaluation mode.

    Where a loss compares what is decoded in a way that is not known, as by nearest points, that is looked at as it
    leaves the last layer: mixed samples are seen there, and the absence of such is not.
    """
    known = seen.x_hat if seen.x_hat is not None else output_number(seen)
    made = known if known is not None else _last_made(seen)
    if made is None or seen.batch < 2 or seen.doubtful_batch:
        return None
    tape, x = seen.run.tape, seen.run.x_number
    before = tape.values[made].data
    data = tape.values[x].data
    if before.shape[:1] != data.shape[:1]:
        return None
    shapes = [before.shape, *(tensor.shape for _, tensor in seen.run.inputs.tensors())]
    if any(shape[0] in shape[1:2] for shape in shapes if shape):
        return None  # the rows of a graph hang together: what is square in them is no batch
    changed = 1  # the one in the middle stays in its place when a batch is turned round
    other = data.clone()
    other[changed] = other[changed].flip(0) * 0.5 + 0.25 * float(data.abs().max())
    after = replay(tape, {x: other}, (made,))[made]
    moves = (after - before).abs().reshape(seen.batch, -1).amax(1)
    own = float(moves[changed])
    moves[changed] = 0.0
    moved = int(moves.argmax())
    amount = float(moves[moved])
    rounding = 0.1 * tolerance(before.dtype) * float(before.abs().max())
    mixes = amount > max(rounding, 1e-4 * own)
    found = BatchMixing(changed, moved, amount) if mixes else None
    return Fact(found, origin_of(tape, made)) if mixes or known is not None else None


def _last_made(seen: Recognition) -> int | None:
    """What the last layer before the loss makes of the data, moved and reshaped, or changed element by element, since.

    A step that takes two values ends it: samples that are compared with each other are not mixed by that. Nor are those
    that a drawn order puts in each other's place, as for a judge of independent latents.
    """
    tape, graph = seen.run.tape, seen.graph
    if seen.total is None:
        return None
    leads_on = graph.ancestors(seen.total)
    found: int | None = None
    for step in tape.steps:
        ahead = [n for n in step.outputs if n in leads_on and graph.depends_on_input(n)]
        of_data = [n for n in dict.fromkeys(step.inputs) if graph.depends_on_input(n)]
        is_layer = any(tape.values[n].sources == Tape.PARAMETER for n in step.inputs)
        goes_on = of_data == [found] and (is_layout(step) or is_elementwise(step))
        if ahead and (is_layer or goes_on):
            found = ahead[0]
    return None if found is None or _is_in_drawn_order(tape, found) else found


def _is_in_drawn_order(tape: Tape, number: int) -> bool:
    """Whether whole numbers that were drawn, as an order of samples is, take part in a value."""
    sources = tape.values[number].sources
    return any(
        sources & Tape.bit(draw) and not tape.values[draw.number].tensor.is_floating_point() for draw in tape.draws
    )
