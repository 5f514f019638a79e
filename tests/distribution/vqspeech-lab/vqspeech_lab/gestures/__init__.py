"""The modality `lab-gesture`: joint positions over time, coded by a VQ-VAE with a quantizer by name."""
