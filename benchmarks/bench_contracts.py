"""What a contract costs: microseconds a call, per cent of a training step, and what torch.compile makes of it.

Unchecked, asserts written by hand, jaxtyping with beartype or with typeguard (its version 2, which reads axis strings),
ours on a seen signature, and ours switched off, in turn within one run, so that whatever else the machine does falls on
all alike; medians of processor time, with the caches warm in the first table and as a training step leaves them in the
second. A step is forward and backward of a VAE in five stages: `tiny` (batch 32, 64-48-8), `small MLP` (batch 128,
784-400-20, the VAE of PyTorch's examples) and `conv 64x64` (batch 8, 3 channels, 16 latents). Targets: ours at most
10 us a call, off under 1 us, at most 3% of a step of the small MLP, `fullgraph=True` with no graph break.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from beartype import beartype
from jaxtyping import jaxtyped
from torch import nn
from torch._dynamo.utils import counters
from torch.nn import functional as F

from vae_checked.contracts import Float, Tensor, checked, contracts_off
from vae_checked.errors import ContractError

CALL_ROUNDS, CALLS = 41, 200
STEP_ROUNDS = {"tiny": (101, 10), "small MLP": (61, 3), "conv 64x64": (31, 1)}
STAGES = ("encode", "reparameterize", "decode", "kl", "recon")
WAYS = ["unchecked", "by hand", "jaxtyping+beartype", "jaxtyping+typeguard", "ours", "ours, off"]
if importlib.util.find_spec("typeguard") is None:
    WAYS.remove("jaxtyping+typeguard")
BACKENDS = ("eager", "aot_eager", "inductor")


class MLP(nn.Module):
    """A VAE in five stages, of linear layers."""

    def __init__(self, pixels: int, hidden: int, latents: int) -> None:
        super().__init__()
        self.latents = latents
        self.body = nn.Linear(pixels, hidden)
        self.heads = nn.Linear(hidden, 2 * latents)
        self.out = nn.Sequential(nn.Linear(latents, hidden), nn.ReLU(), nn.Linear(hidden, pixels))

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


class Conv(MLP):
    """The same stages for images of 64 x 64."""

    def __init__(self, latents: int = 16) -> None:
        nn.Module.__init__(self)
        self.latents = latents
        widths = (3, 16, 32, 64)
        down = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Conv2d(a, b, 4, 2, 1), nn.ReLU())]
        self.body = nn.Sequential(*down, nn.Flatten())
        self.heads = nn.Linear(64 * 8 * 8, 2 * latents)
        back = widths[::-1]
        up = [layer for a, b in itertools.pairwise(back) for layer in (nn.ConvTranspose2d(a, b, 4, 2, 1), nn.ReLU())]
        self.out = nn.Sequential(nn.Linear(latents, 64 * 8 * 8), nn.Unflatten(1, (64, 8, 8)), *up[:-1])

    def encode(self, x: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]:
        mu, logvar = self.heads(self.body(x)).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Float[Tensor, "B {self.latents}"]) -> Float[Tensor, "B 3 H W"]:
        return self.out(z)

    def recon(self, x_hat: Float[Tensor, "B 3 H W"], x: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
        return (x_hat - x).pow(2).sum(dim=(1, 2, 3))


MODELS: dict[str, tuple[type[MLP], tuple[int, ...], tuple[int, ...]]] = {
    "tiny": (MLP, (64, 48, 8), (32, 64)),
    "small MLP": (MLP, (784, 400, 20), (128, 784)),
    "conv 64x64": (Conv, (16,), (8, 3, 64, 64)),
}


# --------------------------------------------------------------------------------------------- ways of checking


def floating(rank: int, *tensors: Tensor) -> None:
    for each in tensors:
        assert isinstance(each, Tensor) and each.ndim == rank and each.dtype.is_floating_point, each.shape  # noqa: PT018  one per tensor, as people write it


def by_hand(name: str, stage: Callable[..., Any]) -> Callable[..., Any]:
    """The asserts that a careful author writes for this stage."""

    def encode(self: MLP, x: Tensor) -> Any:
        floating(4 if isinstance(self, Conv) else 2, x)
        mu, logvar = stage(self, x)
        floating(2, mu, logvar)
        assert mu.shape == logvar.shape == (x.shape[0], self.latents)
        return mu, logvar

    def decode(self: MLP, z: Tensor) -> Any:
        floating(2, z)
        assert z.shape[1] == self.latents
        x_hat = stage(self, z)
        floating(4 if isinstance(self, Conv) else 2, x_hat)
        assert x_hat.shape[0] == z.shape[0]
        return x_hat

    def paired(self: MLP, first: Tensor, second: Tensor) -> Any:
        floating(first.ndim, first, second)
        assert first.shape == second.shape
        result = stage(self, first, second)
        floating(2 if name == "reparameterize" else 1, result)
        assert result.shape[0] == first.shape[0]
        return result

    return {"encode": encode, "decode": decode}.get(name, paired)


def wrapped(way: str, name: str, stage: Callable[..., Any]) -> Callable[..., Any]:
    """One stage under one way of checking."""
    if way == "unchecked":
        return stage
    if way == "by hand":
        return by_hand(name, stage)
    if way == "jaxtyping+beartype":
        return jaxtyped(stage, typechecker=beartype)
    if way == "jaxtyping+typeguard":
        from typeguard import typechecked

        return jaxtyped(stage, typechecker=typechecked)
    return checked(stage)


def under(way: str, kind: type[MLP]) -> type[MLP]:
    """The model with its stages checked in one way."""
    return type("Wrapped", (kind,), {name: wrapped(way, name, getattr(kind, name)) for name in STAGES})


# ------------------------------------------------------------------------------------------------------- tables


def timed(runs: dict[str, Callable[[], Any]], calls: int, rounds: int) -> dict[str, list[float]]:
    """Microseconds a call in each round, all in turn; those of a name that ends in 'off' with contracts off."""

    def microseconds(call: Callable[[], Any]) -> float:
        started = time.process_time()
        for _ in range(calls):
            call()
        return 1e6 * (time.process_time() - started) / calls

    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            if name.endswith("off"):
                with contracts_off():
                    times[name].append(microseconds(run))
            else:
                times[name].append(microseconds(run))
    return times


def row(title: str, cells: list[str]) -> None:
    print(f"{title:24}" + "".join(f"{cell:>21}" for cell in cells))


def returning(result: Any, stage: Callable[..., Any]) -> Callable[..., Any]:
    """A body that costs nothing, with the annotations of a stage."""
    namespace = {**globals(), "result": result}
    names = list(stage.__annotations__)[:-1]
    exec(f"def {stage.__name__}(self, {', '.join(names)}): return result", namespace)  # noqa: S102  source of its own
    body: Callable[..., Any] = namespace[stage.__name__]
    body.__annotations__ = dict(stage.__annotations__)
    return body


def calls_table() -> None:
    B, D, L = 32, 64, 8
    model = MLP(D, 48, L)
    x, heads, rows = torch.rand(B, D), (torch.randn(B, L), torch.randn(B, L)), torch.zeros(B)
    cases = {"encode": ((x,), heads), "reparameterize": (heads, heads[0]), "kl": (heads, rows)}
    cases |= {"decode": (heads[:1], x), "recon": ((x, x), rows)}
    row("us a call, empty body", WAYS)
    for name, (args, result) in cases.items():
        body = returning(result, getattr(MLP, name))
        runs = {way: functools.partial(wrapped(way, name, body), model, *args) for way in WAYS}
        took = timed(runs, CALLS, CALL_ROUNDS)
        row(name, [f"{statistics.median(took[way]):.2f}" for way in WAYS])


def steps_table() -> None:
    print()
    row("us a step, and more", WAYS)
    for name, (kind, sizes, shape) in MODELS.items():
        x, runs = torch.rand(shape), {}
        for way in WAYS:
            torch.manual_seed(0)
            model = under(way, kind)(*sizes)
            runs[way] = lambda model=model, x=x: model(x).backward()
            runs[way]()
        rounds, steps = STEP_ROUNDS[name]
        times = timed(runs, steps, rounds)
        row(name, [f"{statistics.median(times[way]):.0f}" for way in WAYS])
        more = {
            way: [100 * (t / base - 1) for t, base in zip(times[way], times["unchecked"], strict=True)] for way in WAYS
        }
        row("  median of the rounds", [f"{statistics.median(more[way]):+.1f}%" for way in WAYS])


def compile_table() -> None:
    print(f"\n{'torch.compile, tiny':24}{'backend':>12}{'fullgraph':>24}{'graph breaks':>14}{'graphs, 4 batches':>20}")
    for way in ("unchecked", "jaxtyping+beartype", "ours"):
        for backend in BACKENDS:
            torch._dynamo.reset()
            counters.clear()
            torch.manual_seed(0)
            compiled = torch.compile(under(way, MLP)(64, 48, 8), fullgraph=True, backend=backend)
            try:
                for batch in (3, 4, 6, 11):
                    compiled(torch.rand(batch, 64)).backward()
                verdict = "yes"
            except Exception as error:
                verdict = type(error).__name__
            breaks, graphs = sum(counters["graph_break"].values()), counters["stats"]["unique_graphs"]
            print(f"{way:24}{backend:>12}{verdict:>24}{breaks:14}{graphs:20}")
    try:
        under("ours", MLP)(64, 48, 8).decode(torch.rand(32, 9))
    except ContractError as error:
        print(f"\na wrong shape in eager mode: {str(error).splitlines()[0]}")


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print(f"torch {torch.__version__}, one thread, medians of {CALL_ROUNDS} rounds and more\n")
    calls_table()
    steps_table()
    compile_table()


if __name__ == "__main__":
    main()
