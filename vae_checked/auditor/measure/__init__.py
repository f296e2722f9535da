"""The measurements: one file each, from an observation to facts."""
