"""What the inference of shapes costs where one thing grows: sizes, parameters, modules; and the SDXL-sized model.

CPU seconds after imports, the least of three runs each, in one process.

    python benchmarks/bench_shapes_scaling.py
"""

from __future__ import annotations

import time
import warnings
from typing import Any


def chain(depth: int, width: int) -> Any:
    """A convolutional autoencoder without data: `depth` layers of `width` channels between two of stride 2."""
    import torch
    from torch import nn

    with torch.device("meta"):
        layers = [nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.GroupNorm(4, width)) for _ in range(depth)]
        return nn.Sequential(nn.Conv2d(3, width, 3, 2, 1), *layers, nn.ConvTranspose2d(width, 3, 4, 2, 1))


def least(model: Any, spec: str) -> float:
    """The CPU seconds of the fastest of three inferences."""
    from vae_checked.shapes import infer

    seconds = []
    for _ in range(3):
        begun = time.process_time()
        infer(model, spec)
        seconds.append(time.process_time() - begun)
    return min(seconds)


def main() -> None:
    """Print one line per thing that grows."""
    warnings.simplefilter("ignore")
    from zoo_shapes import cases

    least(chain(2, 4), "B 3 H W")
    print("\nCPU seconds where one thing grows:")
    for title, grown in (
        ("H and W from", [(f"{n} and {n + n // 2}", 30, 8, f"B 3 H={n} W={n + n // 2}") for n in (64, 512, 4096)]),
        ("channels", [(f"{width}", 30, width, "B 3 H W") for width in (8, 128, 2048)]),
        ("layers", [(f"{depth}", depth, 8, "B 3 H W") for depth in (30, 60, 120)]),
    ):
        told = []
        for name, depth, width, spec in grown:
            model = chain(depth, width)
            millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
            modules = len(list(model.modules()))
            told.append(f"{name} ({millions:.2f} M, {modules} modules) {least(model, spec):.3f}")
        print(f"  {title}: " + ", ".join(told))
    import torch

    with torch.device("meta"):
        model = cases(None, ["SDXL"])[0].build()
    print(f"  SDXL-sized AutoencoderKL: {least(model, 'B 3 H W'):.2f}")


if __name__ == "__main__":
    main()
