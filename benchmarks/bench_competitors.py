"""Which tool names which mistake: the catalogue's bad modules, run under what exists and under the audit.

Each tool is used as its own pages show. Its diagnosis of a bad module counts where it does not say the same of the
corrected twin; for the audit it has to be the right code besides. `--traincheck DIR` adds TrainCheck, which takes
about a minute a mistake and more for each twin, and keeps its runs in DIR; it is given the corrected twin's training as
the run that is known to be good, which nobody has who writes a new VAE. `--only` takes some mistakes alone.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import inspect
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor, nn
from traincheck_runs import TrainCheck

from vae_checked.auditor import audit
from vae_checked.catalogue import CATALOGUE, Mistake, Observer

PACKAGES = ("torchtest==0.5", "torcheck==1.0.1")
BATCH, STEPS = 7, 60


def module_of(text: str) -> SimpleNamespace:
    """A catalogue module, executed, with a model, a batch of data and an optimizer."""
    names: dict[str, Any] = {"__name__": "module"}
    exec(compile(text, "module.py", "exec"), names)  # noqa: S102  the catalogue's own text
    found = SimpleNamespace(**{key: value for key, value in names.items() if not key.startswith("__")})
    torch.manual_seed(0)
    found.model = found.VAE()
    found.shape = [BATCH if axis == "B" else int(axis) for axis in found.INPUT.split()]
    low, high = found.DATA_RANGE
    found.x = low + (high - low) * torch.rand(found.shape)
    found.optimizer = torch.optim.Adam(found.model.parameters(), lr=1e-3)
    return found


class FirstOutput(nn.Module):
    """The reconstruction alone, for tools that take a model of one output."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """x_hat."""
        out: Tensor = self.model(x)[0]
        return out


def said(check: Callable[[], object]) -> set[str]:
    """Each line of what `check` raises, with its kind."""
    try:
        check()
    except Exception as error:  # whatever a tool raises is its diagnosis
        return {f"{type(error).__name__}: {line}" for line in str(error).strip().splitlines() or [""]}
    return set()


def takes_logits(text: str) -> bool:
    """Whether a user of the module's loss would give it logits."""
    return "_with_logits" in text


# ------------------------------------------------------------------------------------------------ the tools


def torchtest(text: str) -> set[str]:
    """Every parameter changes in a step; x_hat lies in the data's range; no output is NaN or infinite."""
    tool = importlib.import_module("torchtest.torchtest")

    def whole(out: Any, x: Tensor) -> Tensor:
        loss: Tensor = module.loss_function(out[0], x, *out[1:])
        return loss

    module = module_of(text)
    found = set()
    for name, parameter in module.model.named_parameters():
        given = (module.model, whole, module.optimizer, [module.x, module.x], "cpu", [(name, parameter)])
        found |= said(lambda given=given: tool.assert_vars_change(*given))
    module = module_of(text)
    low, high = module.DATA_RANGE
    x_hat = module.model(module.x)[0].detach()
    if not takes_logits(text):
        found |= said(lambda: tool.assert_all_greater_than(x_hat, low))
        found |= said(lambda: tool.assert_all_less_than(x_hat, high))
    for out in module.model(module.x):
        found |= said(lambda out=out: tool.assert_never_nan(out))
        found |= said(lambda out=out: tool.assert_never_inf(out))
    return found


def torcheck(text: str) -> set[str]:
    """The same checks during sixty steps of training; what a loss of logits is given does not all lie in (0, 1)."""
    found = set()
    for check in ("changing", "range", "nan", "inf"):
        module = module_of(text)
        model = FirstOutput(module.model)
        kept: list[Any] = []
        module.model.register_forward_hook(lambda _, __, out, kept=kept: kept.append(out))
        registry = importlib.import_module("torcheck.registry").Registry()
        registry.register(module.optimizer)
        if check == "changing":
            registry.add_module_changing_check(module.model, module_name="vae")
        elif check == "range":
            logits = takes_logits(text)
            bounds = (0, 1) if logits else module.DATA_RANGE
            registry.add_module_output_range_check(model, bounds, negate_range=logits, module_name="vae")
        else:
            getattr(registry, f"add_module_{check}_check")(model, module_name="vae")
        for _ in range(STEPS):

            def step(module: SimpleNamespace = module, model: nn.Module = model, kept: list[Any] = kept) -> None:
                x_hat = model(module.x)
                module.optimizer.zero_grad()
                module.loss_function(x_hat, module.x, *kept[-1][1:]).backward()
                module.optimizer.step()

            found |= said(step)
    return found


