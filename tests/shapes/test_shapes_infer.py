"""Inferred shapes against real forwards, closed forms of convolution arithmetic, and models made to be hard."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import torch
from small_vaes.any_size import SOURCE
from torch import Tensor, nn

from vae_checked.adapters import adapt
from vae_checked.errors import ModelError, UsageError
from vae_checked.shapes import ModelShapes, evaluate, infer
from vae_checked.shapes.domain import Range
from vae_checked.shapes.fit import candidates
from vae_checked.shapes.fold import fold, unfold
from vae_checked.shapes.spec import draw, varied_spec


def built(source: str = SOURCE) -> nn.Module:
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102  the test's own text
    model: nn.Module = names["VAE"]()
    return model


class TwoStage(nn.Module):
    """An encoder and a decoder of given layers, without a posterior."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def decode(self, z: Tensor) -> Tensor:
        out: Tensor = self.decoder(z)
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encoder(x))


def outputs_of(model: nn.Module, shapes: ModelShapes, sizes: dict[str, int]) -> list[tuple[int, ...]]:
    """The shapes of a real forward on zeros and ones of these sizes."""
    spec = varied_spec(shapes.input)
    subject = adapt(copy.deepcopy(model).eval())
    with torch.no_grad():
        output = subject.run(draw(spec, sizes, torch.float32, "cpu"))
    return [tuple(part.tensor.shape) for part in subject.parts(output)]


def accepted_sizes(shapes: ModelShapes, count: int, reach: int, seed: int) -> list[dict[str, int]]:
    """Sizes at random that the inference says are accepted, at most `reach` above the lowest."""
    generator = random.Random(seed)  # noqa: S311  sizes are no secret
    return [
        {
            symbol: generator.choice(
                range(low, min(high or low + reach, low + (2 if symbol == "B" else reach)) + 1, step)
            )
            for symbol, (low, high, step) in shapes.accepted.items()
        }
        for _ in range(count)
    ]


# ------------------------------------------------------------------------------------------------ known answers


def test_every_stage_has_the_laws_of_its_arithmetic() -> None:
    shapes = infer(built(), "B 3 H W")
    # Two convolutions of stride 2 and padding 1 are two ceilings of halves; two doublings follow.
    h, w = "(H+3)//4", "(W+3)//4"
    heads = f"float32[B 6 {h} {w}] of to_mu, float32[B 6 {h} {w}] of to_logvar"
    assert str(shapes.entry("encode")) == f"(float32[B 3 H W]) -> ({heads})"
    assert str(shapes.entry("decode")) == f"(float32[B 6 {h} {w}]) -> float32[B 3 4*({h}) 4*({w})]"
    assert str(shapes.entry("kl")) == f"({heads}) -> float32[B]"
    assert str(shapes.entry("encoder.2")) == f"Conv2d (float32[B 8 (H+1)//2 (W+1)//2]) -> float32[B 14 {h} {w}]"
    assert shapes.constraint == "H % 4 == 0 and W % 4 == 0"
    assert shapes.smallest == "B=1 H=1 W=1"
    assert shapes.latent == f"B 6 {h} {w}"
    assert shapes.how == "meta"
    assert shapes.parameters["to_mu.weight"] == "float32[6 14 1 1]"
    order = [entry.key for entry in shapes.entries]
    assert order.index("encode") < order.index("encoder.0") < order.index("reparameterize") < order.index("decoder.3")


@pytest.mark.parametrize(
    ("layer", "formula"),
    [
        (nn.Conv2d(2, 3, 4, 2, 1), "H//2"),
        (nn.Conv2d(2, 3, 3, 2, 1), "(H+1)//2"),
        (nn.Conv2d(2, 3, 5, 3, 0), "(H-2)//3"),
        (nn.Conv2d(2, 3, 3, 1, 0), "H-2"),
        (nn.Conv2d(2, 3, 7, 5, 3, 2), "(H-2)//5"),
        (nn.MaxPool2d(4), "H//4"),
        (nn.MaxPool2d(3, 2, ceil_mode=True), "(H-2)//2+1"),
        (nn.ConvTranspose2d(2, 3, 4, 2, 1), "2*H"),
        (nn.ConvTranspose2d(2, 3, 3, 3, 1, 2), "3*H"),
        (nn.ConvTranspose2d(2, 3, 5, 2, 0), "2*H+3"),
        (nn.Upsample(scale_factor=2), "2*H"),
        (nn.Sequential(nn.MaxPool2d(16), nn.Upsample(scale_factor=8)), "8*(H//16)"),
        (nn.AdaptiveAvgPool2d(4), "4"),
        (nn.Sequential(nn.Conv2d(2, 3, 3, 2, 1), nn.Conv2d(3, 2, 3, 2, 1), nn.Conv2d(2, 2, 3, 2, 1)), "(H+7)//8"),
    ],
)
def test_one_layer_has_the_law_of_its_arithmetic(layer: nn.Module, formula: str) -> None:
    shapes = infer(layer, "B 2 H W")
    found = shapes.outputs[0].axes[2]
    sizes = range(40, 140)
    expected = [evaluate(formula, {"H": n}) for n in sizes]
    assert [evaluate(found, {"H": n}) for n in sizes] == expected
    assert [layer(torch.zeros(1, 2, n, 40)).shape[2] for n in (41, 64, 90)] == [expected[n - 40] for n in (41, 64, 90)]


