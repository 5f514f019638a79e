"""CIFAR-10: VQ-VAE, VAE and VIMCO, and a prior (van den Oord et al. 2017, section 4.1)."""

from __future__ import annotations

from vqspeech.errors import InputError
from vqspeech.experiments import RecipeOutcome, RecipeRequest
from vqspeech_image.recipes.recipe import run_image_recipe

HOW = (
    "download and unpack cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and give "
    "--data-dir DIR; without data there is `vqspeech recipe run kmnist`"
)


def run(request: RecipeRequest) -> RecipeOutcome:
    """Run the requested stages and write the report.

    Raises
    ------
    InputError : for settings that cannot be used, or a missing data folder
    """
    corpus = "cifar10" if request.corpus == "auto" else request.corpus
    if corpus == "cifar10" and request.data_dir is None:
        raise InputError(f"the recipe cifar10 needs CIFAR-10: {HOW}")
    return run_image_recipe(request, __package__, corpus, "Discrete codes of CIFAR-10")
