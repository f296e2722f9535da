"""What a broken contract says: one table of calls, the sentence each must begin with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from vae_checked.contracts import Float, Float32, Tensor, UInt8, causes, checked
from vae_checked.contracts.causes import CAUSES
from vae_checked.errors import ContractError, UsageError

z = torch.zeros


@dataclass
class Output:
    sample: Tensor
    step: int = 3


def taking(annotation):
    @checked
    def encode(x: annotation):
        return None

    return encode


def giving(annotation, result):
    @checked
    def decode(x: Float[Tensor, "B C H W"], mu: Float[Tensor, "B L"]) -> annotation:
        return result

    return lambda: decode(z(4, 3, 64, 48), z(4, 5))


IMAGES = Float[Tensor, "B C=3 H W"]
PLAIN = Float[Tensor, "B 3 H W"]
NHWC = Float[Tensor, "B H W 3"]
ROWS = Float[Tensor, "B L"]
PER_SAMPLE = Float[Tensor, " B"]
SAME = Float[Tensor, "B C H W"]


def pair(x, y):
    @checked
    def reparameterize(mu: Float[Tensor, "B L"], eps: Float[Tensor, "B L"]):
        return mu + eps

    return lambda: reparameterize(x, y)


def squeezed(batch):
    @checked
    def encode(x: Float[Tensor, "B C=3 H W"]) -> Float[Tensor, "B 5"]:
        return z(5)

    return lambda: encode(z(batch, 3, 64, 48))


# (the call, the first line of the message)
MESSAGES = {
    "channels-last": (
        lambda: taking(IMAGES)(z(4, 64, 48, 3)),
        "encode(x): axis 1 (C) is 64, the contract says 3. Axis 3 is 3: looks channels-last, try x.permute(0, 3, 1, 2)",
    ),
    "channels-last, channel count without a name": (
        lambda: taking(PLAIN)(z(4, 64, 48, 3)),
        "encode(x): axis 1 (C) is 64, the contract says 3. Axis 3 is 3: looks channels-last, try x.permute(0, 3, 1, 2)",
    ),
    "channels-first": (
        lambda: taking(NHWC)(z(4, 3, 64, 48)),
        "encode(x): axis 3 is 48, the contract says 3. Axis 1 is 3: looks channels-first, try x.permute(0, 2, 3, 1)",
    ),
    "no layout has three channels": (
        lambda: taking(IMAGES)(z(4, 64, 48, 5)),
        "encode(x): axis 1 (C) is 64, the contract says 3",
    ),
    "bytes": (
        lambda: taking(IMAGES)(z(4, 3, 64, 48, dtype=torch.uint8)),
        (
            "encode(x): dtype is uint8, the contract says floating point. "
            "Bytes 0..255 where scaled pixels are meant: x.float() / 255"
        ),
    ),
    "integers": (
        lambda: taking(ROWS)(z(4, 5, dtype=torch.int64)),
        (
            "encode(x): dtype is int64, the contract says floating point. "
            "Integers have no gradient and no unit scale: x.float(), divided by the largest value"
        ),
    ),
    "floats for bytes": (
        lambda: taking(UInt8[Tensor, "B H W C"])(z(4, 64, 48, 3)),
        "encode(x): dtype is float32, the contract says uint8. Bytes are meant: was it scaled before?",
    ),
    "double for float": (
        lambda: taking(Float32[Tensor, "B L"])(z(4, 5).double()),
        "encode(x): dtype is float64, the contract says float32. Another precision: x.to(torch.float32)",
    ),
    "complex": (
        lambda: taking(ROWS)(z(4, 5, dtype=torch.complex64)),
        "encode(x): dtype is complex64, the contract says floating point",
    ),
    "one image": (
        lambda: taking(IMAGES)(z(3, 64, 48)),
        (
            "encode(x): 3 axes (3, 64, 48), the contract says 4: B C=3 H W. "
            "One sample without a batch axis? x.unsqueeze(0)"
        ),
    ),
    "a batch of one squeezed": (
        squeezed(1),
        (
            "encode() result: 1 axis (5,), the contract says 2: B 5. "
            "The batch has one sample, and a squeeze() took its axis away: name the axis, squeeze(dim)"
        ),
    ),
    "no batch in the result": (
        squeezed(4),
        "encode() result: 1 axis (5,), the contract says 2: B 5",
    ),
    "three axes that are no image": (
        lambda: taking(IMAGES)(z(64, 48, 5)),
        "encode(x): 3 axes (64, 48, 5), the contract says 4: B C=3 H W",
    ),
    "flattened images": (
        lambda: taking(IMAGES)(z(4, 9216)),
        (
            "encode(x): 2 axes (4, 9216), the contract says 4: B C=3 H W. "
            "Looks like flattened images, try x.view(-1, 3, H, W)"
        ),
    ),
    "images for vectors": (
        lambda: taking(ROWS)(z(4, 3, 8, 6)),
        "encode(x): 4 axes (4, 3, 8, 6), the contract says 2: B L. Not flattened: x.flatten(1)",
    ),
    "an axis of one too many": (
        pair(z(4, 5), z(4, 1, 5)),
        "reparameterize(eps): 3 axes (4, 1, 5), the contract says 2: B L. Axis 1 has size 1, try eps.squeeze(1)",
    ),
    "no vector at all": (
        lambda: taking(ROWS)(z(())),
        "encode(x): 0 axes (), the contract says 2: B L",
    ),
    "one noise for the batch": (
        pair(z(4, 5), z(1, 5)),
        (
            "reparameterize(eps): axis 0 (B) is 1, mu has B = 4. "
            "One row for the whole batch: every sample would share it; draw one row each, 4 in all"
        ),
    ),
    "transposed": (
        pair(z(4, 5), z(5, 4)),
        "reparameterize(eps): axis 0 (B) is 5, mu has B = 4. B and L look swapped, try eps.transpose(0, 1)",
    ),
    "both heads in one": (
        pair(z(4, 5), z(4, 10)),
        (
            "reparameterize(eps): axis 1 (L) is 10, mu has L = 5. "
            "Twice 5: mu and logvar still in one tensor? mu, logvar = h.chunk(2, dim=1)"
        ),
    ),
    "another batch": (
        pair(z(4, 5), z(6, 5)),
        "reparameterize(eps): axis 0 (B) is 6, mu has B = 4",
    ),
    "height and width swapped": (
        giving(SAME, z(4, 3, 48, 64)),
        "decode() result: axis 2 (H) is 48, x has H = 64. H and W look swapped, try result.transpose(2, 3)",
    ),
    "a decoder of no likely size": (
        giving(SAME, z(4, 3, 64, 52)),
        "decode() result: axis 3 (W) is 52, x has W = 48",
    ),
    "a decoder that rounds down": (
        giving(Float[Tensor, "B C H W+1"], z(4, 3, 64, 48)),
        (
            "decode() result: axis 3 is 48, the contract says W+1 = 49. "
            "48 is the multiple of 2 next below 49: strides round; take sizes that the strides divide, or pad and crop"
        ),
    ),
    "a decoder that rounds up": (
        giving(Float[Tensor, "B C H-3 W"], z(4, 3, 64, 48)),
        (
            "decode() result: axis 2 is 64, the contract says H-3 = 61. "
            "64 is the multiple of 4 next above 61: strides round; take sizes that the strides divide, or pad and crop"
        ),
    ),
    "a decoder that loses a pixel per layer": (
        giving(SAME, z(4, 3, 61, 45)),
        (
            "decode() result: axis 2 (H) is 61, x has H = 64. "
            "3 less is what 2 ConvTranspose2d of stride 2 lose without output_padding=1"
        ),
    ),
    "a decoder with an upsampling too few": (
        giving(SAME, z(4, 3, 32, 24)),
        "decode() result: axis 2 (H) is 32, x has H = 64. A factor of 2: one upsampling by 2 missing",
    ),
    "a decoder with two upsamplings too many": (
        giving(SAME, z(4, 3, 256, 192)),
        "decode() result: axis 2 (H) is 256, x has H = 64. A factor of 4: 2 upsamplings by 2 too many",
    ),
    "a decoder with another size": (
        giving(Float[Tensor, "B C H 2*W"], z(4, 3, 64, 97)),
        "decode() result: axis 3 is 97, the contract says 2*W = 96",
    ),
    "a per-sample loss that is a scalar": (
        giving(PER_SAMPLE, z(())),
        (
            "decode() result: 0 axes (), the contract says 1: B. "
            "Reduced over the batch as well: sum over the other axes only, .flatten(1).sum(dim=1)"
        ),
    ),
    "a per-sample loss per latent": (
        giving(PER_SAMPLE, z(4, 5)),
        (
            "decode() result: 2 axes (4, 5), the contract says 1: B. "
            "Not reduced to one number per sample: .sum(dim=1) is missing"
        ),
    ),
    "a per-sample loss per pixel": (
        giving(PER_SAMPLE, z(4, 3, 64, 48)),
        (
            "decode() result: 4 axes (4, 3, 64, 48), the contract says 1: B. "
            "Not reduced to one number per sample: .flatten(1).sum(dim=1) is missing"
        ),
    ),
    "a per-sample loss of another batch": (
        giving(PER_SAMPLE, z(7, 5)),
        "decode() result: 2 axes (7, 5), the contract says 1: B",
    ),
    "a loss per latent": (
        giving(PER_SAMPLE, z(5)),
        "decode() result: axis 0 (B) is 5, x has B = 4. 5 is L: summed over the batch (dim=0) and not over L (dim=1)",
    ),
    "nothing returned": (
        giving(SAME, None),
        'decode() result: is None, the contract says Float[Tensor, "B C H W"]. Is a `return` missing?',
    ),
    "two returned for one": (
        giving(SAME, (z(4, 3, 64, 48), None)),
        (
            'decode() result: is a tuple of 2, the contract says Float[Tensor, "B C H W"]. '
            "It holds tensors: result[0]; pass or return the one that is meant"
        ),
    ),
    "three returned for two": (
        giving(tuple[ROWS, ROWS], (z(4, 5), z(4, 5), z(4, 5))),
        "decode() result: 3 elements, the contract says 2",
    ),
    "a head for std of another width": (
        giving(tuple[Float[Tensor, "B K"], Float[Tensor, "B K"]], (z(4, 6), z(4, 7))),
        "decode() result[1]: axis 1 (K) is 7, result[0] has K = 6",
    ),
    "an output object": (
        giving(SAME, Output(z(4, 3, 64, 48))),
        (
            'decode() result: is of type Output, the contract says Float[Tensor, "B C H W"]. '
            "It holds tensors: result.sample; pass or return the one that is meant"
        ),
    ),
    "a list of rows": (
        lambda: taking(ROWS)([z(5), z(5)]),
        (
            'encode(x): is a list of 2, the contract says Float[Tensor, "B L"]. '
            "It is a list of 2 tensors: torch.stack(x) makes one of them"
        ),
    ),
    "a dict of tensors": (
        lambda: taking(ROWS)({"mu": z(4, 5), "n": 3}),
        (
            'encode(x): is a dict of 2, the contract says Float[Tensor, "B L"]. '
            "It holds tensors: x['mu']; pass or return the one that is meant"
        ),
    ),
    "a distribution": (
        lambda: taking(ROWS)(torch.distributions.Normal(z(4, 5), 1.0)),
        (
            'encode(x): is of type Normal, the contract says Float[Tensor, "B L"]. '
            "It is a distribution: take x.mean, or x.rsample() for a draw"
        ),
    ),
    "an array": (
        lambda: taking(ROWS)(np.zeros((4, 5))),
        (
            'encode(x): is of type ndarray, the contract says Float[Tensor, "B L"]. '
            "It is a numpy array: torch.from_numpy(x)"
        ),
    ),
    "a number": (
        giving(PER_SAMPLE, 0.5),
        (
            'decode() result: is the float 0.5, the contract says Float[Tensor, "B"]. '
            "It is a Python number: keep the tensor, `.item()` and float() end the gradient"
        ),
    ),
    "an option": (
        lambda: taking(ROWS | None)(z(4, 5, 6)),
        "encode(x): 3 axes (4, 5, 6), the contract says 2: B L. Not flattened: x.flatten(1)",
    ),
    "a group of axes": (
        lambda: taking(tuple[Float[Tensor, "*batch L"], Float[Tensor, "*batch L"]])((z(2, 4, 5), z(3, 4, 5))),
        "encode(x[1]): axes *batch are (3, 4), x[0] has *batch = (2, 4)",
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_first_line(name):
    call, expected = MESSAGES[name]
    assert first_line(call) == expected


def first_line(call):
    with pytest.raises(ContractError) as caught:
        call()
    return str(caught.value).splitlines()[0]


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.__name__)
def test_every_cause_is_what_some_message_says(cause, monkeypatch):
    monkeypatch.setattr(causes, "CAUSES", tuple(other for other in CAUSES if other is not cause))
    # The first message that it takes away is enough.
    assert any(first_line(call) != expected for call, expected in MESSAGES.values())


def test_the_lines_below_give_contract_value_bindings_and_caller():
    with pytest.raises(ContractError) as caught:
        MESSAGES["height and width swapped"][0]()
    rest = str(caught.value).splitlines()[1:]
    assert rest[:3] == [
        '  contract: result: Float[Tensor, "B C H W"]',
        "  got: float32 (4, 3, 48, 64)",
        "  bound: B = 4 (x), C = 3 (x), H = 64 (x), W = 48 (x), L = 5 (mu)",
    ]
    assert re.fullmatch(r"  called at: .*test_contracts_messages\.py:\d+ in <lambda>", rest[3])
    assert caught.value.__suppress_context__


def test_the_caller_is_found_behind_torch():
    @checked
    class Encoder(torch.nn.Module):
        def forward(self, x: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3"]:
            return x

    model = torch.nn.Sequential(Encoder())
    line = Path(__file__).read_text().splitlines().index("        model(z(2, 4))  # the call") + 1
    with pytest.raises(ContractError) as caught:
        model(z(2, 4))  # the call
    assert str(caught.value).endswith(f"test_contracts_messages.py:{line} in test_the_caller_is_found_behind_torch")


def test_values_are_told_in_few_words():
    @checked
    def stage(x: int):
        return x

    cases = {
        "'" + "a" * 56 + "...": "a" * 80,
        "list (1, 2, 3, 4, ...)": [1, 2, 3, 4, 5],
        "dict {'mu': float32 (2, 3), 'n': 3}": {"mu": z(2, 3), "n": 3},
    }
    for words, value in cases.items():
        with pytest.raises(ContractError) as caught:
            stage(value)
        assert f"  got: {words}" in str(caught.value).splitlines()


def test_an_axis_that_cannot_be_read_is_named_with_what_reading_it_raised():
    class Stages:
        @checked
        def decode(self, z: Float[Tensor, "B {self.latents}"]) -> Float[Tensor, "B {self.pixels}"]:
            return z

    stages = Stages()
    with pytest.raises(UsageError, match=r"decode: an axis cannot be read: AttributeError: .* 'latents'"):
        stages.decode(z(2, 3))
    stages.latents = 3
    with pytest.raises(UsageError, match=r"decode: an axis cannot be read: AttributeError: .* 'pixels'"):
        stages.decode(z(2, 3))


class _Moody(type):
    """Says what it is told to say, in order, and yes when nothing is left."""

    answers: tuple[bool, ...] = ()

    def __instancecheck__(cls, value: object) -> bool:
        answer, *rest = cls.answers or (True,)
        cls.answers = tuple(rest)
        return answer


class Moody(metaclass=_Moody):
    pass


def test_a_refusal_that_cannot_be_located_still_names_the_stage():
    @checked
    def stage(x: Moody) -> None: ...

    @checked
    def other() -> Moody: ...

    Moody.answers = (False, False)  # jaxtyping asks twice
    with pytest.raises(ContractError, match=r"^stage\(\): the arguments do not fit stage\(x"):
        stage(3)
    Moody.answers = (False,)
    with pytest.raises(ContractError, match=r"^other\(\): the result does not fit other\(\)"):
        other()
