"""`wrap`: what a contract that is learned from calls refuses, what it lets pass, and what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from small_vaes import spellings as zoo
from torch import Tensor, nn
from torch import distributions as D

import vae_checked
from vae_checked.contracts import Float, contracts_off
from vae_checked.errors import ContractError, UsageError
from vae_checked.wrapping import unwrap, wrap, wrap_report
from vae_checked.wrapping.watch import MOST_FAMILIES


def images(batch: int, *axes: int) -> Tensor:
    return torch.rand(batch, *(axes or zoo.INPUT))


def taught(model: Any, **options: Any) -> Any:
    """The model wrapped, with the calls behind it from which its contract is learned."""
    torch.manual_seed(2)
    wrap(model, **options)
    for batch in (4, 4, 7):
        model(images(batch))
    return model


# ------------------------------------------------------------------------------------------- what is refused


class Changing(zoo.Base):
    """Its encoder changes what it returns when it is told to."""

    change: Callable[[Tensor], Any] = staticmethod(lambda head: head)

    def encode(self, x: Tensor) -> Any:
        mu, logvar = super().encode(x)
        return self.change(mu), logvar

    def forward(self, x: Tensor) -> Any:
        return self.encode(x)


CHANGES: dict[str, tuple[Callable[[Tensor], Any], int, str]] = {
    "squeezed": (
        Tensor.squeeze,
        1,
        "1 axis (5,), the contract says 2: B 5. The batch has one sample, and a squeeze() took its axis away",
    ),
    "reduced over the batch": (lambda head: head.sum(0), 6, "1 axis (5,), the contract says 2: B 5"),
    "another batch": (lambda head: head[:2], 6, "axis 0 (B) is 2, x has B = 6"),
    "another width": (lambda head: head[:, :3], 6, "axis 1 is 3, the contract says 5"),
    "another precision": (Tensor.double, 6, "dtype is float64, the contract says float32"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_result_unlike_the_first_ones_breaks_the_contract(name: str) -> None:
    change, batch, said = CHANGES[name]
    model = taught(Changing())
    model.change = change
    with pytest.raises(ContractError) as caught:
        model(images(batch))
    first, *rest = str(caught.value).splitlines()
    assert first.startswith(f"Changing.encode() result[0]: {said}")
    assert rest[0] == '  contract: result[0]: Float32[Tensor, "B 5"], as 3 calls in training had it'
    assert rest[2] == f"  bound: B = {batch} (x)"
    assert re.fullmatch(r"  called at: \S*test_wrapping.py:\d+ in forward", rest[3])
    assert wrap_report(model).breaches == {first: {0: 1}}


def test_an_input_unlike_the_first_ones_is_named_where_the_stage_raises() -> None:
    with pytest.raises(
        ContractError, match=r"encoder\(input\): axis 1 \(C\) is 8, the contract says 3\. Axis 3 is 3: "
    ):
        taught(Crops())(images(4, 8, 12, 3))
    with pytest.raises(ContractError, match=r"Base.decode\(z\): axis 1 is 6, the contract says 5") as caught:
        taught(zoo.Base()).decode(torch.rand(4, 6))
    assert '[Tensor, "B 5"], as its first 3 calls had it; with this one it raised' in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)
    last = str(caught.value).splitlines()[-1]
    # From torch 2.15 on it names the operation.
    said = r"  raised: RuntimeError: (addmm: )?mat1 and mat2 shapes cannot be multiplied"
    assert re.match(said, last), "what torch said is kept"


def test_a_specification_is_held_from_the_first_call_on() -> None:
    model, wrong = wrap(zoo.Conditional(), "B 3 H W, int<6> B"), images(4, 8, 12, 3)
    for _ in range(2):
        with pytest.raises(ContractError, match=r"looks channels-last, try x.permute\(0, 3, 1, 2\)"):
            model(wrong, torch.zeros(4, dtype=torch.long))
    with pytest.raises(ContractError, match=r"Conditional.forward\(y\): axis 0 \(B\) is 5, x has B = 4"):
        model(images(4), torch.zeros(5, dtype=torch.long))
    with pytest.raises(ContractError, match=r"dtype is uint8, the contract says floating point\. Bytes 0..255"):
        model((255 * images(4)).byte(), torch.zeros(4, dtype=torch.long))
    model(images(4), torch.zeros(4, dtype=torch.long))
    assert wrap_report(model).stages[-1].checked == {0: 1}


def test_a_specification_reads_mappings_by_key() -> None:
    class Mapped(zoo.Base):
        def forward(self, batch: Any) -> Any:
            return super().forward(batch["image"])

    model = wrap(Mapped(), "{image: B 3 H W}")
    model({"image": images(4), "id": torch.zeros(9)})
    with pytest.raises(ContractError, match=r"batch\['image'\].: 3 axes"):
        model({"image": images(4)[0]})


def test_numbers_are_held_to_be_finite_on_request() -> None:
    class NaN(zoo.Base):
        def decode(self, z: Tensor) -> Tensor:
            return super().decode(z).masked_fill(torch.arange(12) < 2, float("nan"))

    assert torch.isnan(wrap(NaN())(images(4))[0]).any(), "by default no number is looked at"
    with pytest.raises(ContractError, match=r"NaN.decode\(\) result: 192 of 1152 numbers are not finite"):
        wrap(NaN(), finite=True)(images(4))


def test_broken_contracts_are_counted_where_they_are_not_to_raise() -> None:
    model = taught(Changing(), raises=False)
    model.change = Tensor.squeeze
    for _ in range(2):
        model(images(1))
    ((line, ranks),) = wrap_report(model).breaches.items()
    assert line.startswith("Changing.encode() result[0]: 1 axis")
    assert ranks == {0: 2}
    assert f"{line} (2 times)" in str(wrap_report(model))


class Annotated(zoo.Base):
    def encode(self, x: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]:
        mu, logvar = super().encode(x)
        return mu[:, :4], logvar


def test_annotations_are_held_as_checked_does_it() -> None:
    with pytest.raises(
        ContractError, match=r"Annotated.encode\(\) result\[1\]: axis 1 \(L\) is 5, result\[0\] has L = 4"
    ):
        wrap(Annotated())(images(4))


# ---------------------------------------------------------------------------------------------- what passes


class Crops(nn.Module):
    """Fully convolutional: takes any size, and returns what remains of it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Conv2d(3, 8, 4, 2, 1), nn.ConvTranspose2d(4, 3, 4, 2, 1)

    def forward(self, x: Tensor, scale: float = 1.0, *, rows: int | None = None, both: bool = False) -> Any:
        mu, _ = self.encoder(x).chunk(2, 1)
        x_hat = self.decoder(mu)[:, :, :rows] * scale
        return {"recon": x_hat, "mu": mu} if both else x_hat


