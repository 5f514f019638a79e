"""Draw codes from priors, as a table that the run's modality decodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from vqspeech.codec.pitch_codes import beside_codes, from_codebooks
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeLevel, CodeTable, UtteranceCodes, join_levels
from vqspeech.errors import CheckpointError, InputError, unknown_name
from vqspeech.nn.priors.draws import checked_top_p
from vqspeech.nn.priors.predictor import BLOCK_FRAMES, drawn_frames, feed
from vqspeech.nn.quantize.fingerprint import codebook_hash
from vqspeech.training.codes import LoadedPrior


def fitted(loaded: Any, priors: Sequence[LoadedPrior]) -> Any:
    """Return a model with the codebooks that priors are of: if these are fewer, a speech codec with its first ones.

    Parameters
    ----------
    loaded : a loaded model of any modality
    priors : priors of its codes

    Raises
    ------
    InputError : when the first codebooks of the model mean nothing alone
    """
    count = len(priors[0].code_sizes) if priors else 0
    if isinstance(loaded, SpeechCodec) and 0 < count < len(loaded.codebook_sizes):
        return loaded.with_codebooks(count)
    return loaded


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
    top_p: float = 1.0,
    prompt: UtteranceCodes | None = None,
    name: str = "sample",
    progress: Callable[[int, int], None] | None = None,
) -> CodeTable:
    """Draw codes level by level, the coarsest first; sequences at constant memory beside the codes.

    Parameters
    ----------
    loaded : model of the codes
    priors : result of `require_priors`
    count : number of items
    frames : length of each item, for sequences; without the prompt
    conditions : speakers or classes, in turn; all when empty. Unconditioned priors use them for decoding only
    seed, temperature : see `vqspeech.nn.priors.protocol.Prior.sample`
    top_p : see `vqspeech.nn.priors.draws.draw`
    prompt : codes that every item begins with and goes on from, with F0 for a prior of F0; see `prompt_of`
    name : prefix of the rows' ids
    progress : called with (frames drawn, frames) of sequences whose prior has a `Prior.predictor`, block by block

    Raises
    ------
    InputError : for sequences without `frames`, a temperature below 0, a `top_p` out of range, or a prior that cannot
        use `top_p` or a prompt
    UnknownNameError : for a speaker or class that the prior, or the voice of the model, does not know
    """
    first = priors[0]
    checked_top_p(top_p)
    if not 0 <= temperature < math.inf:
        raise InputError(f"temperature {temperature:g}: at least 0; 1 draws from the unchanged prior")
    if first.space.grid is None and frames is None:
        raise InputError(f"the prior {first.path} draws sequences of any length; give --seconds or --frames")
    if first.space.grid is not None and frames is not None:
        raise InputError(f"the prior {first.path} draws grids of one size; omit --frames")
    conditioned = any(prior.space.conditions for prior in priors)
    known = _known(loaded, first, conditioned)
    for one in conditions:
        if one not in known:
            raise unknown_name("speaker or class", one, known)
    by_default = known if conditioned else getattr(loaded, "speakers", ())
    choices = conditions or by_default or ("",)
    names = [choices[number % len(choices)] for number in range(count)]
    condition = torch.tensor([first.conditions.index(one) for one in names]) if conditioned else None
    drawn: list[torch.Tensor] = []
    for prior in priors:
        own = condition if prior.space.conditions else None
        reports = progress is not None and prior.model.predictor(count, own) is not None
        if prior.space.grid is None and (top_p < 1 or prompt is not None or reports):
            blocks = []
            for block in stream(prior, own, count, frames or 0, seed, temperature, top_p, prompt):
                blocks.append(block)
                if progress is not None:
                    progress(sum(one.shape[2] for one in blocks), (frames or 0) + _length(prompt))
            drawn.append(torch.cat(blocks, 2))
            continue
        if top_p < 1 or prompt is not None:
            raise InputError(f"the prior {prior.path} draws grids; omit --top-p and --prompt")
        codes = prior.model.sample(
            count,
            frames=frames if prior.space.grid is None else None,
            condition=None if own is None else own.to(prior.device),
            above=drawn[-1].to(prior.device) if drawn else None,
            seed=seed,
            temperature=temperature,
        )
        drawn.append(codes.cpu())
    pitches: list[np.ndarray | None] = [None] * count
    if first.pitch:
        books = len(first.code_sizes)
        pitches = [from_codebooks(item[books:].numpy()) for item in drawn[0]]
        drawn = [drawn[0][:, :books]]
    joined = join_levels([codes.numpy() for codes in drawn])
    levels = tuple(
        CodeLevel(name=prior.level, codebook_sizes=prior.code_sizes, grid=prior.space.grid) for prior in priors
    )
    return CodeTable(
        sample_rate=first.sample_rate,
        hop_samples=first.hop_samples,
        codebook_sizes=tuple(size for level in levels for size in level.codebook_sizes),
        rows=_rows(joined, pitches, names, first.hop_samples, name),
        modality=first.source["modality"],
        codebook=first.source["codebook"],
        grid=levels[-1].grid,
        levels=levels if len(levels) > 1 else (),
    )


def item_ids(name: str, count: int) -> list[str]:
    """Return the ids of the rows of `generate`: the name, with a number where there are several."""
    digits = len(str(max(0, count - 1)))
    return [f"{name}-{number:0{digits}}" if count > 1 else name for number in range(count)]


def stream(
    prior: LoadedPrior,
    condition: torch.Tensor | None,
    count: int,
    frames: int,
    seed: int = 0,
    temperature: float = 1.0,
    top_p: float = 1.0,
    prompt: UtteranceCodes | None = None,
) -> Iterator[torch.Tensor]:
    """Draw sequences block by block, at constant memory: the prompt, then blocks of `BLOCK_FRAMES` frames.

    Parameters
    ----------
    prior : a prior over sequences
    condition : (count,) int64 places in ``prior.conditions``; None for a prior without them
    count, frames, seed, temperature, top_p, prompt : as for `generate`

    Yields
    ------
    (count, codebooks, frames of the block) int64, the codebooks of F0 last

    Raises
    ------
    InputError : for a prior that predicts no codes one after the other, or whose codes the prompt does not have
    """
    predictor = prior.model.predictor(count, condition)
    if predictor is None:
        raise InputError(
            f"the prior {prior.path} ({prior.config['name']!r}) cannot go on from given codes or draw from the "
            "likeliest ones; omit --prompt and --top-p, or train one that can, such as 'wavenet'"
        )
    if prompt is not None:
        codes = torch.from_numpy(_begun(prior, prompt)).expand(count, -1, -1)
        feed(predictor, codes)
        yield codes
    block: list[torch.Tensor] = []
    for frame in drawn_frames(predictor, seed, frames, temperature=temperature, top_p=top_p):
        block.append(frame)
        if len(block) == BLOCK_FRAMES:
            yield torch.stack(block, 2)
            block = []
    if block:
        yield torch.stack(block, 2)


def _length(prompt: UtteranceCodes | None) -> int:
    return 0 if prompt is None else prompt.codes.shape[1]


def _known(loaded: Any, prior: LoadedPrior, conditioned: bool) -> tuple[str, ...]:
    """Return the speakers or classes to draw for: those that the prior has and, for speech, the model has a voice of.

    Raises
    ------
    InputError : when there are none
    """
    voices = tuple(getattr(loaded, "speakers", ()))
    if not conditioned:
        return voices or prior.conditions
    known = tuple(one for one in prior.conditions if not voices or one in voices)
    if not known:
        raise InputError(
            f"the prior {prior.path} knows none of the voices of {loaded.path} ({', '.join(voices[:8])}); train it on "
            "codes of these speakers, or with model.conditioned = false"
        )
    return known


def _begun(prior: LoadedPrior, prompt: UtteranceCodes) -> np.ndarray:
    """Return the codes (codebooks, frames) of a prompt, with those of F0."""
    codes = prompt.codes
    if len(codes) != len(prior.code_sizes):
        raise InputError(f"the prompt has {len(codes)} codebooks, and {prior.path} draws {len(prior.code_sizes)}")
    if not prior.pitch:
        return codes
    if prompt.pitch is None:
        raise InputError(f"the prior {prior.path} draws F0 as well, and the prompt has none")
    return np.concatenate([codes, beside_codes(prompt.pitch, codes.shape[1], prior.pitch)])


def _rows(
    codes: np.ndarray, pitches: Sequence[np.ndarray | None], names: Sequence[str], hop_samples: int, name: str
) -> list[UtteranceCodes]:
    return [
        UtteranceCodes(
            id=one,
            speaker=speaker,
            split="",
            path="",
            n_samples=item.shape[-1] * hop_samples if item.ndim == 2 else 0,
            codes=item,
            pitch=pitch,
        )
        for one, item, pitch, speaker in zip(item_ids(name, len(codes)), codes, pitches, names, strict=True)
    ]
