"""Items that hold what a model makes of real data against the thresholds of its table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from vae_checked.pytest_plugin.items import KnowableItem

if TYPE_CHECKING:
    from vae_checked.config import ModelConfig
    from vae_checked.monitor.probe import Probed

ON_DATA = {
    "active-units": ("min_active_units",),
    "kl-size": ("min_kl", "max_kl"),
    "relative-error": ("max_relative_error",),
}
"""The items by their names, each with the keys that ask for it."""


def asked_on_data(table: ModelConfig) -> Iterator[str]:
    """The names of the items that a model's table asks for."""
    for name, keys in ON_DATA.items():
        if any(getattr(table, key) is not None for key in keys):
            yield name


class OnDataItem(KnowableItem):
    """One measure of the model on the data of its table."""

    def put(self) -> None:
        """Compare what was measured."""
        from vae_checked.errors import FindingsError

        self.staged()
        probed, table = self.node.probed(), self.node.config_of_model
        value, said = _measured(self.name, probed)
        if value is None:
            pytest.skip(f"not measured: {'; '.join(probed.unobserved) or said}")
        for key in ON_DATA[self.name]:
            limit = getattr(table, key)
            if limit is not None and (value < limit if key.startswith("min") else value > limit):
                raise FindingsError(
                    f"{self.node.name}: {said}, {key} is {limit:g}\n  measured on the {probed.rows} samples of "
                    f'{table.data}\n  reproduce: pytest "{self.nodeid}"'
                )


def _measured(name: str, probed: Probed) -> tuple[float | None, str]:
    """The number, and what it says."""
    from vae_checked.monitor.reading import ACTIVE

    if name == "active-units":
        if not probed.variance:
            return None, ""
        count = sum(value > ACTIVE for value in probed.variance)
        each = ", ".join(f"{value:.3g}" for value in probed.variance[:16])
        more = ", ..." if len(probed.variance) > 16 else ""
        return count, f"{count} of {len(probed.variance)} latents are active (Var_x(E[z|x]) > {ACTIVE}): {each}{more}"
    if name == "kl-size":
        if not probed.kl:
            return None, ""
        total, each = sum(probed.kl), ", ".join(f"{value:.3g}" for value in probed.kl[:16])
        more = ", ..." if len(probed.kl) > 16 else ""
        return total, f"the KL of a sample is {total:.4g} nats; by latent {each}{more}"
    error = probed.relative_error
    if error is None:
        return None, "no reconstruction that can be compared with its target was seen"
    return error, f"the squared error of the reconstruction is {error:.3g} of that of the data's mean"
