"""What both observers share: the mathematics of a VAE on plain numbers, with the standard library alone."""
