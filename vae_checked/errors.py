"""The few kinds of error that vae_checked raises; each message is one line: what, what was got, what to do instead."""

from __future__ import annotations

# What the extra "torch" brings: everything that looks at live tensors needs all of it.
TORCH_EXTRA = ("torch", "jaxtyping", "beartype")


OLDEST_TORCH = "2.4"


class VaeCheckedError(Exception):
    """Anything that vae_checked refuses; a command that meets one exits with status 2."""


class UsageError(VaeCheckedError):
    """A path, option, configuration value or input specification that cannot be used."""


class MissingDependencyError(VaeCheckedError, ModuleNotFoundError):
    """A package that is not installed; the message names the extra that brings it.

    pip takes the vae-checked that is installed for the one that the line names, so the line needs no index that has it.
    """

    def __init__(self, package: str, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the package {package!r}, which is not installed: {install_line(extra)}", name=package
        )
        self.package = package
        self.extra = extra


class OutdatedDependencyError(VaeCheckedError, ImportError):
    """A package that is older than what vae_checked runs with."""

    def __init__(self, package: str, installed: str, oldest: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs {package} {oldest} or later, and {installed} is installed", name=package)


def install_line(extra: str) -> str:
    """What brings the packages of an extra to where vae-checked is installed."""
    return f"pip install 'vae-checked[{extra}]'"


class ModelError(VaeCheckedError):
    """A model or loss that cannot be imported, built, run or recognised."""


class ContractError(VaeCheckedError, TypeError):
    """A tensor that does not have the shape, dtype or axis binding which a signature promises."""


class FindingsError(VaeCheckedError, AssertionError):
    """Raised by `check_vae` and `raise_for_findings`: every finding in one message."""
