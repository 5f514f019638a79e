"""Frames of a first-person walk: 84 x 84 x 3 pixels as 21 x 21 codes of 512, and three latents for a whole frame (van den Oord et al. 2017, section 4.2)."""

from __future__ import annotations

from vqspeech.experiments.request import RecipeOutcome, RecipeRequest
from vqspeech_image.recipes.experiment import Experiment
from vqspeech_image.recipes.settings import settle


def run(request: RecipeRequest) -> RecipeOutcome:
    """Run the wanted stages and write the report.

    Raises
    ------
    InputError : for settings that cannot be used
    """
    corpus = request.corpus
    choices: tuple[str, ...] = ()
    if corpus == "auto" and request.data_dir is None:
        corpus = "vizdoom"
        choices = ("corpus: ViZDoom, rendered here; clips of your own as .npy files: --data-dir DIR",)
    elif corpus == "auto":
        corpus = "frames"
    return Experiment(request, settle(request, __package__, corpus, choices), "Discrete codes of frames").run()
