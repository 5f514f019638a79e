"""Codes of an image level by level: the coarse ones from their prior, the fine ones from theirs, which is told the coarse ones."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from vqspeech.errors import CheckpointError
from vqspeech_image.models import LoadedImages, LoadedPrior, require_same_codes
from vqspeech_image.sampling.cached import sample_cached
from vqspeech_image.sampling.draws import uniform_grid


def require_levels(images: LoadedImages, priors: Sequence[LoadedPrior]) -> None:
    """Raise `CheckpointError` unless there is a prior for each level of a model, in its order, trained on its codes as they are now."""
    wanted = [level.name for level in images.model.levels]
    found = [prior.config.level for prior in priors]
    if found != wanted:
        raise CheckpointError(
            f"{images.path} has codes of the levels {wanted}, coarsest first, and the priors are of {found}; train one of each "
            "with modality = 'image-prior' and model.level"
        )
    for prior in priors:
        require_same_codes(images, prior)


def sample_levels(
    priors: Sequence[LoadedPrior],
    seed: int,
    images: range,
    labels: Tensor | None = None,
    *,
    temperature: float = 1.0,
) -> tuple[Tensor, ...]:
    """Codes (images, codebooks, rows, columns) int64 of each level, for `decode` of the model.

    Parameters
    ----------
    priors : of each level, the coarsest first, as `require_levels` wants them
    seed : of the samples
    images : their numbers: the n-th image is the same whatever else is drawn with it
    labels : (images,) int64 classes, for the priors that are told them
    temperature : see `vqspeech_image.sampling.draws.draw`
    """
    drawn: list[Tensor] = []
    for number, prior in enumerate(priors):
        facts = prior.codes
        numbers = uniform_grid(seed, images, len(facts.codebook_sizes), facts.grid, level=number)
        told = labels if prior.config.by_class else None
        top = drawn[-1] if drawn else None
        drawn.append(sample_cached(prior.model, numbers, told, top=top, temperature=temperature))
    return tuple(drawn)
