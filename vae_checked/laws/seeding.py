"""Seeds what a model draws from, at the price of the devices that there are."""

from __future__ import annotations

import torch


def seed_draws(seed: int) -> None:
    """Seed torch's random numbers on the CPU, and on every device where there is one.

    `torch.manual_seed` does that too, and writes down the whole call stack for each kind of device that a program has
    not used yet: where none is there, that takes hundreds of times as long as the seed.
    """
    if _has_devices():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def _has_devices() -> bool:
    """Whether a model can draw anywhere but on the CPU; devices of other makers have a name of their own."""
    known = (torch.cuda, torch.xpu, torch.mtia, torch.backends.mps)
    return any(each.is_available() for each in known) or torch._C._get_privateuse1_backend_name() != "privateuseone"
