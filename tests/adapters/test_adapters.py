"""The conventions of outputs: what each declares, and that it guesses nothing."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch import distributions as D

from vae_checked.adapters import ADAPTERS, Inputs, Role, adapt, role_of
from vae_checked.errors import UsageError

x = torch.rand(4, 3, 5)
x_hat, mu, second, z = (torch.rand(shape) for shape in ((4, 3, 5), (4, 2), (4, 2), (4, 2)))
loss = torch.tensor(1.5)


@dataclasses.dataclass
class Output:
    recon: Tensor
    z_mean: Tensor
    logvar: Tensor
    extra: Any = None


Named = namedtuple("Named", "x_hat mu logvar")


class ModelOutput(OrderedDict[str, Tensor]):
    """As pythae has it, by name."""


class Posterior:
    def __init__(self) -> None:
        self.mean, self.logvar = mu, second


CASES: dict[str, tuple[Any, list[tuple[str, Tensor, Role | None]]]] = {
    "a tensor": (x_hat, [("output", x_hat, None)]),
    "a tuple": (
        (x_hat, mu, second),
        [("output[0]", x_hat, None), ("output[1]", mu, None), ("output[2]", second, None)],
    ),
    "a named tuple": (
        Named(x_hat, mu, second),
        [
            ("output.x_hat", x_hat, Role.RECONSTRUCTION),
            ("output.mu", mu, Role.MU),
            ("output.logvar", second, Role.SECOND),
        ],
    ),
    "a dictionary": (
        {"loss": loss, "recon_x": x_hat, "n": 3, "feature": z},
        [
            ("output['loss']", loss, Role.LOSS),
            ("output['recon_x']", x_hat, Role.RECONSTRUCTION),
            ("output['feature']", z, None),
        ],
    ),
    "a dataclass": (
        Output(x_hat, mu, second),
        [
            ("output.recon", x_hat, Role.RECONSTRUCTION),
            ("output.z_mean", mu, Role.MU),
            ("output.logvar", second, Role.SECOND),
        ],
    ),
    "an object": (SimpleNamespace(z=z, name="n"), [("output.z", z, Role.LATENT)]),
    "a normal": (D.Normal(mu, second), [("output.loc", mu, Role.MU), ("output.scale", second, Role.SECOND)]),
    "an independent normal": (
        D.Independent(D.Normal(mu, second), 1),
        [("output.base_dist.loc", mu, Role.MU), ("output.base_dist.scale", second, Role.SECOND)],
    ),
    "a bernoulli": (D.Bernoulli(logits=x_hat), [("output.logits", x_hat, Role.RECONSTRUCTION)]),
    "a laplace": (D.Laplace(mu, second), [("output.loc", mu, None), ("output.scale", second, None)]),
    "nested": (
        (x_hat, {"q": D.Normal(mu, second)}, [z]),
        [
            ("output[0]", x_hat, None),
            ("output[1]['q'].loc", mu, Role.MU),
            ("output[1]['q'].scale", second, Role.SECOND),
            ("output[2][0]", z, None),
        ],
    ),
    "PyTorch-VAE's list": (
        [x_hat, x, mu, second],
        [
            ("output[0]", x_hat, Role.RECONSTRUCTION),
            ("output[1]", x, Role.INPUT),
            ("output[2]", mu, None),
            ("output[3]", second, None),
        ],
    ),
    "pythae's output": (
        ModelOutput(loss=loss, recon_x=x_hat, reg_loss=z),
        [
            ("output.loss", loss, Role.LOSS),
            ("output.recon_x", x_hat, Role.RECONSTRUCTION),
            ("output.reg_loss", z, Role.KL),
        ],
    ),
    "a latent_dist": (
        SimpleNamespace(latent_dist=Posterior()),
        [("output.latent_dist.mean", mu, Role.MU), ("output.latent_dist.logvar", second, Role.SECOND)],
    ),
    "one tensor twice": ((x_hat, x_hat), [("output[0]", x_hat, None)]),
    "nothing": (None, []),
    "a string": ("text", []),
}


@pytest.mark.parametrize("name", CASES)
def test_every_tensor_of_an_output_is_found_as_it_is_declared(name: str) -> None:
    output, wanted = CASES[name]
    parts = adapt(nn.Identity()).parts(output)
    assert [(part.path, part.role) for part in parts] == [(path, role) for path, _, role in wanted]
    assert all(part.tensor is tensor for part, (_, tensor, _) in zip(parts, wanted, strict=True))


def test_an_output_that_holds_itself_comes_to_an_end() -> None:
    loop: dict[str, Any] = {"x_hat": x_hat}
    loop["self"] = loop
    assert [part.path for part in adapt(nn.Identity()).parts(loop)] == ["output['x_hat']"]


def test_a_list_of_four_other_tensors_is_not_taken_for_pytorch_vaes() -> None:
    parts = adapt(nn.Identity()).parts([mu, x, x_hat, second])
    assert [part.role for part in parts] == [None] * 4


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("recon_x", Role.RECONSTRUCTION),
        ("reconstructedImage", Role.RECONSTRUCTION),
        ("x_decoded_mean", Role.RECONSTRUCTION),
        ("logVar", Role.SECOND),
        ("z_log_var", Role.SECOND),
        ("zMean", Role.MU),
        ("target", Role.INPUT),
        ("recon_loss", Role.RECONSTRUCTION_ERROR),
        ("reconstruction_loss_total", None),
        ("kld", Role.KL),
        ("beta", None),
        ("frobnicate", None),
    ],
)
def test_the_names_of_the_field_declare_a_role(name: str, role: Role | None) -> None:
    assert role_of(name) is role


def test_the_register_is_complete_and_its_names_are_one_each() -> None:
    from importlib import import_module
    from pkgutil import iter_modules

    import vae_checked.adapters as room

    found = [import_module(f"vae_checked.adapters.{module.name}") for module in iter_modules(room.__path__)]
    assert {id(module.ADAPTER) for module in found if hasattr(module, "ADAPTER")} == {id(each) for each in ADAPTERS}
    names = [adapter.name for adapter in ADAPTERS]
    assert len(set(names)) == len(names)
    assert all(adapter.summary for adapter in ADAPTERS)


def test_an_adapter_can_be_named_and_one_that_is_not_there_is_refused() -> None:
    parts = adapt(nn.Identity(), "tuple").parts([x_hat, x, mu, second])
    assert [part.role for part in parts] == [None] * 4
    with pytest.raises(UsageError, match="no adapter 'keras': choose from pythae, latent_dist"):
        adapt(nn.Identity(), "keras")


def test_inputs_know_their_tensors_by_name_the_data_first() -> None:
    labels = torch.zeros(4, dtype=torch.long)
    assert [name for name, _ in Inputs((x, labels), {"mask": mu}).tensors()] == ["x", "input 2", "mask"]
    assert [name for name, _ in Inputs(({"data": x, "n": 3, "label": labels},)).tensors()] == ["data", "label"]


def test_a_plain_model_is_called_as_it_is() -> None:
    class Model(nn.Module):
        def forward(self, x: Tensor, scale: Tensor) -> Tensor:
            return x * scale

    subject = adapt(Model())
    assert subject.call.reason == ""
    assert torch.equal(subject.run(Inputs((x,), {"scale": torch.tensor(2.0)})), 2 * x)


def test_a_model_that_samples_only_when_told_has_its_posterior_noted() -> None:
    class Model(nn.Module):
        def encode(self, x: Tensor) -> Any:
            posterior = Posterior()
            posterior.kl = lambda: loss  # type: ignore[attr-defined]
            return SimpleNamespace(latent_dist=posterior)

        def forward(self, x: Tensor, sample_posterior: bool = False) -> Any:
            self.encode(x)
            return SimpleNamespace(sample=x_hat if sample_posterior else None)

    model = Model()
    subject = adapt(model)
    assert "sample_posterior" in subject.call.reason
    output = subject.run(Inputs((x,)))
    assert "encode" not in vars(model), "the note is taken away again"
    assert output.sample is x_hat
    assert {part.path: (part.tensor, part.role) for part in subject.parts(output)} == {
        "output.sample": (x_hat, Role.RECONSTRUCTION),
        "output.mean": (mu, Role.MU),
        "output.logvar": (second, Role.SECOND),
        "output.kl()": (loss, Role.KL),
    }
