"""Symbolic shapes of real autoencoders: formulas, cost beside other tools, and truth against real forwards.

Every measurement runs in a process of its own, forked from one that has imported everything and used each tool once.
Seconds are CPU seconds of that process, which other programs do not change; memory is the peak above what the process
held when it began, with the model built. The model's data are not needed: models are built without, where their
constructor allows it. Truth: the predicted shapes against real forwards at random sizes that the inference says are
accepted, of the model itself up to SELF_REAL million parameters, else of its class with a small configuration (`s`);
and against fresh passes without data of the model at full size, which cannot be wrong about its size.

    python benchmarks/bench_shapes.py [PATTERN ...] [--wild FOLDER] [--sizes 20] [--limit 40] [--scaling]

With `--wild FOLDER` also models of public repositories (benchmarks/zoo_wild.py), checked out at
FOLDER/OWNER__NAME/COMMIT; their code is executed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import zoo_shapes
from zoo_shapes import Case

LARGEST_REAL = 500
SELF_REAL = 100
TOOLS = ("forward", "torchinfo", "torchlens", "export")
WALL_PER_CPU = 5


# ------------------------------------------------------------------------------------------------ processes


def forked(action: Callable[[], Any], limit: float) -> dict[str, Any]:
    """What `action` gives in a process of its own, or under `failed` why it gave nothing."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reader)
            answer = said_by(action)
            with os.fdopen(writer, "w") as pipe:
                json.dump(answer, pipe, default=str)
        finally:
            os._exit(0)
    os.close(writer)
    chunks = []
    deadline = time.monotonic() + WALL_PER_CPU * limit + 60
    with os.fdopen(reader, "rb", 0) as pipe:
        while select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            chunk = pipe.read(65536)
            if not chunk:
                break
            chunks.append(chunk)
        else:
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if chunks:
        found: dict[str, Any] = json.loads(b"".join(chunks))
        return found
    return {"failed": f"> {limit:.0f} s" if os.WIFSIGNALED(status) else "ended without a word"}


def said_by(action: Callable[[], Any]) -> Any:
    """What `action` gives; what it raises in one line."""
    warnings.simplefilter("ignore")
    try:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123  a device, not a path
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        return action()
    except BaseException as error:
        if os.environ.get("BENCH_TRACEBACK"):
            traceback.print_exc(file=sys.__stderr__)
        return {"failed": f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:150]}"}


def limited(limit: float) -> None:
    """From here on this process may use `limit` CPU seconds."""
    used = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + int(limit), used + int(limit)))


def peak() -> float:
    """The most memory that this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --------------------------------------------------------------------------------------------- measurements


def built(case: Case, *, data: bool) -> Any:
    """The model, in eval mode, with or without data."""
    import torch

    torch.manual_seed(0)
    with contextlib.nullcontext() if data or not case.without_data else torch.device("meta"):
        # A model may have a method `train` of its own.
        return torch.nn.Module.train(case.build(), False)


def inferred(case: Case, limit: float) -> dict[str, Any]:
    """The formulas of one model and what they cost."""
    from vae_checked.shapes import infer

    model = built(case, data=False)
    count = sum(parameter.numel() for parameter in model.parameters())
    row: dict[str, Any] = {"millions": count / 1e6, "modules": len(list(model.modules()))}
    limited(limit)
    before, cpu, wall = peak(), time.process_time(), time.perf_counter()
    try:
        shapes = infer(model, case.spec)
    except Exception as error:
        return row | {"failed": f"refused: {str(error)[:300]}"}
    row |= {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "mb": peak() - before}
    return row | {
        "formulas": len({axis for each in shapes.entries for t in (*each.takes, *each.gives) for axis in t.axes}),
        "no_formula": len(shapes.without_formula),
        "how": shapes.how,
        "constraint": shapes.constraint,
        "probes": shapes.probes,
        "sizes": dict(shapes.sizes),
        "input": shapes.input,
    }


def arguments(model: Any, spec: str, sizes: Mapping[str, int], device: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What the model is called with at these sizes, one sample where the batch may be of any size."""
    import torch

    from vae_checked.adapters import adapt
    from vae_checked.shapes.spec import parse_spec

    inputs = parse_spec(spec).draw(sizes | ({"B": 1} if "B" in sizes else {}), torch.float32, device)
    if adapt(model).call.reason.startswith("a model of pythae"):
        return ({"data": inputs.args[0]},), {}
    return inputs.args, dict(inputs.kwargs or {})


def tool(which: str, case: Case, row: Mapping[str, Any], limit: float) -> dict[str, Any]:
    """The CPU seconds of one tool on one model, at the sizes where the inference began; a limit of 0 is none."""
    import torch

    from vae_checked.shapes.ghost import Ghost, How

    if which in ("forward", "torchlens"):
        if row["millions"] > LARGEST_REAL:
            return {"failed": f"> {LARGEST_REAL} M"}
        model, device = built(case, data=True), "cpu"
        if which == "torchlens":
            warm_torchlens()
    else:
        model, device = Ghost(built(case, data=False), How.META).module, "meta"
    args, kwargs = arguments(model, row["input"], row["sizes"], device)
    if limit:
        limited(limit)
    begun = time.process_time()
    with torch.set_grad_enabled(case.gradients):
        RUN[which](model, args, kwargs)
    return {"cpu": time.process_time() - begun}


