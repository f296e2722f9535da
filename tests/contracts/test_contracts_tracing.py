"""`@checked` under everything that runs a model without numbers, or turns it into another program."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch._dynamo.utils import counters
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from vae_checked.contracts import Float, Tensor, checked
from vae_checked.errors import ContractError


class Plain(torch.nn.Module):
    """A VAE in four annotated stages, D = 7, L = 5; its draw is 0 so that runs can be compared."""

    def __init__(self) -> None:
        super().__init__()
        self.latents = 5
        self.head = torch.nn.Linear(7, 10)
        self.out = torch.nn.Linear(5, 7)

    def encode(self, x: Float[Tensor, "B D"]) -> tuple[Float[Tensor, "B {self.latents}"], Float[Tensor, "B L"]]:
        mu, logvar = self.head(x).chunk(2, dim=1)
        return mu, logvar

    def reparameterize(self, mu: Float[Tensor, "B L"], logvar: Float[Tensor, "B L"]) -> Float[Tensor, "B L"]:
        return mu + torch.exp(0.5 * logvar) * torch.zeros_like(mu)

    def decode(self, z: Float[Tensor, "B {self.latents}"]) -> Float[Tensor, "B D"]:
        return self.out(z)

    def forward(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        return self.decode(self.reparameterize(*self.encode(x)))


@checked
class Checked(Plain):
    pass


def twins() -> tuple[Plain, Plain]:
    """The same weights, unchecked and checked."""
    torch.manual_seed(3)
    plain = Plain()
    guarded = Checked()
    guarded.load_state_dict(plain.state_dict())
    return plain, guarded


@pytest.fixture(autouse=True)
def _fresh_dynamo():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def compiled_run(model: torch.nn.Module, backend: str, **options: object) -> tuple[list[Tensor], int, dict[str, int]]:
    """Outputs over changing batch sizes, the number of graphs, and the graph breaks."""
    torch._dynamo.reset()
    counters.clear()
    compiled = torch.compile(model, fullgraph=True, backend=backend, **options)
    outputs = []
    for batch in (3, 4, 11):
        output = compiled(torch.linspace(-1, 1, batch * 7).view(batch, 7))
        output.square().sum().backward()
        outputs.append(output.detach())
    return outputs, counters["stats"]["unique_graphs"], dict(counters["graph_break"])


@pytest.mark.parametrize(("backend", "dynamic"), [("eager", None), ("eager", False), ("aot_eager", True)])
def test_compiles_to_one_graph_without_extra_recompiles(backend, dynamic):
    plain, guarded = twins()
    expected, graphs, _ = compiled_run(plain, backend, dynamic=dynamic)
    got, guarded_graphs, breaks = compiled_run(guarded, backend, dynamic=dynamic)
    assert (guarded_graphs, breaks) == (graphs, {})
    assert all(torch.equal(a, b) for a, b in zip(expected, got, strict=True))
    gradients = [(a.grad, b.grad) for a, b in zip(plain.parameters(), guarded.parameters(), strict=True)]
    assert all(torch.equal(a, b) for a, b in gradients)


def test_explain_finds_no_break_and_the_same_operations():
    plain, guarded = (torch._dynamo.explain(model)(torch.zeros(3, 7)) for model in twins())
    assert guarded.graph_break_count == plain.graph_break_count == 0
    assert guarded.graph_count == plain.graph_count == 1
    assert guarded.op_count == plain.op_count


class Stages:
    @checked
    @staticmethod
    def static(x: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
        return x.sum(1)

    @checked
    @classmethod
    def of_class(cls, x: Float[Tensor, "B L"], *, times: int = 2) -> Float[Tensor, " B"]:
        return times * x.sum(1)

    @checked
    @property
    def bias(self) -> Float[Tensor, "1"]:
        return torch.ones(1)


@checked
@dataclass(frozen=True)
class Posterior:
    mu: Float[Tensor, "B L"]
    logvar: Float[Tensor, "B L"]


@checked
class Heads(NamedTuple):
    mu: Float[Tensor, "B L"]
    logvar: Float[Tensor, "B L"]


def test_methods_and_records_of_every_kind_compile():
    stages = Stages()

    def program(x: Tensor) -> Tensor:
        q, heads = Posterior(x, 2 * x), Heads(x, 3 * x)
        return stages.static(q.logvar) + Stages.of_class(heads.logvar, times=5) + stages.bias

    compiled = torch.compile(program, fullgraph=True, backend="eager")
    for batch in (2, 4, 5):
        x = torch.linspace(-1, 2, batch * 3).view(batch, 3)
        assert torch.allclose(compiled(x), 17 * x.sum(1) + 1, atol=1e-5)
    assert dict(counters["graph_break"]) == {}


def test_a_checked_function_around_a_compiled_one_checks():
    compiled = torch.compile(lambda x: x.sum(1), fullgraph=True, backend="eager")

    @checked
    def stage(x: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
        return compiled(x)

    assert stage(torch.zeros(2, 3)).shape == (2,)
    with pytest.raises(ContractError, match="3 axes"):
        stage(torch.zeros(2, 3, 4))


def test_eager_calls_are_checked_before_and_after_compiling():
    _, guarded = twins()
    for _ in range(2):
        with pytest.raises(ContractError, match="axis 1 is 4"):
            guarded.decode(torch.zeros(2, 4))
        torch.compile(guarded, fullgraph=True, backend="eager")(torch.zeros(2, 7))


@pytest.mark.parametrize("strict", [False, True])
def test_export_with_a_dynamic_batch(strict):
    batch = torch.export.Dim("B", min=2, max=64)
    programs = [
        torch.export.export(model, (torch.zeros(3, 7),), dynamic_shapes=({0: batch},), strict=strict)
        for model in twins()
    ]
    plain, guarded = ([node.target for node in p.graph.nodes if node.op == "call_function"] for p in programs)
    assert guarded == plain
    assert programs[1].module()(torch.zeros(9, 7)).shape == (9, 7)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_jit_trace_records_the_same_graph_without_warnings():
    graphs = []
    for model in twins():
        with warnings.catch_warnings():
            warnings.simplefilter("error", torch.jit.TracerWarning)
            traced = torch.jit.trace(model, (torch.zeros(3, 7),))
        assert traced(torch.zeros(4, 7)).shape == (4, 7)
        graphs.append([node.kind() for node in traced.inlined_graph.nodes()])
    assert graphs[0] == graphs[1]


def test_symbolic_trace_records_the_same_graph():
    plain, guarded = (torch.fx.symbolic_trace(model) for model in twins())
    assert [node.name for node in guarded.graph.nodes] == [node.name for node in plain.graph.nodes]


def _of_two(stage: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    def function(mu: Tensor, logvar: Tensor) -> Tensor:  # make_fx counts the arguments of a plain function
        return stage(mu, logvar)

    return function


@pytest.mark.parametrize("mode", ["real", "fake", "symbolic"])
def test_make_fx_records_the_same_graph_and_no_guards(mode):
    def record(stage: Callable[[Tensor, Tensor], Tensor]) -> torch.fx.GraphModule:
        return make_fx(_of_two(stage), tracing_mode=mode)(torch.zeros(3, 5), torch.ones(3, 5))

    plain, guarded = (record(model.reparameterize) for model in twins())
    assert [node.target for node in guarded.graph.nodes] == [node.target for node in plain.graph.nodes]
    if mode == "symbolic":
        assert len(guarded.shape_env.guards) == len(plain.shape_env.guards)


def test_meta_and_fake_tensors_are_checked():
    _, guarded = twins()
    on_meta = copy.deepcopy(guarded).to("meta")
    for _ in range(2):
        assert on_meta(torch.empty(3, 7, device="meta")).shape == (3, 7)
        with pytest.raises(ContractError, match="axis 1 is 6"):
            on_meta.decode(torch.empty(3, 6, device="meta"))
    with FakeTensorMode(allow_non_fake_inputs=True):
        for _ in range(2):
            assert guarded(torch.empty(3, 7)).shape == (3, 7)
            with pytest.raises(ContractError, match="axis 1 is 6"):
                guarded.decode(torch.empty(3, 6))


def test_vmap_grad_and_jvp_see_the_sizes_of_one_sample():
    _, guarded = twins()
    z = torch.linspace(-1, 1, 2 * 3 * 5).view(2, 3, 5)
    assert torch.equal(torch.vmap(guarded.decode)(z), guarded.out(z))
    with pytest.raises(ContractError, match="1 axis"):
        torch.vmap(guarded.decode)(z[0])
    gradient = torch.func.grad(lambda z: guarded.decode(z).sum())(z[0])
    assert torch.allclose(gradient, guarded.out.weight.sum(0).expand(3, 5))
    _, tangent = torch.func.jvp(guarded.decode, (z[0],), (torch.ones(3, 5),))
    assert torch.allclose(tangent, guarded.out.weight.sum(1).expand(3, 7), atol=1e-6)


def test_autocast_changes_the_dtype_and_the_signature():
    _, guarded = twins()
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            assert guarded(torch.zeros(3, 7)).dtype == torch.bfloat16
        assert guarded(torch.zeros(3, 7)).dtype == torch.float32


def test_subclasses_of_tensor_keep_their_kind():
    class Tagged(torch.Tensor):
        pass

    _, guarded = twins()
    z = torch.zeros(3, 5).as_subclass(Tagged)
    for _ in range(2):
        assert isinstance(guarded.decode(z), Tagged)
        assert guarded.decode(torch.nn.Parameter(torch.zeros(3, 5))).shape == (3, 7)
        with pytest.raises(ContractError, match="axis 1 is 6"):
            guarded.decode(torch.zeros(3, 6).as_subclass(Tagged))


def test_state_dict_outputs_and_gradients_are_those_of_the_plain_model():
    plain, guarded = twins()
    assert list(guarded.state_dict()) == list(plain.state_dict())
    x = torch.linspace(-2, 2, 21).view(3, 7)
    for _ in range(2):
        losses = [model(x).square().sum() for model in (plain, guarded)]
        assert torch.equal(losses[0], losses[1])
    gradients = [torch.autograd.grad(model(x).square().sum(), list(model.parameters())) for model in (plain, guarded)]
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
