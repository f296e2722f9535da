"""The loop around the model: gradients that are never erased, erased too soon, or left to parameters nobody updates."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable, Iterator

import pytest
import torch
from small_vaes.digits import BATCH, DIGITS, Digits, balanced
from torch import Tensor, nn

from vae_checked import Monitor
from vae_checked.monitor import Cause

STEPS, EVERY = 21, 4


class Loop:
    """One training: the model, its optimizer, its data, and the monitor, from which each test makes its own order."""

    def __init__(
        self, *, every: int = EVERY, trained: Callable[[Digits], Iterator[nn.Parameter]] | None = None
    ) -> None:
        torch.manual_seed(0)
        self.model = Digits()
        parameters = self.model.parameters() if trained is None else trained(self.model)
        self.optimizer = torch.optim.Adam(parameters, 3e-3)
        self.monitor = Monitor(self.model, every=every, to=[])
        self.rows = torch.Generator().manual_seed(5)

    def loss(self) -> Tensor:
        x = DIGITS[torch.randint(len(DIGITS), (BATCH,), generator=self.rows)]
        x_hat, mu, logvar = self.model(x)
        return balanced(x_hat, x, mu, logvar)

    def run(self, step: Callable[[Loop, int], None], steps: int = STEPS) -> list[Cause]:
        """The causes in the training at the end, once each step has been made."""
        for number in range(steps):
            step(self, number)
        self.monitor.close()
        return [each.cause for each in self.monitor.causes]


def in_order(loop: Loop, _: int) -> None:
    loss = loop.loss()
    loop.optimizer.zero_grad()
    loss.backward()
    loop.optimizer.step()
    loop.monitor.step()


def monitor_before_update(loop: Loop, _: int) -> None:
    loop.optimizer.zero_grad(set_to_none=False)
    loop.loss().backward()
    loop.monitor.step()
    loop.optimizer.step()


def erased_after_update(loop: Loop, _: int) -> None:
    loop.loss().backward()
    loop.optimizer.step()
    loop.optimizer.zero_grad()
    loop.monitor.step()


def clipped(loop: Loop, _: int) -> None:
    loop.optimizer.zero_grad()
    loop.loss().backward()
    nn.utils.clip_grad_norm_(loop.model.parameters(), 0.1)
    loop.optimizer.step()
    loop.monitor.step()


def accumulated(loop: Loop, number: int) -> None:
    (loop.loss() / 3).backward()
    if number % 3 == 2:
        loop.optimizer.step()
        loop.optimizer.zero_grad()
    loop.monitor.step()


def accumulated_for_long(loop: Loop, number: int) -> None:
    (loop.loss() / 50).backward()
    if number % 50 == 49:
        loop.optimizer.step()
        loop.optimizer.zero_grad()
    loop.monitor.step()


def in_two_parts(loop: Loop, _: int) -> None:
    loop.optimizer.zero_grad()
    (loop.loss() / 2).backward()
    (loop.loss() / 2).backward()
    loop.optimizer.step()
    loop.monitor.step()


def against_a_critic(loop: Loop, _: int) -> None:
    """The second loss leaves gradients in the model after its update, which are erased before they are used."""
    loop.optimizer.zero_grad()
    loop.loss().backward()
    loop.optimizer.step()
    loop.loss().backward()
    loop.monitor.step()


def skipped_once(loop: Loop, number: int) -> None:
    """As a scaler of gradients does where one of them is infinite."""
    loop.optimizer.zero_grad()
    loop.loss().backward()
    if number != EVERY * 4 - 2:
        loop.optimizer.step()
    loop.monitor.step()


def frozen_on_purpose(loop: Loop, number: int) -> None:
    loop.model.encoder.requires_grad_(False)
    in_order(loop, number)


RIGHT = (
    in_order,
    monitor_before_update,
    erased_after_update,
    clipped,
    accumulated,
    accumulated_for_long,
    in_two_parts,
    against_a_critic,
    skipped_once,
    frozen_on_purpose,
)


@pytest.mark.parametrize("every", [1, EVERY])
@pytest.mark.parametrize("step", RIGHT)
def test_a_loop_that_trains_has_no_cause(step: Callable[[Loop, int], None], every: int) -> None:
    assert Loop(every=every).run(step) == []


def never_erased(loop: Loop, _: int) -> None:
    loop.loss().backward()
    loop.optimizer.step()
    loop.monitor.step()


def never_erased_monitor_first(loop: Loop, _: int) -> None:
    loop.loss().backward()
    loop.monitor.step()
    loop.optimizer.step()


def never_erased_but_clipped(loop: Loop, _: int) -> None:
    loop.loss().backward()
    nn.utils.clip_grad_norm_(loop.model.parameters(), 0.1)
    loop.optimizer.step()
    loop.monitor.step()


def erased_too_soon(loop: Loop, _: int) -> None:
    loop.loss().backward()
    loop.optimizer.zero_grad()
    loop.optimizer.step()
    loop.monitor.step()


def erased_too_soon_monitor_between(loop: Loop, _: int) -> None:
    loop.loss().backward()
    loop.monitor.step()
    loop.optimizer.zero_grad()
    loop.optimizer.step()


def never_updated(loop: Loop, _: int) -> None:
    loop.optimizer.zero_grad()
    loop.loss().backward()
    loop.monitor.step()


WRONG = {
    never_erased: Cause.KEPT_GRADIENTS,
    never_erased_monitor_first: Cause.KEPT_GRADIENTS,
    never_erased_but_clipped: Cause.KEPT_GRADIENTS,
    erased_too_soon: Cause.UNUSED_GRADIENTS,
    erased_too_soon_monitor_between: Cause.UNUSED_GRADIENTS,
    never_updated: Cause.UNUSED_GRADIENTS,
}


@pytest.mark.parametrize("every", [1, EVERY])
@pytest.mark.parametrize("step", WRONG)
def test_a_loop_in_the_wrong_order_is_named(step: Callable[[Loop, int], None], every: int) -> None:
    assert WRONG[step] in Loop(every=every).run(step, steps=5 * every + 1)


def all_but(*parts: str) -> Callable[[Digits], Iterator[nn.Parameter]]:
    """The parameters that lie in none of these parts."""

    def chosen(model: Digits) -> Iterator[nn.Parameter]:
        return (each for name, each in model.named_parameters() if name.partition(".")[0] not in parts)

    return chosen


# What the optimizer was not given, and what is said of it.
LEFT_OUT = {
    ("encoder", "to_mu", "to_logvar"): ("encoder.0.weight, encoder.0.bias, to_mu.weight and 3 more", 4),
    ("decoder",): ("decoder.0.weight, decoder.0.bias, decoder.2.weight and 1 more", 6),
    ("to_mu",): ("to_mu.weight, to_mu.bias", 8),
    ("to_logvar",): ("to_logvar.weight, to_logvar.bias", 8),
}


@pytest.mark.parametrize("step", [in_order, monitor_before_update])
@pytest.mark.parametrize("parts", LEFT_OUT)
def test_parameters_that_no_optimizer_has_are_named(parts: tuple[str, ...], step: Callable[[Loop, int], None]) -> None:
    names, others = LEFT_OUT[parts]
    loop = Loop(trained=all_but(*parts))
    assert loop.run(step).count(Cause.LEFT_OUT) == 1
    told = next(str(each) for each in loop.monitor.causes if each.cause is Cause.LEFT_OUT)
    assert f"gradients reach {names}, which from step 12 to 20" in told
    assert f"while {others} other parameters have" in told


def test_two_looks_are_no_proof() -> None:
    loop = Loop()
    assert loop.run(never_erased, steps=2 * EVERY) == []


def parameter_hooks(model: nn.Module) -> int:
    return sum(len(each._backward_hooks or ()) for each in model.parameters())


def test_parameters_are_followed_at_two_steps_of_each_interval() -> None:
    loop, counts = Loop(), []
    for number in range(2 * EVERY + 1):
        counts.append(parameter_hooks(loop.model) > 0)
        in_order(loop, number)
    loop.monitor.close()
    assert counts == [True, False, True, True, False, False, True, True, False]
    assert parameter_hooks(loop.model) == 0


def test_a_monitor_that_is_dropped_takes_its_hooks_off_the_parameters() -> None:
    loop = Loop(every=1)
    for number in range(3):
        in_order(loop, number)
    model = loop.model
    assert parameter_hooks(model) > 0
    assert parameter_hooks(copy.deepcopy(model)) == 0
    assert parameter_hooks(pickle.loads(pickle.dumps(model))) == 0  # noqa: S301  just written
    del loop
    gc.collect()
    assert parameter_hooks(model) == 0