def test_what_may_differ_between_calls_is_no_breach() -> None:
    model = wrap(Crops())
    for number in range(4):
        for size in (8, 12, 15):
            assert model(images(5, 3, size, 10 + size), 0.1 * number).shape[2] == 2 * (size // 2)
        model(images(5, 3, 8, 18), both=True)
        model(images(5, 3, 8, 18), rows=3 + number % 2)
        model(images(number, 3, 8, 18))
        model.eval()(images(2, 3, 8, 18))
        model.train()
    report = wrap_report(model)
    assert not report.breaches
    forward = report.stages[-1]
    assert forward.checked == {0: 27}
    assert forward.skipped == {0: 1}, "the empty batch"


def test_sizes_that_follow_the_data_are_left_open() -> None:
    class Pooled(nn.Module):
        def forward(self, x: Tensor, group: Tensor) -> Tensor:
            return torch.zeros(int(group.max()) + 1, x.shape[1]).index_add(0, group, x)

    model = wrap(Pooled())
    for nodes, groups in ((9, 3), (9, 5), (9, 4), (11, 3), (11, 6), (13, 2), (9, 7)):
        assert len(model(torch.rand(nodes, 4), torch.arange(nodes) % groups)) == groups
    assert "result: float32[_ 4]" in str(wrap_report(model))


def test_a_multiple_of_the_batch_is_learned() -> None:
    class Several(zoo.Base):
        repeat = 3

        def forward(self, x: Tensor) -> Tensor:
            mu, _ = self.encode(x)
            return mu.repeat(self.repeat, 1)

    model = taught(Several())
    assert "result: float32[3*B 5]" in str(wrap_report(model))
    model.repeat = 2
    with pytest.raises(ContractError, match=r"axis 0 is 12, the contract says 3\*B = 18"):
        model(images(6))


@dataclass
class Output:
    recon: Tensor
    posterior: D.Distribution


def test_objects_and_distributions_are_read_by_their_parts() -> None:
    class Objects(zoo.Base):
        def forward(self, x: Tensor) -> Output:
            mu, logvar = self.encode(x)
            return Output(self.decode(mu), D.Independent(D.Normal(mu, logvar.exp()), 1))

    words = str(wrap_report(taught(Objects())))
    assert "result.recon: float32[B 3 8 12], result.posterior.base_dist.loc: float32[B 5]" in words


def test_an_exception_of_the_model_passes_as_it_is() -> None:
    class Refuses(zoo.Base):
        error: Exception | None = None

        def decode(self, z: Tensor) -> Tensor:
            if self.error is not None:
                raise self.error
            return super().decode(z)

    class OwnError(RuntimeError):
        pass

    model = taught(Refuses())
    for error in (OwnError("mine"), RuntimeError("sometimes"), KeyError("k"), torch.OutOfMemoryError("full")):
        model.error = error
        with pytest.raises(type(error)) as caught:
            model.decode(torch.rand(9, 5))
        assert caught.value is error
    model.error = torch.OutOfMemoryError("full")
    with pytest.raises(torch.OutOfMemoryError):
        model.decode(torch.rand(9, 6))


def test_a_change_of_precision_is_learned_anew() -> None:
    model = taught(zoo.Base())
    model.double()
    for _ in range(4):
        model(images(4).double())
    model.float()(images(4))
    assert not wrap_report(model).breaches


def test_what_a_call_lacks_is_said_by_python() -> None:
    model = wrap(zoo.Base())
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'logvar'"):
        model.sample(torch.rand(4, 5))


# ----------------------------------------------------------------------------------------- which are stages


def test_a_model_without_methods_has_its_parts_watched() -> None:
    model = wrap(Crops())
    model(images(4, 3, 8, 12))
    assert [stage.title for stage in wrap_report(model).stages] == ["Crops.forward", "encoder", "decoder"]
    assert isinstance(model.encoder, nn.Conv2d)
    assert type(unwrap(model).encoder) is nn.Conv2d


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_parts_of_jit_and_lazy_ones_are_left_alone() -> None:
    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = torch.jit.script(nn.Linear(5, 2)), nn.LazyLinear(5)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.decoder(self.encoder(x))
            return out

    model = wrap(Parts())
    model(torch.rand(3, 5))
    assert isinstance(model.encoder, torch.jit.ScriptModule)
    assert type(model.decoder) is nn.Linear
    assert [stage.title for stage in wrap_report(model).stages] == ["Parts.forward"]
    assert wrap_report(model).not_watched == ("encoder (compiled by torch.jit)",)


def test_what_is_called_like_a_stage_and_is_not_watched_is_said() -> None:
    class Static(zoo.Base):
        @staticmethod
        def reparameterize(mu: Tensor, logvar: Tensor) -> Tensor:
            return mu + torch.exp(0.5 * logvar)

    model = wrap(Static())
    model.decode = lambda z: z
    words = str(wrap_report(model))
    assert "\n  not watched: reparameterize (a static method)\n" in words
    assert "\n  not watched: decode (an attribute of the instance)\n" in words


def test_the_loss_of_a_model_is_a_stage() -> None:
    class Weighted(zoo.Base):
        def loss_function(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
            recon, kl = (x_hat - x).square().flatten(1).sum(1), zoo.standard_loss(x, x, mu, logvar)
            return {"loss": (recon + beta * kl).mean(), "recon": recon}

    model, x = wrap(Weighted()), images(4)
    for step in range(4):
        model.loss_function(*model(x)[:1], x, *model.encode(x), beta=0.1 * step)
    assert "result['loss']: float32[], result['recon']: float32[B]; B = 4" in str(wrap_report(model))
    with pytest.raises(ContractError, match=r"loss_function\(x\): axis 0 \(B\) is 3, x_hat has B = 4"):
        model.loss_function(*model(x)[:1], x[:3], *model.encode(x))


def test_unwrap_gives_back_the_class() -> None:
    model = taught(zoo.Base())
    assert unwrap(model) is model
    assert type(model) is zoo.Base
    assert unwrap(model) is model
    with pytest.raises(UsageError, match="Base is not wrapped, nor is a part of it: wrap"):
        wrap_report(model)


def test_a_model_inside_data_parallelism_is_found() -> None:
    outer = nn.DataParallel(zoo.Base())
    assert wrap(outer) is outer
    assert isinstance(outer.module, zoo.Base)
    assert wrap_report(outer).model == "Base"


def test_a_wrapped_part_of_another_model_keeps_its_contract() -> None:
    class Diffusion(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vae = taught(zoo.Base(), raises=False)

        def forward(self, x: Tensor) -> Any:
            return self.vae.encode(x)[0]

    outer = wrap(Diffusion())
    outer(images(4))
    report = wrap_report(outer)
    assert [stage.checked[0] for stage in report.stages if stage.title.endswith("encode")] == [4]
    assert report.model == "Diffusion"
    assert type(unwrap(outer).vae) is zoo.Base


def test_what_broke_raises_as_it_would_where_contracts_only_count() -> None:
    model = taught(zoo.Base(), raises=False)
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        model.decode(torch.rand(4, 6))
    assert next(iter(wrap_report(model).breaches)).startswith("Base.decode(z): axis 1 is 6, the contract says 5")


def test_a_model_that_grew_is_wrapped_again() -> None:
    model = taught(Changing())
    model.change = lambda head: head.repeat(1, 2)
    with pytest.raises(ContractError, match="axis 1 is 10, the contract says 5"):
        model(images(6))
    assert wrap(model)(images(6))[0].shape == (6, 10)


def test_what_is_remembered_is_bounded() -> None:
    class Counts(nn.Module):
        def forward(self, x: Tensor, rows: Tensor) -> Tensor:
            return x.new_zeros(int(rows), len(x))

    model = wrap(Counts())
    for number in range(150):
        model(torch.zeros(3, 1 + number), torch.tensor(number))
        model(torch.zeros(3, 7), torch.tensor(number))
    watch = vars(model)["_vae_contracts"].watches["forward"]
    assert len(watch.families) == MOST_FAMILIES
    assert len(wrap_report(model).stages[0].seen) <= MOST_FAMILIES
    assert wrap_report(model).breaches == {}


def test_wrapping_again_takes_the_new_options() -> None:
    model = wrap(taught(zoo.Base()), "B 3 H W")
    assert type(model).__mro__.count(zoo.Base) == 1
    with pytest.raises(ContractError, match="as wrap was asked"):
        model(images(4, 8, 12, 3))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: zoo.standard_loss, "wrap takes a torch.nn.Module, not a function"),
        (lambda: torch.jit.script(nn.Linear(3, 2)), "compiled by torch.jit: wrap the model that it was made from"),
        (lambda: nn.ModuleList([nn.Linear(3, 2)]), "ModuleList has no forward, encode or decode of its own to watch"),
    ],
)
def test_what_cannot_be_wrapped_is_said(model: Callable[[], Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        wrap(model())


def test_a_specification_that_is_none_is_refused_and_the_model_left() -> None:
    model = zoo.Base()
    with pytest.raises(UsageError, match="neither a size nor a letter"):
        wrap(model, "B 3 ?")
    with pytest.raises(UsageError, match="inputs is a Tensor: write the axes of each input, as in 'B 3 H W'"):
        wrap(model, images(4))
    assert type(model) is zoo.Base


def test_switched_off_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    model = taught(Changing())
    model.change = Tensor.squeeze
    with contracts_off():
        assert model(images(1))[0].shape == (5,)
    monkeypatch.setenv("VAE_CHECKED", "off")
    assert type(wrap(zoo.Base())) is zoo.Base


def test_it_is_public() -> None:
    assert vae_checked.wrap is wrap
    assert vae_checked.unwrap is unwrap
    assert vae_checked.wrap_report is wrap_report
