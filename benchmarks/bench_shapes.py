"""Symbolic shapes of real autoencoders: laws, cost, and truth against real forwards.

Per model, in a process of its own: the inference from a copy without data, one real forward, torchinfo, torchlens and a
dynamic torch.export where they are installed and succeed; then the predicted shapes against real forwards at random
accepted sizes. Memory is the peak above what the process held with the model built without data and everything
imported, which the inference of one small layer sees to: torch imports the rules of its meta device when they are used.

    python benchmarks/bench_shapes.py [MODEL ...] [--truth 20] [--timeout 300] [--scaling]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import random
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

BLOCKS = {"down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
SDXL = BLOCKS | {"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "norm_num_groups": 32}
# name: (module, class, arguments, specification or none to have it guessed)
MODELS: dict[str, tuple[str, str, dict[str, Any], str | None]] = {
    "reference": ("vae_checked.reference", "VAE", {}, "B 3 H W"),
    "pythae VAE": ("pythae.models", "VAE", {"latent_dim": 10}, "B 1 H W"),
    "pythae BetaVAE": ("pythae.models", "BetaVAE", {"latent_dim": 10}, "B 1 H W"),
    "pythae VAMP": ("pythae.models", "VAMP", {"latent_dim": 10}, "B 1 H W"),
    "pythae IWAE": ("pythae.models", "IWAE", {"latent_dim": 10}, "B 1 H W"),
    "pythae FactorVAE": ("pythae.models", "FactorVAE", {"latent_dim": 10}, "B 1 H W"),
    "pythae VQVAE": ("pythae.models", "VQVAE", {"latent_dim": 16}, "B 1 H W"),
    "SDXL-sized AutoencoderKL": ("diffusers", "AutoencoderKL", SDXL, "B 3 H W"),
    "AutoencoderKL": ("diffusers", "AutoencoderKL", {}, "B 3 H W"),
    "AsymmetricAutoencoderKL": ("diffusers", "AsymmetricAutoencoderKL", {}, "B 3 H W"),
    "AutoencoderTiny": ("diffusers", "AutoencoderTiny", {}, "B 3 H W"),
    "VQModel": ("diffusers", "VQModel", {}, "B 3 H W"),
    "AutoencoderDC": ("diffusers", "AutoencoderDC", {}, "B 3 H W"),
    "AutoencoderOobleck": ("diffusers", "AutoencoderOobleck", {}, "B 2 T=4096"),
    "AutoencoderKLMagvit": ("diffusers", "AutoencoderKLMagvit", {}, "B 3 D H W"),
    "AutoencoderKLLTXVideo": ("diffusers", "AutoencoderKLLTXVideo", {}, "B 3 D H W"),
    "AutoencoderKLMochi": ("diffusers", "AutoencoderKLMochi", {}, "B 3 D H W"),
    "AutoencoderKLWan": ("diffusers", "AutoencoderKLWan", {}, "B 3 D H W"),
    "AutoencoderKLCosmos": ("diffusers", "AutoencoderKLCosmos", {}, "B 3 D H W"),
    "AutoencoderKLHunyuanVideo": ("diffusers", "AutoencoderKLHunyuanVideo", {}, "B 3 D H W"),
    "AutoencoderKLCogVideoX": ("diffusers", "AutoencoderKLCogVideoX", {}, "B 3 D H W"),
    "AutoencoderKLQwenImage": ("diffusers", "AutoencoderKLQwenImage", {}, "B 3 D H W"),
    "AutoencoderKLAllegro": ("diffusers", "AutoencoderKLAllegro", {}, "B 3 D H W"),
    "AutoencoderKLTemporalDecoder": ("diffusers", "AutoencoderKLTemporalDecoder", {}, "B 3 H W"),
    "ConsistencyDecoderVAE": ("diffusers", "ConsistencyDecoderVAE", {}, "B 3 H W"),
}
LARGEST_REAL = 120e6


def build(name: str, *, without_data: bool) -> tuple[Any, str | None]:
    """The model of that name, and its specification."""
    import torch

    module, kind, kwargs, spec = MODELS[name]
    found = importlib.import_module(module)
    with torch.device("meta") if without_data else contextlib.nullcontext():
        if module == "pythae.models":
            config = getattr(found, f"{kind}Config")(input_dim=(1, 28, 28), **kwargs)
            return getattr(found, kind)(config), spec
        return getattr(found, kind)(**kwargs), spec


def peak() -> float:
    """The most memory that this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(action: Callable[[], Any]) -> tuple[float | None, Any]:
    """Seconds of `action` and its result; no seconds and the reason in a word where it fails."""
    begun = time.perf_counter()
    try:
        result = action()
    except Exception as error:
        return None, f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:140]}"
    return time.perf_counter() - begun, result


