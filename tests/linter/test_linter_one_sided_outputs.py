"""What reaches the last sigmoid has one sign by a square or an absolute value: the output is half of [0, 1]."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, LOOP, codes, linted

_FORWARD = """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        h = self.back(m + torch.randn_like(m) * torch.exp(0.5 * s))
        return {out}, m, s
"""
_LOSS = f'loss = (F.{{error}}(y, x, reduction="none").sum(1) + {KL}).mean()'
_PIXELS = """
from torchvision import datasets, transforms

steps = transforms.Compose([transforms.ToTensor(), torch.flatten])
fit(DataLoader(datasets.MNIST("data", transform=steps), batch_size=5))
"""
ONE_SIDED = {
    "a function": "torch.abs(h)",
    "a method": "h.abs()",
    "a power": "h ** 2",
    "a square": "torch.square(h)",
    "a product with itself": "h * h",
    "a root": "h.abs().sqrt()",
    "of one sign below": "-(h ** 2)",
}


def _text(out: str, error: str, data: str = "") -> str:
    return (
        HEAD
        + LAYERS
        + _FORWARD.format(out=out)
        + LOOP.format(loss=_LOSS, differentiated="loss.backward()").replace("{error}", error)
        + data
    )


def _is_clean(text: str, tmp_path: Path) -> bool:
    report = linted(tmp_path, {"net.py": text})
    assert not {"VAE405", "VAE406"} & set(codes(report))
    return any("VAE406" in judgement.clean for judgement in report.judgements)


@pytest.mark.parametrize("inside", ONE_SIDED.values(), ids=ONE_SIDED)
def test_half_of_the_range_is_not_clean(inside: str, tmp_path: Path) -> None:
    assert not _is_clean(_text(f"torch.sigmoid({inside})", "binary_cross_entropy"), tmp_path / "sigmoid")
    assert not _is_clean(_text(inside, "binary_cross_entropy_with_logits"), tmp_path / "logits")


@pytest.mark.parametrize("inside", ["h", "3 * h - 1", "h ** 3", "torch.sin(h) * 9"])
def test_both_halves_are_clean(inside: str, tmp_path: Path) -> None:
    assert _is_clean(_text(f"torch.sigmoid({inside})", "binary_cross_entropy"), tmp_path / "sigmoid")
    assert _is_clean(_text(inside, "binary_cross_entropy_with_logits"), tmp_path / "logits")


@pytest.mark.parametrize("inside", [each for name, each in ONE_SIDED.items() if "below" not in name])
def test_data_that_reach_further_name_it(inside: str, tmp_path: Path) -> None:
    text = _text(f"torch.sigmoid({inside})", "binary_cross_entropy", _PIXELS).replace("for x in", "for x, _ in")
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE403"]


def test_an_activation_of_one_sign_is_named(tmp_path: Path) -> None:
    text = _text("torch.sigmoid(torch.relu(h))", "binary_cross_entropy")
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE406"]
