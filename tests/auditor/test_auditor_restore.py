"""After an audit, also one that raised, the model and the process are as before, to the bit."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_vaes import spellings as zoo
from torch import Tensor, nn

from vae_checked.auditor import audit
from vae_checked.auditor.restoring.contents import Contents
from vae_checked.auditor.restoring.kept import put_back_all
from vae_checked.auditor.restoring.restored import Restored
from vae_checked.auditor.restoring.tables import KeptDict
from vae_checked.errors import ModelError


class Restless(zoo.Regularised):
    """Keeps state between calls, changes its own weights and input, and touches every global it can reach."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.history: list[float] = [1.0]
        self.options = {"beta": 1.0}
        self.register_buffer("average", torch.full((2, 3), 0.1))
        self.generator = torch.Generator().manual_seed(5)
        self.raises = False

    def forward(self, x: Tensor) -> Any:
        self.calls += 1
        self.history.append(2.0)
        self.options["beta"] = 7.0
        self.seen = x
        with torch.no_grad():
            self.average.mul_(0.5)
            self.fc_mu.weight.add_(1e-3)
            x.add_(0.0)
        self.fc_mu.bias.requires_grad_(False)
        random.random()  # noqa: S311  the stream must move, no secret is drawn
        np.random.rand()
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.set_default_dtype(torch.float64)
        torch.set_default_dtype(torch.float32)
        torch.rand(3, generator=self.generator)
        self.decoder.eval()
        self.register_forward_hook(lambda *_: None)
        self.extra = nn.Linear(2, 2)
        if self.raises:
            torch.set_default_dtype(torch.float64)
            torch.autograd.set_detect_anomaly(True)
            raise RuntimeError("stopped half way")
        return super().forward(x)


def process_state() -> dict[str, Any]:
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": [np.asarray(part).tolist() for part in np.random.get_state()],
        "python": random.getstate(),
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "grad": torch.is_grad_enabled(),
        "anomaly": torch.is_anomaly_enabled(),
        "matmul": torch.get_float32_matmul_precision(),
        "cudnn": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic, torch.backends.cudnn.enabled),
        "numpy functions": [np.random.randn, np.random.normal, np.random.default_rng],
    }


def model_state(model: nn.Module) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for name, module in model.named_modules():
        state[f"{name} mode"] = module.training
        state[f"{name} hooks"] = [list(vars(module)[key]) for key in vars(module) if key.endswith("_hooks")]
        state[f"{name} children"] = list(module._modules)
        state[f"{name} attributes"] = sorted(vars(module))
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        state[name] = tensor.detach().numpy().tobytes()
        state[f"{name} identity"] = id(tensor)
        state[f"{name} requires grad"] = tensor.requires_grad
        state[f"{name} grad"] = None if tensor.grad is None else tensor.grad.numpy().tobytes()
        state[f"{name} grad identity"] = id(tensor.grad) if tensor.grad is not None else None
    return state


@pytest.fixture
def restless() -> Iterator[Restless]:
    torch.manual_seed(3)
    model = Restless()
    model.decoder[0].eval()
    model.fc_logvar.bias.requires_grad_(False)
    model.fc_mu.weight.grad = torch.full_like(model.fc_mu.weight, 0.25)
    yield model
    torch.set_default_dtype(torch.float32)
    torch.use_deterministic_algorithms(False)
    torch.autograd.set_detect_anomaly(False)


def own_state(model: Restless) -> dict[str, Any]:
    return {
        "calls": model.calls,
        "history": list(model.history),
        "options": dict(model.options),
        "generator": model.generator.get_state().tolist(),
    }


@pytest.mark.parametrize("grad", [True, False])
def test_an_audit_leaves_everything_as_it_was(restless: Restless, grad: bool) -> None:
    x = torch.rand(6, 3, 8, 12)
    kept = x.clone()
    with torch.set_grad_enabled(grad):
        before = (process_state(), model_state(restless), own_state(restless))
        report = audit(restless, x, zoo.standard_loss)
        after = (process_state(), model_state(restless), own_state(restless))
    assert report.facts[0].sampler.std is not None
    assert after == before
    assert torch.equal(x, kept)


def test_an_audit_that_raises_leaves_everything_as_it_was(restless: Restless) -> None:
    restless.raises = True
    before = (process_state(), model_state(restless), own_state(restless))
    with pytest.raises(ModelError, match="stopped half way"):
        audit(restless, "B 3 8 12", zoo.standard_loss)
    assert (process_state(), model_state(restless), own_state(restless)) == before


