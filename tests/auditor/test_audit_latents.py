"""The live check of latents in use: helpers that are right, and ten ways in which they are not."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from vae_checked import audit_latents
from vae_checked.errors import FindingsError, UsageError

B, C, H, W = 2, 3, 8, 12
FACTOR, SHIFT = 1.5305, 0.0609


class Posterior:
    def __init__(self, parameters: Tensor) -> None:
        self.parameters = parameters
        self.mean, self.logvar = parameters.chunk(2, dim=1)
        self.std = torch.exp(0.5 * self.logvar)

    def sample(self) -> Tensor:
        return self.mean + self.std * torch.randn_like(self.mean)

    def mode(self) -> Tensor:
        return self.mean


class AutoencoderKL(nn.Module):
    """An autoencoder in the wrappings of those that are loaded: latents of five channels, half as high and as wide."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(C, 10, 2, stride=2), nn.ConvTranspose2d(5, C, 2, stride=2)
        self.config = SimpleNamespace(scaling_factor=FACTOR, shift_factor=SHIFT)

    def encode(self, x: Tensor) -> SimpleNamespace:
        return SimpleNamespace(latent_dist=Posterior(self.down(x)))

    def decode(self, z: Tensor) -> SimpleNamespace:
        return SimpleNamespace(sample=self.up(z))


