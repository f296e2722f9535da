"""The loss of a model: found, its arguments matched with what the model returned, and called."""
