"""Readings in a run of Weights & Biases (wandb), which is imported where it is asked for."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from vae_checked.errors import MissingDependencyError
from vae_checked.monitor.reading import Picture, Reading
from vae_checked.monitor.words import numbers, told

_STEP = "vae/step"


class WandbRun:
    """Numbers under `vae/`, a histogram of the KL per latent, the causes as text, and pictures where there are any.

    A run of the caller's is added to and not finished: what is read then goes with the next numbers that he logs.
    """

    def __init__(self, run: Any, owned: bool) -> None:
        self._run = run
        self._owned = owned
        self._known: set[str] = set()
        run.define_metric(_STEP, hidden=True)
        run.define_metric("vae/*", step_metric=_STEP)

    def __str__(self) -> str:
        return "wandb"

    def write(self, reading: Reading) -> None:
        """Log it, with its own step."""
        import wandb  # noqa: PLC0415  a run is there, so it is

        row: dict[str, Any] = {f"vae/{name}": value for name, value in numbers(reading).items() if value is not None}
        if reading.kl_per_latent:
            row["vae/kl_per_latent"] = wandb.Histogram(list(reading.kl_per_latent))
        causes = told(reading, self._known)
        if causes:
            row["vae/causes"] = "\n".join(causes)
        row |= {f"vae/{each.name}": _image(each) for each in reading.pictures}
        self._run.log({**row, _STEP: reading.step}, commit=self._owned)

    def close(self) -> None:
        """Finish the run, if it is our own."""
        if self._owned:
            self._run.finish()


def require_wandb() -> Any:
    """The package; MissingDependencyError without it."""
    try:
        import wandb  # noqa: PLC0415  only where it is asked for
    except ImportError as error:
        raise MissingDependencyError("wandb", "wandb", "to='wandb'") from error
    return wandb


def own_run(project: str | None) -> WandbRun:
    """The run that is active, or a new one of this project; MissingDependencyError without wandb.

    Whether a new one is kept on this machine or sent is wandb's to say, by WANDB_MODE among others.
    """
    wandb = require_wandb()
    if wandb.run is not None and project is None:
        return WandbRun(wandb.run, owned=False)
    return WandbRun(wandb.init(project=project or "vae_checked"), owned=True)


def _image(picture: Picture) -> Any:
    import wandb  # noqa: PLC0415  as above
    from PIL import Image  # noqa: PLC0415  wandb's pictures are made of it

    return wandb.Image(Image.open(BytesIO(picture.png())), caption=picture.caption)