def measure(name: str, truth: int) -> dict[str, Any]:
    """Everything about one model, in this process."""
    warnings.simplefilter("ignore")
    from vae_checked.shapes import infer
    from vae_checked.shapes.ghost import Ghost, How

    model, spec = build(name, without_data=True)
    import torch

    infer(torch.nn.Conv2d(2, 2, 3), "B 2 H W")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    row: dict[str, Any] = {"name": name, "millions": parameters / 1e6, "modules": len(list(model.modules()))}
    before = peak()
    try:
        # pythae's constructors compute with what they build, so that their data exist; they are small.
        model = build(name, without_data=False)[0] if name.startswith("pythae") else model
        begun = time.perf_counter()
        shapes = infer(model, spec)
    except Exception as error:
        return row | {"failed": f"{type(error).__name__}: {str(error)[:160]}"}
    row["seconds"], row["mb"] = time.perf_counter() - begun, peak() - before
    row |= {"how": shapes.how, "constraint": shapes.constraint, "smallest": shapes.smallest, "probes": shapes.probes}
    row["laws"] = len({axis for each in shapes.entries for t in (*each.takes, *each.gives) for axis in t.axes})
    row["no_law"] = len(shapes.not_laws)
    row["export"], row["export_says"] = timed(lambda: exported(model, shapes.input, dict(shapes.sizes)))
    row["torchinfo"], row["torchinfo_says"] = timed(lambda: torchinfo(Ghost(model, How.META).module, shapes))
    if parameters <= LARGEST_REAL:
        real, _ = build(name, without_data=False)
        real.eval()
        row["forward"], _ = timed(lambda: forward(real, shapes, shapes.sizes | {"B": 1}))
        row["torchlens"], row["torchlens_says"] = timed(lambda: torchlens(real, shapes))
        row["truth"] = [hits(real, shapes, truth), truth]
    return row


def exported(model: Any, spec_text: str, sizes: dict[str, int]) -> Any:
    """A dynamic torch.export of the model's own forward, from a copy without data."""
    import torch

    from vae_checked.adapters import adapt
    from vae_checked.shapes.ghost import Ghost, How
    from vae_checked.shapes.spec import parse_spec

    copy = Ghost(model, How.META).module
    axes = parse_spec(spec_text).inputs[0].axes
    data = torch.empty([sizes.get(str(axis), axis) for axis in axes], device="meta")
    dynamic = {number: torch.export.Dim.AUTO for number, axis in enumerate(axes) if isinstance(axis, str)}
    if adapt(copy).call.reason.startswith("a model of pythae"):
        return torch.export.export(copy, ({"data": data},), dynamic_shapes=({"data": dynamic},), strict=False)
    return torch.export.export(copy, (data,), dynamic_shapes=(dynamic,), strict=False)


def forward(model: Any, shapes: Any, sizes: dict[str, int]) -> list[tuple[int, ...]]:
    """The shapes that a real forward gives at these sizes."""
    import torch

    from vae_checked.adapters import adapt
    from vae_checked.shapes.spec import parse_spec

    subject = adapt(model)
    with torch.no_grad():
        output = subject.run(parse_spec(shapes.input).draw(sizes, torch.float32, "cpu"))
    return [tuple(part.tensor.shape) for part in subject.parts(output)]


def torchinfo(model: Any, shapes: Any) -> Any:
    """torchinfo's summary of the model at one size, on the meta device."""
    import torch
    import torchinfo as package

    axes = [shapes.sizes.get(axis, axis) for axis in shapes.input.split()]
    data = torch.empty([int(axis) for axis in axes], device="meta")
    return package.summary(model, input_data=[data], device="meta", verbose=0)


def torchlens(model: Any, shapes: Any) -> Any:
    """torchlens's log of one real forward of the model itself."""
    import torch
    import torchlens as package

    axes = [(shapes.sizes | {"B": 1}).get(axis, axis) for axis in shapes.input.split()]
    return package.trace(model, torch.rand([int(axis) for axis in axes]))


