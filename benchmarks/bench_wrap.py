"""What `wrap` costs: microseconds a call on stages that do nothing, per cent of a training step, and graphs of compile.

A plain and a wrapped model in turn within one run, so that whatever else the machine does falls on both; medians of
processor time.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from bench_audit import small, small_loss
from torch import Tensor, nn
from torch._dynamo.utils import counters

from vae_checked import contracts_off, wrap

ROUNDS, CALLS = 41, 400


class Empty(nn.Module):
    """Stages that return what they have."""

    def __init__(self) -> None:
        super().__init__()
        self.heads, self.x = (torch.zeros(8, 5), torch.zeros(8, 5)), torch.zeros(8, 3, 12, 16)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.heads

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu

    def decode(self, z: Tensor) -> Tensor:
        return self.x

    def loss_function(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> dict[str, Any]:
        return {"loss": mu, "recon": logvar, "kl": mu}


def timed(runs: dict[str, Callable[[], Any]], calls: int, rounds: int) -> dict[str, list[float]]:
    """Microseconds a call in each round, all in turn; those of a name that ends in 'off' with contracts off."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            if name.endswith("off"):
                with contracts_off():
                    times[name].append(_microseconds(run, calls))
            else:
                times[name].append(_microseconds(run, calls))
    return times


def _microseconds(run: Callable[[], Any], calls: int) -> float:
    begun = time.process_time()
    for _ in range(calls):
        run()
    return 1e6 * (time.process_time() - begun) / calls


def calls_table() -> None:
    plain, wrapped = Empty(), wrap(Empty())
    mu, logvar = plain.heads
    cases = {
        "encode": (plain.x,),
        "reparameterize": (mu, logvar),
        "decode": (mu,),
        "loss_function": (plain.x, plain.x, mu, logvar, 0.5),
    }
    print(f"{'us a call, empty body':24}{'plain':>10}{'wrapped':>10}{'more':>10}{'off':>10}")
    for name, args in cases.items():
        bare, watched = getattr(plain, name), getattr(wrapped, name)
        runs = {"plain": lambda f=bare, a=args: f(*a), "wrapped": lambda f=watched, a=args: f(*a)}
        runs["wrapped, off"] = runs["wrapped"]
        took = {way: statistics.median(each) for way, each in timed(runs, CALLS, ROUNDS).items()}
        more, off = took["wrapped"] - took["plain"], took["wrapped, off"] - took["plain"]
        print(f"{name:24}{took['plain']:10.2f}{took['wrapped']:10.2f}{more:10.2f}{off:10.2f}")


def steps_table() -> None:
    """A step of the convolutional VAE, whose parts and forward are watched: three stages."""
    x = torch.rand(8, 3, 64, 64)
    runs = {}
    for name, prepare in (("plain", lambda model: model), ("wrapped", wrap)):
        torch.manual_seed(0)
        model = prepare(small())

        def step(model: Any = model) -> None:
            x_hat, mu, logvar = model(x)
            small_loss(x_hat, x, mu, logvar).backward()

        runs[name] = step
        step()
    times = timed(runs, 1, ROUNDS)
    plain, wrapped = (statistics.median(times[name]) / 1e3 for name in ("plain", "wrapped"))
    more = statistics.median(100 * (b / a - 1) for a, b in zip(times["plain"], times["wrapped"], strict=True))
    print(f"\nms a step, conv VAE 64 x 64: plain {plain:.2f}, wrapped {wrapped:.2f} ({more:+.1f}%, median of rounds)")


def compile_table() -> None:
    print(f"\n{'torch.compile, fullgraph':28}{'graph breaks':>14}{'graphs, 4 batches':>20}")
    for name, prepare in (("plain", lambda model: model), ("wrapped", wrap)):
        torch._dynamo.reset()
        counters.clear()
        compiled = torch.compile(prepare(small()), fullgraph=True, backend="aot_eager")
        for batch in (3, 4, 6, 11):
            compiled(torch.rand(batch, 3, 64, 64))[0].sum().backward()
        print(f"{name:28}{sum(counters['graph_break'].values()):14}{counters['stats']['unique_graphs']:20}")


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print(f"torch {torch.__version__}, one thread, medians of {ROUNDS} rounds\n")
    calls_table()
    steps_table()
    compile_table()


if __name__ == "__main__":
    main()
