"""Recording and replaying: a replay gives what the code itself would have given, in value and gradient."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recording.randomness import Family
from vae_checked.auditor.recording.recorder import Recorder
from vae_checked.auditor.recording.replay import ReplayError, replay
from vae_checked.auditor.recording.run import recording
from vae_checked.auditor.recording.tape import Tape


def recorded(function: Callable[[Tensor], Tensor], x: Tensor, **named: Tensor) -> tuple[Tape, int, int, Tensor]:
    """The tape of function(x), the numbers of x and of the result, and the result."""
    recorder = Recorder([("x", x)], named)
    with recorder:
        out = function(x)
    number = recorder.find(out)
    assert number is not None
    return recorder.tape, recorder.input_numbers["x"], number, out


weight = torch.linspace(-1, 1, 12).reshape(4, 3)


def in_place(x: Tensor) -> Tensor:
    y = x @ weight
    y.sub_(0.5)
    y[:, 0].mul_(3.0)
    return y.add_(1.0).exp()


def through_views(x: Tensor) -> Tensor:
    left, right = (x * 2).chunk(2, dim=1)
    base = torch.zeros(x.shape[0], 2)
    base.copy_(left)
    view = base[:, 1]
    base.add_(right)
    return view.unsqueeze(1) * base


def normalised(x: Tensor) -> Tensor:
    return F.batch_norm(x, torch.zeros(4), torch.ones(4), training=True) @ weight


def branching(x: Tensor) -> Tensor:
    return torch.where(x > 0.1, x.sigmoid(), -x).cumsum(1).permute(1, 0).contiguous().view(-1)


def grouped(x: Tensor) -> Tensor:
    parts = torch.stack([x[:, :2], x[:, 2:]]).unbind(0)
    return torch.cat([parts[1], parts[0]], 1).softmax(1)


def filled(x: Tensor) -> Tensor:
    made = torch.zeros(x.shape[0], 3, 4)
    for step in range(3):
        made[:, step] = (x * step).exp()
    return made


def filled_in_part(x: Tensor) -> Tensor:
    made = x.exp().unsqueeze(1).repeat(1, 3, 1)
    early = made[:, 1]
    made[:, 1, :2] = x[:, 2:].sin()
    made[:, 2] += early
    return made.sum(2) * early[:, :3]


def read_while_it_is_filled(x: Tensor) -> Tensor:
    made = torch.empty(4, x.shape[0])
    made[0] = x[:, 0]
    for step in range(1, 4):
        made[step] = made[:step].sum(0).sigmoid()
    return made.T


FUNCTIONS = [in_place, through_views, normalised, branching, grouped, filled, filled_in_part, read_while_it_is_filled]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_replay_with_another_input_is_what_the_function_gives(function: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(2)
    x, other = torch.randn(5, 4), torch.randn(5, 4)
    tape, start, end, _ = recorded(function, x)
    assert torch.equal(replay(tape, {start: other}, (end,))[end], function(other))
    assert torch.equal(replay(tape, {start: x}, (end,))[end], function(x)), "a replay leaves the tape as it was"


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_replay_has_the_gradient_that_the_function_has(function: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(2)
    x, other = torch.randn(5, 4), torch.randn(5, 4, requires_grad=True)
    tape, start, end, _ = recorded(function, x)
    (found,) = torch.autograd.grad(replay(tape, {start: other}, (end,), grad=True)[end].square().sum(), other)
    (wanted,) = torch.autograd.grad(function(other).square().sum(), other)
    assert torch.allclose(found, wanted)


def test_the_tensors_of_a_run_keep_their_gradient_graph() -> None:
    layer = nn.Linear(4, 3)
    _, _, _, out = recorded(layer, torch.randn(5, 4), **dict(layer.named_parameters()))
    assert out.grad_fn is not None
    out.sum().backward()
    assert layer.weight.grad is not None


def test_a_detached_way_has_no_gradient_in_the_replay_either() -> None:
    def half(x: Tensor) -> Tensor:
        with torch.no_grad():
            still = x * 2
        return still + x.detach() + x

    x = torch.randn(5, 4)
    tape, start, end, _ = recorded(half, x)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(replay(tape, {start: leaf}, (end,), grad=True)[end].sum(), leaf)
    assert torch.equal(gradient, torch.ones(5, 4))


def test_a_value_in_the_middle_can_be_chosen_and_nothing_before_it_runs() -> None:
    def chain(x: Tensor) -> Tensor:
        return ((x + 1).exp() * 3).sum(1)

    x = torch.zeros(2, 4)
    tape, _, end, _ = recorded(chain, x)
    middle = next(step.outputs[0] for step in tape.steps if step.name == "exp")
    chosen = torch.full((2, 4), 5.0)
    assert torch.equal(replay(tape, {middle: chosen}, (end,))[end], torch.full((2,), 60.0))


def test_a_chosen_tensor_is_not_written_to() -> None:
    x = torch.randn(5, 4)
    tape, start, end, _ = recorded(lambda x: x.clone().mul_(2).add_(1), x)
    first = tape.steps[0].outputs[0]
    chosen = torch.ones(5, 4)
    assert torch.equal(replay(tape, {first: chosen}, (end,))[end], torch.full((5, 4), 3.0))
    assert torch.equal(chosen, torch.ones(5, 4))
    assert start != first


def test_what_is_written_to_a_value_later_does_not_run_on_the_way_to_it() -> None:
    tape, x_number, _, _ = recorded(lambda x: x.exp().zero_() + 1, torch.rand(3, 4))
    early = next(step.outputs[0] for step in tape.steps if step.name == "exp")
    other = torch.rand(3, 4, requires_grad=True)
    found = replay(tape, {x_number: other}, (early,), grad=True)[early]
    assert torch.equal(found, other.exp())
    (gradient,) = torch.autograd.grad(found.sum(), other)
    assert torch.equal(gradient, other.exp())


@pytest.mark.parametrize("enabled", [True, False])
def test_no_garbage_is_searched_for_while_a_run_is_recorded(enabled: bool) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with recording(Recorder([], {})):
            assert not gc.isenabled()
        assert gc.isenabled() is enabled
        with pytest.raises(ZeroDivisionError), recording(Recorder([], {})):
            raise ZeroDivisionError
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


def test_an_operation_that_does_not_take_other_values_is_a_replay_error() -> None:
    x = torch.full((3, 4), 0.5)
    tape, start, end, _ = recorded(lambda x: F.binary_cross_entropy(x, torch.ones(3, 4)), x)
    with pytest.raises(ReplayError, match=r"binary_cross_entropy does not run on other values: .all elements of input"):
        replay(tape, {start: torch.full((3, 4), 2.0)}, (end,))


def test_draws_are_frozen_and_can_be_chosen() -> None:
    def noisy(x: Tensor) -> Tensor:
        return x + 3 * torch.randn_like(x)

    x = torch.zeros(5, 4)
    tape, start, end, out = recorded(noisy, x)
    (draw,) = tape.draws
    assert torch.equal(replay(tape, {start: x + 1}, (end,))[end], out + 1)
    assert torch.equal(replay(tape, {draw.number: torch.ones(5, 4)}, (end,))[end], torch.full((5, 4), 3.0))


SOURCES: dict[str, tuple[Callable[[], Tensor], Family, str, tuple[float, ...] | None]] = {
    "randn": (lambda: torch.randn(4, 5), Family.NORMAL, "randn", ()),
    "randn_like": (lambda: torch.randn_like(torch.ones(4, 5)), Family.NORMAL, "randn_like", ()),
    "normal_": (lambda: torch.empty(4, 5).normal_(), Family.NORMAL, "normal_", (0.0, 1.0)),
    "normal_ scaled": (lambda: torch.empty(4, 5).normal_(0, 0.5), Family.NORMAL, "normal_(0, 0.5)", (0.0, 0.5)),
    "normal_ by name": (lambda: torch.empty(4, 5).normal_(std=2.0), Family.NORMAL, "normal_(0, 2)", (0.0, 2.0)),
    "normal": (lambda: torch.normal(1.0, 2.0, (4, 5)), Family.NORMAL, "normal(1, 2)", (1.0, 2.0)),
    "rand": (lambda: torch.rand(4, 5), Family.UNIFORM, "rand", ()),
    "uniform_": (lambda: torch.empty(4, 5).uniform_(-1, 1), Family.UNIFORM, "uniform_(-1, 1)", (-1.0, 1.0)),
    "exponential_": (lambda: torch.empty(4, 5).exponential_(2.0), Family.EXPONENTIAL, "exponential_(2)", (2.0,)),
    "bernoulli": (lambda: torch.bernoulli(torch.full((4, 5), 0.5)), Family.MASK, "bernoulli", None),
    "dropout": (lambda: F.dropout(torch.ones(4, 5), 0.5), Family.MASK, "bernoulli_", None),
    "randint": (lambda: torch.randint(0, 9, (4, 5)), Family.OTHER, "randint", None),
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_random_source_is_seen_with_its_parameters(name: str) -> None:
    draw_it, family, source, parameters = SOURCES[name]
    recorder = Recorder([], {})
    with recorder:
        draw_it()
    (draw,) = recorder.tape.draws
    assert (draw.family, draw.source, draw.parameters) == (family, source, parameters)


def test_what_a_value_follows_from_is_known() -> None:
    layer = nn.Linear(4, 3)
    x = torch.randn(5, 4)
    recorder = Recorder([("x", x)], dict(layer.named_parameters()))
    with recorder:
        h = layer(x)
        like = torch.zeros_like(h)
        noise = torch.empty_like(h).normal_()
        z = h + noise
        scale = layer.weight.exp()
    sources = {
        name: recorder.tape.values[recorder.find(tensor) or 0].sources
        for name, tensor in {"h": h, "like": like, "noise": noise, "z": z, "scale": scale}.items()
    }
    both, noise_bit = Tape.INPUT | Tape.PARAMETER, Tape.bit(recorder.tape.draws[0])
    assert sources == {"h": both, "like": 0, "noise": noise_bit, "z": both | noise_bit, "scale": Tape.PARAMETER}


def test_a_buffer_filled_anew_forgets_what_it_followed_from() -> None:
    x = torch.randn(5, 4)
    recorder = Recorder([("x", x)], {})
    with recorder:
        y = x * 2
        y.normal_()
    value = recorder.tape.values[recorder.find(y) or 0]
    assert value.sources == Tape.bit(recorder.tape.draws[0])


def test_the_waist_is_the_latest_value_that_every_way_leads_through() -> None:
    def sampler_and_kl(x: Tensor) -> Tensor:
        raw = x @ weight
        s = raw.clamp(-3, 3)
        return (0.5 * s).exp().sum() + (s.exp() - s).sum()

    tape, _, end, _ = recorded(sampler_and_kl, torch.randn(5, 4), weight=weight)
    graph = Graph(tape)
    std = next(step.outputs[0] for step in tape.steps if step.name == "exp")
    clamped = next(step.outputs[0] for step in tape.steps if step.name == "clamp")
    product = next(step.outputs[0] for step in tape.steps if step.name == "mm")
    assert graph.waists(std, (end,)) == (clamped, product)
    assert graph.waists(std, ())[0] == std


def test_what_values_lead_to_is_walked_once_until_more_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[object] = []
    for name in ("_descendants", "_ancestors"):
        walk: Callable[..., object] = getattr(Graph, name)

        def counted(graph: Graph, *given: object, walk: Callable[..., object] = walk) -> object:
            walked.append(given)
            return walk(graph, *given)

        monkeypatch.setattr(Graph, name, counted)
    x = torch.randn(5, 4)
    recorder = Recorder([("x", x)], {})
    with recorder:
        y = x.exp()
        z = y + x
    graph, of_x = Graph(recorder.tape), recorder.input_numbers["x"]
    of_y, of_z = recorder.number(y), recorder.number(z)
    for _ in range(3):
        assert graph.descendants([of_x]) == graph.descendants((of_x, of_x)) == {of_x, of_y, of_z}
        assert graph.descendants([of_x], without=[of_y]) == {of_x, of_z}
        assert graph.between([of_y], of_z) == {of_y, of_z}
        assert graph.ancestors(of_z, {of_y}) == graph.ancestors(of_z, [of_y]) == {of_x, of_z}
    assert len(walked) == 5
    with recorder:
        more = z.sin()
    assert graph.descendants([of_x]) == {of_x, of_y, of_z, recorder.number(more)}
    assert len(walked) == 6


def test_the_line_that_ran_an_operation_is_known() -> None:
    tape, _, end, _ = recorded(lambda x: x.exp(), torch.ones(2, 2))
    index = tape.values[end].step
    assert index is not None
    frame = tape.steps[index].frame
    assert frame is not None
    assert frame[0] == __file__


def test_a_value_computed_twice_is_one_value_until_one_is_written_to() -> None:
    def twice(x: Tensor) -> Tensor:
        first, second = x.exp(), x.exp()
        met = first + second
        second.mul_(3.0)
        return met * first + second

    x = torch.randn(5, 4)
    tape, begin, end, result = recorded(twice, x)
    exps = [step.outputs[0] for step in tape.steps if step.name == "exp"]
    met = next(step for step in tape.steps if step.name == "add")
    assert met.inputs == (exps[0], exps[0])
    other = torch.randn(5, 4)
    again = replay(tape, {begin: other}, (end,))[end]
    torch.testing.assert_close(again, 2 * (2 * other).exp() + 3 * other.exp())
    torch.testing.assert_close(result, 2 * (2 * x).exp() + 3 * x.exp())


def test_the_same_operation_with_other_numbers_is_another_value() -> None:
    def function(x: Tensor) -> Tensor:
        bounds = x.clamp(min=0.5).sum() + x.clamp(max=0.5).square().sum()
        return bounds + x.sum(0).square().sum() + x.sum(1).square().sum()

    tape, begin, end, _ = recorded(function, torch.randn(5, 4))
    other = torch.randn(5, 4)
    torch.testing.assert_close(replay(tape, {begin: other}, (end,))[end], function(other))


def test_a_draw_made_twice_is_two_draws() -> None:
    tape, _, _, _ = recorded(lambda x: x * torch.rand_like(x) + x * torch.rand_like(x), torch.randn(5, 4))
    products = [step for step in tape.steps if step.name == "mul"]
    assert products[0].inputs[1] != products[1].inputs[1]
