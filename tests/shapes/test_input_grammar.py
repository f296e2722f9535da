"""One way to write the inputs of a model, whoever runs it: what the audit takes, shapes take, and what one refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vae_checked.auditor.inputs.source import source_of
from vae_checked.errors import UsageError
from vae_checked.shapes.spec import draw, varied_spec

MODEL = nn.Linear(3, 2)

WRITTEN = {
    "B 3 64 96": [(7, 3, 64, 96)],
    "N 3 H=40 W=56": [(7, 3, 40, 56)],
    "x: B 3 H=40 W=56, y: int<10> B": [(7, 3, 40, 56), (7,)],
    "{image: B 3 H=40, label: int<4> B 5}": [(7, 3, 40), (7, 5)],
    "x: B N=12 5, adjacency: B N N": [(7, 12, 5), (7, 12, 12)],
    "x: N 5, adjacency: N N": [(7, 5), (7, 7)],
}


@pytest.mark.parametrize("text", WRITTEN)
def test_the_audit_and_shapes_read_the_same_inputs(text: str) -> None:
    spec = varied_spec(text)
    by_shapes = draw(spec, {**spec.starts, str(spec.batch): 7}, torch.float32, "cpu")
    by_audit = source_of(text, MODEL, None).draw(7, 0)
    for inputs in (by_audit, by_shapes):
        assert [tuple(tensor.shape) for _, tensor in inputs.tensors()] == WRITTEN[text]
    assert [name for name, _ in by_audit.tensors()] == [name for name, _ in by_shapes.tensors()]
    assert [tensor.dtype for _, tensor in by_audit.tensors()] == [tensor.dtype for _, tensor in by_shapes.tensors()]


@pytest.mark.parametrize(
    "text",
    ["", "B 3 H-W", "B 3 0 W", "B 3 H=0", "B 3 H=40 H=41", "a b: B 3", "x: B 3, x: B 4", "{B 3 H W}", "int<0> B"],
)
def test_what_the_one_refuses_the_other_refuses_in_the_same_words(text: str) -> None:
    with pytest.raises(UsageError) as by_shapes:
        varied_spec(text)
    with pytest.raises(UsageError) as by_audit:
        source_of(text, MODEL, None)
    assert str(by_audit.value) == str(by_shapes.value)


def test_free_letters_have_sizes_of_their_own_over_all_inputs() -> None:
    drawn = source_of("x: B 3 H W D E F, y: B W H", MODEL, None).draw(7, 0)
    (_, x), (_, y) = drawn.tensors()
    assert len({*x.shape}) == 7
    assert tuple(y.shape) == (7, x.shape[3], x.shape[2])


def test_a_batch_of_a_given_size_is_the_size_that_is_drawn() -> None:
    assert source_of("B=6 3", MODEL, None).batches(()) == (6, 5)
