"""VAEs of cells that are built on scvi-tools: its Encoder draws, its base class runs the parts of a model in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

MODULE = (
    HEAD
    + """
from scvi.module.base import BaseModuleClass, LossOutput, auto_move_data
from scvi.nn import {imported}Encoder
from torch.distributions import Normal
from torch.distributions import kl_divergence as kl


class Cells(BaseModuleClass):
    def __init__(self, genes, latents=6, weight=0.1):
        super().__init__()
        self.weight = weight
        self.encoder = Encoder(genes, latents{options})
        self.decoder = nn.Sequential(nn.Linear(latents, 30), nn.ReLU(), nn.Linear(30, genes))

    def _get_inference_input(self, tensors):
        return {{"x": tensors["X"]}}

    def _get_generative_input(self, tensors, inferred):
        return {{"z": inferred["z"]}}

    @auto_move_data
    def inference(self, x):
        {drawn}

    @auto_move_data
    def generative(self, z):
        return {{"y": self.decoder(z)}}

    def loss(self, tensors, inferred, generated):
        x = tensors["X"]
        {divergence}
        error = (x - generated["y"]).square().sum(dim=1)
        return LossOutput(loss=(error + self.weight * divergence).mean(), reconstruction_loss=error)
"""
)
HEADS = {
    "imported": "",
    "options": "",
    "drawn": 'm, v, z = self.encoder(x)\n        return {"m": m, "v": v, "z": z}',
    "divergence": 'divergence = kl(Normal(inferred["m"], inferred["v"].sqrt()), Normal(0, 1)).sum(dim=1)',
}
DISTRIBUTION = {
    "imported": "",
    "options": ", return_dist=True",
    "drawn": 'q, z = self.encoder(x)\n        return {"q": q, "z": z}',
    "divergence": 'divergence = kl(inferred["q"], Normal(0, 1)).sum(dim=1)',
}
USED = {"by its heads": HEADS, "by its distribution": DISTRIBUTION}


@pytest.mark.parametrize("parts", USED.values(), ids=USED)
def test_the_parts_of_a_model_of_cells_are_put_together(parts: dict[str, str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"cells.py": MODULE.format(**parts)})
    assert joined(report)
    assert codes(report) == []


@pytest.mark.parametrize("parts", USED.values(), ids=USED)
def test_the_sign_of_the_kl_of_a_model_of_cells_is_read(parts: dict[str, str], tmp_path: Path) -> None:
    text = MODULE.format(**parts).replace("error + self.weight", "error - self.weight")
    assert codes(linted(tmp_path, {"cells.py": text})) == ["VAE302"]


def test_a_variance_read_as_a_standard_deviation_is_named(tmp_path: Path) -> None:
    wrong = HEADS["divergence"].replace(".sqrt()", "")
    report = linted(tmp_path, {"cells.py": MODULE.format(**{**HEADS, "divergence": wrong})})
    assert codes(report) == ["VAE201"]


def test_an_encoder_of_the_project_is_its_own(tmp_path: Path) -> None:
    own = "\n\nclass Encoder(nn.Module):\n    def forward(self, x):\n        return x, x, x\n\n"
    text = MODULE.format(**{**HEADS, "imported": "DecoderSCVI as "}).replace("\n\nclass Cells", own + "\nclass Cells")
    report = linted(tmp_path, {"cells.py": text})
    assert not joined(report)


def test_latents_that_are_put_on_a_simplex_are_no_normal_ones(tmp_path: Path) -> None:
    parts = {**HEADS, "options": ', distribution="ln"'}
    report = linted(tmp_path, {"cells.py": MODULE.format(**parts)})
    assert codes(report) == []
