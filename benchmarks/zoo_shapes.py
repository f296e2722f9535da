"""What bench_shapes.py measures: every autoencoder of diffusers at its default size, pythae's, the reference, others'.

A large class has a small configuration beside the default one: of that the real forwards are run.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any

import zoo
import zoo_wild

IMAGE, VIDEO = "B 3 H W", "B 3 D H W"
DIFFUSERS = "diffusers.models.autoencoders"
BLOCKS = {"down_block_types": (zoo.DOWN,) * 4, "up_block_types": (zoo.UP,) * 4}
SDXL = BLOCKS | {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "norm_num_groups": 32}
TINY_MASK = [[True] * 37] * 147


@dataclasses.dataclass(frozen=True)
class Case:
    """One model: how it is built, at full size and small, and the specification of its input.

    `without_data`: it can be built on the meta device, which takes no memory. `gradients`: its forward may
    differentiate. `remark` is what a user must do first.
    """

    name: str
    build: Callable[[], Any]
    spec: str
    small: Callable[[], Any] | None = None
    without_data: bool = True
    gradients: bool = False
    remark: str = ""


def lettered(spec: str) -> str:
    """A specification of fixed sizes with letters for the axes behind the channels: `B 3 32 48` is `B 3 H=32 W=48`."""
    axes = spec.split()
    letters = {1: "T", 2: "HW", 3: "DHW"}.get(len(axes) - 2, "") if axes[0] == "B" and "," not in spec else ""
    return " ".join([*axes[:2], *(f"{letter}={size}" for letter, size in zip(letters, axes[2:], strict=True))])


def small_of(kind: str, calls: tuple[str, ...]) -> Callable[[], Any] | None:
    """The small configuration of a class of diffusers, where the zoo has one."""
    found = [model for model in zoo.GAUSSIAN if model.library == DIFFUSERS and model.kind == kind]
    found += [model for model in SMALL if model.kind == kind]
    return (lambda: prepared(found[0].build(), calls)) if found else None


def prepared(model: Any, calls: tuple[str, ...]) -> Any:
    """The model after the methods were called that its documentation asks for."""
    for call in calls:
        getattr(model, call)()
    return model


def of_diffusers(kind: str, spec: str, *, calls: tuple[str, ...] = (), data: bool = False, **config: Any) -> Case:
    """A class of diffusers with its default configuration, or the one given where it has none."""

    def build() -> Any:
        return prepared(getattr(importlib.import_module(DIFFUSERS), kind)(**config), calls)

    remark = f"after {', '.join(f'{call}()' for call in calls)}" if calls else ""
    return Case(f"diffusers {kind}", build, spec, small_of(kind, calls), not data, remark=remark)


SMALL = (
    zoo.diffusers(
        "AutoencoderDC",
        IMAGE,
        latent_channels=4,
        encoder_block_out_channels=(16, 32, 32),
        decoder_block_out_channels=(16, 32, 32),
        attention_head_dim=8,
        encoder_block_types=("ResBlock", "ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "ResBlock", "EfficientViTBlock"),
        encoder_layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        encoder_qkv_multiscales=((), (), (5,)),
        decoder_qkv_multiscales=((), (), (5,)),
        decoder_norm_types=("rms_norm",) * 3,
        decoder_act_fns=("silu",) * 3,
    ),
    zoo.diffusers(
        "AutoencoderKLCosmos",
        VIDEO,
        latent_channels=4,
        encoder_block_out_channels=(8, 8, 16, 16),
        decode_block_out_channels=(8, 8, 16, 16),
        num_layers=1,
    ),
)

OF_DIFFUSERS = (
    Case("SDXL-sized AutoencoderKL", lambda: importlib.import_module(DIFFUSERS).AutoencoderKL(**SDXL), IMAGE),
    of_diffusers("AsymmetricAutoencoderKL", IMAGE),
    of_diffusers("AutoencoderDC", IMAGE),
    of_diffusers("AutoencoderKL", IMAGE),
    of_diffusers("AutoencoderKLAllegro", VIDEO, calls=("enable_tiling",)),
    of_diffusers("AutoencoderKLCogVideoX", VIDEO),
    of_diffusers("AutoencoderKLCosmos", VIDEO),
    of_diffusers("AutoencoderKLFlux2", IMAGE),
    of_diffusers(
        "AutoencoderKLHunyuanImage",
        IMAGE,
        in_channels=3,
        out_channels=3,
        latent_channels=64,
        block_out_channels=(128, 256, 512, 512, 1024, 1024),
        layers_per_block=2,
        spatial_compression_ratio=32,
        sample_size=384,
    ),
    of_diffusers("AutoencoderKLHunyuanImageRefiner", VIDEO),
    of_diffusers("AutoencoderKLHunyuanVideo", VIDEO),
    of_diffusers("AutoencoderKLHunyuanVideo15", VIDEO),
    of_diffusers("AutoencoderKLKVAE", IMAGE),
    of_diffusers("AutoencoderKLKVAEAudio", "B 1 T=4800"),
    of_diffusers("AutoencoderKLKVAEVideo", VIDEO),
    of_diffusers("AutoencoderKLLTX2Audio", "B 2 T M=64"),
    of_diffusers("AutoencoderKLLTX2Video", VIDEO),
    of_diffusers("AutoencoderKLLTXVideo", VIDEO),
    of_diffusers("AutoencoderKLMagvit", VIDEO),
    of_diffusers("AutoencoderKLMiniMaxH3", "B 3 D=34 H=64 W=96"),
    of_diffusers("AutoencoderKLMiniMaxH3Audio", "B 1 T=16000"),
    of_diffusers("AutoencoderKLMochi", VIDEO),
    of_diffusers("AutoencoderKLQwenImage", VIDEO),
    of_diffusers("AutoencoderKLQwenImage21", "B 4 1 H W"),
    of_diffusers("AutoencoderKLTemporalDecoder", IMAGE),
    of_diffusers("AutoencoderKLWan", VIDEO),
    of_diffusers("AutoencoderOobleck", "B 2 T=4096"),
    of_diffusers("AutoencoderRAE", IMAGE),
    of_diffusers("AutoencoderSAME", "B 2 T=16384"),
    of_diffusers("AutoencoderTiny", IMAGE),
    of_diffusers("AutoencoderVidTok", VIDEO),
    of_diffusers("ConsistencyDecoderVAE", "B 3 H=16 W=24", data=True),
    of_diffusers("Cosmos3AVAEAudioTokenizer", "B 2 T=9600"),
    of_diffusers("Kandinsky6SRVAE", VIDEO),
    of_diffusers("LongCatAudioDiTVae", "B 1 T=16384"),
    of_diffusers("MMAudioVAE", "B T=20480"),
    of_diffusers("MMAudioVocoder", "B 128 T"),
    of_diffusers("MiniMaxMusic3Vocoder", "B 128 T"),
    of_diffusers("LTX2VideoDiffusionDecoderModel", "B 128 D=4 H=8 W=12"),
    of_diffusers(
        "RFD4ProteinaAutoencoder",
        "z_latent: B N 32, ca_coors_nm: B N 3, padding_mask: int<2> B N",
        atom37_mask=TINY_MASK,
        allowed_residue_types=[[True] * 147] * 7,
    ),
    of_diffusers("VQModel", IMAGE),
)


def of_pythae() -> tuple[Case, ...]:
    """Every model of pythae with the library's own layers at 28 by 28, its constructor's defaults otherwise."""
    small = {model.kind: model.config for model in zoo.GAUSSIAN if model.library == "pythae.models"}
    models = importlib.import_module("pythae.models")
    cases = []
    for kind, found in sorted(vars(models).items()):
        if not inspect.isclass(found) or not hasattr(found, "loss_function") or kind in ("BaseAE", "AutoModel"):
            continue
        settings = {key: value for key, value in small.get(kind, {}).items() if key not in ("input_dim", "latent_dim")}
        settings = {"input_dim": (1, 28, 28), "latent_dim": 10} | settings
        case = zoo.Model("pythae.models", kind, settings, None)
        # Their constructors compute with what they build, so that their data exist; they are small.
        cases.append(Case(f"pythae {kind}", case.build, "B 1 H=28 W=28", without_data=False, gradients=True))
    return tuple(cases)


# The specification of those that take several tensors, or a batch of one size.
SEVERAL = {
    "hacknseek/VAE-CVAE-MNIST": "B 1 28 28, int<10> B",
    "howardlau1999/mnist-vae-pytorch": "B 1 28 28, B 10",
    "kiritonfan/An-interpretable-causal-variational-autoencoder": "B=16 39, B 3",
    "Prasanna1991/pytorch-vae": "B=64 784",
    "unnir/cVAE": "B 784, B 10",
    "zfjsail/gae-pytorch": "N=20 10, N N",
    "Zyffff999/CAVAD-Correlation-aware-Variational-Autoencoder-for-Zero-day-attack-detection": "int<256> B 16 256",
}


def of_repositories(folder: str) -> tuple[Case, ...]:
    """The models of public repositories, built from their checkouts below `folder`."""
    return tuple(
        Case(
            recipe.name,
            lambda recipe=recipe: recipe.build(folder, 0),
            SEVERAL.get(recipe.name) or lettered(recipe.takes),
            without_data=False,
        )
        for recipe in zoo_wild.RECIPES
    )


def cases(folder: str | None, words: list[str]) -> tuple[Case, ...]:
    """The models of the table, or those of whose name a part matches one of `words`."""
    reference = zoo.GAUSSIAN[0]
    found = (
        Case("reference VAE", reference.build, "B 3 H=32 W=48", without_data=False),
        *OF_DIFFUSERS,
        *of_pythae(),
        *(of_repositories(folder) if folder else ()),
    )
    return tuple(case for case in found if not words or any(re.search(word, case.name) for word in words))