def test_a_long_period_is_found_whole() -> None:
    sequence = TwoStage(nn.Conv1d(1, 2, 512, 512), nn.ConvTranspose1d(2, 1, 512, 512))
    shapes = infer(sequence, "B 1 T=1024")
    assert shapes.outputs[0].axes == ("B", "1", "512*(T//512)")
    assert shapes.constraint == "T % 512 == 0"
    assert shapes.smallest == "B=1 T=512"


def test_products_and_sums_of_axes_are_found() -> None:
    class Tokens(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            h = torch.nn.functional.max_pool2d(x, 4)
            tokens = h.flatten(2).transpose(1, 2)
            with_class = torch.cat([tokens[:, :1], tokens], 1)
            joined = torch.cat([x[:, :, :, 0], x[:, :, 0, :]], 2)
            return tokens, with_class, x.flatten(1), x.flatten(0, 2), joined

    shapes = infer(Tokens(), "B 3 H W")
    assert [" ".join(each.axes) for each in shapes.outputs] == [
        "B (H//4)*(W//4) 3",
        "B (H//4)*(W//4)+1 3",
        "B 3*H*W",
        "3*B*H W",
        "B 3 H+W",
    ]


def test_powers_of_one_letter_are_found() -> None:
    shapes = infer(nn.Flatten(), "B 3 N N")
    assert shapes.outputs[0].axes == ("B", "3*N*N")


def test_a_fit_is_among_all_that_agree() -> None:
    points = [{"H": n} for n in (16, 23, 40, 57)]
    found = candidates(points, [8 * (point["H"] // 8) for point in points], ["H"])
    assert str(found[0]) == "8*(H//8)"
    assert candidates(points, [3, 9, 4, 7], ["H"]) == []


# ------------------------------------------------------------------------------------------------ real forwards


def test_the_laws_hold_at_sizes_never_probed() -> None:
    model = built()
    shapes = infer(model, "B 3 H W")
    wrong = [
        sizes
        for sizes in accepted_sizes(shapes, 20, 75, seed=1)
        if [each.at(sizes) for each in shapes.outputs] != outputs_of(model, shapes, sizes)
    ]
    assert wrong == []


def test_a_real_autoencoder_of_diffusers() -> None:
    from diffusers import AutoencoderKL

    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 3, "up_block_types": ("UpDecoderBlock2D",) * 3}
    model = AutoencoderKL(**blocks, block_out_channels=(4, 8, 12), norm_num_groups=4, latent_channels=5)
    shapes = infer(model, "B 3 H W")
    assert shapes.constraint == "H % 4 == 0 and W % 4 == 0"
    assert shapes.latent == "B 5 H//4 W//4"
    attention = shapes.entry("encoder.mid_block.attentions.0.to_q")
    assert attention.gives[0].axes == ("B", "(H//4)*(W//4)", "12")
    wrong = [
        sizes
        for sizes in accepted_sizes(shapes, 20, 40, seed=2)
        if [each.at(sizes) for each in shapes.outputs] != outputs_of(model, shapes, sizes)
    ]
    assert wrong == []


def test_a_full_size_autoencoder_needs_no_memory_for_its_weights() -> None:
    from diffusers import AutoencoderKL

    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    with torch.device("meta"):
        model = AutoencoderKL(**blocks, block_out_channels=(128, 256, 512, 512), layers_per_block=2)
    assert sum(parameter.numel() for parameter in model.parameters()) > 80e6
    shapes = infer(model, "B 3 H W")
    assert shapes.constraint == "H % 8 == 0 and W % 8 == 0"
    assert shapes.smallest == "B=1 H=8 W=8"
    assert shapes.reconstruction == "B 3 8*(H//8) 8*(W//8)"
    assert shapes.without_formula == {}
    # The smallest size is one at which the last downsampling still has a kernel's worth of pixels.
    assert any(crash.startswith("H < 8: encoder.down_blocks.2.downsamplers.0.conv: ") for crash in shapes.crashes)


def test_a_vae_of_pythae_with_its_loss() -> None:
    from pythae.models import VAE, VAEConfig

    shapes = infer(VAE(VAEConfig(input_dim=(1, 14, 14), latent_dim=5)), "B 1 H W")
    assert shapes.constraint == "H == 14 and W == 14"
    assert shapes.latent == "B 5"
    assert str(shapes.entry("loss_function")).endswith("-> (float32[], float32[], float32[])")


class Flat(nn.Module):
    """A VAE whose loss is a function of this module."""

    def __init__(self) -> None:
        super().__init__()
        self.heads, self.decoder = nn.Linear(2 * 5 * 7, 2 * 3), nn.Linear(3, 2 * 5 * 7)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        mu, logvar = self.heads(x.flatten(1)).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return {"x_hat": self.decoder(z).view_as(x), "mu": mu, "logvar": logvar}


def bound_per_sample(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    recon = (recon_x - x).pow(2).sum(dim=(1, 2, 3))
    return recon - 0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(dim=1)


def test_a_loss_beside_the_model_is_found_by_its_name() -> None:
    shapes = infer(Flat(), "B 2 5 7", loss="bound_per_sample")
    assert str(shapes.entry("bound_per_sample")).endswith("-> float32[B]")
    with pytest.raises(UsageError, match=f"loss 'lost' is no method of Flat, and no function of {__name__}"):
        infer(Flat(), "B 2 5 7", loss="lost")


def test_the_reference_is_what_its_annotations_say() -> None:
    from vae_checked.reference import VAE

    shapes = infer(VAE((3, 20, 28), latents=7, base=(5, 7)), "B 3 H=20 W=28")
    assert shapes.constraint == "H == 20 and W == 28"
    assert str(shapes.entry("encode")) == (
        "(float32[B 3 20 28]) -> (float32[B 7] of encoder.fc_mu, float32[B 7] of encoder.fc_logvar)"
    )
    assert [str(each) for each in shapes.entry("recon").gives] == ["float32[B]"]


# ------------------------------------------------------------------------------------------------ hard models


def test_labels_are_drawn_below_their_number() -> None:
    class Conditional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(10, 6)
            self.down = nn.Conv2d(9, 4, 4, 2, 1)

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            e = self.embed(y)[:, :, None, None].expand(-1, -1, *x.shape[2:])
            out: Tensor = self.down(torch.cat([x, e], 1))
            return out

    shapes = infer(Conditional(), "B 3 H W, y: int<10> B")
    assert shapes.outputs[0].axes == ("B", "4", "H//2", "W//2")
    assert str(shapes.entry("embed")) == "Embedding (int64[B]) -> float32[B 6]"


def test_a_mapping_goes_in_whole() -> None:
    class Mapped(nn.Module):
        def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            return {"recon": batch["image"] * 2, "logits": batch["code"][:, :2]}

    shapes = infer(Mapped(), "{image: B 3 H W, code: B 7}")
    assert {each.path: each.axes for each in shapes.outputs} == {
        "output['recon']": ("B", "3", "H", "W"),
        "output['logits']": ("B", "2"),
    }


def test_sequences_and_volumes() -> None:
    sequence = TwoStage(nn.Conv1d(2, 3, 5, 4, 2), nn.ConvTranspose1d(3, 2, 4, 4))
    shapes = infer(sequence, "B 2 T")
    assert shapes.outputs[0].axes == ("B", "2", "4*((T+3)//4)")
    assert shapes.constraint == "T % 4 == 0"
    volume = TwoStage(nn.Conv3d(1, 2, 2, 2), nn.ConvTranspose3d(2, 1, 2, 2))
    shapes = infer(volume, "B 1 D H W")
    assert shapes.outputs[0].axes == ("B", "1", "2*(D//2)", "2*(H//2)", "2*(W//2)")
    assert shapes.constraint == "D % 2 == 0 and H % 2 == 0 and W % 2 == 0"


def test_what_meta_tensors_cannot_hold_is_probed_otherwise_and_said() -> None:
    class OnTheProcessor(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, :4] + torch.ones(4, 1, device="cpu")

    class Counting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, : int(x.new_ones(3).sum())]

    class ByNumpy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.from_numpy(x.numpy()[:, ::3].copy())

    cases = ((OnTheProcessor(), "4", "fake"), (Counting(), "3", "real"), (ByNumpy(), "3", "real"))
    for model, channels, how in cases:
        shapes = infer(model, "B 7 N")
        assert (shapes.outputs[0].axes, shapes.how) == (("B", channels, "N"), how)
        assert any(note.startswith("not probed with meta tensors") for note in shapes.notes)


def test_a_shape_that_depends_on_data_is_no_law_and_the_sizes_are_shown() -> None:
    class Drawn(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten()[x.flatten() > 0.5]

    shapes = infer(Drawn(), "B 2 N")
    assert shapes.how == "real"
    assert shapes.outputs[0].axes == ("?",)
    (table,) = [table for where, table in shapes.without_formula.items() if where.startswith("forward")]
    assert table.count(":") >= 9


def test_two_sizes_that_must_be_one_are_told() -> None:
    class Square(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, 3, 3, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            return x @ x if x.shape[2] == x.shape[3] else self.layer(x[0])[:, :, :, None] @ x

    shapes = infer(Square(), "B 3 H W")
    assert shapes.input == "B 3 H H"
    assert any("W must be H" in note for note in shapes.notes)


def test_a_patch_size_is_the_step_of_what_is_accepted() -> None:
    class Patched(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            b, c, h, w = x.shape
            return x.view(b, c, h // 6, 6, w // 6, 6).flatten(4)

    shapes = infer(Patched(), "B 2 H W")
    assert shapes.smallest == "B=1 H=6 W=6"
    assert any(crash.startswith("H % 6 != 0: forward: ") for crash in shapes.crashes)


def test_a_crash_names_the_layer_that_raises() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 3, 7))
    shapes = infer(model, "B 1 H W")
    # 3 - 1 + 7 = 9 rows are the fewest that both kernels fit into.
    assert shapes.smallest == "B=1 H=9 W=9"
    assert [crash.partition(": ")[2].partition(":")[0] for crash in shapes.crashes] == ["1", "1"]


def test_a_layer_that_runs_twice_has_two_entries() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool = nn.MaxPool2d(2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.pool(self.pool(x))
            return out

    shapes = infer(Twice(), "B 3 H W")
    assert shapes.entry("pool").gives[0].axes[2] == "H//2"
    assert shapes.entry("pool@2").gives[0].axes[2] == "H//4"


def test_the_model_is_neither_called_nor_changed() -> None:
    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(3)
            self.calls: list[int] = []
            self.offset = torch.arange(3.0).view(3, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            self.calls.append(1)
            out: Tensor = self.norm(x) + self.offset
            return out

    model = Watched()
    before = copy.deepcopy(model.state_dict())
    state, attributes = torch.get_rng_state(), set(vars(model.norm))
    shapes = infer(model, "B 3 H W", training=True)
    assert shapes.outputs[0].axes == ("B", "3", "H", "W")
    assert model.calls == []
    assert model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert set(vars(model.norm)) == attributes
    assert torch.equal(model.offset, torch.arange(3.0).view(3, 1, 1))


def test_what_one_pass_leaves_behind_is_not_found_by_the_next() -> None:
    class Caching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last: list[Tensor] = []
            self.by_name: dict[str, Tensor] = {}

        def forward(self, x: Tensor) -> Tensor:
            joined = torch.cat([*self.last, *self.by_name.values(), x], 2)
            self.last.append(x)
            self.by_name["x"] = x
            self.seen = x
            return joined

    shapes = infer(Caching(), "B 3 T")
    assert shapes.outputs[0].axes == ("B", "3", "T")
    assert shapes.crashes == ()


def test_an_attribute_that_cannot_be_copied_is_no_hindrance() -> None:
    import threading

    model = built()
    model.lock = threading.Lock()  # type: ignore[assignment]  # what users do
    assert infer(model, "B 3 H W").constraint == "H % 4 == 0 and W % 4 == 0"


def test_nothing_that_is_accepted_is_one_clear_error() -> None:
    with pytest.raises(ModelError, match=r"no input of the form 'B 3 H W' is accepted: at B=5 H=64 W=96 0: "):
        infer(nn.Sequential(nn.Conv2d(4, 2, 3)), "B 3 H W")


@pytest.mark.parametrize("spec", ["", "3 64", "B 3 H-W", "B 3 0 W", "a b: B 3", "x: B 3, x: B 4", "{B 3 H W}"])
def test_a_specification_that_cannot_be_meant_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="input"):
        varied_spec(spec)


# ------------------------------------------------------------------------------------------------ small parts


def test_folding_keeps_everything() -> None:
    table = {f"blocks.{i}.{j}.conv": "a" if i < 3 else "b" for i in range(5) for j in range(2)} | {"head": "c"}
    folded = fold(table)
    assert folded == {"blocks.{0..2}.{0..1}.conv": "a", "blocks.{3..4}.{0..1}.conv": "b", "head": "c"}
    assert unfold(folded) == table


def test_a_range_holds_its_steps() -> None:
    found = Range("H", 8, 40, 16)
    assert [size for size in range(60) if found.holds(size)] == [8, 24, 40]
    assert list(found.up_to(20)) == [8, 24]
