"""Stages by level of codes: priors, samples, and costs of codes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.corpora.code_store import CodeStore
from vqspeech.generation import generate, require_priors
from vqspeech.runs import RunDirectory
from vqspeech.training.codes import LoadedPrior, load_prior
from vqspeech_image.evaluation import codes as of_codes
from vqspeech_image.evaluation.accounting import Accounting, with_prior
from vqspeech_image.models import LoadedImages, decode
from vqspeech_image.recipes.settings import ImageSettings, SampleConfig


def store_directory(out: Path, settings: ImageSettings) -> Path:
    """Return the directory of the codes of all levels: in the directory of the first prior."""
    return RunDirectory(out / next(iter(settings.priors))).store


def encoding(store: CodeStore, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return the result of the stage ``encode``: grids, and use of every codebook over some images."""
    levels, books = [], []
    for level in store.levels:
        uses = of_codes.book_uses(store.at(level.name), rows)
        levels.append({"name": level.name, "grid": list(level.grid or ()), "codebooks": len(uses)})
        books += [
            {
                "level": level.name,
                "size": use.size,
                "codes_used": use.used,
                "perplexity": use.perplexity,
                "counts": list(use.counts),
            }
            for use in uses
        ]
    return {"of": store.source, "levels": levels, "codebooks": books}


def loaded_priors(out: Path, settings: ImageSettings) -> list[LoadedPrior]:
    """Load the priors of a run, the coarsest first."""
    return [load_prior(out / name) for name in settings.priors]


def drawn_images(
    images: LoadedImages, priors: list[LoadedPrior], chosen: SampleConfig, seed: int
) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
    """Draw codes and decode them.

    Returns
    -------
    Pixels (images, height, width, channels) uint8, and the result of the stage ``sample``
    """
    priors = require_priors(images, priors)
    by_class = any(prior.space.conditions for prior in priors)
    begin = time.monotonic()
    table = generate(images, priors, chosen.images, seed=seed, temperature=chosen.temperature)
    seconds = time.monotonic() - begin
    distinct = len({row.codes.tobytes() for row in table})
    facts = {"images": chosen.images, "seconds": seconds, "by_class": by_class, "distinct": distinct}
    return np.concatenate(list(decode(images, table))), facts


def costs(
    store: CodeStore,
    priors: Mapping[str, LoadedPrior],
    train: npt.NDArray[np.int64],
    held: npt.NDArray[np.int64],
) -> list[dict[str, Any]]:
    """Return the cost in nats of a held-out code of each level under three priors.

    Parameters
    ----------
    priors : level -> its prior
    train : images that give the frequencies
    held : images whose codes are counted
    """
    costs_of_levels = []
    for level in store.levels:
        codes, prior = store.at(level.name), priors[level.name]
        nats = {
            "uniform": of_codes.uniform_nats(codes),
            "unigram": of_codes.unigram_nats(codes, train, held),
            "prior": of_codes.prior_nats(prior.model, codes, held, conditioned=prior.space.conditions > 0),
        }
        number = int(np.prod(of_codes.grids_of(codes).shape[1:]))
        costs_of_levels.append({"name": level.name, "codes": number, "nats_per_code": nats})
    return costs_of_levels


def over_levels(levels: list[dict[str, Any]]) -> dict[str, float]:
    """Return the mean nats of a code over all levels, by kind of prior."""
    total = sum(one["codes"] for one in levels)
    kinds = levels[0]["nats_per_code"]
    return {kind: sum(one["codes"] * one["nats_per_code"][kind] for one in levels) / total for kind in kinds}


def with_priors(uniform: Accounting, costs: list[dict[str, Any]], condition: str) -> list[Accounting]:
    """Return the bound under a uniform prior, by frequency of codes, and under the learned priors.

    Parameters
    ----------
    uniform : the first of them
    costs : result of `costs`
    condition : condition of the learned priors, in words
    """
    words = {"unigram": "by frequency", "prior": f"learned prior{condition}"}
    accounts = [uniform]
    for kind, what in words.items():
        parts = [f"{level['codes']} codes x {level['nats_per_code'][kind]:.4f} nats" for level in costs]
        nats = sum(level["codes"] * level["nats_per_code"][kind] for level in costs)
        accounts.append(with_prior(uniform, nats, f"{' and '.join(parts)}, {what}"))
    return accounts