def forward(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """One real forward."""
    model(*args, **kwargs)


def torchinfo(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """torchinfo's summary at one size, on the meta device."""
    import torchinfo as package

    package.summary(model, input_data=list(args), device="meta", verbose=0, **kwargs)


def torchlens(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """torchlens's log of one real forward."""
    import torchlens as package

    package.trace(model, list(args), kwargs or None)


def warm_torchlens() -> None:
    """Use torchlens once: it refuses a process whose parent did."""
    import torch
    import torchlens as package

    package.trace(torch.nn.Conv1d(1, 1, 1), torch.rand(1, 1, 3))


def export(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """A dynamic torch.export of the model's own forward, every axis of every input left to it."""
    import torch

    def dynamic(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: dynamic(each) for key, each in value.items()}
        return dict.fromkeys(range(value.dim()), torch.export.Dim.AUTO)

    shapes: Any = tuple(dynamic(each) for each in args)
    if kwargs:
        names = model.forward.__code__.co_varnames[1 : 1 + len(args)]
        shapes = {**dict(zip(names, shapes, strict=True)), **dynamic(kwargs)}
    torch.export.export(model, args, kwargs, dynamic_shapes=shapes, strict=False)


RUN: dict[str, Callable[..., None]] = {
    "forward": forward,
    "torchinfo": torchinfo,
    "torchlens": torchlens,
    "export": export,
}


# ---------------------------------------------------------------------------------------------------- truth


def truth(case: Case, count: int, millions: float, *, real: bool) -> dict[str, Any]:
    """At how many of `count` random accepted sizes every predicted shape of an output is the one that comes."""
    import torch

    from vae_checked.adapters import adapt
    from vae_checked.shapes import infer
    from vae_checked.shapes.ghost import Ghost, How
    from vae_checked.shapes.spec import parse_spec

    small = real and case.small is not None and millions > SELF_REAL
    model = torch.nn.Module.train(case.small(), False) if small and case.small else built(case, data=real)
    shapes = infer(model, case.spec)
    spec = parse_spec(shapes.input)
    ghost = Ghost(model, How.META)
    checks = [(adapt(model), "cpu")] if real else []
    generator = random.Random(7)  # noqa: S311  sizes are no secret
    held = tried = refused = no_formula = 0
    missed: list[str] = []
    for _ in range(20 * count):
        if tried == count:
            break
        sizes = {symbol: drawn(generator, symbol, *found) for symbol, found in shapes.accepted.items()}
        try:
            if checks:
                subject, device = checks[0]
                with torch.set_grad_enabled(case.gradients):
                    output = subject.run(spec.draw(sizes, torch.float32, device))
            else:
                ghost = Ghost(model, How.META)
                subject = adapt(ghost.module)
                with ghost.entered():
                    output = subject.run(spec.draw(sizes, ghost.dtype, "meta"))
        except Exception as error:
            # A size that the model refuses in reality too, such as a last piece shorter than a kernel.
            refused += 1
            missed += [] if refused > 1 else [f"{sizes} refused: {str(error)[:80]}"]
            continue
        tried += 1
        got = [tuple(part.tensor.shape) for part in subject.parts(output)]
        axes = [each.axes for each in shapes.outputs]
        unknown = sum("?" in each or "..." in each for each in axes)
        no_formula = max(no_formula, unknown)
        agreed = len(axes) == len(got) and all(
            fits(formula, sizes, shape) for formula, shape in zip(axes, got, strict=True)
        )
        held += agreed
        missed += [] if agreed else [f"{sizes} gives {got}, predicted {axes}"]
    return {
        "held": held,
        "tried": tried,
        "refused": refused,
        "small": small,
        "no_formula": no_formula,
        "missed": missed[:3],
    }


def fits(formula: tuple[str, ...], sizes: Mapping[str, int], shape: tuple[int, ...]) -> bool:
    """Whether a shape is the predicted one; an axis that was said to follow no formula is no prediction."""
    from vae_checked.shapes import evaluate

    if formula == ("...",):
        return True
    return len(formula) == len(shape) and all(
        axis == "?" or evaluate(axis, sizes) == size for axis, size in zip(formula, shape, strict=True)
    )


def drawn(generator: random.Random, symbol: str, low: int, high: int | None, step: int) -> int:
    """An accepted size at random: small batches, and room for several periods of a formula otherwise."""
    reach = 2 if symbol == "B" else 24 if symbol == "D" else max(70, 6 * step, 3 * low)
    most = low + reach if high is None else min(high, low + reach)
    return generator.choice(range(low, most + 1, step))


# ---------------------------------------------------------------------------------------------------- table


def measured(case: Case, sizes: int, limit: float) -> dict[str, Any]:
    """Everything about one model."""
    row = {"name": case.name, "remark": case.remark} | forked(lambda: inferred(case, 4 * limit), 4 * limit)
    if "failed" in row:
        return row
    for which in TOOLS:
        row[which] = forked(lambda which=which: tool(which, case, row, limit), limit)
    row["truth"] = forked(lambda: truth(case, sizes, row["millions"], real=True), 6 * limit)
    if case.without_data:
        row["ghost"] = forked(lambda: truth(case, sizes, row["millions"], real=False), 6 * limit)
    return row


def shown(row: Mapping[str, Any]) -> str:
    """One line of the table."""
    if "failed" in row:
        return f"{row['name'][:40]:40} {row.get('millions', 0):7.1f}  {row['failed']}"
    cells = [
        f"{row[which]['cpu']:8.2f}" if "cpu" in row[which] else f"{short(row[which]['failed']):>8}" for which in TOOLS
    ]
    found, ghost = row["truth"], row.get("ghost", {})
    real = f"{found['held']}/{found['tried']}{'s' if found['small'] else ''}" if "held" in found else "-"
    fresh = f"{ghost['held']}/{ghost['tried']}" if "held" in ghost else "-"
    return (
        f"{row['name'][:40]:40} {row['millions']:7.1f} {row['modules']:5} {row['formulas']:8} {row['no_formula']:4}"
        f" {row['how']:4} {row['cpu']:6.2f} {row['wall']:6.2f} {row['mb']:5.0f}{''.join(cells)}"
        f"  {real:>6} {fresh:>6}  {row['constraint'][:80]}"
    )


def short(reason: str) -> str:
    """A failure in a cell of eight letters."""
    return reason if reason.startswith(">") else "fails"


def warm() -> None:
    """Import everything and use each tool once, so that no measurement pays for it."""
    import torch

    from vae_checked.shapes import infer

    torch.set_num_threads(1)
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 2, 3), torch.nn.GroupNorm(1, 2), torch.nn.SiLU())
    infer(model, "B 2 H W")
    row = {"millions": 0.0, "input": "B 2 H W", "sizes": {"B": 2, "H": 9, "W": 8}}
    case = Case("warm", lambda: model, "B 2 H W", without_data=False)
    for which in ("forward", "torchinfo", "export"):
        tool(which, case, row, 0)
    import torchlens  # noqa: F401  so that no measurement pays for the import


def main() -> None:
    """Measure every model and print the table, the failures and the totals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="*", default=[])
    parser.add_argument("--wild", metavar="FOLDER")
    parser.add_argument("--sizes", type=int, default=20)
    parser.add_argument("--limit", type=float, default=40, help="CPU seconds of one tool on one model")
    parser.add_argument("--scaling", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    warm()
    print(
        f"{'model':40} {'Mparam':>7} {'mods':>5} {'formulas':>8} {'none':>4} {'how':4} {'cpu s':>6} {'wall':>6} "
        f"{'MB':>5}"
        f"{'forward':>8}{'tinfo':>8}{'tlens':>8}{'export':>8}  {'real':>6} {'fresh':>6}  constraint"
    )
    rows = []
    for case in zoo_shapes.cases(args.wild, args.patterns):
        rows.append(measured(case, args.sizes, args.limit))
        print(shown(rows[-1]), flush=True)
    print("\nfailures and remarks:")
    for row in rows:
        print(*remarks(row), sep="\n") if remarks(row) else None
    for which in ("truth", "ghost"):
        told = [row[which] for row in rows if "held" in row.get(which, {})]
        held, tried = sum(each["held"] for each in told), sum(each["tried"] for each in told)
        kind = "real forwards" if which == "truth" else "fresh passes without data at full size"
        print(f"{kind}: {len(told)} models, {held} of {tried} sizes as predicted")
    if args.scaling:
        import bench_shapes_scaling

        bench_shapes_scaling.main()


def remarks(row: Mapping[str, Any]) -> list[str]:
    """What the cells are too narrow for."""
    name = row["name"]
    found = [f"  {name}: {row['remark']}"] if row.get("remark") else []
    found += [
        f"  {name}: {key}: {row[key]['failed']}" for key in (*TOOLS, "truth", "ghost") if "failed" in row.get(key, {})
    ]
    for key in ("truth", "ghost"):
        told = row.get(key, {})
        found += [f"  {name}: {key}: {words}" for words in told.get("missed", [])]
        if told.get("refused"):
            found.append(f"  {name}: {key}: {told['refused']} sizes refused by the model and drawn anew")
        if told.get("no_formula"):
            found.append(
                f"  {name}: {key}: {told['no_formula']} outputs with an axis of no formula, which is no prediction"
            )
    return found


if __name__ == "__main__":
    main()
