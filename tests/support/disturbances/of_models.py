"""Disturbances of a model, of what it holds, and of the classes and modules that it is made of."""

from __future__ import annotations

import array
import collections
import itertools
import random
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from disturbances import Disturbance, Disturbing

CALLS = 0
SEEN: dict[str, list[int]] = {"sizes": [2]}


class Meter:
    """A plain object that a model holds."""

    def __init__(self) -> None:
        self.total, self.parts = 0.5, [1.0]

    def add(self) -> None:
        """Count once more, by a new number and in place."""
        self.total += 1.0
        self.parts.append(2.0)


class Slotted:
    """A plain object without a table of attributes."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0.25


@dataclass
class Record:
    """A dataclass that a model holds."""

    steps: int = 3
    names: dict[str, list[str]] = field(default_factory=lambda: {"a": ["b"]})


class Other(Disturbing):
    """Another class for the same attributes."""


def bits(tensor: Tensor) -> bytes:
    return tensor.detach().clone().contiguous().view(-1).numpy().tobytes()  # of a copy: numpy forbids to resize


def _global_count(_: Any) -> None:
    global CALLS  # noqa: PLW0603  that is the point
    CALLS += 1


def _closure(model: Any) -> None:
    calls, names = 0, ["x"]

    def count() -> tuple[int, list[str]]:
        nonlocal calls
        calls += 1
        names.append("y")
        return calls, names

    model.count = count
    model.closed = lambda: [
        list(c.cell_contents) if isinstance(c.cell_contents, list) else c.cell_contents for c in count.__closure__
    ]


def _halve(model: Any) -> None:
    model.fc_mu.weight.data = model.fc_mu.weight.data.clone() * 0.5


def _retype(model: Any) -> None:
    bias = model.fc_mu.bias
    bias.data = bias.data.clone().double()
    bias.data = bias.data.float() + 0.25


def _resize(model: Any) -> None:
    model.table.resize_(3, 5).fill_(2.0)
    model.table.resize_(2, 3)


def _shrink(model: Any) -> None:
    model.table.set_(torch.full((2, 3), 9.0))


def _file() -> Any:
    return Path(__file__).open("rb")


def _random() -> random.Random:
    return random.Random(3)  # noqa: S311  no secret is drawn


def _with(name: str, make: Any) -> Any:
    return lambda model: setattr(model, name, make())


def _buffer(name: str, make: Any) -> Any:
    return lambda model: model.register_buffer(name, make())


def _grad(model: Any) -> None:
    model.fc_mu.weight.grad = torch.full_like(model.fc_mu.weight, 0.125)


MODELS: dict[str, Disturbance] = {
    "an attribute is bound anew": Disturbance(
        lambda m: setattr(m, "calls", m.calls + 1), lambda m: m.calls, _with("calls", lambda: 1)
    ),
    "an attribute is made": Disturbance(lambda m: setattr(m, "late", 1), lambda m: hasattr(m, "late")),
    "an attribute is deleted": Disturbance(
        lambda m: m.__dict__.pop("calls", None), lambda m: getattr(m, "calls", None), _with("calls", lambda: 1)
    ),
    "a list": Disturbance(lambda m: m.held.append(2), lambda m: list(m.held), _with("held", lambda: [1])),
    "a list in a dict": Disturbance(
        lambda m: m.held["a"].append(2), lambda m: list(m.held["a"]), _with("held", lambda: {"a": [1]})
    ),
    "a list in a tuple": Disturbance(
        lambda m: m.held[0].append(2), lambda m: list(m.held[0]), _with("held", lambda: ([1], 2))
    ),
    "a dict in a list of lists": Disturbance(
        lambda m: m.held[0][0].update(b=2), lambda m: dict(m.held[0][0]), _with("held", lambda: [[{"a": 1}]])
    ),
    "a list that is replaced in its dict": Disturbance(
        lambda m: (m.held["a"].append(2), m.held.update(a=[])),
        lambda m: (list(m.held["a"]), id(m.held["a"])),
        _with("held", lambda: {"a": [1]}),
    ),
    "a defaultdict": Disturbance(
        lambda m: m.held["b"].append(2),
        lambda m: {key: list(value) for key, value in m.held.items()},
        _with("held", lambda: collections.defaultdict(list, a=[1])),
    ),
    "the order of a dict": Disturbance(
        lambda m: m.held.move_to_end("a"),
        lambda m: list(m.held),
        _with("held", lambda: collections.OrderedDict(a=1, b=2, c=3)),
    ),
    "a set in a dict": Disturbance(
        lambda m: m.held["a"].add(2), lambda m: sorted(m.held["a"]), _with("held", lambda: {"a": {1}})
    ),
    "a deque of a fixed length": Disturbance(
        lambda m: m.held.append(3), lambda m: list(m.held), _with("held", lambda: collections.deque([1, 2], maxlen=2))
    ),
    "a Counter": Disturbance(
        lambda m: m.held.update("ab"), lambda m: dict(m.held), _with("held", lambda: collections.Counter("a"))
    ),
    "bytes that change": Disturbance(
        lambda m: m.held.extend(b"xy"), lambda m: bytes(m.held), _with("held", lambda: bytearray(b"ab"))
    ),
    "an array of the standard library": Disturbance(
        lambda m: m.held.append(2.5), lambda m: m.held.tolist(), _with("held", lambda: array.array("d", [1.5]))
    ),
    "an array of numpy": Disturbance(
        lambda m: m.held.__setitem__(0, 9.0), lambda m: m.held.tobytes(), _with("held", lambda: np.arange(3.0))
    ),
    "a list in an array of objects": Disturbance(
        lambda m: m.held[0].append(9), lambda m: list(m.held[0]), _with("held", lambda: np.array([[1], None], object))
    ),
    "a plain object": Disturbance(
        lambda m: m.held.add(), lambda m: (m.held.total, list(m.held.parts)), _with("held", Meter)
    ),
    "a plain object in a list": Disturbance(
        lambda m: m.held[0].add(), lambda m: (m.held[0].total, list(m.held[0].parts)), _with("held", lambda: [Meter()])
    ),
    "an object with slots": Disturbance(
        lambda m: setattr(m.held, "total", 4.0), lambda m: m.held.total, _with("held", Slotted)
    ),
    "a namespace": Disturbance(
        lambda m: setattr(m.held, "a", 4), lambda m: m.held.a, _with("held", lambda: types.SimpleNamespace(a=1))
    ),
    "a dataclass": Disturbance(
        lambda m: (setattr(m.held, "steps", 4), m.held.names["a"].append("c")),
        lambda m: (m.held.steps, list(m.held.names["a"])),
        _with("held", Record),
    ),
    "what a closure holds": Disturbance(lambda m: m.count(), lambda m: m.closed(), _closure),
    "the default of an argument": Disturbance(
        lambda m: m.scaled(torch.zeros(6)), lambda m: list(type(m).scaled.__defaults__[0])
    ),
    "an attribute of a function": Disturbance(
        lambda m: setattr(Disturbing.scaled, "calls", 1), lambda m: hasattr(Disturbing.scaled, "calls")
    ),
    "a generator of random numbers": Disturbance(
        lambda m: m.held.random(), lambda m: m.held.getstate(), _with("held", _random)
    ),
    "a generator of numpy": Disturbance(
        lambda m: m.held.normal(), lambda m: m.held.bit_generator.state, _with("held", lambda: np.random.default_rng(3))
    ),
    "an old generator of numpy": Disturbance(
        lambda m: m.held.normal(),
        lambda m: [np.asarray(part).tolist() for part in m.held.get_state()],
        _with("held", lambda: np.random.RandomState(3)),
    ),
    "a generator of torch that is seeded": Disturbance(
        lambda m: m.held.manual_seed(9), lambda m: m.held.get_state().tolist(), _with("held", torch.Generator)
    ),
    "a position in a file": Disturbance(lambda m: m.held.read(3), lambda m: m.held.tell(), _with("held", _file)),
    "a tensor in an attribute": Disturbance(
        lambda m: m.held.add_(1.0), lambda m: bits(m.held), _with("held", lambda: torch.arange(3.0))
    ),
    "a tensor in a list": Disturbance(
        lambda m: m.held[1].mul_(2.0), lambda m: bits(m.held[1]), _with("held", lambda: [0, torch.arange(3.0)])
    ),
    "a tensor that is expanded": Disturbance(
        lambda m: m.held[0, :1].add_(1.0),
        lambda m: m.held.tolist(),
        _with("held", lambda: torch.arange(3.0).expand(4, 3)),
    ),
    "a sparse tensor": Disturbance(
        lambda m: m.held.mul_(2.0),
        lambda m: m.held.to_dense().tolist(),
        _with("held", lambda: torch.eye(3).to_sparse()),
    ),
    "a complex buffer": Disturbance(
        lambda m: m.held.mul_(1j), lambda m: bits(m.held), _buffer("held", lambda: torch.ones(3, dtype=torch.complex64))
    ),
    "a buffer of NaN": Disturbance(
        lambda m: m.held.fill_(0.0), lambda m: bits(m.held), _buffer("held", lambda: torch.full((3,), float("nan")))
    ),
    "a parameter whose data are replaced": Disturbance(
        _halve, lambda m: (bits(m.fc_mu.weight), m.fc_mu.weight.data_ptr())
    ),
    "a parameter whose data change their type": Disturbance(
        _retype, lambda m: (bits(m.fc_mu.bias), m.fc_mu.bias.dtype, m.fc_mu.bias.data_ptr())
    ),
    "a buffer that is resized": Disturbance(
        _resize, lambda m: (bits(m.table), m.table.shape), _buffer("table", lambda: torch.ones(2, 3))
    ),
    "a buffer that is set to another": Disturbance(
        _shrink, lambda m: (bits(m.table), m.table.data_ptr()), _buffer("table", lambda: torch.ones(2, 3))
    ),
    "a parameter in place": Disturbance(
        lambda m: m.fc_mu.weight.data.add_(0.5), lambda m: (bits(m.fc_mu.weight), m.fc_mu.weight._version)
    ),
    "a gradient in place": Disturbance(
        lambda m: m.fc_mu.weight.grad.add_(1.0), lambda m: bits(m.fc_mu.weight.grad), _grad
    ),
    "a gradient that is dropped": Disturbance(lambda m: m.zero_grad(), lambda m: id(m.fc_mu.weight.grad), _grad),
    "a gradient whose data are replaced": Disturbance(
        lambda m: setattr(m.fc_mu.weight.grad, "data", torch.ones_like(m.fc_mu.weight)),
        lambda m: (bits(m.fc_mu.weight.grad), m.fc_mu.weight.grad.data_ptr()),
        _grad,
    ),
    "an attribute of a parameter": Disturbance(
        lambda m: setattr(m.fc_mu.weight, "tag", 2), lambda m: getattr(m.fc_mu.weight, "tag", None)
    ),
    "a hook on a parameter": Disturbance(
        lambda m: m.fc_mu.weight.register_hook(lambda g: g * 2),
        lambda m: len(m.fc_mu.weight._backward_hooks or ()),
    ),
    "a hook for what is accumulated": Disturbance(
        lambda m: m.fc_mu.weight.register_post_accumulate_grad_hook(lambda p: None),
        lambda m: len(m.fc_mu.weight._post_accumulate_grad_hooks or ()),
    ),
    "what is trained": Disturbance(
        lambda m: m.fc_mu.weight.requires_grad_(False), lambda m: m.fc_mu.weight.requires_grad
    ),
    "a hook on the model": Disturbance(
        lambda m: m.register_forward_hook(lambda *_: None), lambda m: len(m._forward_hooks)
    ),
    "a hook on a part": Disturbance(
        lambda m: m.encoder[1].register_forward_pre_hook(lambda *_: None),
        lambda m: len(m.encoder[1]._forward_pre_hooks),
    ),
    "a part that is added": Disturbance(lambda m: setattr(m, "late", nn.Linear(2, 2)), lambda m: list(m._modules)),
    "a part that is replaced": Disturbance(
        lambda m: setattr(m, "fc_mu", nn.Linear(40, zoo_latents(m))), lambda m: id(m.fc_mu)
    ),
    "a buffer that becomes persistent": Disturbance(
        lambda m: m._non_persistent_buffers_set.clear(),
        lambda m: sorted(m._non_persistent_buffers_set),
        lambda m: m.register_buffer("held", torch.ones(2), persistent=False),
    ),
    "the mode of a part": Disturbance(lambda m: m.decoder.eval(), lambda m: [each.training for each in m.modules()]),
    "a part that is not registered": Disturbance(
        lambda m: m.held[0].weight.data.add_(1.0),
        lambda m: bits(m.held[0].weight),
        _with("held", lambda: [nn.Linear(2, 3)]),
    ),
    "the class of the model": Disturbance(lambda m: setattr(m, "__class__", Other), type),
    "an attribute of the class": Disturbance(lambda m: setattr(type(m), "limit", 4.0), lambda m: type(m).limit),
    "an attribute made on the class": Disturbance(
        lambda m: setattr(Disturbing, "late", 1), lambda m: hasattr(Disturbing, "late")
    ),
    "a list of the class": Disturbance(lambda m: type(m).seen_sizes.append(5), lambda m: list(type(m).seen_sizes)),
    "a method of the class": Disturbance(
        lambda m: setattr(Disturbing, "scaled", lambda self, x: x), lambda m: Disturbing.scaled
    ),
    "an attribute of a class above": Disturbance(
        lambda m: setattr(Disturbing.__mro__[1], "shared", 1), lambda m: hasattr(Disturbing, "shared")
    ),
    "the class of what a model holds": Disturbance(
        lambda m: setattr(Meter, "made", 1), lambda m: hasattr(Meter, "made"), _with("held", Meter)
    ),
    "a global of the module": Disturbance(_global_count, lambda m: CALLS, _with("held", Meter)),
    "a list in a global of the module": Disturbance(
        lambda m: SEEN["sizes"].append(3), lambda m: list(SEEN["sizes"]), _with("held", Meter)
    ),
}


def zoo_latents(model: Any) -> int:
    """The size of the heads."""
    return int(model.fc_logvar.out_features)


# What nobody can wind back is told.
TOLD: dict[str, tuple[Disturbance, str]] = {
    "a generator that was advanced": (
        Disturbance(lambda m: next(m.held), lambda m: None, _with("held", lambda: (n for n in itertools.count()))),
        r"held is a generator, and the run took values from it",
    ),
    "a file that was closed": (
        Disturbance(lambda m: m.held.close(), lambda m: None, _with("held", _file)),
        r"held: .*closed file",
    ),
}
