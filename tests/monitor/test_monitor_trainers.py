"""The monitor under what training runs with: autocast, accumulation, compiled models and Lightning."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from small_vaes.tiny import Tiny
from torch import Tensor, nn

from vae_checked import Monitor, monitor_callback
from vae_checked.errors import MissingDependencyError, UsageError
from vae_checked.monitor import Reading

PIXELS, LATENTS, BATCH = 12, 3, 10


def tiny() -> Tiny:
    return Tiny(PIXELS, LATENTS, hidden=7)


def loss_of(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return F.mse_loss(x_hat, x) - 0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1).mean()


def parameters(model: nn.Module) -> list[bytes]:
    return [tensor.detach().numpy().tobytes() for tensor in model.parameters()]


def test_autocast_scaler_and_accumulation_change_neither_weights_nor_beta() -> None:
    found: list[tuple[list[bytes], list[Reading]]] = []
    for looks in (False, True):
        torch.manual_seed(0)
        model = tiny()
        optimizer = torch.optim.Adam(model.parameters())
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        monitor = Monitor(model, every=2, to=[]) if looks else None
        for _ in range(4):
            for _ in range(2):
                x = torch.rand(BATCH, PIXELS)
                with torch.autocast("cpu", torch.bfloat16):
                    x_hat, mu, logvar = model(x)
                loss = loss_of(x_hat.float(), x, mu.float(), logvar.float()) / 2
                scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            if monitor is not None:
                monitor.step()
        found.append((parameters(model), [] if monitor is None else monitor.readings))
    assert found[0][0] == found[1][0]
    betas = [reading.balance.beta for reading in found[1][1] if reading.balance is not None]
    assert betas == pytest.approx([PIXELS] * 3, rel=0.05)


def test_a_compiled_model_is_seen_but_for_what_stays_inside() -> None:
    from torch._dynamo.utils import counters

    torch.manual_seed(0)
    model = tiny()
    compiled = torch.compile(model, backend="aot_eager")
    counters.clear()
    with Monitor(compiled, every=2, to=[]) as monitor:
        for _ in range(4):
            x = torch.rand(BATCH, PIXELS)
            x_hat, mu, logvar = compiled(x)
            loss_of(x_hat, x, mu, logvar).backward()
            monitor.step()
    assert counters["stats"]["unique_graphs"] == 1
    assert [reading.step for reading in monitor.readings] == [1, 2, 4]
    last = monitor.readings[-1]
    assert last.balance is not None
    assert str(last.balance) == f"{PIXELS} (elements of a sample {PIXELS})"
    assert last.reaches_encoder
    assert last.recon_gradient is None
    assert any("inside compiled code" in each for each in last.unobserved)


def test_a_model_that_is_compiled_in_place_is_seen_by_its_batch_alone() -> None:
    model = tiny()
    model.compile(backend="aot_eager")
    with Monitor(model, to=[]) as monitor:
        reading = monitor.step(torch.rand(BATCH, PIXELS))
    assert reading is not None
    assert reading.rows == BATCH
    assert reading.reaches_encoder
    assert "torch.compile(model) does not" in reading.unobserved[-1]


# ---------------------------------------------------------------------------------------------- Lightning


def trained(lightning: Any, callback: Any, steps: int = 4, logger: Any = False) -> Any:
    class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]  # the class is the package's
        def __init__(self) -> None:
            super().__init__()
            self.vae = tiny()

        def forward(self, x: Tensor) -> Any:
            return self.vae(x)

        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            (x,) = batch
            x_hat, mu, logvar = self(x)
            return loss_of(x_hat, x, mu, logvar)

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters())

    torch.manual_seed(0)
    module = Module()
    data = torch.utils.data.TensorDataset(torch.rand(steps * BATCH, PIXELS))
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=logger,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=callback,
    )
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=BATCH))
    return module


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
@pytest.mark.filterwarnings("ignore")
def test_the_callback_follows_a_trainer_and_changes_nothing(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lightning = pytest.importorskip(package, reason="Lightning is optional")
    import vae_checked.monitor.callback as room

    monkeypatch.setattr(room, "_PACKAGES", (package,))
    seen: list[Reading] = []
    callback = monitor_callback(to=seen.append, every=2)
    assert isinstance(callback, lightning.Callback)
    watched = trained(lightning, callback)
    assert parameters(watched) == parameters(trained(lightning, []))
    assert [reading.step for reading in seen] == [1, 2, 4]
    assert seen[-1].balance is not None
    assert str(seen[-1].balance) == f"{PIXELS} (elements of a sample {PIXELS})"
    assert seen[-1].terms["loss"] > 0
    assert callback.state_dict() == {"step": 4}
    assert not watched._forward_hooks
    inner: list[Reading] = []
    trained(lightning, monitor_callback(model="vae", to=inner.append, every=2))
    assert [reading.kl for reading in inner] == pytest.approx([reading.kl for reading in seen])


@pytest.mark.filterwarnings("ignore")
def test_the_callback_writes_to_the_trainers_logger_and_goes_on_counting(tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning.pytorch", reason="Lightning is optional")
    from lightning.pytorch.loggers import CSVLogger

    callback = monitor_callback(to="logger", every=2)
    callback.load_state_dict({"step": 5})
    logger = CSVLogger(tmp_path, flush_logs_every_n_steps=1)
    trained(lightning, callback, steps=3, logger=logger)
    text = (Path(logger.log_dir) / "metrics.csv").read_text(encoding="utf-8")
    found = list(csv.DictReader(text.splitlines()))
    assert [row["step"] for row in found] == ["6", "8"]
    assert all(float(row["vae/kl_nats"]) > 0 for row in found)
    assert callback.state_dict() == {"step": 8}


@pytest.mark.filterwarnings("ignore")
def test_nothing_is_opened_before_a_training_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb", reason="wandb is optional")
    monkeypatch.setattr(wandb, "init", lambda **_: pytest.fail("a run was begun"))
    monitor_callback(to=[f"tensorboard:{tmp_path}", "wandb", "logger", "terminal"])
    assert list(tmp_path.iterdir()) == []


def test_bad_use_of_the_callback_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="to='nowhere' is no place to write to"):
        monitor_callback(to="nowhere")
    lightning = pytest.importorskip("lightning.pytorch", reason="Lightning is optional")
    with pytest.raises(UsageError, match="model='net': Module has no attribute 'net'"):
        trained(lightning, monitor_callback(model="net", to=[]), steps=1)
    for name in ("lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'vae-checked\[monitor\]'"):
        monitor_callback()
