"""Tensor expressions on symbols, their places in the source, their intervals, and their values at points."""
