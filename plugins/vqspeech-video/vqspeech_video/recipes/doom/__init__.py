"""Action-conditioned generation in latent space: van den Oord et al. 2017, section 4.4, on ViZDoom."""
