"""Step 4: from expressions to facts. The sampler, the KL and the reconstruction are found by what they compute."""
