"""What a contract costs: microseconds a call, per cent of a training step, and what torch.compile makes of it.

Unchecked, jaxtyping with beartype, ours on a seen signature, and ours switched off, in turn within one run, so that
whatever else the machine does falls on all alike; medians of processor time, with the caches warm in the first table
and as a training step leaves them in the second. Targets: ours at most 10 us a call where jaxtyping with
beartype takes 45 to 65, off under 1 us, `fullgraph=True` with no graph break.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from beartype import beartype
from jaxtyping import jaxtyped
from torch._dynamo.utils import counters
from torch.nn import functional as F

from vae_checked.contracts import Float, Tensor, checked, contracts_off
from vae_checked.errors import ContractError

ROUNDS, CALLS, STEPS = 41, 200, 10
B, D, HIDDEN, L = 32, 64, 48, 8


class Plain(torch.nn.Module):
    """A small MLP VAE in five stages."""

    def __init__(self) -> None:
        super().__init__()
        self.latents = L
        self.body = torch.nn.Linear(D, HIDDEN)
        self.heads = torch.nn.Linear(HIDDEN, 2 * L)
        self.out = torch.nn.Sequential(torch.nn.Linear(L, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, D))

    def encode(self, x: Float[Tensor, "B D"]) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]:
        mu, logvar = self.heads(F.relu(self.body(x))).chunk(2, dim=1)
        return mu, logvar

    def reparameterize(self, mu: Float[Tensor, "B L"], logvar: Float[Tensor, "B L"]) -> Float[Tensor, "B L"]:
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z: Float[Tensor, "B {self.latents}"]) -> Float[Tensor, "B D"]:
        return self.out(z)

    def kl(self, mu: Float[Tensor, "B L"], logvar: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
        return 0.5 * (logvar.exp() + mu.pow(2) - 1 - logvar).sum(dim=1)

    def recon(self, x_hat: Float[Tensor, "B D"], x: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        return (x_hat - x).pow(2).sum(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        mu, logvar = self.encode(x)
        x_hat = self.decode(self.reparameterize(mu, logvar))
        return (self.recon(x_hat, x) + self.kl(mu, logvar)).mean()


STAGES = ("encode", "reparameterize", "decode", "kl", "recon")
WAYS = ("unchecked", "jaxtyping+beartype", "ours", "ours, off")


def under(way: str) -> type[Plain]:
    """The model with its stages checked in one way."""
    if way == "unchecked":
        return Plain
    wrap: Callable[[Any], Any] = jaxtyped(typechecker=beartype) if way == "jaxtyping+beartype" else checked
    return type("Wrapped", (Plain,), {name: wrap(getattr(Plain, name)) for name in STAGES})


def microseconds(call: Callable[[], Any], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        call()
    return 1e6 * (time.process_time() - started) / calls


def timed(runs: dict[str, Callable[[], Any]], calls: int, rounds: int) -> dict[str, list[float]]:
    """Microseconds a call in each round, all in turn; those of a name that ends in 'off' with contracts off."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            if name.endswith("off"):
                with contracts_off():
                    times[name].append(microseconds(run, calls))
            else:
                times[name].append(microseconds(run, calls))
    return times


def medians(times: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(each) for name, each in times.items()}


def returning(result: Any, stage: Callable[..., Any]) -> Callable[..., Any]:
    """A body that costs nothing, with the annotations of a stage."""
    namespace = {**globals(), "result": result}
    names = list(stage.__annotations__)[:-1]
    exec(f"def {stage.__name__}(self, {', '.join(names)}): return result", namespace)  # noqa: S102  source of its own
    body: Callable[..., Any] = namespace[stage.__name__]
    body.__annotations__ = dict(stage.__annotations__)
    return body


def calls_table() -> None:
    model = Plain()
    x, heads, rows = torch.rand(B, D), (torch.randn(B, L), torch.randn(B, L)), torch.zeros(B)
    cases = {"encode": ((x,), heads), "reparameterize": (heads, heads[0]), "kl": (heads, rows)}
    cases |= {"decode": (heads[:1], x), "recon": ((x, x), rows)}
    print(f"{'us a call, empty body':24}" + "".join(f"{way:>20}" for way in WAYS) + f"{'ours / theirs':>16}")
    for name, (args, result) in cases.items():
        body = returning(result, getattr(Plain, name))
        plain, ours = jaxtyped(body, typechecker=beartype), checked(body)
        functions = dict(zip(WAYS, (body, plain, ours, ours), strict=True))
        runs = {way: (lambda f=f, a=args: f(model, *a)) for way, f in functions.items()}
        took = medians(timed(runs, CALLS, ROUNDS))
        ratio = (took["ours"] - took["unchecked"]) / (took["jaxtyping+beartype"] - took["unchecked"])
        print(f"{name:24}" + "".join(f"{took[way]:20.2f}" for way in WAYS) + f"{ratio:16.2f}")


def steps_table() -> None:
    x = torch.rand(B, D)
    runs = {}
    for way in WAYS:
        torch.manual_seed(0)
        model = under(way)()
        runs[way] = lambda model=model: model(x).backward()
        runs[way]()
    times = timed(runs, STEPS, 5 * ROUNDS)
    took = medians(times)
    print(f"\n{'us a step, MLP VAE':24}" + "".join(f"{took[way]:20.1f}" for way in WAYS))
    more = {way: [100 * (t / base - 1) for t, base in zip(times[way], times["unchecked"], strict=True)] for way in WAYS}
    print(f"{'more, median of rounds':24}" + "".join(f"{statistics.median(more[way]):19.1f}%" for way in WAYS))


def compile_table() -> None:
    print(f"\n{'torch.compile':24}{'backend':>12}{'fullgraph':>12}{'graph breaks':>14}{'graphs, 4 batches':>20}")
    for way in WAYS[:3]:
        for backend in ("eager", "aot_eager"):
            torch._dynamo.reset()
            counters.clear()
            torch.manual_seed(0)
            compiled = torch.compile(under(way)(), fullgraph=True, backend=backend)
            try:
                for batch in (3, 4, 6, 11):
                    compiled(torch.rand(batch, D)).backward()
                verdict = "yes"
            except Exception as error:
                verdict = type(error).__name__
            breaks, graphs = sum(counters["graph_break"].values()), counters["stats"]["unique_graphs"]
            print(f"{way:24}{backend:>12}{verdict:>12}{breaks:14}{graphs:20}")
    try:
        under("ours")().decode(torch.rand(B, L + 1))
    except ContractError as error:
        print(f"\na wrong shape in eager mode: {str(error).splitlines()[0]}")


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print(f"torch {torch.__version__}, one thread, medians of {ROUNDS} rounds\n")
    calls_table()
    steps_table()
    compile_table()


if __name__ == "__main__":
    main()
