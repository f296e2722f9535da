"""Training is the same under a monitor, which looks when it should and says what it cannot see."""

from __future__ import annotations

import copy
import io
import pickle
import random
from typing import Any

import numpy as np
import pytest
import torch
import torch.utils.checkpoint
from small_vaes.digits import BATCH, DIGITS, PIXELS, Digits, train, watched
from torch import Tensor, nn

from vae_checked import Monitor
from vae_checked.errors import ModelError, UsageError

# ------------------------------------------------------------------------------- training is the same without


class Stateful(Digits):
    """Batch norm, dropout, a counter and noise from numpy and random: all that a pass could leave behind."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(PIXELS, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Dropout(0.1))
        self.calls = 0

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.calls += 1
        x = x + 1e-3 * random.random() + 1e-3 * float(np.random.rand())  # noqa: S311  the stream that is tested
        return super().forward(x)


def everything(model: Stateful) -> list[bytes]:
    state = [
        model.calls,
        random.getstate(),
        np.random.get_state()[1].tobytes(),
        torch.get_rng_state().numpy().tobytes(),
    ]
    grads = [p.grad.numpy().tobytes() for p in model.parameters() if p.grad is not None]
    tensors = [tensor.numpy().tobytes() for tensor in model.state_dict().values()]
    modes = [module.training for module in model.modules()]
    return [pickle.dumps(each) for each in (state, grads, tensors, modes)]


def test_training_is_the_same_to_the_bit() -> None:
    found = []
    for every in (None, 1, 7):
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        model = Stateful()
        if every is None:
            train(model, steps=20)
        else:
            with Monitor(model, every=every, to=[]) as monitor:
                train(model, steps=20, monitor=monitor)
            assert len(monitor.readings) == (20 if every == 1 else 3)
        found.append(everything(model))
    assert found[0] == found[1] == found[2]


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_hooks_stand_only_at_the_steps_that_are_looked_at() -> None:
    model = Digits()
    monitor = Monitor(model, every=3, to=[])
    counts = []
    for _ in range(7):
        counts.append(hooks(model))
        train(model, steps=1, monitor=monitor)
    assert counts == [2, 0, 2, 0, 0, 2, 0]
    train(model, steps=1, monitor=monitor)
    assert hooks(model) == 2
    monitor.close()
    assert hooks(model) == 0


def test_a_copy_and_a_pickle_of_a_watched_model_are_not_watched() -> None:
    model = Digits()
    with Monitor(model, to=[]) as monitor:
        for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301  our own
            train(other, steps=1)
        saved = io.BytesIO()
        torch.save(model, saved)
        reading = monitor.step()
    assert reading is not None
    assert reading.rows == 0
    assert saved.tell() > 0


def test_passes_in_evaluation_or_without_gradient_are_not_looked_at() -> None:
    model = Digits()
    with Monitor(model, to=[]) as monitor:
        model.eval()
        model(DIGITS[:5])
        model.train()
        with torch.no_grad():
            model(DIGITS[:7])
        train(model, steps=1)
        reading = monitor.step()
    assert reading is not None
    assert reading.rows == 64


# -------------------------------------------------------------------------------------- what cannot be seen


def test_a_model_trained_around_its_forward_is_seen_by_its_batch() -> None:
    model = Digits()
    with Monitor(model, every=1, to=[]) as monitor:
        unseen, seen = monitor.step(), monitor.step(DIGITS[:33])
    assert unseen is not None
    assert seen is not None
    assert "give the batch, as in step(x)" in unseen.unobserved[0]
    assert seen.rows == 33
    assert seen.reaches_encoder
    assert "no forward" not in seen.unobserved[0]


class Plain(nn.Module):
    """An autoencoder without any noise."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(PIXELS, 7), nn.Linear(7, PIXELS))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Raising(Digits):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if len(x) != BATCH:
            raise RuntimeError("the batch must have 96 rows")
        return super().forward(x)


def test_a_model_that_cannot_be_measured_trains_on_after_one_line() -> None:
    model = Plain()
    with Monitor(model, to=[]) as monitor:
        model(DIGITS[:9]).square().sum().backward()
        reading = monitor.step()
    assert reading is not None
    assert "no noise makes a z" in " ".join(reading.unobserved)
    assert reading.causes == ()
    raising = watched(Raising, steps=1)
    assert "the batch must have 96 rows" in raising.readings[0].unobserved[0]


class Checkpointed(Digits):
    """The decoder's activations are computed again in the backward."""

    reentrant = False

    def decode(self, z: Tensor, x: Tensor) -> Tensor:
        out = torch.utils.checkpoint.checkpoint(self.decoder, z, use_reentrant=self.reentrant)
        assert isinstance(out, Tensor)
        return torch.sigmoid(out)


class ReentrantlyCheckpointed(Checkpointed):
    reentrant = True