def gradcheck(text: str) -> set[str]:
    """The loss's gradient by x, by the heads' parameters, and by its own arguments, in doubles, with the noise held.

    A check that fails is run again element by element for its message, so that all parameters would take minutes.
    """
    module = module_of(text)
    model = module.model.double()
    x = module.x.double().requires_grad_()
    heads = {name: parameter for name, parameter in model.named_parameters() if name.startswith("fc_")}
    names, values = [*heads], [parameter.detach().clone().requires_grad_() for parameter in heads.values()]

    def loss(x: Tensor, *parameters: Tensor) -> Tensor:
        torch.manual_seed(0)
        out = torch.func.functional_call(model, dict(zip(names, parameters, strict=True)), (x,))
        total: Tensor = module.loss_function(out[0], x, *out[1:])
        return total

    def check(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> set[str]:
        torch.manual_seed(0)
        return {each.split(":")[0] for each in said(lambda: torch.autograd.gradcheck(function, inputs, fast_mode=True))}

    found = {f"by the model {each}" for each in check(loss, (x, *values))}
    out = [each.detach().requires_grad_() for each in model(x)]
    return found | {
        f"by the loss {each}" for each in check(lambda p, *rest: module.loss_function(p, x.detach(), *rest), tuple(out))
    }


def jaxtyping(text: str) -> set[str]:
    """Every stage with its shapes annotated and checked by beartype."""
    module = module_of(text)
    axes = " ".join("B" if axis == "B" else axis for axis in module.INPUT.split())
    x, head, scalar = Float[Tensor, axes], Float[Tensor, "B 5"], Float[Tensor, ""]
    signatures: dict[str, tuple[list[Any], Any]] = {
        "encode": ([x], tuple[head, head]),
        "reparameterize": ([head, head], head),
        "decode": ([head], x),
        "forward": ([x], tuple[x, head, head]),
    }

    def annotated(function: Any, given: list[Any], returned: Any) -> Any:
        names = [name for name in inspect.signature(function).parameters if name != "self"]
        function.__annotations__ = {**dict(zip(names, given, strict=False)), "return": returned}
        return jaxtyped(typechecker=beartype)(function)

    for name, (given, returned) in signatures.items():
        if hasattr(module.VAE, name):
            setattr(module.VAE, name, annotated(getattr(module.VAE, name), given, returned))
    loss = annotated(module.loss_function, [x, x, head, head], scalar)

    def run() -> None:
        x_hat, *heads = module.model(module.x)
        loss(x_hat, module.x, *heads).backward()

    return {each.split(":")[0] for each in said(run)}


def ours(text: str) -> set[str]:
    """The audit's codes."""
    module = module_of(text)
    report = audit(module.VAE(), module.INPUT, module.loss_function, data_range=module.DATA_RANGE)
    return {finding.code for finding in report.findings}


TOOLS: dict[str, Callable[[str], set[str]]] = {
    "torchtest": torchtest,
    "torcheck": torcheck,
    "gradcheck": gradcheck,
    "jaxtyping + beartype": jaxtyping,
    "audit": ours,
}


@cache  # most mistakes have the one example as their twin
def diagnosed(tool: str, text: str) -> frozenset[str]:
    """What the tool says of one module."""
    return frozenset(TOOLS[tool](text))


def names_it(tool: str, mistake: Mistake) -> frozenset[str]:
    """What the tool says of the bad module and not of its twin; of the audit's codes, the right one."""
    found = diagnosed(tool, mistake.bad) - diagnosed(tool, mistake.good)
    return found & {mistake.code} if tool == "audit" else found


# ------------------------------------------------------------------------------------------------- the table


def versions() -> str:
    """The tools by their versions."""
    found = [f"{name} {importlib.metadata.version(name)}" for name in ("torch", "jaxtyping", "beartype")]
    return ", ".join([*PACKAGES, *found]).replace("==", " ")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--traincheck", type=Path, metavar="DIR", help="run TrainCheck as well and keep its runs in DIR"
    )
    parser.add_argument("--verbose", action="store_true", help="print what each tool says")
    parser.add_argument("--only", nargs="+", metavar="CODE", help="these mistakes alone")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as packages:
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", packages, *PACKAGES]
        subprocess.run(command, check=True)
        sys.path.append(packages)
        traincheck = None
        if options.traincheck is not None:
            options.traincheck.mkdir(parents=True, exist_ok=True)
            traincheck = TrainCheck(options.traincheck.resolve())
        table(traincheck, options.only, verbose=options.verbose)


def table(traincheck: TrainCheck | None, only: list[str] | None, *, verbose: bool) -> None:
    """One row per mistake, one column per tool."""
    tools = [*TOOLS][:-1] + (["TrainCheck"] if traincheck is not None else []) + ["audit"]
    live = [each for each in CATALOGUE if Observer.AUDIT in each.seen_by and (only is None or each.code in only)]
    mistakes = sorted(live, key=lambda each: each.code)
    print(f"| mistake | {' | '.join(tools)} |\n|---|{'|'.join(':-:' for _ in tools)}|")
    totals = dict.fromkeys(tools, 0)
    for mistake in mistakes:
        cells = []
        for tool in tools:
            if tool == "TrainCheck" and traincheck is not None:
                found = frozenset(traincheck.violated(mistake.bad, mistake.good))
            else:
                found = names_it(tool, mistake)
            totals[tool] += bool(found)
            cells.append(
                f"{len(found)} of its invariants" if tool == "TrainCheck" and found else "yes" if found else "-"
            )
            if verbose and found:
                print(f"  {mistake.code} {tool}: {'; '.join(sorted(found)[:4])}", file=sys.stderr)
        print(f"| {mistake.code} {mistake.name} | {' | '.join(cells)} |", flush=True)
    print(f"| **of {len(mistakes)}** | {' | '.join(str(totals[tool]) for tool in tools)} |")
    print(f"\n{versions()}; Python {sys.version.split()[0]}.")


if __name__ == "__main__":
    main()
