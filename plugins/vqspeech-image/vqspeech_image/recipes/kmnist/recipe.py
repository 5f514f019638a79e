"""KMNIST, MNIST or scikit-learn's digits: a few codes per character, a prior by class."""

from __future__ import annotations

from vqspeech.config import CorpusConfig
from vqspeech.corpora.reading import read_corpus
from vqspeech.errors import CorpusError
from vqspeech.experiments import RecipeOutcome, RecipeRequest
from vqspeech_image.recipes.recipe import run_image_recipe

OWN = ("kmnist", "mnist")
STAND_IN = "digits"


def run(request: RecipeRequest) -> RecipeOutcome:
    """Run the requested stages and write the report.

    Raises
    ------
    InputError : for settings that cannot be used
    """
    corpus, choices = _corpus(request)
    return run_image_recipe(request, __package__, corpus, f"Discrete codes of {corpus}", choices)


def _corpus(request: RecipeRequest) -> tuple[str, tuple[str, ...]]:
    if request.corpus != "auto":
        return request.corpus, ()
    if request.data_dir is None:
        return STAND_IN, (
            "corpus: the digits that come with scikit-learn, since neither --data-dir nor VQSPEECH_DATA is given. "
            "KMNIST: download its idx or npz files from https://github.com/rois-codh/kmnist and give --data-dir DIR",
        )
    problems = []
    for name in OWN:
        try:
            own_corpus = read_corpus(CorpusConfig(name=name), request.data_dir, "image")
        except CorpusError as error:
            problems.append(str(error))
            continue
        folder = request.data_dir.name.lower()
        # Both have the same file names.
        named = next((other for other in OWN if other in folder), name)
        return named, (
            f"corpus: {named} in {own_corpus.root}; --corpus {OWN[1] if named == OWN[0] else OWN[0]} reads the other",
        )
    raise CorpusError(f"{problems[0]}. As {OWN[1]}: {problems[1]}. --corpus NAME reads another corpus")
