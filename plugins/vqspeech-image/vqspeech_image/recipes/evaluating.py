"""The stages `reconstruct` and `evaluate`: bounds, costs of codes, references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.corpora.code_store import CodeStore
from vqspeech.experiments import Result, say
from vqspeech.training.codes import LoadedPrior
from vqspeech_image.evaluation.accounting import account
from vqspeech_image.evaluation.codes import swapped_bits
from vqspeech_image.evaluation.references import gaussian_bits, histogram_bits
from vqspeech_image.evaluation.references import psnr_db as psnr_db
from vqspeech_image.models import LoadedImages
from vqspeech_image.recipes import levels
from vqspeech_image.recipes.settings import ImageSettings
from vqspeech_image.store import ImageStore

MODELS = {"vqvae": "VQ-VAE", "vqvae2": "VQ-VAE-2", "vae": "VAE", "vimco": "VIMCO"}
"""Kind of a model -> its name in texts."""

AT_ONCE = 64
"""Images that are reconstructed together."""

FITTED_BYTES = 2**30
"""References are fitted on the first training images of this size: all 50,000 of CIFAR-10, some of ImageNet."""


def reconstructed(loaded: LoadedImages, store: ImageStore, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Return images through their codes and back, (images, height, width, channels)."""
    pieces = []
    for begin in range(0, len(rows), AT_ONCE):
        pixels = torch.from_numpy(np.array(store.pixels[rows[begin : begin + AT_ONCE]]))
        pieces.append(loaded.model.reconstruct(pixels.to(loaded.device)).cpu().numpy())
    return np.concatenate(pieces)


def measured(
    models: Mapping[str, LoadedImages],
    priors: Sequence[LoadedPrior],
    store: ImageStore,
    codes: CodeStore,
    settings: ImageSettings,
) -> Result:
    """Return what the held-out images and their codes cost, and print the bounds term by term.

    Parameters
    ----------
    models : name of a baseline -> model; the recipe's own model has an empty name
    priors : the coarsest level first
    """
    split, rows = store.held_out()
    rows = rows[: settings.evaluate.images]
    train = store.indices("train")[: max(2, FITTED_BYTES // int(np.prod(store.shape)))]
    costs = levels.costs(codes, {prior.level: prior for prior in priors}, train, rows)
    if len(costs) > 1:
        swapped = swapped_bits(models[""].model, store, codes, rows)
        costs = [{**level, "swapped_bits": swapped[level["name"]]} for level in costs]
    uniform = account(models[""].model, MODELS[settings.run.model["kind"]], store, rows)
    condition = " given its class" if any(prior.space.conditions for prior in priors) else ""
    accounts = levels.with_priors(uniform, costs, condition)
    for name, config in settings.baselines.items():
        several = config.model["kind"] == "vimco"
        own = rows[: settings.evaluate.vimco_images] if several else rows
        accounts.append(account(models[name].model, name.upper(), store, own, at_once=8 if several else 32))
    for one in accounts:
        for line in one.lines():
            say(line)
    held, pixels = np.asarray(store.pixels[rows]), np.asarray(store.pixels[train])
    return {
        "split": split,
        "accounts": [one.summary() for one in accounts],
        "levels": costs,
        "nats_per_code": levels.over_levels(costs),
        "codes_per_image": sum(level["codes"] for level in costs),
        "yardsticks": {
            "histogram_bits": histogram_bits(pixels, held),
            "gaussian_bits": gaussian_bits(pixels, held, settings.run.seed) if settings.evaluate.gaussian else None,
        },
    }
