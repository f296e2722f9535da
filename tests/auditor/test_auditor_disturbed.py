"""Whatever a forward pass disturbs on its way, the model and the process are afterwards as they were, or it is told."""

from __future__ import annotations

import logging
import re
import sys
import threading
import warnings
from pathlib import Path

import newer_torch
import numpy as np
import pytest
import torch
from disturbances import Disturbing, of_models
from disturbances.of_models import MODELS, TOLD
from disturbances.of_python import PYTHON
from disturbances.of_torch import IN_A_RUN, TORCH
from small_vaes import spellings as zoo
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit
from vae_checked.auditor.restoring.restored import Restored
from vae_checked.errors import ModelError

ALL = {**MODELS, **TORCH, **PYTHON}
AUDITED = {**TORCH, **{name: MODELS[name] for name in ("a list in a dict", "an attribute of the class")}}
if newer_torch.TORCH < (2, 6):
    del AUDITED["inference mode that is left standing"]  # torch refuses such a run itself: "Cannot set version_counter"


@pytest.mark.parametrize("name", ALL)
def test_what_is_disturbed_in_a_block_is_put_back(name: str) -> None:
    disturbance = ALL[name]
    torch.manual_seed(1)
    model = Disturbing(disturbance)
    before = disturbance.state(model)
    with Restored(model) as restored:
        disturbance.act(model)
        restored.anew()
        between = disturbance.state(model)
        disturbance.act(model)
        during = disturbance.state(model)
    if name != "the handler of an interruption":  # in the block one of its own stands before what is put back
        assert between == before, "in between as well, where all is asked for"
    assert disturbance.state(model) == before
    assert during != before, "the disturbance does something"
    assert restored.left == ()


@pytest.mark.parametrize("name", AUDITED)
def test_what_a_forward_pass_disturbs_is_put_back(name: str) -> None:
    disturbance = AUDITED[name]
    torch.manual_seed(1)
    model = Disturbing(disturbance)
    before = disturbance.state(model)
    report = audit(model, "B 3 8 12", zoo.standard_loss)
    assert disturbance.state(model) == before
    assert report.facts[0].sampler.std is not None, "the model is measured like any other"


@pytest.mark.parametrize("name", IN_A_RUN)
def test_a_recorder_that_is_taken_off_ends_the_audit_with_the_reason(name: str) -> None:
    model = Disturbing(IN_A_RUN[name])
    before = IN_A_RUN[name].state(model)
    with pytest.raises(ModelError, match="the run takes off a mode of torch that it did not put on"):
        audit(model, "B 3 8 12", zoo.standard_loss)
    assert IN_A_RUN[name].state(model) == before


@pytest.mark.parametrize("name", TOLD)
def test_what_cannot_be_put_back_is_told(name: str) -> None:
    disturbance, told = TOLD[name]
    model = Disturbing(disturbance)
    with pytest.warns(RuntimeWarning, match=told), Restored(model) as restored:
        disturbance.act(model)
    assert len(restored.left) == 1


def test_one_that_refuses_does_not_keep_the_others_from_being_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Disturbing(MODELS["a list"])
    weight = model.fc_mu.weight.detach().clone()
    threads, filters = torch.get_num_threads(), list(warnings.filters)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)

    def disturb() -> None:
        monkeypatch.chdir(tmp_path)
        gone.rmdir()
        torch.set_num_threads(threads + 1)
        warnings.simplefilter("error")
        model.held.append(3)
        model.fc_mu.weight.data.add_(1.0)

    with pytest.warns(RuntimeWarning, match="the current folder: FileNotFoundError"), Restored(model) as restored:
        disturb()
    assert len(restored.left) == 1
    assert (torch.get_num_threads(), list(warnings.filters)) == (threads, filters)
    assert model.held == [1]
    assert torch.equal(model.fc_mu.weight, weight)


def test_the_object_of_another_package_is_told_where_a_run_changed_it() -> None:
    model = Disturbing(MODELS["a list"])
    model.logger = logging.Logger("vae")
    told = r"logger is a logging.Logger, and the run changed its level"
    with pytest.warns(RuntimeWarning, match=told), Restored(model):
        model.logger.setLevel(logging.ERROR)


def test_an_array_that_is_too_large_to_copy_is_told() -> None:
    model = Disturbing(MODELS["a list"])
    model.table, model.tensor = np.empty(2**29, np.uint8), torch.empty(2**29, dtype=torch.uint8)
    told = "table takes 512 MB, more than are copied; tensor was written to, and its 512 MB are more than is copied"
    with pytest.warns(RuntimeWarning, match=told), Restored(model):
        model.tensor[:2].add_(1)


def test_a_thread_that_goes_on_is_told() -> None:
    over = threading.Event()
    waiting = threading.Thread(target=over.wait, name="prefetch")
    told = "a thread that was started in the run goes on: prefetch"
    with pytest.warns(RuntimeWarning, match=told), Restored(Disturbing(MODELS["a list"])):
        waiting.start()
    over.set()
    waiting.join()


def test_what_a_report_could_not_put_back_is_in_it() -> None:
    disturbance, told = TOLD["a generator that was advanced"]
    with pytest.warns(RuntimeWarning, match=told):
        report = audit(Disturbing(disturbance), "B 3 8 12", zoo.standard_loss)
    assert [line for line in report.unobserved if re.search(f"not restored: {told}", line)]


def test_modules_that_a_run_imports_stay_where_they_are_found() -> None:
    with Restored(Disturbing(MODELS["a list"])):
        import colorsys

        of_models.colorsys = colorsys
    assert sys.modules["colorsys"] is colorsys
    assert of_models.colorsys is colorsys
    del of_models.colorsys


STREAMS = [name for name in MODELS if " generator of " in name]


@pytest.mark.parametrize("name", STREAMS)
def test_a_models_own_random_numbers_go_on_from_run_to_run(name: str) -> None:
    """Or else every run of an audit would draw the same noise, and noise that does not change is called constant."""
    disturbance = MODELS[name]
    model = Disturbing(disturbance)
    before = disturbance.state(model)
    with Restored(model) as restored:
        disturbance.act(model)
        during = disturbance.state(model)
        restored.again()
        assert disturbance.state(model) == during
    assert disturbance.state(model) == before


def test_an_audit_waits_for_that_of_another_thread() -> None:
    """Two audits at once would each put back what the other one does."""
    model = Disturbing(MODELS["an attribute is bound anew"])
    reports: list[AuditReport] = []
    within, alone = threading.Semaphore(1), list[bool]()

    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        alone.append(within.acquire(blocking=False))
        try:
            return zoo.standard_loss(x_hat, x, mu, logvar)
        finally:
            within.release()

    before = (model_bytes(model), torch.get_rng_state().tolist())
    threads = [
        threading.Thread(target=lambda: reports.append(audit(model, "B 3 8 12", loss, data_range=(0, 1))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.facts for report in reports] == [reports[0].facts] * 3
    assert (model_bytes(model), torch.get_rng_state().tolist()) == before
    assert alone
    assert all(alone), "one at a time"


def model_bytes(model: nn.Module) -> list[bytes]:
    return [of_models.bits(tensor) for tensor in model.state_dict().values()]
