"""A model that raises at every size: the layer where it leaves its lock is named, as far as it ran."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cache

import pytest
from torch import Tensor, nn

from vae_checked.shapes import LockedModel, compare, infer, locked
from vae_checked.shapes.departure import Leaves, UnacceptedError, departure
from vae_checked.shapes.messages import message_of, unaccepted


class VAE(nn.Module):
    """Convolutions, a flattened middle of a fixed size, and a way back."""

    def __init__(
        self,
        *,
        stride: int = 2,
        padding: int = 1,
        wide: int = 7,
        middle: int = 11,
        further: bool = False,
        latents: int = 4,
    ) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 7, 4, 2, 1)
        self.further = nn.Conv2d(7, 7, 2) if further else nn.Identity()
        self.second = nn.Conv2d(7, wide, 4, stride, padding)
        self.heads = nn.Linear(7 * 6 * 9, 8)
        self.back = nn.Linear(latents, middle)
        self.out = nn.Linear(11, 13)

    def forward(self, x: Tensor) -> Tensor:
        h = self.second(self.further(self.first(x)))
        out: Tensor = self.out(self.back(self.heads(h.flatten(1))[:, :4]))
        return out


SPEC = "B 3 H=24 W=36"


@cache
def lock() -> LockedModel:
    """What is locked of the model as it is."""
    return locked(infer(VAE(), SPEC, False))


CASES: dict[str, tuple[Callable[[], nn.Module], str, Leaves, str]] = {
    "stride": (
        lambda: VAE(stride=1),
        "second",
        Leaves.OUTPUT,
        "it begins at second: it gives float32[5 7 11 17], the lock says float32[5 7 6 9] (at B=5 H=24 W=36)",
    ),
    "padding": (
        lambda: VAE(padding=0),
        "second",
        Leaves.OUTPUT,
        "it begins at second: it gives float32[5 7 5 8], the lock says float32[5 7 6 9] (at B=5 H=24 W=36)",
    ),
    "channels": (
        lambda: VAE(wide=6),
        "second",
        Leaves.PARAMETERS,
        (
            "it begins at second: the lock has weight float32[7 7 4 4], bias float32[7], "
            "now weight float32[6 7 4 4], bias float32[6]"
        ),
    ),
    "another layer": (
        lambda: VAE(further=True),
        "further",
        Leaves.PARAMETERS,
        "it begins at further: the lock has weight none, bias none, now weight float32[7 7 2 2], bias float32[7]",
    ),
    "latents": (
        lambda: VAE(latents=5),
        "back",
        Leaves.PARAMETERS,
        "it begins at back: the lock has weight float32[11 4], now weight float32[11 5]",
    ),
    "a middle": (
        lambda: VAE(middle=10),
        "back",
        Leaves.PARAMETERS,
        (
            "it begins at back: the lock has weight float32[11 4], bias float32[11], "
            "now weight float32[10 4], bias float32[10]"
        ),
    ),
}


def refused(model: nn.Module) -> UnacceptedError:
    """The error of a model that takes no input."""
    with pytest.raises(UnacceptedError) as caught:
        infer(model, SPEC, False)
    return caught.value


@pytest.mark.parametrize("name", CASES)
def test_the_layer_where_it_begins_is_named(name: str) -> None:
    make, key, what, said = CASES[name]
    error = refused(make())
    found = departure(error, lock())
    assert found is not None
    assert (found.key, found.what) == (key, what)
    # The error of a model that another process probed says the same.
    assert unaccepted(pickle.loads(pickle.dumps(error)), lock()) == (f"{said}; {error}", key)  # noqa: S301  its own


def test_a_model_that_is_as_locked_up_to_what_raises_is_said_to_be() -> None:
    class Late(VAE):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError(f"no more than {super().forward(x).shape[1]}")

    said, key = unaccepted(refused(Late()), lock())
    assert key == "out"
    assert said.startswith("up to out all that is passed is as locked (at B=5 H=24 W=36); no input of the form")


def test_what_the_lock_has_not_is_new() -> None:
    class Renamed(VAE):
        def __init__(self) -> None:
            super().__init__(middle=10)
            self.begin = self.first
            del self.first

        def forward(self, x: Tensor) -> Tensor:
            self.__dict__["first"] = self.begin
            return super().forward(x)

    said, key = unaccepted(refused(Renamed()), lock())
    assert key == "begin"
    assert said.startswith("it begins at begin, which the lock has not: it takes float32[5 3 24 36]")


def test_without_an_entry_in_the_lock_nothing_is_said_of_it() -> None:
    error = refused(VAE(middle=10))
    assert unaccepted(error, None) == (str(error), "")


def test_no_cause_is_named_of_a_change_from_one_number_to_another() -> None:
    one = nn.Sequential(nn.Conv2d(3, 4, 4, 2, 2))
    other = nn.Sequential(nn.Conv2d(3, 4, 4, 2, 1))
    was, now = (locked(infer(each, "B 3 64 48", False)) for each in (one, other))
    difference = next(each for each in compare({"m": was}, {"m": now}) if each.key == "0")
    assert message_of(difference) == "0: output height was 33, is 32; output width was 25, is 24"
