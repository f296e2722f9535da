"""A VAE on pictures of digits."""

from digits_vae.model import VAE

__all__ = ["VAE"]
