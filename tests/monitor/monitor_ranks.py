"""One of two processes that train a VAE together, watched and not; run by test_monitor_ranks.py as torchrun would.

Each optimizer step is two micro batches under autocast to bfloat16 through a decoder that is checkpointed.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from newer_torch import COMPILES_CHECKPOINTS_UNDER_DDP, HAS_FSDP2
from torch import Tensor, distributed, nn
from torch.distributed import fsdp
from torch.distributed.device_mesh import init_device_mesh
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from vae_checked import Monitor, wrap, wrap_report

PIXELS, LATENTS, BATCH, STEPS, MICRO = 24, 3, 10, 4, 2
WAYS = ("ddp", *(["ddp compiled"] if COMPILES_CHECKPOINTS_UNDER_DDP else []), *(["fsdp"] if HAS_FSDP2 else []))


class VAE(nn.Module):
    """Vectors of 24; the decoder's activations are computed again in the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(PIXELS, 2 * LATENTS)
        self.decoder = nn.Sequential(nn.Linear(LATENTS, 7), nn.ReLU(), nn.Linear(7, PIXELS))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.encoder(x).chunk(2, 1)
        return mu, logvar

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encode(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        x_hat: Tensor = checkpoint(self.decoder, z, use_reentrant=False)
        return x_hat, mu, logvar


def parallel(model: VAE, way: str) -> Any:
    """The model trained by both processes together."""
    if way == "fsdp":
        mesh = init_device_mesh("cpu", (distributed.get_world_size(),))
        sharded: Any = fsdp.fully_shard
        sharded(model.decoder, mesh=mesh)
        sharded(model, mesh=mesh)
        return model
    whole = DistributedDataParallel(model)
    return torch.compile(whole, backend="aot_eager") if way == "ddp compiled" else whole


@contextlib.contextmanager
def gathering(model: Any, last: bool) -> Iterator[None]:
    """Gradients are exchanged after the last micro batch alone."""
    if hasattr(model, "set_requires_gradient_sync"):
        model.set_requires_gradient_sync(last)
        yield
    else:
        with contextlib.nullcontext() if last else model.no_sync():
            yield


def train(way: str, wrapped: bool, monitored: bool, folder: Path) -> dict[str, Any]:
    """The parameters after a few steps, and what was seen."""
    rank = distributed.get_rank()
    torch.manual_seed(0)
    model = VAE()
    if wrapped:
        wrap(model, raises=False)
    whole = parallel(model, way)
    optimizer = torch.optim.SGD(whole.parameters(), 0.1)
    csv = folder / f"{way}-{wrapped}.csv"
    events = folder / f"{way}-{wrapped}-{rank}"
    board = [f"tensorboard:{events}"] if find_spec("tensorboard") else []
    monitor = Monitor(whole, every=2, to=[str(csv), *board]) if monitored else None
    torch.manual_seed(7 + rank)
    for _ in range(STEPS):
        for micro in range(MICRO):
            x = torch.rand(BATCH, PIXELS)
            with gathering(whole, last=micro == MICRO - 1):
                with torch.autocast("cpu", torch.bfloat16):
                    x_hat, mu, logvar = whole(x)
                mu, logvar = mu.float(), logvar.float()
                kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1).mean()
                loss = (F.mse_loss(x_hat.float(), x) + kl) / MICRO
                loss.backward()
        optimizer.step()
        if monitor is not None:
            monitor.step(loss=loss)
        optimizer.zero_grad()
    numbers = [p.full_tensor() if hasattr(p, "full_tensor") else p for p in whole.parameters()]
    readings = [] if monitor is None else monitor.readings
    if monitor is not None:
        monitor.close()
    report = wrap_report(whole) if wrapped else None
    return {
        "parameters": [tensor.detach().tolist() for tensor in numbers],
        "steps": [reading.step for reading in readings],
        "betas": [None if reading.balance is None else reading.balance.beta for reading in readings],
        "latents": [None if reading.kl_per_latent is None else len(reading.kl_per_latent) for reading in readings],
        "follows z": [reading.follows_z for reading in readings],
        "unobserved": [list(reading.unobserved) for reading in readings],
        "causes": [str(cause) for reading in readings for cause in reading.causes],
        "breaches": None if report is None else report.breaches,
        "lines": len(csv.read_text(encoding="utf-8").splitlines()) if csv.exists() and rank == 0 else None,
        "opened": events.exists(),
    }


def main() -> None:
    """Train in every way, unwatched, monitored, and monitored and wrapped; write, as JSON, what each rank saw."""
    distributed.init_process_group("gloo")
    rank, folder = distributed.get_rank(), Path(sys.argv[1])
    for way in WAYS:
        plain = train(way, False, False, folder)
        for wrapped, monitored in ((False, True), (True, True)):
            seen = train(way, wrapped, monitored, folder)
            seen["same"] = seen.pop("parameters") == plain["parameters"]
            seen |= {"way": way, "wrapped": wrapped, "monitored": monitored, "rank": rank}
            path = folder / f"{rank}-{way}-{wrapped}-{monitored}.json"
            path.write_text(json.dumps(seen), encoding="utf-8")
    distributed.barrier()  # a rank that leaves while the other still speaks to it can bring that one down
    distributed.destroy_process_group()
    # All is written. At a normal exit a thread of torch's process groups ends the process with an abort now and then.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
