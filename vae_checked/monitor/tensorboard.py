"""Readings in TensorBoard: scalars, a histogram, causes, pictures, and charts of what belongs together."""

from __future__ import annotations

from typing import Any

from vae_checked.errors import MissingDependencyError
from vae_checked.monitor.reading import Picture, Reading
from vae_checked.monitor.words import numbers, told

# TensorBoard's tab "custom scalars": per chart the scalars that share it.
LAYOUT = {
    "VAE": {
        "KL of a sample, in nats": ["Multiline", ["vae/kl_nats"]],
        "active latents": ["Multiline", ["vae/active_units", "vae/active_by_kl"]],
        "effective beta, and the largest variance of the data": [
            "Multiline",
            ["vae/effective_beta", "vae/largest_variance"],
        ],
        "gradient at the heads": ["Multiline", ["vae/recon_gradient", "vae/kl_gradient"]],
        "range of mu": ["Multiline", ["vae/mu_min", "vae/mu_max"]],
        "range of the head for std": ["Multiline", ["vae/head_for_std_min", "vae/head_for_std_max"]],
        "range of x and x_hat": ["Multiline", ["vae/x_min", "vae/x_max", "vae/x_hat_min", "vae/x_hat_max"]],
        "what z does to x_hat": ["Multiline", ["vae/follows_z", "vae/moved_by_z"]],
    }
}


class TensorBoard:
    """Scalars under `vae/`, a histogram of the KL per latent, the causes as text, and pictures where there are any."""

    def __init__(self, writer: Any, owned: bool) -> None:
        self._writer = writer
        self._owned = owned
        self._known: set[str] = set()
        # A writer of the caller's may lay out a page of its own, and there is one for each.
        if owned:
            writer.add_custom_scalars(LAYOUT)

    def __str__(self) -> str:
        return "TensorBoard"

    def write(self, reading: Reading) -> None:
        """Add it at its step."""
        for name, value in numbers(reading).items():
            if value is not None:
                self._writer.add_scalar(f"vae/{name}", value, reading.step)
        if reading.kl_per_latent:
            import torch  # noqa: PLC0415  a histogram wants a tensor

            self._writer.add_histogram("vae/kl_per_latent", torch.tensor(reading.kl_per_latent), reading.step)
        for each in told(reading, self._known):
            self._writer.add_text("vae/causes", each, reading.step)
        for picture in reading.pictures:
            self._writer.add_image(f"vae/{picture.name}", _pixels(picture), reading.step, dataformats="HWC")

    def close(self) -> None:
        """Close the writer, if it is our own."""
        if self._owned:
            self._writer.close()


def require_tensorboard() -> Any:
    """The class of its writers; MissingDependencyError without TensorBoard."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  only where it is asked for
    except ImportError as error:
        raise MissingDependencyError("tensorboard", "monitor", "to='tensorboard'") from error
    return SummaryWriter


def own_tensorboard(folder: str | None) -> TensorBoard:
    """One that writes to a folder; MissingDependencyError without TensorBoard."""
    return TensorBoard(require_tensorboard()(folder), owned=True)


def _pixels(picture: Picture) -> Any:
    import torch  # noqa: PLC0415  an image wants a tensor

    pixels = torch.frombuffer(bytearray(picture.pixels), dtype=torch.uint8)
    return pixels.view(picture.height, picture.width, picture.channels)
