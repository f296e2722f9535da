"""What several latents of one model share is one line of a report."""

from __future__ import annotations

import pytest

from vae_checked.reports.latents import together


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], []),
        (["m:VAE: clean", "m:VAE: VAE104"], ["m:VAE: clean", "m:VAE: VAE104"]),
        (["VAE (latent 2 of 3): a"], ["VAE (latent 2 of 3): a"]),
        (["VAE (latent 1 of 3): a", "VAE (latent 2 of 3): a"], ["VAE (latents 1-2 of 3): a"]),
        (
            [f"VAE (latent {n} of 9): a" for n in (1, 2, 3, 5, 8, 9)] + ["VAE (latent 4 of 9): b"],
            ["VAE (latents 1-3, 5, 8-9 of 9): a", "VAE (latent 4 of 9): b"],
        ),
        (
            ["VAE (latent 1 of 2): a", "VAE (latent 1 of 2): b", "VAE (latent 2 of 2): a", "GMVAE (latent 1 of 2): a"],
            ["VAE (latents 1-2 of 2): a", "VAE (latent 1 of 2): b", "GMVAE (latent 1 of 2): a"],
        ),
    ],
)
def test_lines_that_differ_in_their_latent_alone_are_one(lines: list[str], told: list[str]) -> None:
    assert together(lines) == told
