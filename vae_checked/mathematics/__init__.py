"""What both observers share: the mathematics of a VAE and of its operations, with the standard library alone."""
