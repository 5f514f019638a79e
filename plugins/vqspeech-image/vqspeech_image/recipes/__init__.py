"""The experiments on images; `vqspeech_image.recipes.recipe` holds the stages that they share."""
