"""What several mistakes share: their example VAE, their wording and their readings of the facts."""
