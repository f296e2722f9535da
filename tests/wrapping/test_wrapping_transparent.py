"""A wrapped model is the model: numbers, state, copies, and everything that turns models into other programs."""

from __future__ import annotations

import copy
import io
import pickle
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from small_vaes import spellings as zoo
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from vae_checked.auditor import audit
from vae_checked.errors import ContractError, UsageError
from vae_checked.monitor import Monitor
from vae_checked.shapes import infer
from vae_checked.wrapping import unwrap, wrap, wrap_report


class Conv(nn.Module):
    """Without methods for its stages: encoder and decoder are parts."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 6, 4, 2, 1), nn.BatchNorm2d(6), nn.Dropout(0.25))
        self.decoder = nn.Sequential(nn.ConvTranspose2d(3, 3, 4, 2, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encoder(x).chunk(2, 1)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


KINDS: dict[str, type[nn.Module]] = {"methods": zoo.Regularised, "parts": Conv}


def twins(kind: str = "methods") -> tuple[Any, Any]:
    """The same weights, plain and wrapped."""
    torch.manual_seed(3)
    plain = KINDS[kind]()
    return plain, wrap(copy.deepcopy(plain))


def images(batch: int) -> Tensor:
    return torch.linspace(0, 1, batch * zoo.PIXELS).view(batch, *zoo.INPUT)


def trained(model: Any, batch: int = 4) -> list[Tensor]:
    """Outputs, gradients, buffers and the random stream after three seeded steps."""
    torch.manual_seed(5)
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)
    kept = []
    for _ in range(3):
        optimizer.zero_grad()
        x_hat, mu, logvar = model(images(batch))
        (x_hat.square().sum() + mu.square().sum() + logvar.exp().sum()).backward()
        kept += [each.detach().clone() for each in (x_hat, mu, logvar)]
        kept += [parameter.grad.clone() for parameter in model.parameters()]
        optimizer.step()
    return [*kept, *model.state_dict().values(), torch.get_rng_state()]


def alike(left: list[Tensor], right: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_gradients_and_random_streams_are_the_plain_models(kind: str) -> None:
    plain, wrapped = twins(kind)
    assert alike(trained(plain), trained(wrapped))
    assert sum(stage.checked[0] for stage in wrap_report(wrapped).stages) >= 9


def test_it_is_the_same_object_with_the_same_parts() -> None:
    model = zoo.Regularised()
    parts = {name: id(part) for name, part in (*model.named_parameters(), *model.named_buffers())}
    modules, keys, words = list(model.modules()), list(model.state_dict()), repr(model)
    wrapped = wrap(model)
    assert wrapped is model
    assert isinstance(wrapped, zoo.Regularised)
    assert (type(wrapped).__name__, type(wrapped).__module__) == ("Regularised", "small_vaes.spellings")
    assert {name: id(part) for name, part in (*wrapped.named_parameters(), *wrapped.named_buffers())} == parts
    assert all(a is b for a, b in zip(wrapped.modules(), modules, strict=True))
    assert (list(wrapped.state_dict()), repr(wrapped)) == (keys, words)
    assert type(unwrap(model)).__mro__ == zoo.Regularised.__mro__


@pytest.mark.parametrize("kind", KINDS)
def test_state_dicts_go_both_ways(kind: str) -> None:
    plain, wrapped = twins(kind)
    wrapped.load_state_dict(KINDS[kind]().state_dict())
    plain.load_state_dict(wrapped.state_dict())
    assert alike(trained(plain), trained(wrapped))


COPIES: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),  # noqa: S301  its own bytes
    "old pickle": lambda model: pickle.loads(pickle.dumps(model, 1)),  # noqa: S301  its own bytes
    "saved": lambda model: torch.load(_saved(model), weights_only=False),
}


def _saved(model: Any) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return file


@pytest.mark.parametrize("way", COPIES)
def test_copies_are_wrapped_and_learn_for_themselves(way: str) -> None:
    plain, wrapped = twins()
    wrap(wrapped, "B 3 H W")
    wrapped(images(4))
    made = COPIES[way](wrapped)
    assert type(made) is type(wrapped)
    assert wrap_report(made).stages[-1].checked == {0: 0}
    assert list(made.state_dict()) == list(wrapped.state_dict())
    with pytest.raises(ContractError, match="as wrap was asked"):
        made(images(4).permute(0, 2, 3, 1))
    made.load_state_dict(plain.state_dict())
    assert alike(trained(plain), trained(made))


class Operations(TorchDispatchMode):
    """The names of all operations that run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", KINDS)
def test_no_operation_is_added_and_no_number_waited_for(kind: str) -> None:
    ran = []
    for model in twins(kind):
        with Operations() as operations:
            trained(model)
        ran.append(operations.names)
    assert ran[0] == ran[1]
    assert len(ran[0]) > 100
    with Operations() as operations:
        wrap(model, finite=True)(images(4))
    assert "aten._local_scalar_dense.default" in operations.names, "what the option costs is seen"


