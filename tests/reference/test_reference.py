"""The reference VAE against closed forms, hand-computed numbers, torch.distributions and the seed's own example."""

from __future__ import annotations

import math

import pytest
import torch
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st
from small_vaes.digits import DIGITS
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from vae_checked import reference
from vae_checked.errors import ContractError, UsageError
from vae_checked.facts import Interval
from vae_checked.reference import VAE, ConvDecoder, Encoder, MLPDecoder, Output, Upsampling, mlp_features
from vae_checked.reference.decoder import doublings, reachable

DRAWN = drawn(25)
SEED_EXAMPLE = {"B": 4, "H": 64, "W": 64, "C": 3, "L": 128}


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def distinct(*names: str, high: int = 11) -> st.SearchStrategy[dict[str, int]]:
    """One size per name, from 1 to `high`, no two alike."""
    return st.lists(st.integers(1, high), min_size=len(names), max_size=len(names), unique=True).map(
        lambda sizes: dict(zip(names, sizes, strict=True))
    )


# ------------------------------------------------------------------------------------------- the seed's example


@pytest.mark.parametrize("decoder", ["transposed", "nearest", "mlp"])
@pytest.mark.parametrize("base_channels", [128, 256])
def test_seed_example_has_the_seeds_shapes(decoder: str, base_channels: int) -> None:
    B, H, W, C, L = SEED_EXAMPLE.values()
    x_hw3 = torch.randint(0, 256, (B, H, W, C), dtype=torch.uint8, generator=generator(0))
    model = VAE((C, H, W), latents=L, decoder=decoder, base_channels=base_channels)
    x = reference.from_images(x_hw3)
    mu, logvar = model.encode(x)
    z = model.reparameterize(mu, logvar)
    x_logits = model.decode(z)
    recon, kl = model.recon(x_logits, x), model.kl(mu, logvar)
    shapes = {"x": x, "mu": mu, "logvar": logvar, "z": z, "x_logits": x_logits, "recon": recon, "kl": kl}
    assert {name: tuple(tensor.shape) for name, tensor in shapes.items()} == {
        "x": (4, 3, 64, 64),
        "mu": (4, 128),
        "logvar": (4, 128),
        "z": (4, 128),
        "x_logits": (4, 3, 64, 64),
        "recon": (4,),
        "kl": (4,),
    }
    assert model.loss_function(x_logits, x, mu, logvar).shape == ()


def test_the_default_model_is_the_seeds() -> None:
    model = VAE()
    assert model.shape == (3, 64, 64)
    assert model.latents == 128
    assert model.decoder.base == (128, 4, 4)
    assert sum(isinstance(layer, torch.nn.ConvTranspose2d) for layer in model.modules()) == 4


@pytest.mark.parametrize("upsampling", list(Upsampling))
@pytest.mark.parametrize("base_channels", [128, 256])
def test_the_conv_decoder_doubles_4_to_64(upsampling: Upsampling, base_channels: int) -> None:
    decoder = ConvDecoder((3, 64, 64), latents=7, base_channels=base_channels, upsampling=upsampling)
    sides = []
    for layer in decoder.modules():
        if isinstance(layer, (torch.nn.ConvTranspose2d, torch.nn.Upsample)):
            layer.register_forward_hook(lambda _layer, _inputs, output: sides.append(tuple(output.shape[-2:])))
    assert decoder(torch.zeros(2, 7)).shape == (2, 3, 64, 64)
    assert sides == [(8, 8), (16, 16), (32, 32), (64, 64)]


# ----------------------------------------------------------------------------------------------------- layout


def test_to_nchw_moves_elements() -> None:
    x_nhwc = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    x = reference.to_nchw(x_nhwc)
    assert x.shape == (2, 5, 3, 4)
    assert x.is_contiguous()
    assert x[1, 2, 0, 3].item() == x_nhwc[1, 0, 3, 2].item() == 1 * 60 + 0 * 20 + 3 * 5 + 2


@DRAWN
@given(distinct("B", "C", "H", "W"))
def test_layout_round_trip(sizes: dict[str, int]) -> None:
    x_nhwc = torch.rand(sizes["B"], sizes["H"], sizes["W"], sizes["C"], generator=generator(1))
    x = reference.to_nchw(x_nhwc)
    assert x.shape == (sizes["B"], sizes["C"], sizes["H"], sizes["W"])
    assert torch.equal(reference.to_nhwc(x), x_nhwc)


