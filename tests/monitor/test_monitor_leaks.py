"""Nothing of a monitor stays behind: no tensor of a look, no hook of a monitor that was dropped, no failing sink."""

from __future__ import annotations

import gc
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from preloaded import run_python
from small_vaes.digits import DIGITS, Digits, train
from torch import Tensor, nn

from vae_checked import Monitor
from vae_checked.monitor import Reading


def live_tensors() -> int:
    gc.collect()
    return sum(issubclass(type(each), Tensor) for each in gc.get_objects())


def test_looks_leave_no_tensor_behind() -> None:
    model = Digits()
    with Monitor(model, every=1, to=[]) as monitor:
        train(model, steps=6, monitor=monitor)  # a monitor keeps what its last three looks followed
        before = live_tensors()
        train(model, steps=20, monitor=monitor)
        after = live_tensors()
    assert len(monitor.readings) == 26
    assert monitor.readings[-1].balance is not None
    assert after == before


GROWTH = """
import os, sys
sys.path.insert(0, SUPPORT)
import torch
from small_vaes.digits import DIGITS, Digits, balanced
from vae_checked import Monitor

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

torch.set_num_threads(1)
model = Digits()
optimizer = torch.optim.SGD(model.parameters(), 1e-4)
x = DIGITS[:130]
with Monitor(model, every=25, to=[], rows=8) as monitor:
    for step in range(2_000):
        if step == 500:
            before = resident()
        x_hat, mu, logvar = model(x)
        loss = balanced(x_hat, x, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        monitor.step()
print(len(monitor.readings), resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_memory_does_not_grow_over_thousands_of_steps() -> None:
    support = str(Path(__file__).parents[1] / "support")
    text = textwrap.dedent(GROWTH).replace("SUPPORT", repr(support))
    done = run_python("-c", text)
    assert done.returncode == 0, done.stderr[-2000:]
    readings, grown = map(int, done.stdout.split())
    assert readings == 81
    # A look keeps 0.1 MB or more where its tensors stay: the 60 looks after the first measurement would keep 6 MB.
    assert grown < 1_500_000


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_a_monitor_that_is_dropped_takes_its_hooks_along() -> None:
    model = Digits()
    monitor = Monitor(model, every=1, to=[])
    train(model, steps=2, monitor=monitor)
    model(DIGITS[:5])
    assert hooks(model) == 2
    del monitor
    gc.collect()
    assert hooks(model) == 0
    train(model, steps=1)


class FullDisk:
    """Takes one reading and then fails as a disk does."""

    def __init__(self) -> None:
        self.taken: list[int] = []

    def __call__(self, reading: Reading) -> None:
        if self.taken:
            raise OSError(28, "No space left on device")
        self.taken.append(reading.step)


def test_a_sink_that_fails_is_warned_of_once_and_training_goes_on() -> None:
    model, full, seen = Digits(), FullDisk(), list[int]()

    def count(reading: Reading) -> None:
        seen.append(reading.step)

    failing = pytest.warns(RuntimeWarning, match="failed at step 2 .*No space left on device")
    with Monitor(model, every=1, to=[full, count]) as monitor, failing as caught:
        train(model, steps=5, monitor=monitor)
    assert len(caught) == 1
    assert full.taken == [1]
    assert seen == [1, 2, 3, 4, 5]


class Writer:
    """A SummaryWriter whose file is gone."""

    def add_scalar(self, *_: Any) -> None:
        raise RuntimeError("the writer is closed")


def test_a_writer_that_fails_does_not_end_the_training() -> None:
    model = Digits()
    failing = pytest.warns(RuntimeWarning, match="TensorBoard failed at step 1 .*the writer is closed")
    with Monitor(model, every=1, to=Writer()) as monitor, failing:
        train(model, steps=2, monitor=monitor)
    assert len(monitor.readings) == 2


def test_a_file_of_another_run_is_still_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text("step,other\n1,2\n", encoding="utf-8")
    model = Digits()
    with Monitor(model, every=1, to=str(path)) as monitor, pytest.raises(Exception, match="other columns"):
        train(model, steps=1, monitor=monitor)
    assert torch.isfinite(next(model.parameters())).all()
