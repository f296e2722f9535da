"""Single and half precision give the double's result, up to their rounding."""

from __future__ import annotations

from dataclasses import replace

import torch

from vae_checked.errors import ModelError
from vae_checked.laws.closed_forms import per_sample
from vae_checked.laws.law import Law
from vae_checked.laws.stages import Stages, given
from vae_checked.laws.trial import InapplicableError, Trial, Violation

ROUNDINGS = 16  # of the largest intermediate value, for the elementwise steps and the sum


def holds(trial: Trial) -> Violation | None:
    """The inputs are rounded to bfloat16 first, so that every precision is given the same numbers."""
    cases = []
    if trial.stages.kl is not None and trial.stages.parametrisation is not None:
        mu, second, std = trial.posterior()
        cases.append(("kl", (mu, second), mu.double() ** 2 + std.double() ** 2 + std.double().log().abs() + 1))
    if trial.stages.recon is not None and trial.stages.likelihood is not None:
        x_hat, x = trial.predictions(), trial.targets()
        cases.append(("recon", (x_hat, x), (1 + x_hat.double().abs() + x.double().abs()) ** 2))
    if not cases:
        raise InapplicableError(
            "neither the parametrisation of the KL nor the kind of the reconstruction loss is known"
        )
    for name, arguments, size in cases:
        rounded = [argument.bfloat16() for argument in arguments]
        exact = trial.tensor_of(name, *(argument.double() for argument in rounded))
        for dtype in (torch.float32, torch.bfloat16):
            try:
                got = trial.tensor_of(name, *(argument.to(dtype) for argument in rounded))
            except ModelError:
                continue  # a stage that does not take this precision makes no claim about it
            off = ((got.double() - exact).abs() / per_sample(size)).max().item()
            allowed = ROUNDINGS * torch.finfo(dtype).eps
            if not off <= allowed:
                what = f"the error of {name} in {str(dtype).removeprefix('torch.')}, relative to its terms"
                return trial.violation(what, got=off, expected=f"at most {allowed:.2g}")
    return None


def mutant(stages: Stages) -> Stages:
    """A KL that is computed in half precision inside."""
    kl = given(stages.kl)

    def computes_in_half_precision(mu: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return kl(mu, second) if mu.dtype is torch.float64 else kl(mu.half(), second.half()).to(mu.dtype)

    return replace(stages, kl=computes_in_half_precision)


LAW = Law(
    name="precision-agreement",
    statement="kl and recon in float32 and bfloat16 agree with float64 within 16 roundings of their terms",
    source="Higham 2002, section 3.1, for the error of a sum",
    needs=("kl_scale", "recon_scale"),
    any_of=("kl", "recon"),
    unlinked="rounding follows from the machine, and no mistake of the catalogue is one of rounding alone",
    holds=holds,
    mutant=mutant,
)
