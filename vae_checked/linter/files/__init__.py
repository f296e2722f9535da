"""Step 1: from paths to parsed text: which files, which of them concern a VAE, and what their comments switch off."""
