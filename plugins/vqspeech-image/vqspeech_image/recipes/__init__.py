"""The experiments on images; `vqspeech_image.recipes.experiment` is what they share."""
