"""`Monitor`: follows a VAE while it trains, at the price of a few looks."""

from __future__ import annotations

import math
import time
import warnings
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from vae_checked.adapters import adapt
from vae_checked.auditor.losses.loss import find_loss
from vae_checked.errors import ModelError, UsageError
from vae_checked.facts import Likelihood
from vae_checked.monitor.balance import Sizes, balance_of, largest_variance
from vae_checked.monitor.causes import PATIENCE, diagnose, diagnose_training
from vae_checked.monitor.live import Live, Weighed
from vae_checked.monitor.pictures import drawn
from vae_checked.monitor.probe import Probed, probe, rows_of
from vae_checked.monitor.reading import Diagnosis, Picture, Reading
from vae_checked.monitor.sinks import close_all, refuse, sinks_of, write_all
from vae_checked.monitor.updates import Followed, Updates
from vae_checked.text import described, no_module

EVERY = 100
SHARE = 0.02
"""Of the time of training that the monitor takes at most, where it chooses itself when to look."""


class Monitor:
    """Follows a VAE while it trains and says why its posterior collapses, if it does.

    Call `step()` once per training step, after `backward()`. At the first step and at some of the later ones the
    model's forward is looked at as it is called, and some parameters are followed through the step before it as well;
    on all other steps nothing is attached to the model and nothing is computed. Training is the same to the bit:
    parameters, gradients, buffers, modes and random streams. What cannot be seen in training is said, not raised.

    Effective beta: the weight of a sample's summed KL over that of its summed error, from the gradients of the step's
    own backward. Active units: Burda, Grosse and Salakhutdinov 2016.

    Args:
        model: the VAE; DDP's wrapper and `torch.compile`'s are seen through.
        every: the number of steps from one look to the next; 100 by default, and more where that would take more than
            2 % of the time.
        to: `"terminal"`, a path that ends in `.csv`, or in `.html` for a page that is written at the end,
            `"tensorboard"`, `"tensorboard:DIR"`, a SummaryWriter, `"wandb"`, `"wandb:PROJECT"`, a run of wandb, a
            function that takes each Reading, or a list of these; with torch.distributed rank 0 alone writes.
        loss: a function or method's name as for `audit`, needed only where the forward does not return x_hat, mu and
            the second output of the encoder.
        rows: the number of samples of a batch that are looked at.
        start: the number of steps that were trained before.
        adapter: the name of a convention, where the recognised one is not right.
        pictures: whether TensorBoard, wandb, functions and the page get reconstructions, samples and moved latents as
            well; the shape (C, H, W) where a sample is flat.

    Raises:
        ModelError: `model` is no module.
        UsageError: an argument is not valid; the message says what to give instead.

    Examples:
        >>> import torch
        >>> from vae_checked import Monitor
        >>> from vae_checked.reference import VAE
        >>> model = VAE((1, 4, 6), latents=5, encoder="mlp", decoder="mlp")
        >>> optimizer = torch.optim.Adam(model.parameters())
        >>> with Monitor(model, to=[]) as monitor:
        ...     for x in torch.rand(3, 16, 1, 4, 6):
        ...         x_logits, mu, logvar = model(x)
        ...         loss = model.loss_function(x_logits, x, mu, logvar)
        ...         optimizer.zero_grad()
        ...         loss.backward()
        ...         optimizer.step()
        ...         reading = monitor.step(loss=loss)
        >>> print(f"{monitor.readings[0].balance.beta:.3f}", monitor.causes)
        1.000 ()
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        every: int | None = None,
        to: Any = "terminal",
        loss: Any = None,
        rows: int = 64,
        start: int = 0,
        adapter: str | None = None,
        pictures: bool | Sequence[int] = False,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise ModelError(no_module(model))
        for name, value, least in (("every", every, 1), ("rows", rows, 2), ("start", start, 0)):
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
                raise UsageError(f"{name} is {value!r}: give a whole number of {least} or more")
        self._watched, self._model, self._blind = _unwrapped(model)
        self._subject = adapt(self._model, adapter)
        self._loss = None if loss is None else find_loss(self._model, loss)
        self._every, self._adaptive = every or EVERY, every is None
        self._rows = rows
        refuse(to)
        self._sinks = sinks_of(to) if _writes() else []
        self._pictures = _asked(pictures)
        self._step = start
        self._next = start + 1
        self._live: Live | None = None
        self._updates: Updates | None = None
        self._updates_removal: weakref.finalize[..., Monitor] | None = None
        self._trained: deque[tuple[int, Mapping[str, Followed]]] = deque(maxlen=PATIENCE)
        self._removal: weakref.finalize[..., Monitor] | None = None
        self._closed = False
        self._is_counting = False
        self._clock: tuple[int, float] | None = None
        self.readings: list[Reading] = []
        self._look_if_due()

    @property
    def causes(self) -> tuple[Diagnosis, ...]:
        """Why the posterior collapses or nothing is learned, at the last reading; empty for a healthy training."""
        return self.readings[-1].causes if self.readings else ()

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._warn_of_silence()
        self._end()

    def close(self) -> None:
        """Take the hooks off and close what was opened; the readings stay.

        Warns where step() was never called: nothing was looked at then.
        """
        self._warn_of_silence()
        self._end()

    def _warn_of_silence(self) -> None:
        if not self._closed and not self._is_counting:
            warnings.warn(
                "Monitor: step() was never called, so nothing was looked at: call monitor.step() once per training "
                "step, after backward()",
                RuntimeWarning,
                stacklevel=3,
            )

    def _end(self) -> None:
        self._closed = True
        self._let_go()
        self._let_updates_go()
        close_all(self._sinks)
        self._sinks = []

    def state_dict(self) -> dict[str, int]:
        """The number of steps so far, for a checkpoint."""
        return {"step": self._step}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on counting where `state` stands."""
        self._step = int(state["step"])
        self._next = self._step + 1
        self._look_if_due()

    def step(self, x: Any = None, **terms: Tensor | float) -> Reading | None:
        """Count one step of training; at a step that is looked at, the reading.

        x: the batch (a tensor, or a tuple or dict of such), needed only where the model is not trained through its own
        forward. terms: numbers to write beside the others, such as `loss=loss, recon=recon, kl=kl`, as they are; a
        tensor among them is read at the steps that are looked at alone.
        """
        if self._closed:
            raise UsageError("the monitor is closed: make a new one, or call close() after the last step")
        self._is_counting = True
        self._step += 1
        if self._step < self._next:
            self._look_if_due()
            return None
        begun = time.perf_counter()
        probed, weighed = None, Weighed()
        if self._live is not None:
            probed = self._live.probed
            try:
                weighed = self._live.weigh()
            except Exception as error:  # nothing that cannot be measured may end a training that runs
                weighed = Weighed(unobserved=(f"the step's gradients: {described(error)}",))
            finally:
                self._let_go()
        if x is not None:
            args, kwargs = _called_with(x)
            probed = probed or self._probe(args, kwargs)
        reading = self._read(probed, weighed, _numbers(terms), begun)
        self.readings.append(replace(reading, pictures=()))
        if _writes():
            self._sinks = write_all(self._sinks, reading)
        self._schedule(begun, reading.seconds)
        if self._step + 2 < self._next:
            self._let_updates_go()
        self._look_if_due()
        return reading

    # ------------------------------------------------------------------------------------------ one reading

    def _probe(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Probed:
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # or else the work that is queued would count as the monitor's
        begun = time.perf_counter()
        found = probe(self._subject, rows_of(args, kwargs, self._rows), self._loss, self._pictures)
        found.seconds = time.perf_counter() - begun
        return found

    def _read(self, probed: Probed | None, weighed: Weighed, terms: dict[str, float], begun: float) -> Reading:
        if probed is None:
            name = type(self._model).__name__
            reason = f"the model: {name} was not called in training since the last step; give the batch, as in step(x)"
            return Reading(self._step, terms=terms, unobserved=(self._blind or reason,))
        weights, batch = weighed.weights, weighed.batch
        unobserved = [*probed.unobserved, *weighed.unobserved]
        if weights is None and probed.weights is not None:
            weights, batch = probed.weights, probed.rows
            unobserved = list(probed.unobserved)
        balance = largest = None
        if weights is not None:
            kl, recon, error = weights
            data = probed.target
            elements = 0 if data is None or not batch else data[0].numel()
            balance = balance_of(kl, recon, error, Sizes(elements, probed.latent_size, batch))
            largest = None if data is None else largest_variance(data, error)
        reading = Reading(
            self._step,
            probed.rows,
            terms,
            tuple(probed.kl) or None,
            tuple(probed.variance) or None,
            dict(probed.ranges),
            balance,
            largest,
            weighed.recon_gradient,
            weighed.kl_gradient,
            probed.reaches_encoder,
            probed.follows_z,
            probed.moved_by_z,
            probed.around,
        )
        causes, why = diagnose([*self.readings[1:][1 - PATIENCE :], reading])  # the first is of a fresh model
        causes = (*self._causes_in_training(unobserved), *causes)
        shown = self._drawn(probed, None if weights is None else weights[2], unobserved)
        unobserved = list(
            dict.fromkeys([*unobserved, *([why] if why else []), *([self._blind] if self._blind else [])])
        )
        seconds = probed.seconds + weighed.seconds + time.perf_counter() - begun
        return replace(reading, causes=causes, unobserved=tuple(unobserved), pictures=shown, seconds=seconds)

    def _drawn(self, probed: Probed, likelihood: Likelihood | None, unobserved: list[str]) -> tuple[Picture, ...]:
        try:
            return () if probed.decoded is None else drawn(probed.decoded, likelihood)
        except Exception as error:  # as above
            unobserved.append(f"pictures: {described(error)}")
            return ()

    def _causes_in_training(self, unobserved: list[str]) -> tuple[Diagnosis, ...]:
        """What the gradients of this step and the one before it say, beside those of the looks before."""
        if self._updates is None:
            return ()
        try:
            seen = self._updates.seen()
            if seen:
                self._trained.append((self._step, seen))
            return diagnose_training(self._trained)
        except Exception as error:  # as above
            unobserved.append(f"what becomes of the gradients: {described(error)}")
            return ()

    # -------------------------------------------------------------------------------------------- when to look

    def _look_if_due(self) -> None:
        """Attach to the model for the step that begins, where it is one to look at, and for the one before that."""
        if self._step + 2 >= self._next and self._updates is None and self._watched is self._model and not self._closed:
            self._updates = Updates(self._model)
            self._updates_removal = weakref.finalize(self, self._updates.remove)
        if self._step + 1 < self._next or self._watched is None or self._closed or self._live is not None:
            return
        # The model holds its hooks: they must not hold the monitor, or one that is dropped would never leave.
        own = weakref.WeakMethod(self._probe)

        def first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Probed | None:
            probe_rows = own()
            return None if probe_rows is None else probe_rows(args, kwargs)

        self._live = Live(self._subject, self._watched, first)
        self._removal = weakref.finalize(self, self._live.remove)

    def _let_go(self) -> None:
        """Take the hooks off the model, where some are on it."""
        if self._removal is not None:
            self._removal()
        self._live = self._removal = None

    def _let_updates_go(self) -> None:
        """Take the hooks off the parameters, where some are on them."""
        if self._updates_removal is not None:
            self._updates_removal()
        self._updates = self._updates_removal = None

    def _schedule(self, begun: float, seconds: float) -> None:
        """Settle the next step to look at."""
        interval = self._every
        if self._clock is not None and self._adaptive and _world() == 1:
            step, when = self._clock
            of_one = (begun - when - seconds) / (self._step - step)
            if of_one > 0:
                interval *= max(1, math.ceil(seconds / (SHARE * of_one * self._every)))
        self._next = (self._step // interval + 1) * interval
        self._clock = (self._step, time.perf_counter())


def _unwrapped(model: nn.Module) -> tuple[nn.Module | None, nn.Module, str]:
    """The module to attach to, the one that is written in Python, and what cannot be seen of it."""
    watched: nn.Module | None = None
    inner = model
    while True:
        if isinstance(getattr(inner, "_orig_mod", None), nn.Module):
            watched = inner if watched is None else watched
            inner = inner._orig_mod  # type: ignore[assignment]  # just asked
        elif isinstance(inner, nn.parallel.DistributedDataParallel):
            inner = inner.module
        elif isinstance(inner, nn.DataParallel):
            watched = inner if watched is None else watched
            inner = inner.module
        else:
            break
    if inner._compiled_call_impl is not None:
        return (
            None,
            inner,
            "the step's gradients: model.compile() compiles hooks as well; torch.compile(model) does not",
        )
    return inner if watched is None else watched, inner, ""


def _called_with(x: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(x, (Tensor, Mapping)):
        return (x,), {}
    if isinstance(x, (tuple, list)) and any(isinstance(each, Tensor) for each in x):
        return tuple(x), {}
    raise UsageError(f"x is a {type(x).__name__}: give the batch, a tensor or a tuple or dict of tensors")


def _asked(pictures: bool | Sequence[int]) -> bool | Sequence[int]:
    """`pictures` as it can be meant; UsageError for anything else."""
    if isinstance(pictures, bool):
        return pictures
    shape = tuple(pictures) if isinstance(pictures, Sequence) else ()
    if len(shape) not in (2, 3) or not all(type(size) is int and size > 0 for size in shape):
        raise UsageError(
            f"pictures is {pictures!r}: give True, or the shape (C, H, W) of a sample, such as (1, 28, 28)"
        )
    return shape


def _numbers(terms: Mapping[str, Tensor | float]) -> dict[str, float]:
    found = {}
    for name, value in terms.items():
        if isinstance(value, Tensor) and value.numel() != 1:
            raise UsageError(f"{name} has {value.numel()} elements: give one number, such as its mean")
        try:
            found[name] = float(value.detach() if isinstance(value, Tensor) else value)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{name} is a {type(value).__name__}: give a number or a tensor of one") from error
    return found


def _world() -> int:
    distributed = torch.distributed
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def _writes() -> bool:
    """Whether this process is the one that writes."""
    return _world() == 1 or torch.distributed.get_rank() == 0
