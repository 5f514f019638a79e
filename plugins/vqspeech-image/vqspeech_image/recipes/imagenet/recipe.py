"""ImageNet, or a folder of photographs, as 32 x 32 codes of 512 (section 4.2)."""

from __future__ import annotations

from vqspeech.errors import InputError
from vqspeech.experiments import RecipeOutcome, RecipeRequest
from vqspeech_image.recipes.recipe import run_image_recipe


def run(request: RecipeRequest) -> RecipeOutcome:
    """Run the requested stages and write the report.

    Raises
    ------
    InputError : for settings that cannot be used, or a missing data folder
    """
    corpus = "image-folder" if request.corpus == "auto" else request.corpus
    if corpus == "image-folder" and request.data_dir is None:
        raise InputError(
            "the recipe imagenet needs a folder of images, one below it for each class or none: give --data-dir DIR"
        )
    return run_image_recipe(request, __package__, corpus, "Discrete codes of photographs")