def test_bytes_become_the_unit_interval() -> None:
    assert reference.to_unit(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx([0.0, 0.2, 1.0])


def test_unit_floats_stay_what_they_are() -> None:
    x = torch.tensor([0.0, 0.25, 1.0])
    assert torch.equal(reference.to_unit(x), x)


@pytest.mark.parametrize("values", [[0.0, 255.0], [-0.01, 0.5], [0.5, 1.01], [0.5, math.nan]])
def test_floats_outside_the_unit_interval_are_refused(values: list[float]) -> None:
    with pytest.raises(ContractError, match=r"to_unit\(x\): x lies in .*says \[0, 1\]"):
        reference.to_unit(torch.tensor(values))


def test_symmetric_range() -> None:
    assert reference.to_symmetric(torch.tensor([0.0, 0.25, 1.0])).tolist() == [-1.0, -0.5, 1.0]


def test_bytes_and_floats_of_one_image_are_one_input() -> None:
    bytes_ = torch.randint(0, 256, (2, 5, 7, 3), dtype=torch.uint8, generator=generator(2))
    torch.testing.assert_close(reference.from_images(bytes_), reference.from_images(bytes_.float() / 255))


# -------------------------------------------------------------------------------------------------- posterior


@DRAWN
@given(distinct("B", "L"), st.integers(0, 2**31))
def test_kl_is_that_of_torch_distributions(sizes: dict[str, int], seed: int) -> None:
    draw = torch.randn(2, sizes["B"], sizes["L"], dtype=torch.float64, generator=generator(seed))
    mu, logvar = 2 * draw[0], 1.5 * draw[1]
    expected = kl_divergence(Normal(mu, logvar.exp().sqrt()), Normal(0.0, 1.0)).sum(dim=1)
    kl = reference.kl_divergence(mu, logvar)
    assert kl.shape == (sizes["B"],)
    torch.testing.assert_close(kl, expected)


def test_kl_by_hand() -> None:
    mu = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, -2.0]])
    logvar = torch.tensor([[0.0, 0.0], [0.0, math.log(4.0)], [math.log(0.25), 0.0]])
    # 0;  9/2 + (4 - 1 - ln 4)/2;  (1/4 - 1 + ln 4)/2 + 4/2
    assert reference.kl_divergence(mu, logvar).tolist() == pytest.approx([0.0, 5.3068528, 2.3181472])


def test_kl_keeps_its_digits_near_the_prior() -> None:
    logvar = torch.tensor([[1e-3]])
    assert reference.kl_divergence(torch.zeros(1, 1), logvar).item() == pytest.approx(1e-6 / 4, rel=1e-3)


def test_std_by_hand() -> None:
    logvar = torch.tensor([-2.0, 0.0, math.log(9.0)])
    assert reference.std_of(logvar).tolist() == pytest.approx([math.exp(-1.0), 1.0, 3.0])


def test_samples_have_the_posteriors_moments() -> None:
    # 200,000 draws a latent; 6 standard errors: false alarm below 1e-7 over both latents and both moments
    count = 200_000
    mu = torch.tensor([[1.5, -0.5]]).expand(count, 2)
    logvar = torch.tensor([[-1.0, math.log(4.0)]]).expand(count, 2)
    torch.manual_seed(3)
    z = reference.reparameterize(mu, logvar)
    for column, (mean, std) in enumerate([(1.5, math.exp(-0.5)), (-0.5, 2.0)]):
        assert z[:, column].mean().item() == pytest.approx(mean, abs=6 * std / math.sqrt(count))
        assert z[:, column].std().item() == pytest.approx(std, abs=6 * std / math.sqrt(2 * count))


def test_both_heads_get_a_gradient() -> None:
    mu = torch.full((2, 3), 0.7, requires_grad=True)
    logvar = torch.full((2, 3), -0.4, requires_grad=True)
    torch.manual_seed(4)
    z = reference.reparameterize(mu, logvar)
    z.sum().backward()
    assert torch.equal(mu.grad, torch.ones(2, 3))
    torch.testing.assert_close(logvar.grad, 0.5 * (z - mu).detach())


# ----------------------------------------------------------------------------------------------------- losses


