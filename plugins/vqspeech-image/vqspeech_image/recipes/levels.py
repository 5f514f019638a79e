"""What the recipes on images do level by level: priors over the codes, samples from them, and what the codes cost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vqspeech.runs import RunDirectory
from vqspeech_image.code_store import CodeStore
from vqspeech_image.config import prior_model
from vqspeech_image.evaluation import codes as of_codes
from vqspeech_image.evaluation.accounting import Accounting, with_prior
from vqspeech_image.models import LoadedImages, LoadedPrior, load_prior
from vqspeech_image.recipes.settings import SampleConfig, Settings
from vqspeech_image.sampling.levels import require_levels, sample_levels

AT_ONCE = 64


def levels_of(settings: Settings) -> dict[str, str]:
    """Name of a prior's directory -> level, the coarsest first."""
    return {name: prior_model(config.model).level for name, config in settings.priors.items()}


def store_directory(out: Path, settings: Settings) -> Path:
    """Where the codes of all levels lie: in the directory of the first prior."""
    return RunDirectory(out / next(iter(settings.priors))).store


def encoding(store: CodeStore, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    """What the stage ``encode`` found: grids, and use of every codebook over some images."""
    levels, books = [], []
    for level in store.levels:
        uses = of_codes.book_uses(store.at(level.name), rows)
        levels.append({"name": level.name, "grid": list(level.grid), "codebooks": len(uses)})
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
    return {"of": store.of, "levels": levels, "codebooks": books}


def loaded_priors(out: Path, settings: Settings) -> list[LoadedPrior]:
    """The priors of a run, the coarsest first."""
    return [load_prior(out / name) for name in settings.priors]


def drawn_images(
    images: LoadedImages, priors: list[LoadedPrior], chosen: SampleConfig, seed: int
) -> tuple[Tensor, dict[str, Any]]:
    """Pixels (images, height, width, channels) uint8 decoded from drawn codes, and what the stage ``sample`` tells of them."""
    require_levels(images, priors)
    by_class = any(prior.config.by_class for prior in priors)
    labels = torch.arange(chosen.images) % priors[0].codes.classes if by_class else None
    begin = time.monotonic()
    codes = sample_levels(priors, seed, range(chosen.images), labels, temperature=chosen.temperature)
    seconds = time.monotonic() - begin
    pieces = zip(*(grid.split(AT_ONCE) for grid in codes), strict=True)
    pixels = torch.cat([images.model.decode(*(part.to(images.device) for part in piece)).cpu() for piece in pieces])
    flat = torch.cat([grid.flatten(1) for grid in codes], 1)
    return pixels, {"images": chosen.images, "seconds": seconds, "by_class": by_class, "distinct": distinct(flat)}


def distinct(codes: Tensor) -> int:
    """How many of some rows of codes (images, codes) differ from all others."""
    return len(torch.unique(codes, dim=0))


def costs(
    store: CodeStore,
    priors: Mapping[str, LoadedPrior],
    train: npt.NDArray[np.int64],
    held: npt.NDArray[np.int64],
) -> list[dict[str, Any]]:
    """Of each level: its name, codes of an image, and mean nats of a held-out code under a uniform prior, by frequency, and under the learned one.

    Parameters
    ----------
    priors : level -> its prior
    train : images whose frequencies are taken
    held : images whose codes are paid for
    """
    found = []
    for level in store.levels:
        codes = store.at(level.name)
        nats = {
            "uniform": of_codes.uniform_nats(codes),
            "unigram": of_codes.unigram_nats(codes, train, held),
            "prior": of_codes.prior_nats(priors[level.name].model, codes, held),
        }
        found.append({"name": level.name, "codes": level.codes, "nats_per_code": nats})
    return found


def over_levels(found: list[dict[str, Any]]) -> dict[str, float]:
    """Mean nats of a code over the codes of all levels, by kind of prior."""
    total = sum(one["codes"] for one in found)
    kinds = found[0]["nats_per_code"]
    return {kind: sum(one["codes"] * one["nats_per_code"][kind] for one in found) / total for kind in kinds}


def priced(uniform: Accounting, found: list[dict[str, Any]], told: str) -> list[Accounting]:
    """The bound under a uniform prior, by frequency of codes, and under the learned priors.

    Parameters
    ----------
    uniform : the first of them
    found : what `costs` gave
    told : what the learned priors are told, in words
    """
    words = {"unigram": "by frequency", "prior": f"PixelCNN prior{told}"}
    accounts = [uniform]
    for kind, what in words.items():
        parts = [f"{one['codes']} codes x {one['nats_per_code'][kind]:.4f} nats" for one in found]
        nats = sum(one["codes"] * one["nats_per_code"][kind] for one in found)
        accounts.append(with_prior(uniform, nats, f"{' and '.join(parts)}, {what}"))
    return accounts