@pytest.mark.parametrize("kind", [Checkpointed, ReentrantlyCheckpointed])
def test_a_checkpointed_decoder_trains_the_same(kind: type[Checkpointed]) -> None:
    found = []
    for looks in (False, True):
        torch.manual_seed(0)
        model = kind()
        if looks:
            with Monitor(model, every=1, to=[]) as monitor:
                train(model, steps=3, monitor=monitor)
        else:
            train(model, steps=3)
        found.append([tensor.detach().numpy().tobytes() for tensor in model.parameters()])
    assert found[0] == found[1]
    last = monitor.readings[-1]
    if kind is Checkpointed:
        assert last.balance is not None
        assert last.recon_gradient is not None
        assert last.recon_gradient > 0
    else:
        assert any("the reconstruction's gradient at the heads" in each for each in last.unobserved)


class Exploding(Digits):
    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.exp(200.0 + logvar) * torch.randn_like(mu)


def test_numbers_that_are_not_finite_are_no_collapse() -> None:
    monitor = watched(Exploding, steps=4, every=1)
    assert [reading.causes for reading in monitor.readings] == [()] * 4
    assert all("holds NaN or infinity" in reading.unobserved[0] for reading in monitor.readings)
    assert not any(reading.collapsed for reading in monitor.readings)


class Odd(Digits):
    """Its parameters cannot be listed while it is measured: an error of no kind that one would expect."""

    broken = False

    def named_buffers(self, *args: Any, **kwargs: Any) -> Any:
        if self.broken:
            raise KeyError("no such buffer")
        return super().named_buffers(*args, **kwargs)


def test_an_error_in_the_monitor_does_not_end_the_training() -> None:
    model = Odd()
    with Monitor(model, every=1, to=[]) as monitor:
        model.broken = True
        train(model, steps=2, monitor=monitor)
    assert [len(reading.unobserved) > 0 for reading in monitor.readings] == [True, True]
    assert "KeyError" in monitor.readings[0].unobserved[0]


def test_a_step_before_the_backward_says_so() -> None:
    model = Digits()
    with Monitor(model, to=[]) as monitor:
        model(DIGITS[:9])
        reading = monitor.step()
    assert reading is not None
    assert any("no backward went through x_hat" in each for each in reading.unobserved)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"every": 0}, UsageError, "every is 0: give a whole number of 1 or more"),
        ({"every": 2.5}, UsageError, "every is 2.5"),
        ({"rows": 1}, UsageError, "rows is 1: give a whole number of 2 or more"),
        ({"start": -1}, UsageError, "start is -1"),
        ({"to": "nowhere"}, UsageError, "to='nowhere' is no place to write to"),
        ({"to": 3}, UsageError, "to is a int"),
        ({"loss": "missing"}, UsageError, "is no method of Digits"),
        ({"model": "VAE"}, ModelError, "model is a str"),
    ],
)
def test_bad_use_is_one_clear_line(options: dict[str, Any], error: type[Exception], says: str) -> None:
    model = options.pop("model", None) or Digits()
    with pytest.raises(error, match=r"^[^\n]*$") as caught:
        Monitor(model, **{"to": [], **options})
    assert says in str(caught.value)


def test_bad_steps_are_one_clear_line() -> None:
    monitor = Monitor(Digits(), every=1, to=[])
    with pytest.raises(UsageError, match="x is a str: give the batch"):
        monitor.step("batch")
    with pytest.raises(UsageError, match="kl has 3 elements: give one number"):
        monitor.step(kl=torch.zeros(3))
    with pytest.raises(UsageError, match="kl is a list"):
        monitor.step(kl=[1.0])  # type: ignore[arg-type]  # the mistake that is refused
    monitor.close()
    with pytest.raises(UsageError, match="the monitor is closed"):
        monitor.step()


# ------------------------------------------------------------------------------------------------ when to look


def test_a_run_goes_on_counting_where_it_stopped() -> None:
    model = Digits()
    first = Monitor(model, every=5, to=[])
    train(model, steps=7, monitor=first)
    state = first.state_dict()
    first.close()
    again = Monitor(model, every=5, to=[])
    again.load_state_dict(state)
    train(model, steps=4, monitor=again)
    assert [reading.step for reading in first.readings] == [1, 5]
    assert [reading.step for reading in again.readings] == [8, 10]
    started = Monitor(model, every=5, to=[], start=7)
    train(model, steps=4, monitor=started)
    assert [reading.step for reading in started.readings] == [8, 10]


def test_a_monitor_that_would_cost_too_much_looks_less_often() -> None:
    monitor = Monitor(Digits(), to=[])
    monitor._step, monitor._clock = 100, (0, 10.0)
    monitor._schedule(begun=20.0, seconds=0.1)
    assert monitor._next == 200  # 0.1 s in 100 steps of 0.099 s are 1%
    monitor._clock = (0, 10.0)
    monitor._schedule(begun=20.0, seconds=0.9)
    assert monitor._next == 500  # 0.9 s in 100 steps of 0.091 s are 10%: one in 500 is 2%
    fixed = Monitor(Digits(), every=10, to=[])
    fixed._step, fixed._clock = 100, (0, 10.0)
    fixed._schedule(begun=20.0, seconds=0.9)
    assert fixed._next == 110
