"""What a recorded run is made of: its latents, the roles of its outputs, its loss and its reconstruction."""