def test_modes_hooks_and_attributes_are_as_before() -> None:
    order: list[str] = []
    model = zoo.Regularised()
    model.register_forward_pre_hook(lambda *_: order.append("first"))
    wrap(model)
    model.register_forward_pre_hook(lambda *_: order.append("second"))
    model.register_forward_hook(lambda *_: order.append("after"))
    model.eval()(images(4))
    assert order == ["first", "second", "after"]
    assert not model.encoder[4].training
    model.note = "kept"
    model.encode = lambda x: (torch.ones(len(x), zoo.LATENTS),) * 2
    assert model(images(2))[1].sum() == 2 * zoo.LATENTS, "an attribute of the model's own goes first"
    assert (unwrap(model).note, model.half().fc_mu.weight.dtype) == ("kept", torch.float16)


def test_a_registry_of_subclasses_does_not_see_it() -> None:
    class Registered(zoo.Base):
        known: ClassVar[list[str]] = []

        def __init_subclass__(cls, *, name: str) -> None:
            Registered.known.append(name)

    class Child(Registered, name="child"):
        pass

    wrap(Child())(images(2))
    assert Registered.known == ["child"]


# ------------------------------------------------------------------------------------------ other programs


@pytest.fixture
def _fresh_dynamo() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def compiled_run(model: nn.Module, backend: str, batches: tuple[int, ...]) -> tuple[list[Tensor], int, dict[str, int]]:
    """Outputs and gradients over changing batches, the number of graphs, and the graph breaks."""
    torch._dynamo.reset()
    counters.clear()
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    kept = []
    for batch in batches:
        torch.manual_seed(batch)
        x_hat, mu, _ = compiled(images(batch))
        (x_hat.sum() + mu.square().sum()).backward()
        kept.append(x_hat.detach())
    return (
        [*kept, *(each.grad for each in model.parameters() if each.grad is not None)],
        counters["stats"]["unique_graphs"],
        dict(counters["graph_break"]),
    )


@pytest.mark.usefixtures("_fresh_dynamo")
@pytest.mark.parametrize(
    ("kind", "backend", "batches"),
    [("methods", "eager", (3, 4, 11, 4)), ("parts", "eager", (3, 4, 11, 4)), ("parts", "aot_eager", (3,))],
)
def test_compiles_to_one_graph_without_extra_recompiles(kind: str, backend: str, batches: tuple[int, ...]) -> None:
    plain, wrapped = twins(kind)
    expected, graphs, _ = compiled_run(plain, backend, batches)
    got, wrapped_graphs, breaks = compiled_run(wrapped, backend, batches)
    assert (wrapped_graphs, breaks) == (graphs, {})
    assert alike(expected, got)
    stages = wrap_report(torch.compile(wrapped, backend=backend)).stages
    with warnings.catch_warnings(action="ignore"):  # a newer torch warns that it always does so
        inlined = torch._dynamo.config.inline_inbuilt_nn_modules
    # The graphs of an older torch call modules of its own as they are: those that are parts keep their contract then.
    called = len(stages) - 1 if kind == "parts" and not inlined else 0
    assert [stage.checked == {0: 0} for stage in stages] == [True] * (len(stages) - called) + [False] * called


@pytest.mark.usefixtures("_fresh_dynamo")
def test_what_was_compiled_first_is_wrapped_inside() -> None:
    model = zoo.Base()
    compiled = torch.compile(model, backend="eager")
    assert wrap(compiled) is compiled
    assert wrap_report(compiled).model == "Base"
    assert compiled(images(3))[0].shape == (3, *zoo.INPUT)


@pytest.mark.parametrize(("kind", "strict"), [("methods", False), ("methods", True), ("parts", False)])
def test_exports_to_the_same_graph(kind: str, strict: bool) -> None:
    batch = {0: torch.export.Dim("B", min=2, max=64)}
    plain, wrapped = (
        torch.export.export(model.eval(), (images(3),), dynamic_shapes=(batch,), strict=strict) for model in twins(kind)
    )
    graphs = [[(node.op, str(node.target)) for node in each.graph.nodes] for each in (plain, wrapped)]
    assert graphs[0] == graphs[1]
    assert wrapped.module()(images(9))[1].shape[0] == 9


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_traces_to_the_same_graph() -> None:
    plain, wrapped = twins()
    symbolic = [[node.name for node in torch.fx.symbolic_trace(model).graph.nodes] for model in (plain, wrapped)]
    assert symbolic[0] == symbolic[1]
    traced = [torch.jit.trace(model.eval(), (images(3),), check_trace=False) for model in (plain, wrapped)]
    kinds = [[node.kind() for node in each.inlined_graph.nodes()] for each in traced]
    assert kinds[0] == kinds[1]


def test_autocast_is_a_signature_of_its_own() -> None:
    plain, wrapped = twins()
    for _ in range(5):
        for cast in (True, False):
            with torch.autocast("cpu", torch.bfloat16, enabled=cast):
                results = []
                for model in (plain, wrapped):
                    torch.manual_seed(1)
                    results.append(model.eval()(images(4)))
                assert results[1][1].dtype is (torch.bfloat16 if cast else torch.float32)
                assert alike(*map(list, results))
    words = str(wrap_report(wrapped))
    assert "evaluation under autocast to torch.bfloat16, 5 calls: x: float32[B 3 8 12] -> result[0]: bfloat16" in words