class Bare(AutoencoderKL):
    """The same, with tensors and tuples in the place of objects."""

    def encode(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return self.down(x)[:, :5]

    def decode(self, z: Tensor) -> tuple[Tensor]:  # type: ignore[override]
        return (self.up(z),)


def helpers(vae: AutoencoderKL) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    def encode(x: Tensor) -> Tensor:
        return (vae.encode(x * 2 - 1).latent_dist.sample() - SHIFT) * FACTOR

    def decode(z: Tensor) -> Tensor:
        return vae.decode(z / FACTOR + SHIFT).sample / 2 + 0.5

    return encode, decode


def pictures() -> Tensor:
    return torch.linspace(0.0, 1.0, B * C * H * W).reshape(B, C, H, W)


def named(encode: Callable[[Tensor], object], decode: Callable[[Tensor], object], vae: object) -> set[str]:
    report = audit_latents(encode, decode, vae=vae, pictures=pictures(), symmetric=True)
    return {finding.code for finding in report.findings}


def test_helpers_that_undo_each_other_are_silent_and_looked_at() -> None:
    vae = AutoencoderKL()
    report = audit_latents(*helpers(vae), vae=vae, pictures=pictures(), symmetric=True)
    assert report.findings == ()
    clean = {code for judgement in report.judgements for code in judgement.clean}
    assert {"VAE701", "VAE702", "VAE704", "VAE707"} <= clean
    report.raise_for_findings()


WRONG: dict[str, tuple[str, Callable[[AutoencoderKL], tuple[object, object]]]] = {
    "scaled behind encode alone": (
        "VAE701",
        lambda vae: (lambda x: vae.encode(x * 2 - 1).latent_dist.mode() * FACTOR, lambda z: vae.decode(z).sample),
    ),
    "scaled before decode alone": (
        "VAE701",
        lambda vae: (lambda x: vae.encode(x * 2 - 1).latent_dist.mode(), lambda z: vae.decode(z / FACTOR).sample),
    ),
    "scaled twice": (
        "VAE701",
        lambda vae: (
            lambda x: vae.encode(x * 2 - 1).latent_dist.mode() * FACTOR,
            lambda z: vae.decode(z * FACTOR).sample,
        ),
    ),
    "the shift forgotten behind encode": (
        "VAE702",
        lambda vae: (
            lambda x: vae.encode(x * 2 - 1).latent_dist.mode() * FACTOR,
            lambda z: vae.decode(z / FACTOR + SHIFT).sample,
        ),
    ),
    "the shift behind the scale": (
        "VAE702",
        lambda vae: (
            lambda x: vae.encode(x * 2 - 1).latent_dist.mode() * FACTOR - SHIFT,
            lambda z: vae.decode(z / FACTOR + SHIFT).sample,
        ),
    ),
    "pictures in [0, 1]": (
        "VAE704",
        lambda vae: (
            lambda x: vae.encode(x).latent_dist.mode() * FACTOR,
            lambda z: vae.decode(z / FACTOR).sample,
        ),
    ),
    "bytes": (
        "VAE704",
        lambda vae: (
            lambda x: vae.encode(x * 255).latent_dist.mode() * FACTOR,
            lambda z: vae.decode(z / FACTOR).sample,
        ),
    ),
    "clamped like pixels": (
        "VAE707",
        lambda vae: (
            lambda x: vae.encode(x * 2 - 1).latent_dist.mode() * FACTOR,
            lambda z: vae.decode(z.clamp(-1, 1) / FACTOR).sample,
        ),
    ),
    "scaled where it lies": (
        "VAE701",
        lambda vae: (
            lambda x: vae.encode(x * 2 - 1).latent_dist.mode() * FACTOR,
            lambda z: vae.decode(z.div_(FACTOR)).sample,
        ),
    ),
    "another channel order of the shift": (
        "VAE702",
        lambda vae: (
            lambda x: (vae.encode(x * 2 - 1).latent_dist.mode() - torch.arange(5.0).view(1, 5, 1, 1)) * FACTOR,
            lambda z: vae.decode(z / FACTOR + torch.arange(5.0).flip(0).view(1, 5, 1, 1)).sample,
        ),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_helpers_that_are_wrong_are_named(name: str) -> None:
    code, make = WRONG[name]
    vae = AutoencoderKL()
    encode, decode = make(vae)
    assert named(encode, decode, vae) == {code}  # type: ignore[arg-type]


def test_tensors_and_tuples_are_followed_like_objects() -> None:
    vae = Bare()
    assert named(lambda x: vae.encode(x * 2 - 1) * FACTOR, lambda z: vae.decode(z / FACTOR)[0], vae) == set()
    assert named(lambda x: vae.encode(x * 2 - 1) * FACTOR, lambda z: vae.decode(z)[0], vae) == {"VAE701"}


def test_what_is_no_affine_map_is_told_to_be_unobserved() -> None:
    vae = AutoencoderKL()
    encode, decode = helpers(vae)
    report = audit_latents(
        lambda x: (encode(x) ** 3).flatten(1),
        lambda z: decode(z.view(B, 5, H // 2, W // 2).abs() ** (1 / 3)),
        vae=vae,
        pictures=pictures(),
    )
    assert report.findings == ()
    assert any("no affine map" in line for line in report.unobserved)


def packed(z: Tensor) -> Tensor:
    """Patches of 2 x 2 as tokens, as transformers take them."""
    return z.view(B, 5, H // 4, 2, W // 4, 2).permute(0, 2, 4, 1, 3, 5).reshape(B, -1, 20)


def unpacked(tokens: Tensor) -> Tensor:
    return tokens.view(B, H // 4, W // 4, 5, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(B, 5, H // 2, W // 2)


@pytest.mark.parametrize(
    ("forth", "back"),
    [
        (lambda z: z.flatten(1), lambda z: z.view(B, 5, H // 2, W // 2)),
        (packed, unpacked),
        # Frames that are encoded as a batch, and are an axis of a video.
        (lambda z: z[None].movedim(1, 2), lambda z: z.movedim(2, 1)[0]),
    ],
)
@pytest.mark.parametrize(
    ("scaled", "undone", "codes"),
    [
        (lambda z: (z - SHIFT) * FACTOR, lambda z: z / FACTOR + SHIFT, set()),
        (lambda z: (z - SHIFT) * FACTOR, lambda z: z / FACTOR, {"VAE702"}),
        (lambda z: z * FACTOR, lambda z: z, {"VAE701"}),
        (lambda z: -z * FACTOR, lambda z: -z / FACTOR, set()),
    ],
)
def test_latents_in_another_order_are_observed(
    forth: Callable[[Tensor], Tensor],
    back: Callable[[Tensor], Tensor],
    scaled: Callable[[Tensor], Tensor],
    undone: Callable[[Tensor], Tensor],
    codes: set[str],
) -> None:
    vae = AutoencoderKL()
    report = audit_latents(
        lambda x: forth(scaled(vae.encode(x * 2 - 1).latent_dist.sample())),
        lambda z: vae.decode(undone(back(z))).sample,
        vae=vae,
        pictures=pictures(),
        symmetric=True,
    )
    assert ({finding.code for finding in report.findings}, report.unobserved) == (codes, ())


def test_the_vae_is_left_as_it_was() -> None:
    vae = AutoencoderKL().train()
    state = {name: value.clone() for name, value in vae.state_dict().items()}
    before, drawn = dict(vars(vae)), torch.get_rng_state()
    audit_latents(*helpers(vae), vae=vae, pictures=pictures())
    assert vars(vae).keys() == before.keys()
    assert vae.training
    assert all(torch.equal(value, state[name]) for name, value in vae.state_dict().items())
    assert torch.equal(torch.get_rng_state(), drawn)


def test_what_raises_leaves_the_vae_as_it_was() -> None:
    vae = AutoencoderKL()
    with pytest.raises(ZeroDivisionError):
        audit_latents(lambda x: 1 / 0, lambda z: z, vae=vae, pictures=pictures())
    assert "encode" not in vars(vae)


@pytest.mark.parametrize(
    ("encode", "decode", "vae", "says"),
    [
        (lambda x: x, lambda z: z, AutoencoderKL(), "does not call vae.encode"),
        (lambda x: x, lambda z: z, object(), "has no method encode"),
    ],
)
def test_what_cannot_be_checked_is_refused(
    encode: Callable[[Tensor], Tensor], decode: Callable[[Tensor], Tensor], vae: object, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        audit_latents(encode, decode, vae=vae, pictures=pictures())


def test_the_fixture_raises_what_was_found(vae_latents: Callable[..., object]) -> None:
    vae = AutoencoderKL()
    encode, decode = helpers(vae)
    vae_latents(encode, decode, vae=vae, pictures=pictures())
    with pytest.raises(FindingsError, match="VAE701"):
        vae_latents(encode, lambda z: vae.decode(z).sample, vae=vae, pictures=pictures())


def test_the_range_of_a_vae_of_ones_own_is_not_known() -> None:
    vae = AutoencoderKL()
    encode, decode = (lambda x: vae.encode(x).latent_dist.mode()), (lambda z: vae.decode(z).sample)
    report = audit_latents(encode, decode, vae=vae, pictures=pictures())
    assert report.findings == ()
    assert "VAE704" in {code for judgement in report.judgements for code in judgement.undecided}


class ByHand(AutoencoderKL):
    """The same, with the parts that helpers call by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.quant_conv = nn.Conv2d(C, 14, 2, stride=2), nn.Conv2d(14, 10, 1)
        self.post_quant_conv, self.decoder = nn.Conv2d(5, 6, 1), nn.ConvTranspose2d(6, C, 2, stride=2)

    def encode(self, x: Tensor) -> SimpleNamespace:
        return SimpleNamespace(latent_dist=Posterior(self.quant_conv(self.encoder(x))))

    def decode(self, z: Tensor) -> SimpleNamespace:
        return SimpleNamespace(sample=self.decoder(self.post_quant_conv(z)))


@pytest.mark.parametrize(("undone", "codes"), [(FACTOR, set()), (1.0, {"VAE701"}), (1 / FACTOR, {"VAE701"})])
def test_parts_that_a_helper_calls_by_hand_are_observed(undone: float, codes: set[str]) -> None:
    vae = ByHand()

    def encode(x: Tensor) -> Tensor:
        mean, _ = vae.quant_conv(vae.encoder(x * 2 - 1)).chunk(2, dim=1)
        return mean * FACTOR

    def decode(z: Tensor) -> Tensor:
        return vae.decoder(vae.post_quant_conv(z / undone))

    assert named(encode, decode, vae) == codes
    assert named(encode, lambda z: vae.decode(z / undone).sample, vae) == codes
    assert named(lambda x: vae.encode(x * 2 - 1).latent_dist.mode() * FACTOR, decode, vae) == codes


def test_the_parts_of_a_vae_are_left_as_they_were() -> None:
    vae = ByHand()
    before = [dict(vars(part)) for part in (vae, *vae.children())]
    encode, decode = helpers(vae)
    named(encode, decode, vae)
    assert [dict(vars(part)) for part in (vae, *vae.children())] == before


def test_the_range_is_seen_where_parts_are_called_by_hand() -> None:
    vae = ByHand()

    def encode(x: Tensor) -> Tensor:
        return vae.quant_conv(vae.encoder(x)).chunk(2, dim=1)[0]

    assert named(encode, lambda z: vae.decoder(vae.post_quant_conv(z)), vae) == {"VAE704"}


@pytest.mark.parametrize(("undone", "codes"), [(FACTOR, set()), (1.0, {"VAE701"})])
def test_a_batch_in_slices_is_put_together(undone: float, codes: set[str]) -> None:
    vae = AutoencoderKL()

    def encode(x: Tensor) -> Tensor:
        return torch.cat([vae.encode(each * 2 - 1).latent_dist.sample() * FACTOR for each in x.split(1)])

    def decode(z: Tensor) -> Tensor:
        return torch.cat([vae.decode(each / undone).sample for each in z.split(1)])

    assert named(encode, decode, vae) == codes


@pytest.mark.parametrize(("undone", "codes"), [(FACTOR, set()), (1.0, {"VAE701"})])
def test_an_axis_of_one_frame_is_no_other_shape(undone: float, codes: set[str]) -> None:
    vae = AutoencoderKL()

    def encode(x: Tensor) -> Tensor:
        return (vae.encode(x * 2 - 1).latent_dist.sample() * FACTOR)[:, :, None]

    def decode(z: Tensor) -> Tensor:
        return vae.decode(z[:, :, 0] / undone).sample

    assert named(encode, decode, vae) == codes
