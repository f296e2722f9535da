"""What torch does to symbols: functions, layers, losses, noise, distributions and data pipelines."""