def test_functional_calls_and_vmap_run_it() -> None:
    plain, wrapped = (model.eval() for model in twins())
    state, other = dict(plain.named_parameters()), dict(zoo.Regularised().named_parameters())
    both = {name: torch.stack([state[name], other[name]]) for name in state}

    def encoded(model: Any) -> Callable[..., Any]:
        return lambda parameters, x: torch.func.functional_call(model, parameters, (x,))[1]

    results = [torch.vmap(encoded(m), (0, None), randomness="same")(both, images(4)) for m in (plain, wrapped)]
    assert torch.equal(*results)
    assert results[0].shape == (2, 4, zoo.LATENTS)
    rows = torch.vmap(lambda x: wrapped.encode(x[None])[0][0])(images(4))
    assert torch.allclose(rows, plain.encode(images(4))[0], atol=1e-6)
    gradients = torch.func.grad(lambda p: encoded(wrapped)(p, images(4)).sum())(state)
    assert gradients["fc_mu.bias"].sum() == 4 * zoo.LATENTS
    checked_numbers = wrap(wrapped, finite=True)
    assert torch.vmap(checked_numbers.decode)(torch.zeros(3, 1, zoo.LATENTS)).shape == (3, 1, *zoo.INPUT)


def test_meta_and_fake_tensors_pass() -> None:
    _, wrapped = twins()
    wrap(wrapped, finite=True)
    on_meta = copy.deepcopy(wrapped).to("meta")
    assert on_meta(torch.empty(4, *zoo.INPUT, device="meta"))[1].shape == (4, zoo.LATENTS)
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert wrapped(torch.empty(4, *zoo.INPUT))[1].shape == (4, zoo.LATENTS)


def test_an_audit_and_shape_inference_see_the_model_and_teach_it_nothing() -> None:
    plain, wrapped = twins()
    reports = [audit(model, "B 3 8 12", zoo.standard_loss, data_range=(0, 1)) for model in (plain, wrapped)]
    assert reports[0].findings == reports[1].findings == ()
    assert reports[0].recognised == reports[1].recognised
    assert reports[0].unobserved == reports[1].unobserved
    shapes = [infer(model, "B 3 8 12") for model in (plain, wrapped)]
    assert shapes[0].entries == shapes[1].entries
    assert all(stage.checked == {0: 0} for stage in wrap_report(wrapped).stages)


def test_a_class_exchanged_once_more_is_not_unwrapped() -> None:
    model = wrap(zoo.Base())
    kind = type(model)
    model.__class__ = type("Sharded", (kind,), {})
    assert model(images(2))[1].shape == (2, zoo.LATENTS)
    with pytest.raises(UsageError, match="Sharded was put on top of the wrapped Base"):
        unwrap(model)


def test_models_of_libraries_are_the_same_wrapped(tmp_path: Path) -> None:
    pytest.importorskip("diffusers", reason="diffusers is an optional dependency")
    pytest.importorskip("safetensors.torch", reason="diffusers saves by it, and does not always import it itself")
    pytest.importorskip("pythae", reason="pythae is an optional dependency")
    from test_auditor_libraries import autoencoder_kl, pythae_model

    plain, wrapped = autoencoder_kl(), wrap(autoencoder_kl())
    for batch in (2, 3, 2, 4):
        samples = []
        for model in (plain, wrapped):
            torch.manual_seed(batch)
            samples.append(model(torch.rand(batch, 3, 16, 24), sample_posterior=True).sample)
        assert torch.equal(*samples)
    assert "result.latent_dist.mean: float32[B 4 8 12]" in str(wrap_report(wrapped))
    wrapped.save_pretrained(tmp_path)
    assert alike(list(type(plain).from_pretrained(tmp_path).parameters()), list(wrapped.parameters()))
    with pytest.raises(ContractError, match=r"AutoencoderKL.encode\(x\): axis 1 \(C\) is 4, the contract says 3"):
        wrapped(torch.rand(2, 4, 16, 24))
    vae = wrap(pythae_model("VAE"))
    for _ in range(4):
        vae({"data": torch.rand(3, 1, 8, 12)})
    titles = [stage.title for stage in wrap_report(vae).stages if stage.checked == {0: 4}]
    assert titles == ["VAE.loss_function", "VAE.forward", "decoder", "encoder"]


def test_a_monitor_reads_a_wrapped_model_alike(tmp_path: Path) -> None:
    balances = []
    for model in twins():
        torch.manual_seed(1)
        with Monitor(model, every=1, to=tmp_path / "run.csv") as monitor:
            for _ in range(2):
                x_hat, mu, logvar = model(images(64))
                zoo.standard_loss(x_hat, images(64), mu, logvar).backward()
                monitor.step()
        balances.append([str(reading.balance) for reading in monitor.readings])
    assert balances[0] == balances[1] != []
    assert wrap_report(model).breaches == {}
