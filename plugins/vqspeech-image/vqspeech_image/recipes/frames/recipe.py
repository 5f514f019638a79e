"""Frames of a first-person walk, as 21 x 21 codes of 512 and as three latents.

After van den Oord et al. 2017, section 4.2.
"""

from __future__ import annotations

from vqspeech.experiments import RecipeOutcome, RecipeRequest
from vqspeech_image.recipes.recipe import run_image_recipe


def run(request: RecipeRequest) -> RecipeOutcome:
    """Run the requested stages and write the report.

    Raises
    ------
    InputError : for settings that cannot be used
    """
    title = "Discrete codes of frames"
    if request.corpus != "auto":
        return run_image_recipe(request, __package__, request.corpus, title)
    if request.data_dir is not None:
        return run_image_recipe(request, __package__, "frames", title)
    rendered = "corpus: ViZDoom, rendered here; clips of your own as .npy files: --data-dir DIR"
    return run_image_recipe(request, __package__, "vizdoom", title, (rendered,))
