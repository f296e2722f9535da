"""Which heads and which parameters the gradient reaches, asked of the live graph of a run.

A replay differentiates what it runs; only the run itself knows of detached tensors, of `.data` and of custom backward
functions. It has to be asked before the model is restored, since that writes to what the graph has saved.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vae_checked.auditor.measure.templates import of_templates
from vae_checked.auditor.measure.untrained import place_without_gradient
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.recording.origins import line_at, origin_of, place_of
from vae_checked.auditor.recording.statements import block_without_gradients, detached_by
from vae_checked.facts import Fact, Head, Origin


@dataclass(frozen=True, slots=True)
class Gradients:
    """Per latent the heads that z's gradient reaches, and the trainable parameters that the loss's does not."""

    reaches: tuple[Fact[frozenset[Head]] | None, ...] = ()
    without: Fact[tuple[str, ...]] | None = None


def live_gradients(seen: Recognition, model: nn.Module) -> Gradients:
    """Ask the graph; nothing is accumulated in `.grad`. None for what a graph that was written to cannot tell."""
    return Gradients(tuple(_reaches(seen, latent) for latent in seen.latents), _without(seen, model))


def _reaches(seen: Recognition, latent: Latent) -> Fact[frozenset[Head]] | None:
    if latent.second is None:
        return None
    tape = seen.run.tape
    z = tape.values[latent.z].tensor
    reached = set()
    for head, number in ((Head.MU, latent.mu), (Head.SECOND, latent.second)):
        copies = [tape.values[n].tensor for n in tape.copies_of(_before_a_cut(seen, number))]
        if not copies[0].requires_grad:
            return None
        try:
            if z.requires_grad and any(_flows(z, tensor) for tensor in copies):
                reached.add(head)
        except RuntimeError:
            return None
    if not reached or _is_cut_behind(seen, latent):
        if _leads_to_both(seen, latent):
            return None  # by a way of its own, as where eps is taken out of a sample that was cut
        reached.clear()
    return Fact(frozenset(reached), origin_of(tape, latent.z, "z"))


def stopped_at(seen: Recognition, latent: Latent) -> Fact[str] | None:
    """What is written without a gradient on the way from a posterior to the loss; None where no line of it is.

    What a function of torch does inside of a line, as a draw without its gradient, is not written there.
    """
    tape, end = seen.run.tape, seen.x_hat if seen.join is None else seen.join.argument
    if end is None:
        return None
    on = seen.graph.descendants(latent.heads) & seen.graph.ancestors(end)
    for step in tape.steps:
        if on.isdisjoint(step.outputs) or on.isdisjoint(step.inputs) or not step.by_line:
            continue
        block = None if step.grad or step.frame is None else block_without_gradients(step)
        if block is not None and step.frame is not None:
            return Fact(block[0], Origin(block[0], line_at(step.frame[0], block[1])))
        written = detached_by(step) if step.name == "detach" else ""
        if written:
            return Fact(written, Origin(written, place_of(step)))
    return None


def _is_cut_behind(seen: Recognition, latent: Latent) -> bool:
    """Whether what the decoder makes of z, and has a gradient itself, has none that leads back to z."""
    end = seen.x_hat if seen.join is None else seen.join.argument
    if end is None or not set(latent.every_z) & seen.graph.ancestors(end):
        return False
    tape = seen.run.tape
    made = tape.values[end].tensor
    samples = [copy.tensor for z in latent.every_z for copy in map(tape.values.__getitem__, tape.copies_of(z))]
    if not made.requires_grad or not all(each.requires_grad for each in samples):
        return False
    try:
        found = torch.autograd.grad(made.sum(), samples, retain_graph=True, allow_unused=True)
    except RuntimeError:
        return False
    return all(gradient is None for gradient in found)


def _leads_to_both(seen: Recognition, latent: Latent) -> bool:
    """Whether the gradient of what the decoder makes reaches both heads all the same."""
    end = seen.x_hat if seen.join is None else seen.join.argument
    tape = seen.run.tape
    if end is None or latent.second is None:
        return False
    made = tape.values[end].tensor.sum()
    for head in latent.heads:
        copies = [tape.values[n].tensor for n in tape.copies_of(_before_a_cut(seen, head))]
        try:
            found = torch.autograd.grad(made, copies, retain_graph=True, allow_unused=True)
        except RuntimeError:
            return False
        if not any(each is not None and float(each.abs().max()) > 0 for each in found):
            return False
    return True


def _before_a_cut(seen: Recognition, number: int) -> int:
    """The head, or the latest value elementwise before it that has a gradient, where it was cut from its own."""
    past, _ = seen.graph.elementwise_past(number)
    values = seen.run.tape.values
    return next((n for n in sorted(past, reverse=True) if values[n].tensor.requires_grad), number)


def _flows(z: Tensor, head: Tensor) -> bool:
    if z is head:
        return True
    (gradient,) = torch.autograd.grad(z.sum(), head, retain_graph=True, allow_unused=True)
    # `torch.normal(mu, std)` has a gradient, and it is 0.
    return gradient is not None and float(gradient.abs().max()) > 0


def _without(seen: Recognition, model: nn.Module) -> Fact[tuple[str, ...]] | None:
    loss = seen.loss.tensor
    if loss is None or seen.loss.kl_alone:
        return None
    trainable = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    if not trainable:
        return None
    if not loss.requires_grad:
        return Fact(tuple(name for name, _ in trainable), Origin(seen.loss.name))
    try:
        found = torch.autograd.grad(loss.sum(), [p for _, p in trainable], retain_graph=True, allow_unused=True)
    except RuntimeError:
        return None
    lacking = tuple(name for (name, _), gradient in zip(trainable, found, strict=True) if gradient is None)
    if lacking:
        copied = of_templates(model, lacking)
        lacking = tuple(name for name in lacking if name not in copied)
    place = place_without_gradient(seen, model, lacking[0]) if lacking else None
    return Fact(lacking, Origin(seen.loss.name, place))
