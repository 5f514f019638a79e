"""The modalities: what the training loop of vqspeech is given of images and of their codes."""
