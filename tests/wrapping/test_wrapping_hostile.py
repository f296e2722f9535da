"""`wrap` on models that make it hard: the same behaviour as without it, and nothing made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pytest
import torch
from small_vaes import spellings as zoo
from test_auditor_hostile import (
    AllNaN,
    Autocast,
    Checkpointed,
    InEvaluation,
    Mutates,
    Never,
    Recurrent,
    Remembers,
    Scripted,
    Sometimes,
    TrainsItself,
    Transformer,
    lazy,
    normalised,
)
from torch import Tensor, nn

from vae_checked.adapters import parts_of
from vae_checked.auditor.inputs.source import source_of
from vae_checked.wrapping import unwrap, wrap, wrap_report


class WithScripted(Scripted):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.jit.script(self.encoder)


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "raises": (Never, zoo.INPUT),
    "raises at its second call": (Sometimes, zoo.INPUT),
    "returns NaN": (AllNaN, zoo.INPUT),
    "mutates its input": (Mutates, zoo.INPUT),
    "needs evaluation": (InEvaluation, zoo.INPUT),
    "keeps state": (Remembers, zoo.INPUT),
    "double": (lambda: zoo.Base().double(), zoo.INPUT),
    "half": (lambda: zoo.Base().bfloat16(), zoo.INPUT),
    "meta": (lambda: zoo.Base().to("meta"), zoo.INPUT),
    "frozen": (lambda: zoo.Base().requires_grad_(False), zoo.INPUT),
    "lazy": (lazy, zoo.INPUT),
    "autocast": (Autocast, zoo.INPUT),
    "checkpoint": (lambda: Checkpointed(False), zoo.INPUT),
    "reentrant checkpoint": (lambda: Checkpointed(True), zoo.INPUT),
    "weight and spectral norm": (lambda: normalised(zoo.Base()), zoo.INPUT),
    "a train of its own": (TrainsItself, zoo.INPUT),
    "LSTM": (Recurrent, (9, 5)),
    "transformer": (Transformer, (9, 5)),
    "scripted parts": (WithScripted, (11,)),
}


def ran(model: nn.Module, event: tuple[int, ...]) -> list[Any]:
    """What five seeded calls did: results and gradients, or what was raised; then what became of input and model."""
    torch.manual_seed(6)
    kind = next(p for p in model.parameters() if not nn.parameter.is_lazy(p))
    seen: list[Any] = []
    for batch in (4, 4, 7, 4, 1):
        x = torch.rand(batch, *event).to(kind.device, kind.dtype)
        try:
            results = model(x)
            if results[0].requires_grad:
                results[0].float().sum().backward()
            seen += [(each.shape, each.dtype, numbers(each)) for each in results]
        except (RuntimeError, ValueError) as error:
            seen.append((type(error), str(error)))
        seen.append(numbers(x))
    seen += [(name, numbers(value)) for name, value in model.state_dict().items()]
    seen += [(name, None if p.grad is None else numbers(p.grad)) for name, p in model.named_parameters()]
    return [*seen, torch.get_rng_state().tolist()]


def numbers(tensor: Tensor) -> Any:
    """The bits, in which NaN equals itself."""
    return None if tensor.is_meta else tensor.detach().float().contiguous().view(torch.int32).tolist()


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", MODELS)
def test_a_hostile_model_behaves_as_it_does_by_itself(name: str) -> None:
    build, event = MODELS[name]
    runs = []
    for prepare in (lambda model: model, wrap):
        torch.manual_seed(1)
        model = prepare(build())
        runs.append(ran(model, event))
    assert runs[0] == runs[1]
    report = wrap_report(model)
    assert report.breaches == {}
    forward = next(stage for stage in report.stages if stage.title.endswith(".forward"))
    raises = {"raises": 5, "raises at its second call": 1, "needs evaluation": 5}.get(name, 0)
    assert (forward.raised, forward.checked) == ({0: raises}, {0: 5 - raises})
    unwrap(model)
    assert not [module for module in model.modules() if "_vae_contracts" in vars(module)]


@pytest.mark.parametrize("name", zoo.MODELS)
def test_no_correct_model_breaks_what_it_taught(name: str) -> None:
    kind, spec, _, _ = zoo.MODELS[name]
    results: list[list[Any]] = []
    for prepare in (lambda model: model, wrap):
        torch.manual_seed(1)
        model = prepare(kind())
        numpy.random.seed(1)
        kept = []
        for training in (True, False, True):
            for batch in (4, 4, 4, 7, 2, 5):
                inputs = source_of(spec, model.train(training), None).draw(batch, batch)
                output = model(*inputs.args, **dict(inputs.kwargs or {}))
                kept += [part.tensor.detach().tolist() for part in parts_of(output)]
        results.append(kept)
    if name != "NumpyGenerator":  # a generator of its own, seeded by the clock
        assert str(results[0]) == str(results[1])
    report = wrap_report(model)
    assert report.breaches == {}
    forward = next(stage for stage in report.stages if stage.title.endswith(".forward"))
    assert (forward.checked, forward.skipped) == ({0: 18}, {0: 0})
