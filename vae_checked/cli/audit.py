"""`vae-checked audit`: a live model, measured and judged."""

from __future__ import annotations

import argparse
import contextlib
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_checked.cli.options import add_input_option, add_report_options, codes, emit, ignored_by, only_codes, write
from vae_checked.cli.progress import progress
from vae_checked.cli.time_limit import time_limit
from vae_checked.errors import UsageError, VaeCheckedError
from vae_checked.text import counted

if TYPE_CHECKING:
    from vae_checked.config import ModelConfig
    from vae_checked.definitions import Alone
    from vae_checked.known_failures import KnownFailures


EXAMPLES = (
    'vae-checked audit package.module:VAE --input "B 3 64 64"',
    "vae-checked audit package.module:VAE --loss package.losses:elbo --data-range 0 1",
    "vae-checked audit mnist                  # a model of [tool.vae-checked.models.mnist]",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `audit` takes."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="package.module:attribute (a class, an instance or a factory; the current folder is importable), "
        "or NAME of [tool.vae-checked.models.NAME] in pyproject.toml",
    )
    parser.add_argument("--kwargs", metavar="JSON", help="arguments of the class or factory, as in '{\"latents\": 16}'")
    parser.add_argument(
        "--weights", metavar="FILE", help="a state_dict to load, read as tensors alone: nothing in the file is executed"
    )
    add_input_option(parser, "the size of a letter is drawn, or given as in H=64")
    parser.add_argument(
        "--loss",
        metavar="FUNCTION",
        help="package.module:function, or the name of a method or of a function next to the model; one that takes the "
        "model or the batch alone runs the model itself",
    )
    parser.add_argument(
        "--bind",
        metavar="NAME=VALUE,...",
        help="what the arguments of the loss are where their names do not say: "
        "'recon_x=output[0], x=input, y=input.label, beta=4'",
    )
    parser.add_argument(
        "--optimizer",
        metavar="FUNCTION",
        help="package.module:function that takes the model and returns its optimizer (default: configure_optimizers of "
        "the model, where it has one)",
    )
    parser.add_argument(
        "--forward", metavar="METHOD", help="the method that takes the input and returns the reconstruction"
    )
    parser.add_argument(
        "--data-range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="interval of the data; without one the input is drawn from 0 to 1, and ranges are not judged",
    )
    parser.add_argument("--adapter", metavar="NAME", help="how the model's stages are found (default: recognised)")
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="seed of everything that is drawn (default: 0)"
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        help="stop an audit that takes longer, with status 2 (default: never)",
    )
    known = parser.add_argument_group("known findings")
    known.add_argument(
        "--baseline",
        metavar="FILE",
        help="file of known findings; only new ones are reported (default: models-baseline of pyproject.toml)",
    )
    known.add_argument(
        "--write-baseline", action="store_true", help="write what is found now to that file and report nothing"
    )
    add_report_options(parser)


def run(args: argparse.Namespace) -> int:
    """Build the model, audit it, report."""
    select, ignore = codes(args.select), codes(args.ignore)
    config = configured(args)
    ignored = ignored_by(config)
    known = _baseline(config, args)
    # What the model prints is no part of the report.
    with contextlib.redirect_stdout(sys.stderr), progress(f"auditing {config.name}"):
        _start_torch(config.name)
        with time_limit(args.timeout, f"the audit of {config.name}"):
            report = audited(config, args.seed, args.weights, pictured=args.format == "html")
    report = only_codes(report, select, ignore | ignored)
    if known is None:
        return emit(report, args)
    from vae_checked.cli.known_findings import settled

    after, left = settled(report, known, config.name)
    if args.write_baseline:
        after.write()
        write(f"{counted(len(after.entries), 'failure')} known from now on: {after.file}\n")
        return 0
    return emit(left, args)


