"""What an audit costs, in seconds and memory, beside one forward and backward of the same model on the same batch.

Each measurement is a process of its own. A small convolutional VAE on 64 x 64 images: whole processes, imports
included, beside one that imports torch and trains one step. An AutoencoderKL of the size of SDXL's, 84 million
parameters with random weights: seconds of the call, and the peak of memory above what the process held when everything
was imported. Targets: the small one under 5 s, the large one under 60 s and under 3 times the memory.

    python benchmarks/bench_audit.py [--rounds 5] [--side 64] [--skip-large]
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

BATCH = 7  # what an audit draws first
LARGE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
}


def small() -> Any:
    """A convolutional VAE on 64 x 64 images, as tutorials have it."""
    import torch
    from torch import Tensor, nn

    class ConvVAE(nn.Module):
        def __init__(self, latents: int = 32) -> None:
            super().__init__()
            pairs = [(3, 32), (32, 64), (64, 128), (128, 256)]
            down = [m for a, b in pairs for m in (nn.Conv2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.ReLU())]
            up = [m for a, b in reversed(pairs) for m in (nn.ConvTranspose2d(b, a, 4, 2, 1), nn.ReLU())]
            self.encoder, self.decoder = nn.Sequential(*down, nn.Flatten()), nn.Sequential(*up[:-1], nn.Sigmoid())
            self.fc_mu, self.fc_logvar = nn.Linear(256 * 16, latents), nn.Linear(256 * 16, latents)
            self.into = nn.Linear(latents, 256 * 16)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            h = self.encoder(x)
            mu, logvar = self.fc_mu(h), self.fc_logvar(h)
            z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
            return self.decoder(self.into(z).view(-1, 256, 4, 4)), mu, logvar

    return ConvVAE()


def small_loss(x_hat: Any, x: Any, mu: Any, logvar: Any) -> Any:
    """The negative ELBO with a Gaussian likelihood."""
    recon = (x_hat - x).square().flatten(1).sum(1)
    return (recon - 0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1)).mean()


def large() -> Any:
    """An AutoencoderKL of the size of SDXL's, without its weights."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(**LARGE)


def large_loss(output: Any, x: Any, kl: Any) -> Any:
    """The reconstruction's squared error and the posterior's own KL."""
    return ((output.sample - x).square().flatten(1).sum(1) + kl).mean()


def peak() -> float:
    """The most memory that this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def step(model: Any, which: str, side: int) -> None:
    """One forward and backward."""
    import torch

    x = torch.rand(BATCH, 3, side, side)
    if which == "small":
        x_hat, mu, logvar = model(x)
        small_loss(x_hat, x, mu, logvar).backward()
    else:
        posterior = model.encode(x).latent_dist
        large_loss(model.decode(posterior.sample()), x, posterior.kl()).backward()


def audited(model: Any, which: str, side: int) -> str:
    """The audit's own summary."""
    from vae_checked import audit

    loss = small_loss if which == "small" else None
    return audit(model, f"B 3 {side} {side}", loss, data_range=(0, 1)).summary


def child(what: str, which: str, side: int) -> None:
    """One measurement, printed as JSON."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    needed = {"vae_checked.auditor": what == "audit", "diffusers.models.autoencoders": which == "large"}
    for module in (name for name, is_needed in needed.items() if is_needed):
        importlib.import_module(module)
    before = peak()
    model = small() if which == "small" else large()
    begun, used = time.perf_counter(), time.process_time()
    summary = step(model, which, side) if what == "step" else audited(model, which, side)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    spent = {"seconds": time.perf_counter() - begun, "used": time.process_time() - used, "mb": peak() - before}
    print(json.dumps({**spent, "parameters": parameters, "summary": summary}))


def measured(what: str, which: str, side: int) -> dict[str, Any]:
    """The measurement of a process of its own, with the wall and the processor seconds of all of it."""
    begun, used = time.perf_counter(), _processor()
    command = [sys.executable, __file__, "--child", what, which, "--side", str(side)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    own = json.loads(done.stdout.splitlines()[-1])
    return {**own, "wall": time.perf_counter() - begun, "processor": _processor() - used}


def _processor() -> float:
    """Seconds of processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(which: str, side: int, rounds: int) -> None:
    """Steps and audits in turn, medians."""
    runs: dict[str, list[dict[str, Any]]] = {"step": [], "audit": []}
    for _ in range(rounds):
        for what, kept in runs.items():
            kept.append(measured(what, which, side))
    count = runs["step"][0]["parameters"] / 1e6
    print(f"\n{which}: {count:.1f} million parameters, batch {BATCH} of 3 x {side} x {side}")
    columns = {"wall": "process, s", "processor": "of processor", "seconds": "the call, s", "used": "of processor"}
    columns["mb"] = "memory, MB"
    print(f"{'':8}" + "".join(f"{title:>16}" for title in columns.values()))

    def middle(what: str, key: str) -> float:
        return statistics.median(each[key] for each in runs[what])

    for what in runs:
        print(f"{what:8}" + "".join(f"{middle(what, key):16.2f}" for key in columns))
    print(f"{'ratio':8}" + "".join(f"{middle('audit', key) / middle('step', key):16.2f}" for key in columns))
    print(f"the audit said: {runs['audit'][0]['summary']}")


def main() -> None:
    """Measure, or be one of the measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--skip-large", action="store_true")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(*args.child, args.side)
        return
    table("small", args.side, args.rounds)
    if not args.skip_large:
        table("large", args.side, 1)


if __name__ == "__main__":
    main()