@DRAWN
@given(distinct("B", "C", "H", "W"), st.integers(0, 2**31))
def test_recon_is_the_likelihood_of_torch_distributions(sizes: dict[str, int], seed: int) -> None:
    shape = (sizes["B"], sizes["C"], sizes["H"], sizes["W"])
    x = torch.rand(shape, generator=generator(seed), dtype=torch.float64)
    x_logits = torch.randn(shape, generator=generator(seed + 1), dtype=torch.float64)
    x_hat = x_logits.sigmoid()
    gaussian = Independent(Normal(x_hat, math.sqrt(0.5)), 3).log_prob(x)
    constant = 0.5 * math.log(math.pi) * x[0].numel()
    torch.testing.assert_close(reference.squared_error(x_hat, x), -gaussian - constant)
    binary = (x > 0.5).double()
    bernoulli = Independent(Bernoulli(probs=x_hat), 3).log_prob(binary)
    torch.testing.assert_close(reference.bce_with_logits(x_logits, binary), -bernoulli)


def test_losses_by_hand() -> None:
    x = torch.tensor([[[[0.0, 1.0]]], [[[0.5, 0.25]]]])
    x_hat = torch.tensor([[[[0.5, 0.0]]], [[[0.5, 0.75]]]])
    assert reference.squared_error(x_hat, x).tolist() == pytest.approx([1.25, 0.25])
    x_logits = torch.tensor([[[[0.0, math.log(3.0)]]], [[[0.0, 0.0]]]])
    # ln 2 + ln(4/3);  2 ln 2
    assert reference.bce_with_logits(x_logits, x).tolist() == pytest.approx([0.9808293, 1.3862944])
    recon, kl = torch.tensor([1.0, 2.0]), torch.tensor([4.0, 8.0])
    assert reference.vae_loss(recon, kl).item() == pytest.approx(7.5)
    assert reference.vae_loss(recon, kl, 0.25).item() == pytest.approx(3.0)
    assert reference.vae_loss(recon, kl, beta=0.0).item() == pytest.approx(1.5)


def test_the_models_loss_is_the_sum_of_its_stages() -> None:
    model = VAE((1, 8, 12), latents=5, decoder="mlp", output="tanh", beta=3.0)
    x = reference.to_symmetric(torch.rand(2, 1, 8, 12, generator=generator(5)))
    torch.manual_seed(6)
    x_hat, mu, logvar = model(x)
    kl = kl_divergence(Normal(mu, torch.exp(logvar / 2)), Normal(0.0, 1.0)).sum(dim=1)
    expected = ((x_hat - x).square().sum(dim=(1, 2, 3)) + 3.0 * kl).mean()
    torch.testing.assert_close(model.loss_function(x_hat, x, mu, logvar), expected)


# ------------------------------------------------------------------------------------------ encoder and decoder


@pytest.mark.parametrize("body", ["conv", "mlp"])
@drawn(12)
@given(distinct("B", "C", "H", "W", "L", high=13))
def test_encoders_and_mlp_decoder_take_any_size(body: str, sizes: dict[str, int]) -> None:
    shape = (sizes["C"], sizes["H"], sizes["W"])
    model = VAE(shape, latents=sizes["L"], hidden=6, encoder=body, decoder="mlp")
    x = torch.rand(sizes["B"], *shape, generator=generator(7))
    x_logits, mu, logvar = model(x)
    assert x_logits.shape == x.shape
    assert mu.shape == logvar.shape == (sizes["B"], sizes["L"])
    assert model.recon(x_logits, x).shape == model.kl(mu, logvar).shape == (sizes["B"],)


@pytest.mark.parametrize("decoder", list(Upsampling))
@drawn(12)
@given(distinct("B", "C", "H0", "W0", "L", high=6), st.integers(0, 3))
def test_conv_decoders_make_every_doubling_of_their_base(decoder: str, sizes: dict[str, int], steps: int) -> None:
    base = (sizes["H0"], sizes["W0"])
    shape = (sizes["C"], base[0] * 2**steps, base[1] * 2**steps)
    model = VAE(shape, latents=sizes["L"], hidden=6, decoder=decoder, base=base, base_channels=16)
    assert model.decode(torch.zeros(sizes["B"], sizes["L"])).shape == (sizes["B"], *shape)


def test_a_size_that_doubling_cannot_reach_is_refused_with_those_it_can() -> None:
    with pytest.raises(UsageError, match=r"4x4 cannot produce 48x64; it can produce 4x4, 8x8, 16x16, 32x32, 64x64, 1"):
        VAE((3, 48, 64))
    with pytest.raises(UsageError, match=r"3x5 cannot produce 12x10; it can produce 3x5, 6x10, 12x20"):
        ConvDecoder((3, 12, 10), latents=2, base=(3, 5))


