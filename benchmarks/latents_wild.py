"""audit_latents on helpers of public projects: `python benchmarks/latents_wild.py FOLDER`.

FOLDER holds checkouts, one at OWNER__NAME each; nothing is fetched, and what is not there is said. Of a project the
functions named below are run, taken from their file by themselves: neither the project nor what it needs is imported.
"""

from __future__ import annotations

import ast
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked import AuditReport, audit_latents
from vae_checked.errors import UsageError

FACTOR = 0.18215
B, C, H, W = 2, 3, 48, 64


class Posterior:
    """The posterior of a loaded VAE."""

    def __init__(self, parameters: Tensor) -> None:
        self.parameters = parameters
        self.mean, self.logvar = parameters.chunk(2, dim=1)
        self.std = torch.exp(0.5 * self.logvar)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """A draw."""
        return self.mean + self.std * torch.randn(self.mean.shape, generator=generator)

    def mode(self) -> Tensor:
        """The mean."""
        return self.mean


class Output(dict[str, Any]):
    """What a call of a loaded VAE returns: attributes, items by name, and items by number."""

    __getattr__ = dict.__getitem__

    def __getitem__(self, key: str | int) -> Any:
        """An item by its name, or by its place."""
        return list(self.values())[key] if isinstance(key, int) else super().__getitem__(key)


class AutoencoderKL(nn.Module):
    """A VAE of the shape of those that are loaded, with few parameters; `bare` returns tensors, as those of LDM do."""

    def __init__(self, bare: bool = False) -> None:
        super().__init__()
        self.encoder, self.quant_conv = nn.Conv2d(C, 8, 8, stride=8), nn.Conv2d(8, 8, 1)
        self.post_quant_conv, self.decoder = nn.Conv2d(4, 4, 1), nn.ConvTranspose2d(4, C, 8, stride=8)
        self.config = SimpleNamespace(scaling_factor=FACTOR, shift_factor=None)
        self.dtype, self.bare = torch.float32, bare

    def encode(self, x: Tensor, return_dict: bool = True) -> Any:
        """The posterior of pictures in [-1, 1]."""
        posterior = Posterior(self.quant_conv(self.encoder(x)))
        return posterior if self.bare else Output(latent_dist=posterior)

    def decode(self, z: Tensor, return_dict: bool = True) -> Any:
        """The pictures of latents."""
        x = self.decoder(self.post_quant_conv(z))
        return x if self.bare else Output(sample=x) if return_dict else (x,)


def rearrange(x: Tensor, pattern: str, **sizes: int) -> Tensor:
    """Frames as pictures, and back, as the patterns of einops say."""
    before, _, after = (part.strip().lower() for part in pattern.partition("->"))
    if before == "b c t h w" and after == "(b t) c h w":
        return x.transpose(1, 2).flatten(0, 1)
    if before == "(b t) c h w" and after == "b c t h w":
        return x.unflatten(0, (sizes["B"], -1)).transpose(1, 2)
    moved = {"f h w c -> f c h w": (0, 3, 1, 2)}[f"{before} -> {after}"]
    return x.permute(*moved)


@dataclass(frozen=True)
class Helpers:
    """The helpers of one project: its folder, the files, the class or none, the two functions, and how they are called.

    `encode` and `decode` call the functions, which are attributes of what they are given first, as are `vae` and what
    else the functions expect of their owner.
    """

    project: str
    path: str
    cls: str
    functions: tuple[str, ...]
    encode: Callable[[Any, Tensor], Any]
    decode: Callable[[Any, Any], Any]
    bare: bool = False


