"""Terms that are put beside each other and weighed as a whole: by a vector each may get another sign, and a size."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, LAYERS_FORWARD, LOOP, codes, joined, linted

NET = (
    HEAD
    + LAYERS
    + """
        self.register_buffer("signs", torch.tensor([1.0, -1.0]))
        self.weights = nn.Parameter(torch.ones(2))
"""
    + LAYERS_FORWARD
    + LOOP.replace("{differentiated}", "loss.backward()")
)
TERMS = f'error = F.mse_loss(y, x, reduction="none").sum(1).mean()\n        kl = ({KL}).mean()\n        loss = '
SIGNS, BOTH = "torch.tensor([1.0, -1.0])", "torch.stack([error, kl])"
WEIGHED = {
    "a product": f"({BOTH} * {SIGNS}).sum()",
    "a product with what is kept": f"({BOTH} * net.signs).sum()",
    "a product with what is learned": f"({BOTH} * net.weights).sum()",
    "a product with what is not read": f"({BOTH} * torch.tensor(x.weights)).sum()",
    "an inner product": f"torch.dot({BOTH}, {SIGNS})",
    "an inner product, by a method": f"{BOTH}.dot({SIGNS})",
    "an operator": f"{BOTH} @ {SIGNS}",
    "an operator, from the left": f"{SIGNS} @ {BOTH}",
    "indices": f'torch.einsum("i,i->", {BOTH}, {SIGNS})',
    "axes": f"torch.tensordot({BOTH}, {SIGNS}, dims=1)",
    "an array": f"{BOTH} @ torch.from_numpy(np.array([1.0, -1.0]))",
    "what is put together": f"(torch.cat([error.view(1), kl.view(1)]) * {SIGNS}).sum()",
    "a difference": "torch.diff(torch.stack([kl, error])).sum()",
    "a difference of what has a minus": "-torch.diff(torch.stack([kl, -error])).sum()",
}
ADDED = {
    "a sum": (f"{BOTH}.sum()", []),
    "a mean": (f"{BOTH}.mean()", []),
    "a sum of halves": (f"(0.5 * {BOTH}).sum()", []),
    "a sum with a weight": (f"x.weight * {BOTH}.sum()", []),
    "a sum with a minus in each": ("-torch.stack([-error, -kl]).sum()", []),
    "a sum with a minus": ("torch.stack([error, -kl]).sum()", ["VAE302"]),
    "a mean with a minus": ("torch.stack([error, -kl]).mean()", ["VAE302"]),
    "entries of signs": ("net.signs[0] * error - kl", ["VAE302"]),
}


@pytest.mark.parametrize("loss", WEIGHED.values(), ids=WEIGHED)
def test_terms_that_a_vector_weighs_are_open(loss: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.replace("{loss}", TERMS + loss)})
    assert codes(report) == []
    assert joined(report)
    assert not any({"VAE302", "VAE303", "VAE502", "VAE505"} & set(vae.clean) for vae in report.vaes)


@pytest.mark.parametrize(("loss", "found"), ADDED.values(), ids=ADDED)
def test_terms_that_are_added_up_are_read(loss: str, found: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.replace("{loss}", TERMS + loss)})
    assert codes(report) == found
    assert any("VAE302" in vae.clean for vae in report.vaes) is (not found)
