"""Latents in use: what code does between `encode` and `decode` of a VAE that it loads."""
