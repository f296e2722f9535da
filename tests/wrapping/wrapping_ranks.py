"""One of two processes that train a wrapped VAE together; run by test_wrapping_ranks.py as torchrun would.

Rank 1 sees a batch of one sample, which the model's squeeze() does not survive.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from newer_torch import HAS_FSDP2
from torch import Tensor, distributed, nn
from torch.distributed import fsdp
from torch.distributed.device_mesh import init_device_mesh
from torch.nn.parallel import DistributedDataParallel

from vae_checked import wrap, wrap_report

LATENTS = 5
# How it is trained, and whether it is wrapped before that.
WAYS = (("ddp", True), *([("fsdp", True), ("fsdp", False)] if HAS_FSDP2 else []))


class VAE(nn.Module):
    """An MLP VAE on (B, 3, 8, 12) whose encoder squeezes."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.heads = nn.Linear(288, 16), nn.Linear(16, 2 * LATENTS)
        self.out = nn.Linear(LATENTS, 288)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.heads(torch.relu(self.body(x.flatten(1)))).squeeze().chunk(2, -1)
        return mu, logvar

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z: Tensor) -> Tensor:
        return self.out(z).view(-1, 3, 8, 12)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def parallel(model: Any, how: str) -> Any:
    """The model trained by both processes together."""
    if how == "ddp":
        return DistributedDataParallel(model)
    mesh = init_device_mesh("cpu", (distributed.get_world_size(),))
    fsdp.fully_shard(model.body, mesh=mesh)
    fsdp.fully_shard(model, mesh=mesh)
    return model


def gradients(model: nn.Module) -> list[Tensor]:
    """The whole gradient of every parameter, in whatever shards it lies."""
    return [p.grad.full_tensor() if hasattr(p.grad, "full_tensor") else p.grad for p in model.parameters()]


def step(model: Any, rank: int, batch: int) -> list[Tensor]:
    """One seeded step: the outputs, then the gradients."""
    torch.manual_seed(7 + rank)
    x = torch.rand(batch, 3, 8, 12)
    outputs = model(x)
    model.zero_grad()
    sum(output.square().mean() for output in outputs).backward()
    return [*outputs, *gradients(model)]


def main() -> None:
    """Train in every way beside the plain model; write, as JSON, what each rank saw and what rank 0 merged."""
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    for how, wrapped_first in WAYS:
        torch.manual_seed(0)
        plain = parallel(VAE(), how)
        torch.manual_seed(0)
        model = VAE()
        watched = (
            parallel(wrap(model, raises=False), how) if wrapped_first else wrap(parallel(model, how), raises=False)
        )
        same = [
            torch.equal(a, b)
            for _ in range(3)
            for a, b in zip(step(plain, rank, 4), step(watched, rank, 4), strict=True)
        ]
        step(watched, rank, 1 if rank else 6)
        report = wrap_report(watched)
        merged = report.gather()
        seen = {"rank": rank, "how": how, "wrapped first": wrapped_first, "same": same, "own": str(report)}
        seen["merged"] = None if merged is None else str(merged)
        Path(sys.argv[1], f"{rank}-{how}-{wrapped_first}.json").write_text(json.dumps(seen), encoding="utf-8")
    distributed.barrier()  # a rank that leaves while the other still speaks to it can bring that one down
    distributed.destroy_process_group()
    # All is written. At a normal exit a thread of torch's process groups ends the process with an abort now and then.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
