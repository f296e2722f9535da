"""What the monitor costs: a step that it looks at, a step that it does not, and a training step on average.

The same model takes the same steps with and without, in turn within one run, so that whatever else the machine does
falls on both alike; medians of processor time on one thread. Target: under 2% of a step of a convolutional VAE on
64x64 images at the default interval.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from vae_checked import Monitor
from vae_checked.monitor.monitor import EVERY
from vae_checked.reference import VAE

ROUNDS, CALLS = 9, 100_000


def processor_time(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def step_of(model: VAE, x: Tensor) -> Callable[[Monitor | None], None]:
    """A training step, with a monitor or without."""
    optimizer = torch.optim.Adam(model.parameters())

    def step(monitor: Monitor | None) -> None:
        x_hat, mu, logvar = model(x)
        loss = model.loss_function(x_hat, x, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if monitor is not None:
            monitor.step(loss=loss)

    return step


def measure(name: str, model: VAE, x: Tensor) -> None:
    """Print one row."""
    step = step_of(model, x)
    monitor = Monitor(model, every=1, to=[])
    step(monitor)
    monitor.close()
    plain, looked = [], []
    for _ in range(ROUNDS):
        plain.append(processor_time(lambda: step(None)))
        with Monitor(model, every=1, to=[]) as monitor:
            looked.append(processor_time(lambda watch=monitor: step(watch)))
    base, extra = statistics.median(plain), statistics.median(b - a for a, b in zip(plain, looked, strict=True))
    with Monitor(model, every=CALLS, to=[]) as monitor:
        monitor.step()
        between = processor_time(lambda: [monitor.step() for _ in range(CALLS - 2)]) / CALLS
    average = (extra / EVERY + between) / base
    print(
        f"{name:28} step {1e3 * base:8.1f} ms   looked at +{1e3 * extra:7.1f} ms ({extra / base:4.1f} steps)   "
        f"not looked at +{1e6 * between:4.2f} us   every {EVERY}: {100 * average:5.2f}% of a step"
    )


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    measure("conv VAE, 64x3x64x64", VAE(), torch.rand(64, 3, 64, 64))
    small = VAE((1, 8, 12), latents=5, encoder="mlp", decoder="mlp", hidden=32)
    measure("MLP VAE, 32x1x8x12", small, torch.rand(32, 1, 8, 12))
    print("Where looking every 100 steps would cost more than 2%, the default looks less often.")


if __name__ == "__main__":
    main()
