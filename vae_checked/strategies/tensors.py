"""Tensors of a VAE out of sizes and a seed; Hypothesis notes both with a failing example."""

from __future__ import annotations

import torch
from hypothesis import currently_in_test_context, note
from hypothesis import strategies as st

from vae_checked.contracts import Float, Shaped, Tensor
from vae_checked.errors import UsageError
from vae_checked.strategies.sizes import Bounds, Sizes, named_sizes, sizes

SEEDS = st.integers(0, 2**16)


def images(
    of: Sizes | st.SearchStrategy[Sizes] | None = None,
    *,
    data_range: tuple[float, float] = (0.0, 1.0),
    dtype: torch.dtype = torch.float32,
    channels_last: bool = False,
) -> st.SearchStrategy[Shaped[Tensor, "B C H W"]]:
    """Images x (B, C, H, W), or (B, H, W, C), uniform in `data_range`; integers 0..255 for torch.uint8.

    `of` holds the sizes, or draws them; by default `sizes()`. Raises UsageError for an empty range.
    """
    low, high = data_range
    if not low < high:
        raise UsageError(f"data_range={data_range}: give the lowest value, then a higher one")

    def build(s: Sizes, seed: int) -> Tensor:
        shape = (s.B, s.H, s.W, s.C) if channels_last else (s.B, s.C, s.H, s.W)
        generator = _generator("images", shape, seed)
        if dtype == torch.uint8:
            return torch.randint(0, 256, shape, generator=generator, dtype=dtype)
        return torch.rand(shape, generator=generator, dtype=dtype) * (high - low) + low

    drawn = sizes() if of is None else st.just(of) if isinstance(of, Sizes) else of
    return st.builds(build, drawn, SEEDS)


def posteriors(
    B: Bounds = (1, 8),
    L: Bounds = (1, 16),
    *,
    mu_scale: float = 2.0,
    logvar_range: tuple[float, float] = (-4.0, 2.0),
    dtype: torch.dtype = torch.float32,
) -> st.SearchStrategy[tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]]:
    """Both heads (mu, logvar) of a posterior, each (B, L): mu from N(0, mu_scale^2), logvar uniform in its range.

    No element is special: a mistake that only shows where mu is not 0 and sigma is not 1 shows.
    """
    low, high = logvar_range

    def build(shape: tuple[int, int], seed: int) -> tuple[Tensor, Tensor]:
        generator = _generator("posterior", shape, seed)
        mu = torch.randn(shape, generator=generator, dtype=dtype) * mu_scale
        return mu, torch.rand(shape, generator=generator, dtype=dtype) * (high - low) + low

    return st.builds(build, _rows(B, L), SEEDS)


def latents(
    B: Bounds = (1, 8), L: Bounds = (1, 16), *, dtype: torch.dtype = torch.float32
) -> st.SearchStrategy[Float[Tensor, "B L"]]:
    """Latents z (B, L) from the prior N(0, I)."""

    def build(shape: tuple[int, int], seed: int) -> Tensor:
        return torch.randn(shape, generator=_generator("latents", shape, seed), dtype=dtype)

    return st.builds(build, _rows(B, L), SEEDS)


def _rows(B: Bounds, L: Bounds) -> st.SearchStrategy[tuple[int, int]]:
    return named_sizes({"B": B, "L": L}).map(lambda drawn: (drawn["B"], drawn["L"]))


def _generator(what: str, shape: tuple[int, ...], seed: int) -> torch.Generator:
    if currently_in_test_context():
        note(f"{what}: shape {shape}, seed {seed}")
    return torch.Generator().manual_seed(seed)
