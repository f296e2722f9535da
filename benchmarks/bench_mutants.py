"""Mistakes planted around the networks of real autoencoders: how many are named, and what else is said.

Each model of MODELS (benchmarks/zoo.py) with each mistake of tests/support/planted/pieces.py is audited with nothing
but an input specification; then each model without a mistake, with Gaussian and with Bernoulli pixels, over many seeds.

    python benchmarks/bench_mutants.py [MODEL ...] [--seeds 20] [--only MISTAKE ...]
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zoo

if TYPE_CHECKING:
    from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

MODELS = (
    "vae_checked VAE",
    "diffusers AutoencoderKL",
    "diffusers AutoencoderKLFlux2",
    "diffusers AutoencoderKLKVAE",
    "diffusers AutoencoderKLHunyuanImage",
    "diffusers AutoencoderKLLTX2Audio",
    "diffusers AutoencoderKLMagvit",
    "diffusers AutoencoderKLCogVideoX",
    "diffusers AutoencoderOobleck",
    "diffusers AutoencoderKLHunyuanVideo",
    "pythae VAE",
    "pythae BetaVAE",
)
# Mistakes that follow from the planted one and are named beside it.
CONSEQUENCES = {
    "same_head": {"VAE601"},
    "no_grad_sample": {"VAE601"},
    "no_eps": {"VAE206"},
    "never_noise": {"VAE601"},
    "detached_scale": {"VAE601"},
}


def without_sigmoid(network: nn.Module) -> nn.Module:
    """The network with a decoder that gives logits, as pythae's does not."""
    from torch import nn

    decoder = getattr(network, "decoder", network)
    for module in decoder.modules():
        if isinstance(module, nn.Sequential) and len(module) and isinstance(module[-1], nn.Sigmoid):
            module[-1] = nn.Identity()
    return network


def measured(name: str, seeds: int, only: list[str] | None) -> dict[str, Any]:
    """What the audits of one model say: by mistake (those of `only`, or all), and without one."""
    warnings.simplefilter("ignore")
    import torch
    from planted.pieces import BERNOULLI, PLANTED, Planted, built
    from small_vaes.pieces import Carried

    from vae_checked.auditor import audit

    torch.set_num_threads(1)
    entry = next(model for model in zoo.GAUSSIAN if model.name == name)

    def codes(planted: Planted | None, seed: int) -> list[str]:
        model = built(Carried, planted)(without_sigmoid(entry.build(seed)))
        bernoulli = planted is not None and "cross_entropy" in planted.bodies.get("recon_elements", "")
        data_range = (planted.data_range if planted else None) or ((0.0, 1.0) if bernoulli else entry.data_range)
        try:
            report = audit(model, entry.spec, loss="loss_function", data_range=data_range, seed=seed)
        except Exception as error:
            return [f"{type(error).__name__}: {str(error).partition(chr(10))[0][:90]}"]
        return [finding.code for finding in report.findings]

    begun = time.perf_counter()
    # A network without convolutions learns any order of its input alike.
    convolves = any("Conv" in type(module).__name__ for module in entry.build(0).modules())
    applied = [each for each in PLANTED if convolves or each != "view_as_permute"]
    told = {each: codes(PLANTED[each], 5) for each in applied if only is None or each in only}
    clean = [codes(planted, seed) for seed in range(seeds) for planted in (None, BERNOULLI)]
    return {"name": name, "told": told, "clean": clean, "seconds": time.perf_counter() - begun}


def main() -> None:
    """Audit every model in a process of its own and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", nargs="*", metavar="MISTAKE", help="these mistakes; with none named, no mistake")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measured(args.child, args.seeds, args.only)))
        return
    from planted.pieces import PLANTED

    named, tried, beside = collections.Counter[str](), collections.Counter[str](), collections.Counter[str]()
    alarms = cleans = 0
    print("model: mistakes named, not named (what was said instead), and what was said without a mistake", flush=True)
    for name in args.models or MODELS:
        words = [sys.executable, __file__, "--child", name, "--seeds", str(args.seeds)]
        words += [] if args.only is None else ["--only", *args.only]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            print(f"{name}: {done.stderr[-300:]}", flush=True)
            continue
        row = json.loads(done.stdout.strip().splitlines()[-1])
        missed = {}
        for mistake, codes in row["told"].items():
            code = PLANTED[mistake].code
            tried[mistake] += 1
            named[mistake] += code in codes
            if code not in codes:
                missed[mistake] = codes
            for other in set(codes) - {code} - CONSEQUENCES.get(mistake, set()):
                beside[f"{other} beside {mistake}"] += 1
        said = [codes for codes in row["clean"] if codes]
        alarms, cleans = alarms + len(said), cleans + len(row["clean"])
        hits = f"{len(row['told']) - len(missed)}/{len(row['told'])}"
        print(f"{name:38} {hits}  {row['seconds']:6.0f} s  {missed}  clean: {said}", flush=True)
    print("\nby mistake:")
    for mistake, planted in PLANTED.items():
        if tried[mistake]:
            print(f"  {planted.code} {mistake:26} {named[mistake]:3}/{tried[mistake]:<3} {planted.what}")
    print(f"\n{sum(named.values())} of {sum(tried.values())} named;")
    print(f"{alarms} of {cleans} audits without a mistake found one")
    print("said beside the planted mistake:", dict(beside))


if __name__ == "__main__":
    main()
