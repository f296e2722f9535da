"""What `@checked` can be put on, what it refuses there, and which names its annotations may use."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from small_vaes.contracted import Model, kl_divergence

from vae_checked.contracts import Float, Tensor, checked, contracts_off
from vae_checked.contracts.decorator import contract_of
from vae_checked.contracts.tally import TALLY
from vae_checked.errors import ContractError, UsageError


def test_methods_of_every_kind():
    class Stages:
        @checked
        @staticmethod
        def static(z: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
            return z.sum(1)

        @classmethod
        @checked
        def of_class(cls, z: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
            return z.sum(1)

        @checked
        @classmethod
        def of_class_too(cls, z: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
            return z.sum(1)

        @checked
        @property
        def code(self) -> Float[Tensor, " L"]:
            return torch.zeros(self.shape)

    stages = Stages()
    for method in (stages.static, Stages.static, stages.of_class, Stages.of_class, stages.of_class_too):
        assert method(torch.zeros(2, 3)).shape == (2,)
        with pytest.raises(ContractError, match=r"\(z\): 1 axis"):
            method(torch.zeros(3))
    stages.shape = (3,)
    assert stages.code.shape == (3,)
    stages.shape = (3, 2)
    with pytest.raises(ContractError, match=r"code\(\) result: 2 axes"):
        _ = stages.code


def test_a_bound_method_can_be_checked():
    class Plain:
        def encode(self, x: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3"]:
            return x

    encode = checked(Plain().encode)
    assert encode(torch.zeros(2, 3)).shape == (2, 3)
    with pytest.raises(ContractError, match=r"encode\(x\): axis 1 is 4"):
        encode(torch.zeros(2, 4))


def test_module_class_checks_forward_and_annotated_stages():
    model = Model()
    assert model(torch.zeros(5, 7)).shape == (5, 7)
    assert contract_of(Model.width) is None
    with pytest.raises(ContractError, match=r"Model\.decode\(z\): axis 1 is 4, .* {self.latent_dim} = 3"):
        model.decode(torch.zeros(5, 4))
    with pytest.raises(ContractError, match=r"Model\.forward\(x\): 3 axes"):
        model(torch.zeros(5, 7, 1))


def test_an_attribute_in_an_axis_is_read_at_every_call():
    narrow, wide = Model(latent_dim=3), Model(latent_dim=4)
    for _ in range(2):
        assert narrow.decode(torch.zeros(5, 3)).shape == (5, 7)
        assert wide.decode(torch.zeros(5, 4)).shape == (5, 7)
        with pytest.raises(ContractError, match="axis 1"):
            wide.decode(torch.zeros(5, 3))
    narrow.latent_dim = 9
    with pytest.raises(ContractError, match=r"the contract says {self.latent_dim} = 9"):
        narrow.decode(torch.zeros(5, 3))


def test_inherited_stages_are_checked_and_torchs_own_are_left_alone():
    class Base(torch.nn.Linear):
        def encode(self, x: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3"]:
            return x

    @checked
    class Derived(Base):
        def decode(self, z: Float[Tensor, "B 2"]) -> Float[Tensor, "B 2"]:
            return super().encode(torch.zeros(1, 3))[:, :2].expand_as(z)

    model = Derived(3, 2)
    with pytest.raises(ContractError, match="axis 1 is 4"):
        model.encode(torch.zeros(2, 4))
    assert Base(3, 2).encode(torch.zeros(2, 4)).shape == (2, 4)
    assert model.decode(torch.zeros(5, 2)).shape == (5, 2)
    assert model(torch.zeros(6, 3)).shape == (6, 2)
    assert contract_of(Derived.forward) is None


def test_dataclasses_and_named_tuples_are_checked_when_made():
    @checked
    @dataclass(frozen=True)
    class Posterior:
        mu: Float[Tensor, "B L"]
        logvar: Float[Tensor, "B L"]

    @checked
    class Terms(NamedTuple):
        recon: Float[Tensor, " B"]
        kl: Float[Tensor, " B"]

    for _ in range(2):
        assert Posterior(torch.zeros(2, 3), torch.ones(2, 3)).logvar.sum() == 6
        assert Terms(torch.zeros(2), torch.ones(2)).kl.sum() == 2
        with pytest.raises(ContractError, match=r"logvar\): axis 1 \(L\) is 4, mu has L = 3"):
            Posterior(torch.zeros(2, 3), torch.zeros(2, 4))
        with pytest.raises(ContractError, match=r"kl\): axis 0 \(B\) is 3, recon has B = 2"):
            Terms(torch.zeros(2), torch.zeros(3))


def test_a_method_that_says_nothing_of_shapes_may_have_any_annotation():
    @checked
    class Own:
        def encode(self, x: Float[Tensor, "B 3"]) -> Float[Tensor, " B"]:
            return x[:, 0]

        def sample(self, count: int) -> torch.tensor:  # a function, and no type
            return torch.zeros(count)

    assert Own().sample(4).shape == (4,)
    assert contract_of(Own.sample) is None
    with pytest.raises(ContractError, match="axis 1 is 5, the contract says 3"):
        Own().encode(torch.zeros(2, 5))


def test_what_cannot_be_checked_is_refused_at_decoration():
    def generator(x: Float[Tensor, " B"]) -> Iterator[Tensor]:
        yield x

    async def coroutine(x: Float[Tensor, " B"]) -> Tensor:
        return x

    async def async_generator(x: Float[Tensor, " B"]):
        yield x

    def bare(x, y):
        return x

    class Empty(torch.nn.Module):
        def forward(self, x):
            return x

    cases = {
        "generator hands out its values after the call": generator,
        "an async function": coroutine,
        "an async generator": async_generator,
        "no annotations on .*bare": bare,
        "no method of .*Empty with a jaxtyping annotation": Empty,
        "takes a function, a method or a class": torch.nn.Linear(2, 3),
        "not 5": 5,
    }
    for message, subject in cases.items():
        with pytest.raises(UsageError, match=message):
            checked(subject)
    assert asyncio.iscoroutinefunction(coroutine)


def test_checked_twice_is_checked_once():
    assert checked(kl_divergence) is kl_divergence
    assert checked(Model) is Model


def test_names_of_the_defining_function_can_be_used_in_annotations():
    latents = 3
    Latent = Float[Tensor, f"B {latents}"]

    @checked
    def decode(z: Latent, again: Float[Tensor, f"B {latents}"]) -> Latent:
        return z

    assert decode(torch.zeros(2, 3), torch.zeros(2, 3)).shape == (2, 3)
    with pytest.raises(ContractError, match="axis 1 is 4"):
        decode(torch.zeros(2, 4), torch.zeros(2, 4))


@checked
def defined_later(x: Later) -> Later:  # noqa: F821  the point of the test
    return x


def test_names_that_come_later_are_looked_up_at_the_first_call(monkeypatch):
    with pytest.raises(UsageError, match="defined_later: name 'Later' is not defined; import or define it"):
        defined_later(torch.zeros(3))
    monkeypatch.setitem(globals(), "Later", Float[Tensor, "3"])
    assert defined_later(torch.zeros(3)).shape == (3,)
    with pytest.raises(ContractError, match="axis 0 is 4"):
        defined_later(torch.zeros(4))


def test_a_name_that_only_a_type_checker_sees_is_no_silent_any():
    @checked
    def stage(x: "NotImported"):  # noqa: F821  the point of the test
        return x

    with pytest.raises(UsageError, match="NotImported"):
        stage(torch.zeros(3))


def test_an_axis_that_nothing_binds_is_named():
    @checked
    def stage(x: Float[Tensor, " 2*h"]) -> None: ...

    with pytest.raises(UsageError, match=r"2\*h"):
        stage(torch.zeros(3))


def test_the_signature_and_the_docstring_stay():
    assert list(inspect.signature(kl_divergence).parameters) == ["mu", "logvar"]
    assert kl_divergence.__doc__.startswith("0.5 * sum")
    assert kl_divergence.__name__ == "kl_divergence"


def test_an_override_is_the_overriders_and_super_is_checked():
    @checked
    class Base:
        def encode(self, x: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3"]:
            return x

        def forward(self, x: Float[Tensor, "B _"]) -> Float[Tensor, "B 3"]:
            return self.encode(x)

    class Bare(Base):
        def encode(self, x):
            return x

    @checked
    class Narrow(Base):
        def encode(self, x: Float[Tensor, "B 4"]) -> Float[Tensor, "B 3"]:
            return super().encode(x[:, 1:])

    for _ in range(2):
        assert Bare().encode(torch.zeros(2, 4)).shape == (2, 4)
        with pytest.raises(ContractError, match=r"Base\.forward\(\) result: axis 1 is 4, the contract says 3"):
            Bare().forward(torch.zeros(2, 4))
        assert Narrow().forward(torch.zeros(2, 4)).shape == (2, 3)
        with pytest.raises(ContractError, match=r"Narrow\.encode\(x\): axis 1 is 3, the contract says 4"):
            Narrow().forward(torch.zeros(2, 3))


def test_a_derived_dataclass_is_checked_with_the_fields_that_it_inherits():
    @checked
    @dataclass
    class Posterior:
        mu: Float[Tensor, "B L"]
        logvar: "Float[Tensor, 'B L'] | None" = None

    @checked
    @dataclass
    class Sampled(Posterior):
        z: Float[Tensor, "B L"] | None = None

    for _ in range(2):
        assert Sampled(torch.zeros(2, 3), z=torch.ones(2, 3)).z.sum() == 6
        with pytest.raises(ContractError, match=r"Sampled\.__init__\(z\): axis 1 \(L\) is 4, mu has L = 3"):
            Sampled(torch.zeros(2, 3), None, torch.zeros(2, 4))


def test_a_stage_within_a_stage_and_within_itself_has_names_of_its_own():
    @checked
    def inner(x: Float[Tensor, "B L"]) -> Float[Tensor, "B L"]:
        return x

    @checked
    def outer(x: Float[Tensor, "L B"]) -> Float[Tensor, "B L"]:
        return inner(x.T)

    @checked
    def shorter(x: Float[Tensor, " N"], times: int) -> Float[Tensor, " N-{times}"]:
        return x if times == 0 else shorter(x[1:], times - 1)

    for _ in range(2):
        assert outer(torch.zeros(2, 5)).shape == (5, 2)
        assert shorter(torch.zeros(7), 3).shape == (4,)


def test_checked_calls_are_counted_by_function():
    def define():
        @checked
        def counted(x: Float[Tensor, "B 3"]) -> None: ...

        return counted

    first, second = define(), define()
    (name,) = (name for name in TALLY if name.endswith("define.<locals>.counted"))
    before = TALLY[name].calls
    first(torch.zeros(2, 3))
    second(torch.zeros(2, 3))
    second(torch.zeros(2, 3))
    with pytest.raises(ContractError):
        second(torch.zeros(2, 4))
    with contracts_off():
        second(torch.zeros(2, 4))
    assert TALLY[name].calls - before == 4


# ------------------------------------------------------------------------------- what stands before its letter


@checked
def align(knots: Float[Tensor, "B T+1"], values: Float[Tensor, "B T"]) -> Float[Tensor, " B"]:
    return knots[:, 1:].sum(1) + values.sum(1)


@checked
def decode(z: Float[Tensor, "B C H//8 W//8"], *, x: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    return x


def test_an_expression_may_stand_to_the_left_of_its_letter():
    for _ in range(2):  # in full, then by its fingerprint
        assert align(torch.ones(5, 3), torch.ones(5, 2)).shape == (5,)
        assert align(torch.ones(6, 4), values=torch.ones(6, 3)).shape == (6,)
        assert decode(torch.ones(2, 4, 2, 3), x=torch.ones(2, 3, 16, 24)).shape == (2, 3, 16, 24)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: align(torch.ones(5, 4), torch.ones(5, 2)),
            r"knots\): axis 1 is 4, the contract says T\+1 = 3",
        ),
        (lambda: align(torch.ones(5, 3), torch.ones(6, 2)), r"align\(values\): axis 0 \(B\) is 6, .*5"),
        (
            lambda: decode(torch.ones(2, 4, 3, 2), x=torch.ones(2, 3, 16, 24)),
            r"axis 2 is 3, the contract says H//8 = 2",
        ),
        (lambda: decode(torch.ones(2, 4, 2, 3), x=torch.ones(2, 16, 24)), r"decode\(x\).*3 axes.*4"),
    ],
)
def test_what_does_not_fit_an_expression_on_the_left_is_named(call, words):
    with pytest.raises(ContractError, match=words):
        call()


def test_letters_within_one_annotation_and_in_containers_are_bound_first():
    @checked
    def pair(both: tuple[Float[Tensor, " 2*L"], Float[Tensor, "B L"]], n: Float[Tensor, "N-1 N"]) -> None: ...

    pair((torch.ones(10), torch.ones(3, 5)), torch.ones(6, 7))
    with pytest.raises(ContractError, match=r"both\[0\]"):
        pair((torch.ones(9), torch.ones(3, 5)), torch.ones(6, 7))
    with pytest.raises(ContractError, match=r"axis 0 is 7, the contract says N-1 = 6"):
        pair((torch.ones(10), torch.ones(3, 5)), torch.ones(7, 7))


# --------------------------------------------------------------------------------- names for type checkers only


class Head:
    """Stands for a class of which only type checkers know the name."""


@checked
def posterior(x: Float[Tensor, "B F"], sizes: Sized[int] = (), head: Unknown | None = None) -> Float[Tensor, "B 2"]:  # noqa: F821
    return x[:, :2]


def test_an_annotation_for_type_checkers_alone_leaves_the_others_checked():
    for _ in range(2):
        assert posterior(torch.zeros(3, 4), [1, 2], Head()).shape == (3, 2)
        assert posterior(torch.zeros(3, 4)).shape == (3, 2)
    with pytest.raises(ContractError, match="posterior"):
        posterior(torch.zeros(3, 4, 1))
    with pytest.raises(ContractError, match="result"):
        posterior(torch.zeros(3, 1))


@pytest.mark.parametrize("value", [torch.zeros(2), [torch.zeros(2)], {"h": (1, torch.zeros(2))}])
def test_a_tensor_is_not_passed_for_an_annotation_that_cannot_be_read(value):
    assert posterior(torch.zeros(3, 4), []).shape == (3, 2)
    with pytest.raises(UsageError, match="name 'Sized' is not defined"):
        posterior(torch.zeros(3, 4), value)


def test_a_tensor_is_not_returned_under_an_annotation_that_cannot_be_read():
    @checked
    def head(x: Float[Tensor, "B F"], sizes: Sized) -> Unknown:  # noqa: F821
        return x if sizes else "none"

    assert head(torch.zeros(3, 4), ()) == "none"
    with pytest.raises(UsageError, match="name 'Unknown' is not defined"):
        head(torch.zeros(3, 4), (5,))


def test_axes_in_an_annotation_that_cannot_be_read_are_never_passed_over():
    @checked
    def stage(x: Missing[Tensor, "B F"], sizes: Sized) -> None: ...  # noqa: F821

    with pytest.raises(UsageError, match="name 'Missing' is not defined"):
        stage(None, ())
