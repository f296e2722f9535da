"""`wrap` on real models: whether outputs stay the same to the bit, and whether a contract is broken that should not be.

Each model is built twice and called alike, plain and wrapped, at several batch sizes, in training and in evaluation:
diffusers' and pythae's with random weights, and with `--checkouts FOLDER` those of public repositories. A correct
wrapping changes no number, and a call that raises raises the same. A contract that is found broken is either a mistake
of the model or a false alarm: read it.

    python benchmarks/bench_wrap_zoo.py [--checkouts FOLDER] [NAME ...]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import multiprocessing
import os
import random
import sys
import warnings
from pathlib import Path
from typing import Any

SECONDS = 120


def outcomes(model: Any, inputs: Any) -> list[Any]:
    """What seeded calls returned, to the bit, or the kind of error that they raised."""
    import numpy
    import torch

    from vae_checked.adapters import adapt, parts_of
    from vae_checked.auditor.inputs.choice import inputs_for

    subject = adapt(model)
    source, _ = inputs_for(subject, inputs, None)
    most, _ = source.batches(())
    found: list[Any] = []
    for training in (True, False):
        model.train(training)
        for batch in (3, 3, 3, 2, 4, 1):
            torch.manual_seed(batch)
            numpy.random.seed(batch)
            random.seed(batch)
            try:
                output = subject.run(source.draw(min(batch, most), batch))
            except Exception as error:  # a model may refuse a batch of one, or evaluation
                found.append((type(error).__name__, str(error)))
            else:
                tensors = [part.tensor.detach() for part in parts_of(output)]
                found += [
                    (t.shape, t.dtype, t.contiguous().view(torch.uint8).numpy().tobytes()) for t in tensors if t.dim()
                ]
    return found


def verdict(model: Any, folder: str | None, queue: Any) -> None:
    """One model in a process of its own: a line, and whether it is as it should be."""
    import torch

    from vae_checked import wrap, wrap_report

    torch.set_num_threads(1)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        warnings.simplefilter("ignore")
        try:
            plain = model.build(0) if folder is None else model.build(folder, 0)
            inputs = model.spec if folder is None else model.inputs()
            expected = outcomes(plain, inputs)
        except Exception as error:  # of theirs: it does not run here
            queue.put(("-", f"does not run: {type(error).__name__}"))
            return
        torch.manual_seed(0)
        wrapped = wrap(model.build(0) if folder is None else model.build(folder, 0), raises=False)
        got = outcomes(wrapped, inputs)
    report = wrap_report(wrapped)
    checked, skipped = (
        sum(n for s in report.stages for n in getattr(s, key).values()) for key in ("checked", "skipped")
    )
    state = "BAD" if got != expected else "found" if report.breaches else "ok"
    words = f"{len(report.stages)} stages, {checked} calls checked, {skipped} not"
    queue.put((state, "; ".join([words, *report.breaches])))


def main() -> None:
    """Run them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkouts", help="folder of checked-out repositories, as zoo_wild.py names them")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    zoo, wild = importlib.import_module("zoo"), importlib.import_module("zoo_wild")
    models = [(model, None) for model in zoo.named(args.names)]
    if args.checkouts:
        models += [(each, args.checkouts) for each in wild.RECIPES if not args.names or each.name in args.names]
    for module in ("vae_checked.wrapping", "vae_checked.auditor", "diffusers.models.autoencoders", "pythae.models"):
        importlib.import_module(module)
    forking = multiprocessing.get_context("fork")
    counts = {"ok": 0, "found": 0, "BAD": 0, "-": 0}
    for model, folder in models:
        queue = forking.SimpleQueue()
        process = forking.Process(target=verdict, args=(model, folder, queue))
        process.start()
        process.join(SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
        state, words = queue.get() if not queue.empty() else ("-", "does not run: killed, or over the time")
        counts[state] += 1
        print(f"{state:6}{model.name}: {words}", flush=True)
    print(
        f"\nthe same: {counts['ok']} with no contract broken, {counts['found']} with one; "
        f"{counts['BAD']} not the same; {counts['-']} that do not run"
    )
    sys.exit(bool(counts["BAD"]))


if __name__ == "__main__":
    main()
