"""The live check of latents in use: the user's own helpers, run on latents that are known."""