HELPERS = (
    Helpers(
        "ashawkey__stable-dreamfusion", "guidance/sd_utils.py", "StableDiffusion", ("encode_imgs", "decode_latents"),
        lambda own, x: own.encode_imgs(x), lambda own, z: own.decode_latents(z),
    ),
    Helpers(
        "threestudio-project__threestudio", "threestudio/models/guidance/stable_diffusion_guidance.py",
        "StableDiffusionGuidance", ("encode_images", "decode_latents"),
        lambda own, x: own.encode_images(x), lambda own, z: own.decode_latents(z, z.shape[2], z.shape[3]),
    ),
    Helpers(
        "prs-eth__Marigold", "marigold/marigold_depth_pipeline.py", "MarigoldDepthPipeline",
        ("encode_rgb", "decode_depth"), lambda own, x: own.encode_rgb(x * 2 - 1), lambda own, z: own.decode_depth(z),
    ),
    Helpers(
        "Lightricks__LTX-Video", "ltx_video/models/autoencoders/vae_encode.py", "",
        ("vae_encode", "vae_decode", "_run_decoder", "normalize_latents", "un_normalize_latents"),
        lambda own, x: own.vae_encode(x * 2 - 1, own.vae), lambda own, z: own.vae_decode(z, own.vae),
    ),
    Helpers(
        "magic-research__magic-animate", "magicanimate/pipelines/pipeline_animation.py", "AnimationPipeline",
        ("images2latents", "decode_latents"),
        lambda own, x: own.images2latents((x * 255).permute(0, 2, 3, 1).numpy(), torch.float32),
        lambda own, z: own.vae.decode(1 / FACTOR * z).sample,
    ),
    Helpers(
        "XPixelGroup__DiffBIR", "diffbir/model/cldm.py", "ControlLDM", ("vae_encode", "vae_decode"),
        lambda own, x: own.vae_encode(x * 2 - 1), lambda own, z: own.vae_decode(z), bare=True,
    ),
    Helpers(
        "CompVis__stable-diffusion", "ldm/models/diffusion/ddpm.py", "LatentDiffusion",
        ("get_first_stage_encoding", "encode_first_stage", "decode_first_stage"),
        lambda own, x: own.get_first_stage_encoding(own.encode_first_stage(x * 2 - 1)),
        lambda own, z: own.decode_first_stage(z), bare=True,
    ),
    Helpers(
        "haoheliu__AudioLDM-training-finetuning", "audioldm_train/modules/latent_diffusion/ddpm.py", "LatentDiffusion",
        ("get_first_stage_encoding", "encode_first_stage", "decode_first_stage"),
        lambda own, x: own.get_first_stage_encoding(own.encode_first_stage(x * 2 - 1)),
        lambda own, z: own.decode_first_stage(z), bare=True,
    ),
    Helpers(
        "timothybrooks__instruct-pix2pix", "stable_diffusion/ldm/models/diffusion/ddpm_edit.py", "LatentDiffusion",
        ("get_first_stage_encoding", "encode_first_stage", "decode_first_stage"),
        lambda own, x: own.get_first_stage_encoding(own.encode_first_stage(x * 2 - 1)),
        lambda own, z: own.decode_first_stage(z), bare=True,
    ),
    Helpers(
        "hpcaitech__Open-Sora", "opensora/models/vae/vae.py", "VideoAutoencoderKL", ("encode", "decode"),
        lambda own, x: own.encode(x[:, :, None] * 2 - 1), lambda own, z: own.decode(z),
    ),
)  # fmt: skip


def functions(file: Path, helpers: Helpers) -> dict[str, ast.FunctionDef]:
    """The functions of a file, or of a class in it, without decorators and annotations."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == helpers.cls]
    found: dict[str, ast.FunctionDef] = {}
    for node in classes[0].body if classes else tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in helpers.functions:
            node.decorator_list, node.returns = [], None
            for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                arg.annotation = None
            found[node.name] = node
    return found


def owner(file: Path, helpers: Helpers, vae: AutoencoderKL) -> SimpleNamespace:
    """An object with the project's functions, and with what they expect of their owner."""
    own = SimpleNamespace(
        vae=vae, first_stage_model=vae, module=vae, scale_factor=FACTOR, latent_scale_factor=FACTOR,
        weights_dtype=torch.float32, _execution_device="cpu", micro_batch_size=None,
    )  # fmt: skip
    names = {
        "torch": torch, "np": np, "F": F, "Tensor": Tensor, "rearrange": rearrange,
        "DiagonalGaussianDistribution": Posterior, "VideoAutoencoder": Output, "CausalVideoAutoencoder": Output,
        "VQModelInterface": Output,
    }  # fmt: skip
    for name, node in functions(file, helpers).items():
        module = ast.fix_missing_locations(ast.Module([node], []))
        exec(compile(module, str(file), "exec"), names)  # noqa: S102  that is what the benchmark is for
        function = names[name]
        setattr(own, name, function.__get__(own) if helpers.cls else function)
    return own


def measured(helpers: Helpers, own: SimpleNamespace, pictures: Tensor, wrong: float = 1.0) -> AuditReport:
    """What is found of the helpers, their latents multiplied by `wrong` on the way to `decode`."""
    return audit_latents(
        lambda x: helpers.encode(own, x),
        lambda z: helpers.decode(own, z * wrong),
        vae=own.vae, pictures=pictures, symmetric=True,
    )  # fmt: skip


def main(folder: Path) -> int:
    """Print a line for each project; 1 where none was there."""
    pictures = torch.linspace(0.0, 1.0, B * C * H * W).reshape(B, C, H, W)
    seen = 0
    for helpers in HELPERS:
        root = folder / helpers.project
        # A checkout, or a folder of one for each commit.
        files = [place for place in (root / helpers.path, *root.glob(f"*/{helpers.path}")) if place.is_file()]
        name = f"{helpers.project.replace('__', '/')} {helpers.path}"
        if not files:
            print(f"{name}: not there")
            continue
        seen += 1
        own = owner(files[0], helpers, AutoencoderKL(helpers.bare))
        start = time.perf_counter()
        try:
            report = measured(helpers, own, pictures)
        except UsageError as error:
            print(f"{name}: {error}")
            continue
        took = 1000 * (time.perf_counter() - start)
        maps = [each.latents.encoded for each in report.facts if each.latents.encoded is not None]
        behind = f"z -> {maps[0].value}" if maps else "; ".join(report.unobserved)
        found, planted = (
            ", ".join(finding.code for finding in each.findings) or "nothing"
            for each in (report, measured(helpers, own, pictures, wrong=1.3))
        )
        print(f"{name}: {behind} behind encode; found: {found}; with latents times 1.3: {planted} ({took:.0f} ms)")
    return 0 if seen else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