@DRAWN
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 200), st.integers(1, 200))
def test_reachable_is_what_doublings_accepts(height0: int, width0: int, height: int, width: int) -> None:
    base, size = (height0, width0), (height, width)
    steps = next((n for n in range(9) if (height0 * 2**n, width0 * 2**n) == size), None)
    assert (size in reachable(base)) == (steps is not None)
    if steps is None:
        with pytest.raises(UsageError, match=f"cannot produce {height}x{width}"):
            doublings(base, size)
    else:
        assert doublings(base, size) == steps


@pytest.mark.parametrize("output", list(Output))
@pytest.mark.parametrize("decoder", ["mlp", "transposed"])
def test_the_output_keeps_to_its_interval_and_fills_it(output: Output, decoder: str) -> None:
    model = VAE((1, 8, 4), latents=5, decoder=decoder, base=(2, 1), base_channels=16, output=output)
    with torch.no_grad():
        x_hat = model.decode(1000 * torch.randn(50, 5, generator=generator(8)))
    reached = Interval(x_hat.min().item(), x_hat.max().item())
    assert output.interval.contains(reached)
    assert reached.width > (1.9 if output is Output.TANH else 0.9)


@pytest.mark.parametrize(("name", "value"), [("encoder", "cnn"), ("decoder", "conv"), ("output", "relu")])
def test_an_unknown_choice_is_refused_with_those_there_are(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=rf"{name} is '{value}': choose one of .*(conv|transposed|sigmoid)"):
        VAE(**{name: value})


@pytest.mark.parametrize("shape", [(2, 8, 6, 3), (2, 3, 6, 8), (2, 1, 8, 6), (3, 8, 6)])
def test_the_encoder_refuses_an_image_of_another_shape(shape: tuple[int, ...]) -> None:
    encoder = Encoder(mlp_features((3, 8, 6), 4), shape=(3, 8, 6), hidden=4, latents=5)
    with pytest.raises(TypeError):
        encoder(torch.zeros(shape))
    assert encoder(torch.zeros(2, 3, 8, 6))[0].shape == (2, 5)


def test_the_decoder_refuses_a_latent_of_another_size() -> None:
    decoder = MLPDecoder((1, 4, 6), latents=5, hidden=7)
    with pytest.raises(TypeError):
        decoder(torch.zeros(2, 6))
    assert decoder(torch.zeros(2, 5)).shape == (2, 1, 4, 6)


# ---------------------------------------------------------------------------------------------------- training


@pytest.mark.parametrize(
    "choice",
    [
        {"encoder": "mlp", "decoder": "mlp", "output": "logits"},
        {"encoder": "conv", "decoder": "transposed", "output": "sigmoid", "base": (2, 2), "beta": 0.1},
        {"encoder": "conv", "decoder": "nearest", "output": "tanh", "base": (2, 2), "beta": 0.3},
    ],
    ids=lambda choice: choice["output"],
)
def test_training_on_digits_decreases_the_loss(choice: dict[str, object]) -> None:
    torch.manual_seed(9)
    x = reference.from_images(DIGITS[:512].view(-1, 8, 8, 1))
    if choice["output"] == "tanh":
        x = reference.to_symmetric(x)
    model = VAE((1, 8, 8), latents=6, hidden=64, **choice)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def loss_of_all() -> float:
        with torch.no_grad():
            output, mu, logvar = model(x)
            return model.loss_function(output, x, mu, logvar).item()

    before = loss_of_all()
    for batch in x[torch.randint(len(x), (120, 64), generator=generator(10))]:
        optimizer.zero_grad()
        output, mu, logvar = model(batch)
        model.loss_function(output, batch, mu, logvar).backward()
        optimizer.step()
    after = loss_of_all()
    with torch.no_grad():
        _, mu, logvar = model(x)
    assert after < 0.85 * before
    assert model.kl(mu, logvar).mean().item() > 0.1  # the latents carry something: no collapse into a mean image
    assert model.sample(3).shape == (3, 1, 8, 8)


def test_samples_lie_in_the_range_of_the_data() -> None:
    torch.manual_seed(11)
    for output, low in (("logits", 0.0), ("sigmoid", 0.0), ("tanh", -1.0)):
        images = VAE((2, 4, 6), latents=3, encoder="mlp", decoder="mlp", output=output).sample(7)
        assert images.shape == (7, 2, 4, 6)
        assert low <= images.min().item() <= images.max().item() <= 1.0
