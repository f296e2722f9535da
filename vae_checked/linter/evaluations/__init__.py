"""Which model, loss and data belong together, and the runs that evaluate them."""