def _baseline(config: ModelConfig, args: argparse.Namespace) -> KnownFailures | None:
    """The baseline that the command line names, else that of the configuration; None without either."""
    file = config.baseline if args.baseline is None else Path(args.baseline)
    if file is None and args.write_baseline:
        raise UsageError(
            "--write-baseline needs to know the file: give --baseline FILE, or models-baseline in pyproject.toml"
        )
    from vae_checked.known_failures import load_known

    return load_known(file, may_be_absent=args.write_baseline)


def _start_torch(name: str) -> None:
    """Import torch, which takes seconds that are not the model's, and which no alarm may leave half imported."""
    from vae_checked.load import require_torch

    require_torch(f"auditing {name}")
    import_module("vae_checked.auditor")


def configured(args: argparse.Namespace) -> ModelConfig:
    """The model that the command line names, what it says itself before what pyproject.toml says."""
    from dataclasses import replace

    from vae_checked.config import ModelConfig, checked_range, find_model

    config = ModelConfig(args.model, args.model) if ":" in args.model else find_model(args.model)
    given: dict[str, Any] = {
        key: getattr(args, key)
        for key in ("input", "loss", "adapter", "bind", "forward", "optimizer")
        if getattr(args, key)
    }
    if args.kwargs is not None:
        given["kwargs"] = parsed_kwargs(args.kwargs)
    if args.data_range is not None:
        given["data_range"] = checked_range(tuple(args.data_range), "--data-range")
    return replace(config, **given)


def audited(config: ModelConfig, seed: int = 0, weights: str | None = None, *, pictured: bool = False) -> Any:
    """The audit of a configured model, with the weights of that file where one is named.

    pictured: whether the shapes of its stages are inferred too, which takes seconds and which pictures alone show.
    """
    from vae_checked.load import build_model, load_object, load_weights, placed, require_torch

    require_torch(f"auditing {config.name}")
    model = build_model(config.model, config.kwargs, config.folder)
    if weights is not None:
        load_weights(model, weights)
    model = placed(model, config.device)
    loss = config.loss
    if loss is not None and ":" not in loss and not hasattr(model, loss):
        # The module that is named may hold a function of this name, where the model's class stands in another.
        home = sys.modules.get(config.model.partition(":")[0])
        loss = getattr(home, loss, loss)
    elif loss is not None and ":" in loss:
        loss = load_object(loss, "loss", config.folder)
        if not callable(loss):
            raise UsageError(f"loss {config.loss!r} is a {type(loss).__name__}, not a function")
    optimizer = None if config.optimizer is None else load_object(config.optimizer, "optimizer", config.folder)
    from dataclasses import replace

    from vae_checked.auditor import audit
    from vae_checked.cli.hints import as_options
    from vae_checked.cli.size_law import with_size_law, with_stage_shapes

    try:
        report = audit(model, config.input, loss, name=config.name, optimizer=optimizer, seed=seed, **config.asked)
    except VaeCheckedError as error:
        said = as_options(str(error))
        if isinstance(error.__cause__, NameError):
            # A name that an import would have brought, had the module been imported as a whole.
            said = "; ".join((said, *map(str, _definitions_alone(config))))
        raise type(error)(said) from error
    report = with_size_law(report, model, config.input)
    if pictured:
        report = with_stage_shapes(report, model, config.input)
    facts = tuple(
        replace(each, unobserved={path: as_options(reason) for path, reason in each.unobserved.items()})
        for each in report.facts
    )
    lines = (*(f"{config.name}: {each}" for each in _definitions_alone(config)), *map(as_options, report.unobserved))
    return replace(report, facts=facts, unobserved=lines)


def _definitions_alone(config: ModelConfig) -> list[Alone]:
    """Why of the modules of a model and its loss the definitions alone were loaded, where they were."""
    from vae_checked.load import loaded_alone

    return loaded_alone(config.model, *([config.loss] if config.loss and ":" in config.loss else []))


def parsed_kwargs(text: str) -> dict[str, Any]:
    """The arguments that `--kwargs` writes; UsageError when it is no JSON object."""
    import json

    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--kwargs is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f'--kwargs is {text!r}, not an object of argument names and values such as {{"latents": 16}}')
    return value
