"""Draw codes from priors, as a table that the run's modality decodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from vqspeech.codes import CodeLevel, CodeTable, UtteranceCodes, join_levels
from vqspeech.errors import CheckpointError, InputError, unknown_name
from vqspeech.nn.quantize.fingerprint import codebook_hash
from vqspeech.training.codes import LoadedPrior


def require_priors(loaded: Any, priors: Sequence[LoadedPrior]) -> list[LoadedPrior]:
    """Check that priors match a model: one per level of codes, trained on its codebook.

    Parameters
    ----------
    loaded : a loaded model of any modality
    priors : priors in any order

    Returns
    -------
    the priors, the coarsest level first

    Raises
    ------
    CheckpointError : for a prior of another codebook, a missing level, or a level given twice
    """
    for prior in priors:
        if prior.source["codebook"] != codebook_hash(loaded.model):
            raise CheckpointError(
                f"the prior {prior.path} was trained on the codes of {prior.source['checkpoint']}, whose codebook is "
                f"not that of {loaded.path}; train it on these: vqspeech train with modality = 'codes', --data-dir RUN"
            )
    levels, given = list(priors[0].levels) if priors else [""], [prior.level for prior in priors]
    if sorted(levels) != sorted(given):
        raise CheckpointError(
            f"the codes of {loaded.path} have the levels {levels}, the given priors have {given}; give one of each"
        )
    return sorted(priors, key=lambda prior: levels.index(prior.level))


def frames_of(prior: LoadedPrior, seconds: float) -> int:
    """Return the number of frames of a duration in seconds.

    Raises
    ------
    InputError : for codes on a grid or without a rate, or a duration that is not positive
    """
    if prior.space.grid is not None or not prior.hop_samples:
        raise InputError(f"--seconds {seconds:g}: codes of {prior.source['run']} have no length in seconds; omit it")
    if not 0 < seconds < math.inf:
        raise InputError(f"--seconds {seconds:g}: more than 0")
    return math.ceil(seconds * prior.sample_rate / prior.hop_samples)


@torch.inference_mode()
def generate(
    loaded: Any,
    priors: Sequence[LoadedPrior],
    count: int,
    *,
    frames: int | None = None,
    conditions: Sequence[str] = (),
    seed: int = 0,
    temperature: float = 1.0,
    name: str = "sample",
) -> CodeTable:
    """Draw codes level by level, the coarsest first.

    Parameters
    ----------
    loaded : model of the codes
    priors : result of `require_priors`
    count : number of items
    frames : length of each item, for sequences
    conditions : speakers or classes, in turn; all when empty. Unconditioned priors use them for decoding only
    seed, temperature : see `vqspeech.nn.priors.protocol.Prior.sample`
    name : prefix of the rows' ids

    Raises
    ------
    InputError : for sequences without `frames`, or a temperature below 0
    UnknownNameError : for a speaker or class that the prior does not know
    """
    first = priors[0]
    if not 0 <= temperature < math.inf:
        raise InputError(f"temperature {temperature:g}: at least 0; 1 draws from the unchanged prior")
    if first.space.grid is None and frames is None:
        raise InputError(f"the prior {first.path} draws sequences of any length; give --seconds or --frames")
    if first.space.grid is not None and frames is not None:
        raise InputError(f"the prior {first.path} draws grids of one size; omit --frames")
    known = first.conditions
    for one in conditions:
        if one not in known:
            raise unknown_name("speaker or class", one, known)
    conditioned = any(prior.space.conditions for prior in priors)
    choices = conditions or (known if conditioned else getattr(loaded, "speakers", ())) or ("",)
    names = [choices[number % len(choices)] for number in range(count)]
    condition = torch.tensor([known.index(one) for one in names]) if conditioned else None
    drawn: list[torch.Tensor] = []
    for prior in priors:
        device = prior.device
        codes = prior.model.sample(
            count,
            frames=frames if prior.space.grid is None else None,
            condition=condition.to(device) if condition is not None and prior.space.conditions else None,
            above=drawn[-1].to(device) if drawn else None,
            seed=seed,
            temperature=temperature,
        )
        drawn.append(codes.cpu())
    joined = join_levels([codes.numpy() for codes in drawn])
    levels = tuple(
        CodeLevel(name=prior.level, codebook_sizes=prior.space.codebook_sizes, grid=prior.space.grid)
        for prior in priors
    )
    return CodeTable(
        sample_rate=first.sample_rate,
        hop_samples=first.hop_samples,
        codebook_sizes=tuple(size for level in levels for size in level.codebook_sizes),
        rows=_rows(joined, names, first.hop_samples, name),
        modality=first.source["modality"],
        codebook=first.source["codebook"],
        grid=levels[-1].grid,
        levels=levels if len(levels) > 1 else (),
    )


def _rows(codes: np.ndarray, names: Sequence[str], hop_samples: int, name: str) -> list[UtteranceCodes]:
    digits = len(str(max(0, len(codes) - 1)))
    return [
        UtteranceCodes(
            id=f"{name}-{number:0{digits}}" if len(codes) > 1 else name,
            speaker=speaker,
            split="",
            path="",
            n_samples=item.shape[-1] * hop_samples if item.ndim == 2 else 0,
            codes=item,
        )
        for number, (item, speaker) in enumerate(zip(codes, names, strict=True))
    ]
