"""The monitor as a Lightning callback, for `lightning` and `pytorch_lightning`; neither is imported before use."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from vae_checked.errors import MissingDependencyError, UsageError
from vae_checked.monitor.monitor import Monitor
from vae_checked.monitor.reading import Reading
from vae_checked.monitor.sinks import refuse, scalars

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def monitor_callback(
    *, model: Callable[[Any], nn.Module] | str | None = None, to: Any = "terminal", **options: Any
) -> Any:
    """A Lightning callback that follows training with a `Monitor`, for `Trainer(callbacks=[monitor_callback()])`.

    The callback has the `monitor`, and its step is kept in checkpoints.

    Args:
        model: the VAE within the LightningModule, by the name of its attribute or a function that takes the module;
            without one the LightningModule's own forward is looked at.
        to: as for `Monitor`, and `"logger"` for the trainer's logger.
        options: the other arguments of `Monitor`.

    Raises:
        MissingDependencyError: neither `lightning` nor `pytorch_lightning` is installed.
        UsageError: `to` names no place to write to.
    """
    places = to if isinstance(to, (list, tuple)) else [to]
    refuse([each for each in places if each != "logger"])  # what cannot be meant is refused now, not in training
    base = _base()

    class MonitorCallback(base):  # type: ignore[misc, valid-type]  # the class is the user's package's
        """Follows training with a Monitor."""

        def __init__(self) -> None:
            super().__init__()
            self.monitor: Monitor | None = None
            self._state: Mapping[str, int] | None = None

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            """Make the monitor."""

            def log(reading: Reading) -> None:
                for logger in trainer.loggers:
                    logger.log_metrics(scalars(reading), step=reading.step)

            targets = [log if each == "logger" else each for each in places]
            self.monitor = Monitor(_chosen(model, pl_module), to=targets, **options)
            if self._state is not None:
                self.monitor.load_state_dict(self._state)

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            """Count one step."""
            if self.monitor is not None:
                loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
                self.monitor.step(**({} if loss is None else {"loss": loss}))

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            """Let go of the model."""
            self._close()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            """Let go of the model, whatever ended the training."""
            self._close()

        def _close(self) -> None:
            if self.monitor is not None:
                self._state = self.monitor.state_dict()
                self.monitor.close()

        def state_dict(self) -> dict[str, Any]:
            """The number of steps so far."""
            return {} if self.monitor is None else dict(self.monitor.state_dict())

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            """Go on counting."""
            self._state = {key: int(value) for key, value in state_dict.items()} or None

    return MonitorCallback()


def _base() -> type:
    """The Callback class of the package that is in use, or else of the one that is installed."""
    used = [name for name in _PACKAGES if name in sys.modules]
    for name in (*used, *_PACKAGES):
        try:
            found: type = importlib.import_module(name).Callback
        except ImportError:
            continue
        return found
    raise MissingDependencyError("lightning", "monitor", "monitor_callback()")


def _chosen(model: Callable[[Any], nn.Module] | str | None, module: nn.Module) -> nn.Module:
    if model is None:
        return module
    if not isinstance(model, str):
        return model(module)
    found = module
    for name in model.split("."):
        if not hasattr(found, name):
            raise UsageError(f"model={model!r}: {type(found).__name__} has no attribute {name!r}")
        found = getattr(found, name)
    return found