def hits(model: Any, shapes: Any, count: int) -> int:
    """At how many of `count` random accepted sizes every predicted shape is the real one."""
    from vae_checked.shapes import evaluate

    generator = random.Random(7)  # noqa: S311  sizes are no secret
    found = tried = 0
    while tried < count:
        sizes = {}
        for symbol, (low, high, step) in shapes.accepted.items():
            most = min(high or low + 70, low + (1 if symbol == "B" else 70))
            sizes[symbol] = generator.choice(range(low, most + 1, step))
        tried += 1
        predicted = [tuple(evaluate(axis, sizes) for axis in each.axes) for each in shapes.outputs]
        found += predicted == forward(model, shapes, sizes)
    return found


def scaling() -> None:
    """Cost against the sizes probed at, the parameters and the modules, three of each."""
    import torch
    from torch import nn

    from vae_checked.shapes import infer

    def chain(depth: int, width: int) -> nn.Module:
        with torch.device("meta"):
            layers = [nn.Conv2d(width, width, 3, 1, 1) for _ in range(depth)]
            return nn.Sequential(nn.Conv2d(3, width, 3, 2, 1), *layers, nn.ConvTranspose2d(width, 3, 4, 2, 1))

    infer(chain(2, 4), "B 3 H W")
    print("\nseconds where one thing grows:")
    for title, cases in (
        ("H and W from", [(f"{n}", 30, 8, f"B 3 H={n} W={n + n // 2}") for n in (64, 512, 4096)]),
        ("channels", [(f"{width}", 30, width, "B 3 H W") for width in (8, 128, 2048)]),
        ("layers", [(f"{depth}", depth, 8, "B 3 H W") for depth in (30, 60, 120)]),
    ):
        times = [
            min(timed(lambda d=depth, w=width, s=spec: infer(chain(d, w), s))[0] for _ in range(3))
            for _, depth, width, spec in cases
        ]
        print(f"  {title}: " + ", ".join(f"{name} {t:.3f}" for (name, *_), t in zip(cases, times, strict=True)))


def shown(row: dict[str, Any]) -> str:
    """One line of the table."""
    if "failed" in row:
        return f"{row['name']:28} {row.get('millions', 0):7.1f}  {row['failed']}"

    def seconds(key: str) -> str:
        return f"{row[key]:8.2f}" if row.get(key) is not None else f"{'-':>8}"

    truth = "/".join(map(str, row["truth"])) if "truth" in row else "-"
    return (
        f"{row['name']:28} {row['millions']:7.1f} {row['modules']:5} {row['laws']:4} {row['no_law']:4} {row['how']:4}"
        f"{seconds('seconds')} {row['mb']:6.0f}{seconds('forward')}{seconds('torchinfo')}{seconds('torchlens')}"
        f"{seconds('export')}  {truth:>6}  {row['constraint'][:70]}"
    )


def main() -> None:
    """Measure every model in a process of its own and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[])
    parser.add_argument("--truth", type=int, default=20)
    parser.add_argument("--timeout", type=float, default=300)
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(args.child, args.truth), default=lambda value: type(value).__name__))
        return
    reasons: list[str] = []
    print(
        f"{'model':28} {'Mparam':>7} {'mods':>5} {'laws':>4} {'none':>4} {'how':4}{'infer s':>8} {'MB':>6}"
        f"{'forward':>8}{'tinfo':>8}{'tlens':>8}{'export':>8}  {'truth':>6}  constraint"
    )
    for name in args.models or MODELS:
        words = [sys.executable, __file__, "--child", name, "--truth", str(args.truth)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=args.timeout)
        except subprocess.TimeoutExpired:
            print(f"{name:28} not done in {args.timeout:.0f} s", flush=True)
            continue
        lines = done.stdout.strip().splitlines()
        if done.returncode or not lines:
            reason = (done.stderr.strip().splitlines() or ["nothing printed"])[-1]
            print(f"{name:28} failed: {reason[:120]}", flush=True)
            continue
        row = json.loads(lines[-1])
        print(shown(row), flush=True)
        reasons += [
            f"{name}: {key}: {row[f'{key}_says']}"
            for key in ("export", "torchinfo", "torchlens")
            if "how" in row and row.get(key) is None and f"{key}_says" in row
        ]
    print("\n-: not measured, or:", *reasons, sep="\n  ")
    if args.scaling or not args.models:
        scaling()


if __name__ == "__main__":
    main()