def test_an_interrupt_passes_through_and_leaves_everything_as_it_was(restless: Restless) -> None:
    def interrupted(x_hat: Tensor, x: Tensor) -> Tensor:
        raise KeyboardInterrupt

    before = (process_state(), model_state(restless), own_state(restless))
    with pytest.raises(KeyboardInterrupt):
        audit(restless, "B 3 8 12", interrupted)
    assert (process_state(), model_state(restless), own_state(restless)) == before


def test_the_audit_of_a_loss_with_parameters_leaves_them_alone() -> None:
    class Loss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.log_scale = nn.Parameter(torch.tensor(0.3))
            self.register_buffer("steps", torch.zeros(()))

        def forward(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
            self.steps += 1
            return zoo.standard_loss(x_hat, x, mu, logvar) * self.log_scale.exp()

    loss = Loss()
    before = model_state(loss)
    audit(zoo.Base(), "B 3 8 12", loss)
    assert model_state(loss) == before


def test_two_audits_of_one_model_say_the_same() -> None:
    torch.manual_seed(0)
    model = zoo.Regularised()
    first, second = (audit(model, "B 3 8 12", zoo.standard_loss, data_range=(0, 1)) for _ in range(2))
    assert first.facts == second.facts
    assert first.recognised == second.recognised


def test_tensors_that_are_not_touched_are_not_written() -> None:
    model = zoo.Base()
    versions = {name: p._version for name, p in model.named_parameters()}
    audit(model, "B 3 8 12", zoo.standard_loss)
    assert {name: p._version for name, p in model.named_parameters()} == versions


def test_the_block_restores_in_between_as_well() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2))
    before = copy.deepcopy(model.state_dict())
    with Restored(model) as restored:
        model(torch.rand(5, 3))
        assert not torch.equal(model[0].running_mean, before["0.running_mean"])
        restored.again()
        assert torch.equal(model[0].running_mean, before["0.running_mean"])
        model[1] = nn.Linear(3, 4)
    assert model[1].out_features == 2
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def hooked(layer: nn.Module, *_: object) -> None:
    """A hook that changes nothing."""


def test_tables_that_were_empty_are_emptied_and_take_one_look() -> None:
    model = nn.Sequential(*(nn.Linear(3, 3) for _ in range(12)))
    tables = [vars(layer)["_forward_hooks"] for layer in model]
    kept = Contents([model]).kept
    # A layer has some fifteen tables, and two parameters with one each: all but the layer's own and these are empty.
    assert sum(isinstance(each, KeptDict) for each in kept) < 3 * len(tables)
    for layer in model:
        layer.register_forward_hook(hooked)
        layer.register_full_backward_hook(hooked)
        layer.weight.of_the_run = layer
    model[3]._buffers["of_the_run"] = torch.ones(2)
    assert put_back_all(kept) == []
    assert all(vars(layer)["_forward_hooks"] is table and not table for layer, table in zip(model, tables, strict=True))
    assert not any(layer._backward_hooks or vars(layer.weight) or layer._buffers for layer in model)


class Drawing(zoo.Base):
    """Writes down what it draws in each pass, where nothing is put back."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def forward(self, x: Tensor) -> Any:
        with (self.folder / "drawn").open("a") as drawn:
            drawn.write(f"{torch.rand(()).item()} {x.shape[0]}\n")
        return super().forward(x)


def test_runs_that_look_for_inputs_leave_those_that_measure_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered: list[Restored] = []
    enter = Restored.__enter__
    monkeypatch.setattr(Restored, "__enter__", lambda block: (entered.append(block), enter(block))[1])
    model = Drawing(tmp_path)
    state = torch.get_rng_state()
    audit(model, "B 3 8 12", zoo.standard_loss, seed=3)
    drawn = [line.split() for line in (tmp_path / "drawn").read_text().splitlines()]
    # Two trials in one mode, then the pass that is measured: it draws what the first trial drew, from the seed on.
    assert len(drawn) >= 4
    assert drawn[2][0] == drawn[0][0] != drawn[1][0]
    assert torch.equal(torch.get_rng_state(), state)
    # What a block keeps takes as long to collect as a run of a small model: one is enough.
    assert len(entered) == 1
